//! Reading and writing at indexed positions: one kernel for gather, selection, embedding, scatter
//! and sums into rows. An index out of range is skipped and reported when the host waits next.

use crate::dense::{self, Room};
use crate::launch::Kernel;
use crate::readback::Check;
use crate::shader::{Access, Join, Variant};
use crate::view::{no_kernel, too_many_dims};
use crate::{View, map, window};
use base::iter::Nest;
use base::{DType, Dims, IndexRule, Layout, Result, Scalar, Strides};

const READ: &str = "out0_put(p.out_at + near, in1_at(p.source_at + far))";
const WRITE: &str = "out0_set(p.out_at + far, in1_at(p.source_at + near))";
const JOIN: &str = "out0_join(p.out_at + far, in1_at(p.source_at + near))";

/// What happens at each indexed place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Action {
    Read,
    Write,
    Add,
    Multiply,
    Largest,
    Smallest,
}

impl Action {
    /// How values that meet in one place are combined.
    fn join(self) -> Option<Join> {
        match self {
            Action::Read | Action::Write => None,
            Action::Add => Some(Join::Sum),
            Action::Multiply => Some(Join::Product),
            Action::Largest => Some(Join::Largest),
            Action::Smallest => Some(Join::Smallest),
        }
    }
}

/// The walk over all indexed places.
#[derive(Clone)]
pub struct Walk {
    /// Sizes.
    pub dims: Dims,
    /// Steps of the index array.
    pub index: Strides,
    /// Steps of the operand that coordinates alone address.
    pub near: Strides,
    /// Steps of the other one.
    pub far: Strides,
    /// Step of the other one for each unit of index.
    pub step: usize,
    /// Number of valid indices.
    pub bound: usize,
    /// How the indices are read.
    pub rule: IndexRule,
    /// The dimension they address.
    pub dim: usize,
    /// This index does nothing.
    pub skipped: Option<usize>,
}

/// Runs the action: `Read` fills `out` from far places of `source`, the others write to far places
/// of `out`.
pub fn indexed(
    op: &'static str,
    action: Action,
    out: View<'_>,
    source: View<'_>,
    (index, walk): (View<'_>, &Walk),
) -> Result<()> {
    let n: usize = walk.dims.iter().product();
    if n == 0 {
        return Ok(());
    }
    if action.join().is_some_and(|join| !join.is_atomic(out.dtype)) {
        return join_wide(op, action, out, source, (index, walk));
    }
    let nest = Nest::in_order(&walk.dims, [&walk.index, &walk.near, &walk.far]);
    if nest.dims.len() > 4 {
        return indexed_slices(op, action, out, source, (index, walk));
    }
    let lead = 4 - nest.dims.len();
    let word = |list: &[isize], d: usize| if d < lead { 0 } else { list[d - lead] as usize };
    let device = out.device();
    let Walk { rule, dim, bound, .. } = *walk;
    device.checked(Check { op, rule, dim, bound }, |flag, code| {
        let kernel = Kernel::new("index").with(&[u32::from(rule.wraps)]).read(index).read(source);
        let kernel = match action.join() {
            None if action == Action::Read => kernel.of(READ).write(out),
            None => kernel.of(WRITE).write(out),
            Some(join) => kernel.of(JOIN).join(out, join),
        };
        kernel
            .flag(flag, code)
            .numbers([walk.bound, walk.step])
            .numbers((0..4).map(|d| if d < lead { 1 } else { nest.dims[d - lead] }))
            .numbers(nest.strides.iter().flat_map(|list| (0..4).map(move |d| word(list, d))))
            .numbers([walk.skipped.map_or(0, |row| row + 1)])
            .threads(n)
    })
}

/// With too many dimensions for the parameters: slice by slice along the shortest one.
fn indexed_slices(
    op: &'static str,
    action: Action,
    out: View<'_>,
    source: View<'_>,
    (index, walk): (View<'_>, &Walk),
) -> Result<()> {
    let sizes = walk.dims.iter().enumerate().filter(|(_, size)| **size > 1);
    let Some((d, &size)) = sizes.min_by_key(|(_, size)| **size) else {
        return Err(too_many_dims(op, &walk.dims));
    };
    let (to_out, to_source) =
        if action == Action::Read { (&walk.near, &walk.far) } else { (&walk.far, &walk.near) };
    let mut rest = walk.clone();
    rest.dims[d] = 1;
    for at in 0..size {
        // The walk alone knows the steps: a view is what lies from a place on.
        let moved = |view: View<'_>, steps: &Strides| {
            let offset = view.layout.offset + at * steps[d] as usize;
            let end = window::reach(view.layout).1;
            Layout { offset, ..Layout::contiguous(&[end - offset]) }
        };
        let layouts = [moved(out, to_out), moved(source, to_source), moved(index, &walk.index)];
        let [out, source, index] =
            [(out, &layouts[0]), (source, &layouts[1]), (index, &layouts[2])]
                .map(|(view, layout)| View { layout, ..view });
        indexed(op, action, out, source, (index, &rest))?;
    }
    Ok(())
}

/// Dtypes without atomic operations: 16-bit floats by way of f32, small integers of i32, extremes of
/// int64 by way of their words.
fn join_wide(
    op: &'static str,
    action: Action,
    out: View<'_>,
    source: View<'_>,
    at: (View<'_>, &Walk),
) -> Result<()> {
    let wide = match out.dtype {
        DType::F16 | DType::BF16 => DType::F32,
        DType::U8 | DType::I8 | DType::I16 | DType::Bool => DType::I32,
        DType::I64 if action == Action::Largest => {
            return join_words(op, (action, LARGEST_LOW), out, source, at);
        }
        DType::I64 if action == Action::Smallest => {
            return join_words(op, (action, SMALLEST_LOW), out, source, at);
        }
        other => {
            return Err(no_kernel(op, format!("{action:?} of {} at indices", other.name())));
        }
    };
    let span = Layout::contiguous(&[out.layout.end()]);
    let all = View::new(out.buffer, out.dtype, &span);
    let buffer = out.device().allocate(span.numel() * wide.size(), false)?;
    map::copy(View::new(&buffer, wide, &span), all)?;
    let sources = Layout::contiguous(&[source.layout.end()]);
    let other = out.device().allocate(sources.numel() * wide.size(), false)?;
    let flat = View::new(source.buffer, source.dtype, &sources);
    map::copy(View::new(&other, wide, &sources), flat)?;
    let (sum, term) = (
        View { buffer: &buffer, dtype: wide, ..out },
        View { buffer: &other, dtype: wide, ..source },
    );
    indexed(op, action, sum, term, at)?;
    map::copy(all, View::new(&buffer, wide, &span))
}

const HIGH: &str = "x >> 32u";
/// The low word of `a`, in an order of signed numbers, where its high word is `b`; else what loses.
const LARGEST_LOW: &str =
    "select(-2147483648li, (a & 4294967295li) - 2147483648li, (a >> 32u) == b)";
const SMALLEST_LOW: &str =
    "select(2147483647li, (a & 4294967295li) - 2147483648li, (a >> 32u) == b)";
const WHOLE: &str = "(a << 32u) | (b + 2147483648li)";

/// Extremes of int64: those of the high words, then those of the low words that go with them.
fn join_words(
    op: &'static str,
    (action, low_word): (Action, &'static str),
    out: View<'_>,
    source: View<'_>,
    (index, walk): (View<'_>, &Walk),
) -> Result<()> {
    let device = out.device();
    let words = |wgsl, inputs: &[View<'_>]| {
        let room = Room::new(device, inputs[0].dims(), DType::I32)?;
        compute(op, wgsl, room.view(), inputs)?;
        Ok::<Room, base::Error>(room)
    };
    let span = Layout::contiguous(&[out.layout.end()]);
    let all = View { layout: &span, ..out };
    let given = Layout {
        dims: walk.dims.clone(),
        strides: walk.near.clone(),
        offset: source.layout.offset,
    };
    let source = View { layout: &given, ..source };
    let near = Layout::contiguous(&walk.dims).strides;
    let at = (index, &Walk { near, ..walk.clone() });
    // As the output lies, in a room of words.
    let seen = |room: &Room, then: &dyn Fn(View<'_>) -> Result<()>| {
        then(View { layout: out.layout, ..room.view() })
    };
    let high = words(HIGH, &[all])?;
    let source_high = words(HIGH, &[source])?;
    seen(&high, &|high| indexed(op, action, high, source_high.view(), at))?;
    let won = Room::new(device, &walk.dims, DType::I32)?;
    seen(&high, &|high| indexed(op, Action::Read, won.view(), high, at))?;
    let low = words(low_word, &[all, high.view()])?;
    let source_low = words(low_word, &[source, won.view()])?;
    seen(&low, &|low| indexed(op, action, low, source_low.view(), at))?;
    compute(op, WHOLE, all, &[high.view(), low.view()])
}

fn compute(op: &'static str, wgsl: &'static str, out: View<'_>, inputs: &[View<'_>]) -> Result<()> {
    let op = map::Expression { name: op, wgsl, compute: DType::I64, truth: false };
    let operands: Vec<_> = inputs.iter().map(|&view| map::Operand::View(view)).collect();
    map::map(&op, out, &operands, [0.0; 4])
}

/// Linear positions of several index arrays (of one shape) into dims of the given sizes and steps.
pub fn linear(
    op: &'static str,
    out: View<'_>,
    indices: &[View<'_>],
    sizes: &[(usize, usize)],
) -> Result<()> {
    map::fill(out, Scalar::Int(0))?;
    let n = out.numel();
    let rule = IndexRule::ADVANCED;
    for (dim, (index, &(bound, step))) in indices.iter().zip(sizes).enumerate() {
        dense::input(*index, |index| {
            out.device().checked(Check { op, rule, dim, bound }, |flag, code| {
                let kernel = Kernel::new("linear_index").read(index).write(out);
                let kernel = kernel.flag(flag, code);
                kernel.numbers([bound, step]).threads(n)
            })
        })?;
    }
    Ok(())
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let mut list = Vec::new();
    for index in [DType::I64, DType::I32] {
        for &d in dtypes {
            let joins = [Join::Sum, Join::Product, Join::Largest, Join::Smallest];
            let joins = joins.into_iter().filter(|join| join.is_atomic(d));
            let joins = joins.map(|join| (JOIN, Access::Join(join)));
            for (expr, access) in [(READ, write), (WRITE, write)].into_iter().chain(joins) {
                let slots = [(index, read), (d, read), (d, access), (DType::I32, Access::Flag)];
                list.push(Variant::new("index", &slots).of(expr).with(&[1]));
            }
        }
        let slots = [(index, read), (DType::I64, write), (DType::I32, Access::Flag)];
        list.push(Variant::new("linear_index", &slots));
    }
    list
}
