//! Order along one dimension: sorted lines, elements of a rank, places in sorted sequences.
//!
//! Lines are sorted together by a bitonic network of pairs (value, place); the place makes every order
//! stable. Steps within blocks of [`BLOCK`] places run in a workgroup's memory.

use crate::dense::{self, Room};
use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, check_dtype, map, window};
use base::{DType, Layout, Result, ensure};

/// Which of a comparator's values comes first wrongly, and which rightly.
const ASCENDING: &str = "sorts_before(b, a)#sorts_before(a, b)";
const DESCENDING: &str = "sorts_before(a, b)#sorts_before(b, a)";
/// Places sorted by one workgroup.
const BLOCK: usize = 512;

/// Sorted lines, `[.., len]`: the elements and the places they had.
pub(crate) struct Lines {
    pub values: Room,
    pub order: Room,
}

impl Lines {
    /// The lines of `x` along `dim`; NaN comes last (first if descending).
    pub fn sorted(x: View<'_>, dim: usize, descending: bool) -> Result<Lines> {
        let layout = lined(x.layout, dim);
        let x = View { layout: &layout, ..x };
        let dtype = if x.dtype.is_float() || x.dtype == DType::I64 {
            x.dtype.compute()
        } else {
            DType::I32
        };
        let lines = Lines {
            values: Room::new(x.device(), x.dims(), dtype)?,
            order: Room::new(x.device(), x.dims(), DType::I32)?,
        };
        map::copy(lines.values.view(), x)?;
        lines.sort(if descending { DESCENDING } else { ASCENDING })?;
        Ok(lines)
    }

    /// Elements of a line.
    pub fn len(&self) -> usize {
        self.values.view().dims().last().copied().unwrap_or(1)
    }

    fn sort(&self, order: &'static str) -> Result<()> {
        let (n, len) = (self.values.view().numel(), self.len());
        if n == 0 {
            return Ok(());
        }
        let padded = len.next_power_of_two().max(2);
        let comparators = n / len * (padded / 2);
        ensure!(
            u32::try_from(comparators * 2).is_ok(),
            NotImplemented,
            "gpu: sort: too many elements for one launch; got {n}"
        );
        let kernel = |file| {
            let kernel = Kernel::new(file).of(order).write(self.values.view());
            kernel.write(self.order.view()).numbers([len, padded])
        };
        kernel("sort_block").with(&[1]).threads(comparators)?;
        let mut run = 2 * BLOCK;
        while run <= padded {
            kernel("sort").numbers([run, 0]).threads(comparators)?;
            let mut distance = run / 4;
            while distance >= BLOCK {
                kernel("sort").numbers([run, distance]).threads(comparators)?;
                distance /= 2;
            }
            kernel("sort_block").with(&[0]).threads(comparators)?;
            run *= 2;
        }
        Ok(())
    }

    /// The first `out.dims()[dim]` elements of each line, or the places they had.
    fn write(from: &Room, out: View<'_>, dim: usize) -> Result<()> {
        let to = lined(out.layout, dim);
        let lines = from.view();
        let (rank, count) = (to.rank(), to.dims[to.rank() - 1]);
        let first = lines.layout.slice(rank - 1, 0, count, 1);
        map::copy(View { layout: &to, ..out }, View { layout: &first, ..lines })
    }
}

/// The geometry with `dim` last.
fn lined(layout: &Layout, dim: usize) -> Layout {
    if layout.rank() == 0 {
        return layout.unsqueeze(0);
    }
    let order: Vec<usize> = (0..layout.rank()).filter(|&d| d != dim).chain([dim]).collect();
    layout.permute(&order)
}

/// The first elements of `x` in order along `dim`, as many as the results have room for, and where
/// they were.
pub fn sort(
    values: View<'_>,
    indices: View<'_>,
    x: View<'_>,
    dim: usize,
    descending: bool,
) -> Result<()> {
    check_dtype("sort", x.dtype)?;
    window::in_parts([values, indices, x], dim, &|[values, indices, x]| {
        let lines = Lines::sorted(x, dim, descending)?;
        Lines::write(&lines.values, values, dim)?;
        Lines::write(&lines.order, indices, dim)
    })
}

/// One element of the order along a dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Rank {
    /// The k-th smallest, from 1.
    Kth(usize),
    Median,
    NanMedian,
    Mode,
}

impl Rank {
    fn parts(self) -> (u32, usize) {
        match self {
            Rank::Kth(k) => (0, k - 1),
            Rank::Median => (1, 0),
            Rank::NanMedian => (2, 0),
            Rank::Mode => (3, 0),
        }
    }
}

/// The element of that rank along `dim` and where it was.
pub fn rank(
    rank: Rank,
    values: View<'_>,
    indices: View<'_>,
    x: View<'_>,
    dim: usize,
) -> Result<()> {
    check_dtype("rank", x.dtype)?;
    let lines = Lines::sorted(x, dim, false)?;
    let (kind, k) = rank.parts();
    dense::output(values, |values| {
        dense::output(indices, |indices| {
            Kernel::new("rank")
                .with(&[kind])
                .read(lines.values.view())
                .read(lines.order.view())
                .write(values)
                .write(indices)
                .numbers([lines.len(), k])
                .threads(values.numel())
        })
    })
}

/// For each value the place before which it stands in its sorted sequence.
pub fn searchsorted(
    out: View<'_>,
    sequence: View<'_>,
    values: View<'_>,
    sorter: Option<View<'_>>,
    right: bool,
) -> Result<()> {
    check_dtype("searchsorted", values.dtype)?;
    let n = values.numel();
    let len = sequence.dims().last().copied().unwrap_or(1);
    let per = if sequence.dims().len() == 1 { n } else { values.dims().last().map_or(1, |&w| w) };
    let consts = [u32::from(right), u32::from(sorter.is_some())];
    dense::input(sequence, |sequence| {
        dense::input(values, |values| {
            dense::input(sorter.unwrap_or(sequence), |sorter| {
                dense::output(out, |out| {
                    let kernel = Kernel::new("search").with(&consts).read(sequence).read(values);
                    kernel.read(sorter).write(out).numbers([len, per]).threads(n)
                })
            })
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let mut list = Vec::new();
    for d in [DType::F32, DType::I32, DType::I64] {
        for order in [ASCENDING, DESCENDING] {
            let slots = [(d, write), (DType::I32, write)];
            list.push(Variant::new("sort", &slots).of(order));
            let block = Variant::new("sort_block", &slots).of(order);
            list.extend([0, 1].map(|first| block.with(&[first])));
        }
    }
    for &d in dtypes {
        let wide = if d.is_float() || d == DType::I64 { d.compute() } else { DType::I32 };
        let slots = [(wide, read), (DType::I32, read), (d, write), (DType::I64, write)];
        list.extend([0, 1, 2, 3].map(|kind| Variant::new("rank", &slots).with(&[kind])));
        for out in [DType::I32, DType::I64] {
            for (sorter, on) in [(DType::I64, 1), (d, 0)] {
                let slots = [(d, read), (d, read), (sorter, read), (out, write)];
                list.push(Variant::new("search", &slots).with(&[on, on]));
            }
        }
    }
    list
}
