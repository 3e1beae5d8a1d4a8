//! One dispatch of a kernel, validated before it is recorded: an error that wgpu found at
//! submission would throw away the whole batch.

use crate::adapter::{MAX_BINDINGS, PARAMETER_BYTES};
use crate::dense::Room;
use crate::shader::{Access, Join, Variant};
use crate::window::Window;
use crate::{Buffer, Device, View, map, no_kernel};
use base::{DType, Result, bail, ensure};

/// Workgroups along one dimension.
const MAX_GROUPS: usize = 65_535;

/// A kernel with what it is run on.
pub(crate) struct Launch<'a> {
    pub variant: Variant,
    pub reads: &'a [Window<'a>],
    pub writes: &'a [Window<'a>],
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
    /// Adds a launch to the batch, behind the elementwise ops that wait.
    pub(crate) fn launch(&'static self, launch: &Launch<'_>) -> Result<()> {
        self.settle()?;
        self.dispatch(launch)
    }

    /// Adds a launch to the batch.
    pub(crate) fn dispatch(&'static self, launch: &Launch<'_>) -> Result<()> {
        if self.recording().is_some() {
            return self.dispatch_recorded(launch);
        }
        self.dispatch_now(launch)
    }

    pub(crate) fn dispatch_now(&'static self, launch: &Launch<'_>) -> Result<()> {
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

        let mut bound = [launch.writes[0]; MAX_BINDINGS as usize];
        for (slot, window) in bound.iter_mut().zip(launch.reads.iter().chain(launch.writes)) {
            *slot = *window;
        }
        let mut bytes = [0; PARAMETER_BYTES as usize];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(launch.params) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        let arity = (launch.reads.len() as u8, launch.writes.len() as u8);
        let mut state = self.state();
        let pipeline = state.pipelines.pipeline(self.raw(), &launch.variant, arity)?;
        let groups = [x as u32, y as u32, z as u32];
        state.record(self.raw(), &pipeline, (arity, &bound[..count]), &bytes, groups);
        if state.is_full() {
            state.submit(self.queue());
        }
        Ok(())
    }

    /// Compiles a shader that no driver can compile. For tests.
    pub fn compile_nonsense(&self) -> Result<()> {
        let nonsense = Variant::new("nonsense", &[]);
        self.state().pipelines.pipeline(self.raw(), &nonsense, (0, 1)).map(drop)
    }

    fn check_buffers(&'static self, launch: &Launch<'_>) -> Result<()> {
        let name = launch.variant.file;
        ensure!(!launch.writes.is_empty(), Runtime, "internal error: {name} writes nothing");
        for (i, written) in launch.writes.iter().enumerate() {
            let elsewhere = launch.reads.iter().chain(&launch.writes[..i]);
            if elsewhere.clone().any(|w| w.buffer == written.buffer) {
                bail!(Runtime, "internal error: {name} is given one buffer to read and to write");
            }
        }
        for window in launch.reads.iter().chain(launch.writes) {
            let device = window.buffer.device();
            ensure!(
                std::ptr::eq(device, self),
                Device,
                "Expected all tensors to be on the same device, but found at least two devices, gpu:{} and gpu:{}!",
                self.index(),
                device.index()
            );
            if window.size > self.largest_binding() {
                let (size, limit) = (window.size, self.largest_binding());
                let detail =
                    format!("a tensor of {size} bytes, of which one binding holds {limit}");
                return Err(no_kernel(name, detail));
            }
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
    views: Vec<(View<'a>, Access)>,
    flag: Option<(&'a Buffer, u32)>,
    numbers: Vec<u32>,
}

impl<'a> Kernel<'a> {
    pub fn new(file: &'static str) -> Kernel<'a> {
        let variant = Variant::new(file, &[]);
        Kernel { variant, views: Vec::new(), flag: None, numbers: Vec::new() }
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
    pub fn read(self, view: View<'a>) -> Self {
        self.bind(view, Access::Read)
    }

    pub fn write(self, view: View<'a>) -> Self {
        self.bind(view, Access::Write)
    }

    pub fn join(self, view: View<'a>, join: Join) -> Self {
        self.bind(view, Access::Join(join))
    }

    fn bind(mut self, view: View<'a>, access: Access) -> Self {
        self.views.push((view, access));
        self
    }

    /// Where indices out of range are reported, under a code; the last binding.
    pub fn flag(mut self, flag: &'a Buffer, code: u32) -> Self {
        self.flag = Some((flag, code));
        self
    }

    pub fn numbers(mut self, numbers: impl IntoIterator<Item = usize>) -> Self {
        self.numbers.extend(numbers.into_iter().map(|n| n as u32));
        self
    }

    pub fn floats(mut self, numbers: &[f64]) -> Self {
        self.numbers.extend(numbers.iter().map(|&n| (n as f32).to_bits()));
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

    /// Launches it on views that share no buffer with one that is written: for those that do, copies
    /// stand in.
    fn launch(self, n: usize, row: usize, groups: [usize; 3]) -> Result<()> {
        let Some(at) = (0..self.views.len()).find(|&at| self.clashes(at)) else {
            return self.launch_apart(n, row, groups);
        };
        let (view, access) = self.views[at];
        let copy = Room::apart(view)?;
        let mut views = self.views;
        views[at].0 = copy.view();
        Kernel { views, ..self }.launch(n, row, groups)?;
        if access == Access::Read { Ok(()) } else { map::copy(view, copy.view()) }
    }

    /// The view shares its buffer with one that is written, and is not the first to be.
    fn clashes(&self, at: usize) -> bool {
        let (view, access) = self.views[at];
        let others = if access == Access::Read { &self.views[..] } else { &self.views[..at] };
        others.iter().any(|other| other.1 != Access::Read && other.0.buffer == view.buffer)
    }

    fn launch_apart(self, n: usize, row: usize, groups: [usize; 3]) -> Result<()> {
        let file = self.variant.file;
        if n > u32::MAX as usize {
            return Err(no_kernel(file, format!("{n} elements at once")));
        }
        let mut params = vec![n as u32, row as u32];
        let mut slots = Vec::with_capacity(self.views.len() + 1);
        let mut windows = Vec::with_capacity(self.views.len() + 1);
        for (view, access) in &self.views {
            let window = Window::of(&[*view]);
            params.push(window.place(view));
            slots.push((view.dtype, *access));
            windows.push(window);
        }
        if let Some((flag, code)) = self.flag {
            params.push(code);
            slots.push((DType::I32, Access::Flag));
            windows.push(Window::whole(flag));
        }
        params.extend(&self.numbers);
        let reads = slots.iter().take_while(|slot| slot.1 == Access::Read).count();
        let (reads, writes) = windows.split_at(reads);
        ensure!(!writes.is_empty(), Runtime, "internal error: {file} writes nothing");
        let variant = Variant { slots: Variant::new("", &slots).slots, ..self.variant };
        let device = writes[0].buffer.device();
        device.launch(&Launch { variant, reads, writes, params: &params, groups })
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
