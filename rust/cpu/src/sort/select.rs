//! Order statistics of lines: the k best, the k-th, the median, the most frequent.

use super::pair::{Pair, sort_pairs};
use super::{Work, check_length, key_dtype, refuse_complex};
use crate::dispatch::dispatch;
use crate::math::Ordered;
use crate::room::Room;
use crate::rows::Rows;
use crate::{View, ViewMut};
use base::{DType, Dims, Result, Strides, ensure};

/// The `k` largest (or smallest) elements of `x` along `dim` and their indices (int64), best first;
/// NaN counts as largest.
pub fn topk(
    values: ViewMut<'_>,
    indices: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    k: usize,
    largest: bool,
) -> Result<()> {
    refuse_complex("Topk", x)?;
    ensure!(k <= length(x, dim), Runtime, "selected index k out of range");
    choose("topk", &Best { k, largest }, values, indices, x, dim)
}

/// The `k`-th smallest element (from 1) of `x` along `dim` and its index (int64). Results lack `dim`
/// or have it with size 1.
pub fn kthvalue(
    values: ViewMut<'_>,
    indices: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    k: usize,
) -> Result<()> {
    ensure!(
        (1..=length(x, dim)).contains(&k),
        Runtime,
        "kthvalue(): selected number k out of range for dimension {dim}"
    );
    choose("kthvalue", &Kth { k }, values, indices, x, dim)
}

/// The lower median of `x` along `dim` and its index (int64): the first NaN if there is one, unless
/// NaN is to be ignored. Results lack `dim` or have it with size 1.
pub fn median(
    values: ViewMut<'_>,
    indices: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    ignore_nan: bool,
) -> Result<()> {
    ensure!(
        length(x, dim) > 0,
        Index,
        "median(): Expected reduction dim {dim} to have non-zero size."
    );
    choose("median", &Median { ignore_nan }, values, indices, x, dim)
}

/// The most frequent element of `x` along `dim` (the smallest of several) and the last index (int64)
/// at which it stands. Results lack `dim` or have it with size 1.
pub fn mode(values: ViewMut<'_>, indices: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    ensure!(
        length(x, dim) > 0,
        Index,
        "mode(): Expected reduction dim {dim} to have non-zero size."
    );
    choose("mode", &Mode, values, indices, x, dim)
}

fn length(x: View<'_>, dim: usize) -> usize {
    x.dims().get(dim).copied().unwrap_or(1)
}

/// A choice among the pairs of a line.
trait Choice: Sync {
    /// Whether keys are inverted, so that large elements come first.
    fn inverts(&self) -> bool {
        false
    }
    /// Moves the chosen pairs to the front, in order; `numbers` of them are not NaN.
    fn choose<P: Pair>(&self, pairs: &mut Room<P>, spare: &mut Room<P>, numbers: usize);
}

struct Best {
    k: usize,
    largest: bool,
}

impl Choice for Best {
    fn inverts(&self) -> bool {
        self.largest
    }

    fn choose<P: Pair>(&self, pairs: &mut Room<P>, _: &mut Room<P>, _: usize) {
        keep_least(pairs, self.k);
        pairs.sort_unstable();
    }
}

/// Leaves the `k` least pairs. Pairs beyond the k-th least seen so far are dropped as they come, so
/// that a small `k` costs one comparison an element.
fn keep_least<P: Pair>(pairs: &mut Room<P>, k: usize) {
    let room = (4 * k).max(256);
    if k == 0 || pairs.len() <= room {
        if (1..pairs.len()).contains(&k) {
            pairs.select_nth_unstable(k - 1);
        }
        pairs.truncate(k);
        return;
    }
    let mut kept = room;
    let mut limit = *pairs[..kept].select_nth_unstable(k - 1).1;
    kept = k;
    for i in room..pairs.len() {
        if pairs[i] < limit {
            pairs[kept] = pairs[i];
            kept += 1;
            if kept == room {
                limit = *pairs[..kept].select_nth_unstable(k - 1).1;
                kept = k;
            }
        }
    }
    pairs.truncate(kept);
    if k < kept {
        pairs.select_nth_unstable(k - 1);
    }
    pairs.truncate(k);
}

struct Kth {
    k: usize,
}

impl Choice for Kth {
    /// Hoare's selection with a median of three as pivot. Which of several equal elements it finds
    /// follows from its swaps, and is the one that PyTorch finds.
    fn choose<P: Pair>(&self, pairs: &mut Room<P>, _: &mut Room<P>, _: usize) {
        let at = self.k - 1;
        // One past the part that holds the k-th element, so that the part can be empty.
        let (mut low, mut end) = (0, pairs.len());
        while end > low + 2 {
            let high = end - 1;
            pairs.swap(usize::midpoint(low, high), low + 1);
            for (a, b) in [(low + 1, high), (low, high), (low + 1, low)] {
                put_in_order(pairs, a, b);
            }
            let (left, right) = partition(pairs, low, high);
            if left <= at {
                low = right;
            }
            if left >= at {
                end = left;
            }
        }
        if end == low + 2 {
            put_in_order(pairs, low, low + 1);
        }
        pairs[0] = pairs[at];
    }
}

fn put_in_order<P: Pair>(pairs: &mut [P], a: usize, b: usize) {
    if pairs[a].key() > pairs[b].key() {
        pairs.swap(a, b);
    }
}

/// Splits `low..=high` around the pivot, which stands at `low`, with a smaller and a larger element
/// beside it at both ends. Returns where the pivot stands then and where the larger elements start.
fn partition<P: Pair>(pairs: &mut [P], low: usize, high: usize) -> (usize, usize) {
    let pivot = pairs[low].key();
    let (mut i, mut j) = (low + 1, high);
    loop {
        i += 1;
        while pairs[i].key() < pivot {
            i += 1;
        }
        j -= 1;
        while pairs[j].key() > pivot {
            j -= 1;
        }
        if j < i {
            pairs.swap(low, j);
            return (j, i);
        }
        pairs.swap(i, j);
    }
}

struct Median {
    ignore_nan: bool,
}

impl Choice for Median {
    fn choose<P: Pair>(&self, pairs: &mut Room<P>, _: &mut Room<P>, numbers: usize) {
        let all = numbers == pairs.len();
        let at = if all || self.ignore_nan { numbers.saturating_sub(1) / 2 } else { numbers };
        let chosen = *pairs.select_nth_unstable(at).1;
        pairs[0] = chosen;
    }
}

struct Mode;

impl Choice for Mode {
    fn choose<P: Pair>(&self, pairs: &mut Room<P>, spare: &mut Room<P>, _: usize) {
        sort_pairs(pairs, spare);
        let (mut best, mut longest) = (pairs[0], 0);
        for run in pairs.chunk_by(|a, b| a.key() == b.key()) {
            if run.len() > longest {
                longest = run.len();
                best = run[run.len() - 1];
            }
        }
        pairs[0] = best;
    }
}

/// A result with the dimension it may lack put back with size 1.
fn with_dim<'a>(
    out: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    dims: &'a mut Dims,
    strides: &'a mut Strides,
) -> ViewMut<'a> {
    *dims = Dims::from_slice(out.dims());
    *strides = Strides::from_slice(out.strides());
    if out.rank() + 1 == x.rank() && dim <= out.rank() {
        dims.insert(dim, 1);
        strides.insert(dim, 1);
    }
    // SAFETY: the same elements as `out`, which the caller holds.
    unsafe { ViewMut::from_raw(out.bytes(), out.dtype(), dims, strides) }
}

fn choose(
    name: &str,
    choice: &impl Choice,
    values: ViewMut<'_>,
    indices: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
) -> Result<()> {
    check_length(x, dim)?;
    ensure!(
        values.dtype() == x.dtype() && indices.dtype() == DType::I64,
        Runtime,
        "internal error: dtypes of {name}'s results"
    );
    let (mut value_dims, mut value_strides) = (Dims::new(), Strides::new());
    let (mut index_dims, mut index_strides) = (Dims::new(), Strides::new());
    let values = with_dim(values, x, dim, &mut value_dims, &mut value_strides);
    let indices = with_dim(indices, x, dim, &mut index_dims, &mut index_strides);
    let rows = Rows::new([x, values.as_view(), indices.as_view()], dim)?;
    dispatch!(name, key_dtype(x.dtype()), [real], T => {
        rows.for_each(Work::<T>::default, |work, [x, values, indices]| {
            work.read(x, choice.inverts());
            let numbers = work.line.iter().filter(|x| !x.is_nan()).count();
            choice.choose(&mut work.pairs, &mut work.spare, numbers);
            work.pairs.truncate(values.len);
            // SAFETY: both results are views for writing; each line is visited once.
            unsafe { work.write(Some(values), Some(indices)) };
        });
        Ok(())
    })
}
