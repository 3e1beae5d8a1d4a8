//! Kept elements and where they go: selections by a mask, positions of non-zero elements, groups of
//! equal elements. A running count of what is kept gives each its place.

use crate::dense::{self, Room};
use crate::index::{Action, Walk, indexed};
use crate::launch::Kernel;
use crate::map::{self, Expression, Operand};
use crate::reduce::{Fold, reduce};
use crate::scan::{Scan, scan};
use crate::shader::{Access, Variant};
use crate::sort::Lines;
use crate::{View, check_dtype};
use base::{DType, Dims, IndexRule, Layout, Result, Scalar, Strides, bail};

const NUMBER: &str = "out0_put(p.out_at + k, long_of(i, 0u))";
const SELECT: &str = "out0_put(p.out_at + k, {{O}}(in1_at(p.x_at + i)))";
const SPREAD: &str = "out0_put(p.out_at + i, in1_at(p.x_at + k))";

/// The row-major elements as a vector.
fn flat(view: View<'_>) -> Layout {
    Layout { offset: view.layout.offset, ..Layout::contiguous(&[view.numel()]) }
}

/// How many of the elements so far are not zero.
fn count_kept(x: View<'_>) -> Result<Room> {
    let mask = Room::new(x.device(), x.dims(), DType::Bool)?;
    map::copy(mask.view(), x)?;
    counted(mask.view())
}

fn counted(kept: View<'_>) -> Result<Room> {
    let counts = Room::new(kept.device(), &[kept.numel()], DType::I32)?;
    scan(Scan::Sum, counts.view(), View { layout: &flat(kept), ..kept }, 0)?;
    Ok(counts)
}

fn last(counts: &Room) -> Result<usize> {
    let view = counts.view();
    if view.numel() == 0 {
        return Ok(0);
    }
    let one = Room::new(view.device(), &[1], DType::I32)?;
    let end = view.layout.slice(0, view.numel() - 1, 1, 1);
    map::copy(one.view(), View { layout: &end, ..view })?;
    let bytes = view.device().read(one.view().buffer, 0..DType::I32.size())?;
    Ok(bytes.first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes) as usize))
}

fn compact(expr: &'static str, counts: &Room, x: View<'_>, out: View<'_>) -> Result<()> {
    let kernel = Kernel::new("compact").of(expr).read(counts.view()).read(x).write(out);
    kernel.threads(counts.view().numel())
}

/// The elements of `x` where the mask holds; both have the dims of the whole.
pub fn masked_select(out: View<'_>, x: View<'_>, mask: View<'_>) -> Result<()> {
    check_dtype("masked_select", x.dtype)?;
    let counts = count_kept(mask)?;
    dense::input(x, |x| dense::output(out, |out| compact(SELECT, &counts, x, out)))
}

/// Elements of the row-major `src`, in order, to where the mask (of `out`'s dims) holds.
pub fn masked_scatter(out: View<'_>, mask: View<'_>, src: View<'_>) -> Result<()> {
    check_dtype("masked_scatter", src.dtype)?;
    let counts = count_kept(mask)?;
    if last(&counts)? > src.numel() {
        bail!(Runtime, "Number of elements of source < number of ones in mask");
    }
    dense::output_kept(out, |out| compact(SPREAD, &counts, src, out))
}

/// The indices of non-zero elements, `[count, rank]`.
pub fn nonzero(out: View<'_>, x: View<'_>) -> Result<()> {
    check_dtype("nonzero", x.dtype)?;
    let counts = count_kept(x)?;
    let numbers = Room::new(x.device(), &[out.dims()[0]], DType::I64)?;
    compact(NUMBER, &counts, counts.view(), numbers.view())?;
    let op = Expression { name: "nonzero", wgsl: "a / b % c", compute: DType::I64, truth: false };
    let mut step = 1;
    for (d, &size) in x.dims().iter().enumerate().rev() {
        let column = out.layout.select(1, d);
        let number = |n: usize| Operand::Scalar(Scalar::Int(n.max(1) as i64));
        let operands = [Operand::View(numbers.view()), number(step), number(size)];
        map::map(&op, View { layout: &column, ..out }, &operands, [0.0; 4])?;
        step *= size;
    }
    Ok(())
}

/// Equal elements, group by group.
pub struct Groups {
    /// Positions in an order that puts equal elements side by side.
    order: Room,
    /// How many groups have begun so far, in that order.
    counts: Room,
    /// How many there are.
    pub len: usize,
}

impl Groups {
    /// Of the flattened elements: in ascending order, or of neighbours only.
    pub fn of_elements(x: View<'_>, sorted: bool) -> Result<Groups> {
        check_dtype("unique", x.dtype)?;
        dense::input(x, |x| {
            let x = View { layout: &flat(x), ..x };
            if sorted {
                let lines = Lines::sorted(x, 0, false)?;
                let heads = heads(lines.values.view())?;
                return Groups::of_heads(lines.order, &heads);
            }
            Groups::of_heads(numbers(x, x.numel())?, &heads(x)?)
        })
    }

    /// Of the rows of a matrix: in lexicographic order, or of neighbours only.
    pub fn of_rows(x: View<'_>, sorted: bool) -> Result<Groups> {
        check_dtype("unique_dim", x.dtype)?;
        let (rows, width) = (x.dims()[0], x.dims()[1]);
        let mut order = numbers(x, rows)?;
        // Sorting by each column is stable: the last one counts least.
        for column in (0..width).rev().filter(|_| sorted) {
            let keys = Room::new(x.device(), &[rows], x.dtype)?;
            let layout = x.layout.select(1, column);
            pick(keys.view(), View { layout: &layout, ..x }, order.view())?;
            let lines = Lines::sorted(keys.view(), 0, false)?;
            let next = Room::new(x.device(), &[rows], DType::I32)?;
            pick(next.view(), order.view(), lines.order.view())?;
            order = next;
        }
        let ordered = Room::new(x.device(), x.dims(), x.dtype)?;
        pick(ordered.view(), x, order.view())?;
        let heads = heads(ordered.view())?;
        Groups::of_heads(order, &heads)
    }

    fn of_heads(order: Room, heads: &Room) -> Result<Groups> {
        let counts = counted(heads.view())?;
        let len = last(&counts)?;
        Ok(Groups { order, counts, len })
    }

    /// The position of each group's first element, the group of each element, and each group's size;
    /// all row-major.
    pub fn write(&self, first: View<'_>, inverse: View<'_>, sizes: View<'_>) -> Result<()> {
        let (order, counts) = (self.order.view(), self.counts.view());
        let n = counts.numel();
        compact(SELECT, &self.counts, order, first)?;
        let starts = Room::new(order.device(), &[self.len + 1], DType::I64)?;
        compact(NUMBER, &self.counts, counts, starts.view())?;
        let part = |at, len| starts.view().layout.slice(0, at, len, 1);
        map::fill(View { layout: &part(self.len, 1), ..starts.view() }, Scalar::Int(n as i64))?;
        let (from, to) = (part(0, self.len), part(1, self.len));
        let [from, to] = [&from, &to].map(|l| Operand::View(View { layout: l, ..starts.view() }));
        let op = Expression { name: "unique", wgsl: "a - b", compute: DType::I64, truth: false };
        map::map(&op, sizes, &[to, from], [0.0; 4])?;
        let groups = Room::new(order.device(), &[n], DType::I64)?;
        let one = Operand::Scalar(Scalar::Int(1));
        map::map(&op, groups.view(), &[Operand::View(counts), one], [0.0; 4])?;
        let walk = rows_of(inverse, &[n], [&[1], &[0]]);
        indexed("unique", Action::Write, inverse, groups.view(), (order, &walk))
    }
}

/// 0, 1, 2, ...
fn numbers(x: View<'_>, n: usize) -> Result<Room> {
    let room = Room::new(x.device(), &[n], DType::I32)?;
    crate::range::arange(room.view(), Scalar::Int(0), Scalar::Int(1))?;
    Ok(room)
}

/// `out[i] = x[order[i]]`, of elements or rows.
fn pick(out: View<'_>, x: View<'_>, order: View<'_>) -> Result<()> {
    let mut far = x.layout.strides.clone();
    far[0] = 0;
    let mut walk = rows_of(x, x.dims(), [&out.layout.strides, &far]);
    walk.bound = x.dims()[0];
    walk.step = x.layout.strides[0] as usize;
    indexed("unique", Action::Read, out, x, (order, &walk))
}

fn rows_of(far: View<'_>, dims: &[usize], [near, steps]: [&[isize]; 2]) -> Walk {
    let mut index = Strides::filled(0, dims.len());
    index[0] = 1;
    Walk {
        dims: Dims::from_slice(dims),
        index,
        near: Strides::from_slice(near),
        far: Strides::from_slice(steps),
        step: 1,
        bound: far.numel(),
        rule: IndexRule::ALONG,
        dim: 0,
        skipped: None,
    }
}

/// Which elements, or rows, differ from the one before.
fn heads(x: View<'_>) -> Result<Room> {
    let n = x.dims()[0];
    let heads = Room::new(x.device(), &[n], DType::I32)?;
    if n == 0 {
        return Ok(heads);
    }
    let view = heads.view();
    let (first, rest) = (view.layout.slice(0, 0, 1, 1), view.layout.slice(0, 1, n - 1, 1));
    map::fill(View { layout: &first, ..view }, Scalar::Int(1))?;
    let (before, after) = (x.layout.slice(0, 0, n - 1, 1), x.layout.slice(0, 1, n - 1, 1));
    let operands = [&after, &before].map(|l| Operand::View(View { layout: l, ..x }));
    let (compute, rest) = (x.dtype.compute(), View { layout: &rest, ..view });
    let op = Expression { name: "unique", wgsl: "!(a == b)", compute, truth: true };
    if x.dims().len() == 1 {
        map::map(&op, rest, &operands, [0.0; 4])?;
        return Ok(heads);
    }
    let differ = Room::new(x.device(), &after.dims, DType::I32)?;
    map::map(&op, differ.view(), &operands, [0.0; 4])?;
    reduce(Fold::Amax, rest, differ.view(), &[false, true], 0.0)?;
    Ok(heads)
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let counts = (DType::I32, read);
    let variant =
        |x, out, expr| Variant::new("compact", &[counts, (x, read), (out, write)]).of(expr);
    let of_dtype = |&d: &DType| [SELECT, SPREAD].map(|expr| variant(d, d, expr));
    let fixed = [NUMBER, SELECT].map(|expr| variant(DType::I32, DType::I64, expr));
    dtypes.iter().flat_map(of_dtype).chain(fixed).collect()
}
