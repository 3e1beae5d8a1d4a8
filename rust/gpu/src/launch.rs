//! One dispatch of a kernel, validated before it is recorded: an error that wgpu found at
//! submission would throw away the whole batch.

use crate::adapter::{MAX_BINDINGS, PARAMETER_BYTES};
use crate::buffer::Block;
use crate::shader::{Access, Join, Slot, Variant};
use crate::{Buffer, Device, View};
use base::{DType, Result, bail, ensure};

/// Workgroups along one dimension.
const MAX_GROUPS: usize = 65_535;

/// A kernel with what it is run on.
pub(crate) struct Launch<'a> {
    pub variant: Variant,
    pub reads: &'a [&'a Buffer],
    pub writes: &'a [&'a Buffer],
    /// The words of the shader's `Params`.
    pub params: &'a [u32],
    pub groups: [usize; 3],
}

/// Workgroups in two dimensions for a count that one may not hold; the index of a group is
/// `id.x + id.y * count.x`.
pub(crate) fn spread(groups: usize) -> [usize; 3] {
    let rows = groups.div_ceil(MAX_GROUPS).max(1);
    [groups.div_ceil(rows), rows, 1]
}

impl Device {
    /// Records a launch.
    pub(crate) fn launch(&'static self, launch: &Launch<'_>) -> Result<()> {
        self.check()?;
        let [x, y, z] = launch.groups;
        if x == 0 || y == 0 || z == 0 {
            return Ok(());
        }
        let name = launch.variant.file;
        ensure!(
            [x, y, z].iter().all(|&n| n <= MAX_GROUPS),
            Runtime,
            "gpu: {name}: too many elements for one launch; got {x} x {y} x {z} workgroups"
        );
        ensure!(
            launch.params.len() * 4 <= PARAMETER_BYTES as usize,
            Runtime,
            "internal error: {name}: {} words of parameters",
            launch.params.len()
        );
        let count = launch.reads.len() + launch.writes.len();
        ensure!(
            count <= MAX_BINDINGS as usize,
            Runtime,
            "internal error: {name}: {count} bindings"
        );
        self.check_buffers(launch)?;

        let mut blocks: [&Block; MAX_BINDINGS as usize] =
            [launch.writes[0].block(); MAX_BINDINGS as usize];
        for (slot, buffer) in blocks.iter_mut().zip(launch.reads.iter().chain(launch.writes)) {
            *slot = buffer.block();
        }
        let mut bytes = [0; PARAMETER_BYTES as usize];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(launch.params) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        let arity = (launch.reads.len() as u8, launch.writes.len() as u8);
        let mut state = self.state();
        let pipeline = state.pipelines.pipeline(self.raw(), &launch.variant, arity)?;
        let groups = [x as u32, y as u32, z as u32];
        state.record(self.raw(), &pipeline, (arity, &blocks[..count]), &bytes, groups);
        if state.is_full() {
            state.submit(self.queue());
        }
        Ok(())
    }

    fn check_buffers(&'static self, launch: &Launch<'_>) -> Result<()> {
        let name = launch.variant.file;
        ensure!(!launch.writes.is_empty(), Runtime, "internal error: {name} writes nothing");
        for (i, written) in launch.writes.iter().enumerate() {
            let elsewhere = launch.reads.iter().chain(&launch.writes[..i]);
            if elsewhere.clone().any(|b| b.block().id == written.block().id) {
                bail!(Runtime, "internal error: {name} is given one buffer to read and to write");
            }
        }
        for buffer in launch.reads.iter().chain(launch.writes) {
            ensure!(
                std::ptr::eq(buffer.device(), self),
                Device,
                "Expected all tensors to be on the same device, but found at least two devices, gpu:{} and gpu:{}!",
                self.index(),
                buffer.device().index()
            );
            ensure!(
                buffer.block().size <= self.largest_binding(),
                Runtime,
                "gpu: a tensor of {} bytes is larger than one binding of this device ({} bytes)",
                buffer.nbytes(),
                self.largest_binding()
            );
        }
        Ok(())
    }
}

/// Threads of a workgroup of most kernels.
pub(crate) const GROUP: usize = 256;

/// A kernel of one element or one row a thread or group. Its `Params` are `n`, `row`, the offsets
/// of its views in the order of their bindings, then numbers of its own.
pub(crate) struct Kernel<'a> {
    variant: Variant,
    slots: Vec<Slot>,
    reads: Vec<&'a Buffer>,
    writes: Vec<&'a Buffer>,
    params: Vec<u32>,
}

impl<'a> Kernel<'a> {
    pub fn new(file: &'static str) -> Kernel<'a> {
        let variant = Variant::new(file, &[]);
        Kernel { variant, slots: vec![], reads: vec![], writes: vec![], params: vec![0, 0] }
    }

    /// Expressions, separated by `#`.
    pub fn of(mut self, expr: &'static str) -> Self {
        self.variant = self.variant.of(expr);
        self
    }

    pub fn with(mut self, consts: &[u32]) -> Self {
        self.variant = self.variant.with(consts);
        self
    }

    /// Reads come before writes.
    pub fn read(mut self, view: View<'a>) -> Self {
        self.slots.push((view.dtype, Access::Read));
        self.reads.push(view.buffer);
        self.params.push(view.offset());
        self
    }

    pub fn write(mut self, view: View<'a>) -> Self {
        self.slots.push((view.dtype, Access::Write));
        self.writes.push(view.buffer);
        self.params.push(view.offset());
        self
    }

    pub fn join(mut self, view: View<'a>, join: Join) -> Self {
        self.slots.push((view.dtype, Access::Join(join)));
        self.writes.push(view.buffer);
        self.params.push(view.offset());
        self
    }

    /// Where indices out of range are reported, under a code.
    pub fn flag(mut self, flag: &'a Buffer, code: u32) -> Self {
        self.slots.push((DType::I32, Access::Flag));
        self.writes.push(flag);
        self.params.push(code);
        self
    }

    pub fn numbers(mut self, numbers: impl IntoIterator<Item = usize>) -> Self {
        self.params.extend(numbers.into_iter().map(|n| n as u32));
        self
    }

    pub fn floats(mut self, numbers: &[f64]) -> Self {
        self.params.extend(numbers.iter().map(|&n| (n as f32).to_bits()));
        self
    }

    /// One thread each.
    pub fn threads(self, n: usize) -> Result<()> {
        self.blocks(n, 1)
    }

    /// One thread for each `per` of them.
    pub fn blocks(self, n: usize, per: usize) -> Result<()> {
        let groups = spread(n.div_ceil(per * GROUP));
        self.launch(n, groups[0] * GROUP, groups)
    }

    /// `lanes` threads each; `row` counts workgroups.
    pub fn rows(self, n: usize, lanes: usize) -> Result<()> {
        let groups = spread(n.div_ceil(GROUP / lanes));
        self.launch(n, groups[0], groups)
    }

    /// One workgroup for all.
    pub fn alone(self, n: usize) -> Result<()> {
        self.launch(n, 1, [1, 1, 1])
    }

    fn launch(mut self, n: usize, row: usize, groups: [usize; 3]) -> Result<()> {
        self.params[0] = n as u32;
        self.params[1] = row as u32;
        let variant = Variant { slots: Variant::new("", &self.slots).slots, ..self.variant };
        let launch = Launch {
            variant,
            reads: &self.reads,
            writes: &self.writes,
            params: &self.params,
            groups,
        };
        self.writes[0].device().launch(&launch)
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn groups_spread_over_two_dimensions_cover_the_count() {
        for n in [0, 1, 65_535, 65_536, 1_000_003] {
            let [x, y, z] = spread(n);
            assert!(x * y >= n && x <= 65_535 && y <= 65_535 && z == 1);
        }
    }
}
