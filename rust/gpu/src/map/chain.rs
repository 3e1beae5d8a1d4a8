//! Elementwise ops one after another as one kernel: its operands, steps and numbers, and its launch.
//!
//! Operands are walked as a loop nest of merged dimensions. One that shares the output's buffer is
//! read through it.

use super::text::{Source, Step, how, intern, number_words};
use super::{Expression, Operand};
use crate::View;
use crate::launch::{GROUP, Launch, spread};
use crate::shader::{Access, Variant, per_word};
use crate::window::Window;
use base::iter::Nest;
use base::layout::broadcast_strides;
use base::{DType, Result, Scalar};

/// Operands and output: what a kernel can bind.
pub(super) const ALL: usize = crate::adapter::MAX_BINDINGS as usize;
/// Operands.
pub(super) const MAX_LEAVES: usize = ALL - 1;
/// Words of parameters.
pub(super) const MAX_WORDS: usize = crate::adapter::PARAMETER_BYTES as usize / 4;
/// Words before those of the operands: `n` and `row`.
pub(super) const HEAD: usize = 2;

/// A kernel without its output.
#[derive(Default)]
pub(super) struct Chain<'a> {
    leaves: Vec<View<'a>>,
    steps: Vec<Step>,
    numbers: Vec<u32>,
}

impl<'a> Chain<'a> {
    /// One op.
    pub fn of(
        op: &Expression,
        dtype: DType,
        operands: &[Operand<'a>],
        params: [f64; 4],
    ) -> Chain<'a> {
        let mut chain = Chain::default();
        let mut sources = [Source::None; 3];
        for (source, operand) in sources.iter_mut().zip(operands) {
            *source = match operand {
                Operand::View(view) => chain.leaf(*view),
                Operand::Scalar(scalar) => chain.number(*scalar, op.compute),
            };
        }
        chain.step(op, dtype, sources, params);
        chain
    }

    pub fn leaf(&mut self, view: View<'a>) -> Source {
        let same = |leaf: &View<'_>| {
            leaf.buffer == view.buffer && leaf.dtype == view.dtype && leaf.layout == view.layout
        };
        let at = self.leaves.iter().position(same).unwrap_or_else(|| {
            self.leaves.push(view);
            self.leaves.len() - 1
        });
        Source::Leaf(at as u8)
    }

    pub fn number(&mut self, scalar: Scalar, compute: DType) -> Source {
        let bits = if compute.is_float() {
            u64::from((scalar.to_f64() as f32).to_bits())
        } else {
            narrowed(scalar, compute) as u64
        };
        let words = [bits as u32, (bits >> 32) as u32];
        self.numbers.extend(&words[..number_words(compute)]);
        Source::Number
    }

    /// Adds an op whose operands, the numbers among them, have just been added.
    pub fn step(
        &mut self,
        op: &Expression,
        dtype: DType,
        sources: [Source; 3],
        params: [f64; 4],
    ) -> Source {
        let passed = passed(params);
        self.numbers.extend(params[..passed].iter().map(|&number| (number as f32).to_bits()));
        let Expression { wgsl, compute, truth, .. } = *op;
        self.steps.push(Step { wgsl, compute, truth, dtype, sources, params: passed as u8 });
        Source::Step(self.steps.len() as u8 - 1)
    }

    /// Its steps and numbers, for another kernel that goes on with them.
    pub fn ops(&self) -> (&'static [Step], &[u32]) {
        (if self.steps.is_empty() { &[] } else { intern(&self.steps) }, &self.numbers)
    }

    /// Records the kernel, if its parameters are not too many; results waiting are not looked at.
    pub fn launch(&self, out: View<'_>) -> Result<bool> {
        let n = out.numel();
        let walk = self.walk(&out);
        let (rank, dense) = (walk.dims.len(), walk.is_flat(ALL - 1));
        let words = HEAD + (self.leaves.len() + 1) * (1 + rank) + rank + self.numbers.len();
        if words > MAX_WORDS {
            return Ok(false);
        }
        let per = per_word(out.dtype);
        let packed = per > 1 && dense && out.layout.offset.is_multiple_of(per);
        let access = if packed { Access::Words } else { Access::Write };
        let mut variant = Variant::new("map", &[(out.dtype, access)]);
        variant.steps = intern(&self.steps);
        let shares = |view: &&View<'_>| view.buffer == out.buffer;
        let mut sharing = [out; ALL];
        for (slot, view) in sharing.iter_mut().zip(self.leaves.iter().filter(shares)) {
            *slot = *view;
        }
        let target = Window::of(&sharing);
        let mut reads = [target; MAX_LEAVES];
        let (mut count, mut shared) = (0, 0);
        let mut immediates = Immediates::new(n);
        for (i, view) in self.leaves.iter().enumerate() {
            let window = if shares(&view) { target } else { Window::of(&[*view]) };
            if shares(&view) {
                shared |= 1 << i;
            } else {
                reads[count] = window;
                count += 1;
            }
            immediates.view(window.place(view), &walk.strides[i][..rank]);
            variant.slots[1 + i] = Some((view.dtype, Access::Read));
        }
        immediates.view(target.place(&out), &walk.strides[ALL - 1][..rank]);
        immediates.extend(walk.dims.iter().map(|&size| size as u32));
        immediates.extend(self.numbers.iter().copied());
        let written = if packed { how::WORDS } else { how::ELEMENTS };
        let threads = if packed { n.div_ceil(per) } else { n };
        let groups = spread(threads.div_ceil(GROUP));
        immediates.words[1] = (groups[0] * GROUP) as u32;
        out.device().dispatch(&Launch {
            variant: variant.with(&[rank as u32, written, shared]),
            reads: &reads[..count],
            writes: &[target],
            params: immediates.used(),
            groups,
        })?;
        Ok(true)
    }

    /// The merged loops over the operands and, last, the output; none where all lie alike.
    fn walk(&self, out: &View<'_>) -> Nest<ALL> {
        let none = || Nest {
            dims: base::Dims::new(),
            strides: std::array::from_fn(|_| base::Strides::new()),
        };
        let alike = |view: &View<'_>| is_same_order(view.layout, out.layout);
        if out.layout.is_dense() && self.leaves.iter().all(alike) {
            return none();
        }
        let mut strides: [base::Strides; ALL] =
            std::array::from_fn(|_| base::Strides::filled(0, out.dims().len()));
        for (slot, view) in strides.iter_mut().zip(&self.leaves) {
            *slot = broadcast_strides(view.layout, out.dims());
        }
        // The walk follows the output's order.
        strides[ALL - 1] = out.layout.strides.clone();
        strides.swap(0, ALL - 1);
        let mut nest = Nest::plan(out.dims(), std::array::from_fn(|i| &*strides[i]));
        nest.strides.swap(0, ALL - 1);
        let runs = |i: usize| *nest.strides[i] == [1];
        if (0..self.leaves.len()).chain([ALL - 1]).all(runs) { none() } else { nest }
    }
}

/// A number as a dtype other than a float holds it: what is too large for an integer wraps around.
fn narrowed(scalar: Scalar, dtype: DType) -> i64 {
    let value = scalar.to_i64();
    match dtype {
        DType::Bool => i64::from(scalar.to_bool()),
        DType::U8 => i64::from(value as u8),
        DType::I8 => i64::from(value as i8),
        DType::I16 => i64::from(value as i16),
        _ => value,
    }
}

/// How many parameters a kernel is given: up to the last that is not 0.
pub(super) fn passed(params: [f64; 4]) -> usize {
    params.iter().rposition(|p| p.to_bits() != 0).map_or(0, |at| at + 1)
}

pub(super) fn is_same_order(a: &base::Layout, b: &base::Layout) -> bool {
    a.dims == b.dims && a.strides == b.strides
}

/// The words of a kernel's parameters.
struct Immediates {
    words: [u32; MAX_WORDS],
    used: usize,
}

impl Immediates {
    fn new(n: usize) -> Immediates {
        let mut words = [0; MAX_WORDS];
        words[0] = n as u32;
        Immediates { words, used: HEAD }
    }

    fn extend(&mut self, words: impl IntoIterator<Item = u32>) {
        for word in words {
            self.words[self.used] = word;
            self.used += 1;
        }
    }

    fn view(&mut self, place: u32, strides: &[isize]) {
        self.extend([place]);
        self.extend(strides.iter().map(|&step| step as u32));
    }

    fn used(&self) -> &[u32] {
        &self.words[..self.used]
    }
}
