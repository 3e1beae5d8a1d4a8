//! Positions of extremes along one dimension: the first of equal ones, NaN before all numbers.

use super::{Block, Split, read};
use crate::arch::simd;
use crate::cast::cast;
use crate::dispatch::dispatch;
use crate::math::Ordered;
use crate::pool::parallel_chunks;
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{Category, DType, Element, Result, ensure};

/// Columns compared side by side.
const COLUMNS: usize = 256;
/// Elements a task should look at.
const GRAIN: usize = 32 * 1024;

/// Index (int64) of the largest element along `dim`, which `out` lacks or has with size 1.
pub fn argmax(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    extreme::<Largest>("argmax", None, out, x, dim)
}

/// Index (int64) of the smallest element along `dim`.
pub fn argmin(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    extreme::<Smallest>("argmin", None, out, x, dim)
}

/// The largest elements along `dim` (in x's dtype) and their indices (int64).
pub fn max_dim(values: ViewMut<'_>, indices: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    extreme::<Largest>("max", Some(values), indices, x, dim)
}

/// The smallest elements along `dim` (in x's dtype) and their indices (int64).
pub fn min_dim(values: ViewMut<'_>, indices: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    extreme::<Smallest>("min", Some(values), indices, x, dim)
}

fn extreme<S: Side>(
    name: &str,
    values: Option<ViewMut<'_>>,
    indices: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
) -> Result<()> {
    let compare =
        if x.dtype().category() == Category::Bool { DType::U8 } else { x.dtype().compute() };
    dispatch!(name, compare, [real], T => {
        let search = Search::new(values, indices, x, dim)?;
        search.run::<T, S>();
        Ok(())
    })
}

/// The outputs and the columns in which to search for them.
struct Search {
    /// Operands: x, indices, values (or indices again).
    kept: Nest<3>,
    count: usize,
    step: isize,
    x: *const u8,
    x_dtype: DType,
    indices: *mut i64,
    values: Option<(*mut u8, DType)>,
}

// SAFETY: the pointers are read, or written by tasks that partition the outputs.
unsafe impl Sync for Search {}

impl Search {
    fn new(
        values: Option<ViewMut<'_>>,
        indices: ViewMut<'_>,
        x: View<'_>,
        dim: usize,
    ) -> Result<Search> {
        ensure!(indices.dtype() == DType::I64, Runtime, "internal error: indices are not int64");
        let mut mask = vec![false; x.rank().max(1)];
        ensure!(dim < mask.len(), Runtime, "internal error: no dim {dim} in {:?}", x.dims());
        mask[dim] = true;
        let split = Split::new(indices, x, &mask)?;
        let other = Split::new(values.unwrap_or(indices), x, &mask)?;
        let kept = Nest::plan(&split.kept, [&split.kept_x, &split.kept_out, &other.kept_out]);
        let count = split.reduced.first().copied().unwrap_or(1);
        ensure!(count > 0 || kept.numel() == 0, Runtime, "internal error: extreme of no elements");
        Ok(Search {
            kept,
            count,
            step: split.reduced_x.first().copied().unwrap_or(1),
            x: x.bytes(),
            x_dtype: x.dtype(),
            indices: indices.ptr::<i64>(),
            values: values.map(|v| (v.bytes(), v.dtype())),
        })
    }

    fn run<T: Ordered, S: Side>(&self) {
        let numel = self.kept.numel();
        let wide = self.kept.inner_stride(0).abs() < self.step.abs() && self.kept.inner() > 1;
        let size = if wide { COLUMNS } else { (GRAIN / self.count.max(1)).clamp(1, COLUMNS) };
        parallel_chunks(numel, size, &|start, end| {
            self.kept.for_each_run(start..end, |[at, index, value], n| {
                let mut found = [Found { value: T::ZERO, index: 0 }; COLUMNS];
                let found = &mut found[..n];
                if wide {
                    self.search_columns::<T, S>(at, found);
                } else {
                    let step = self.kept.inner_stride(0);
                    let mut block = Block::new();
                    for (i, found) in found.iter_mut().enumerate() {
                        *found = self.search_row::<T, S>(at + i as isize * step, &mut block);
                    }
                }
                self.store(found, index, value);
            });
        });
    }

    fn search_row<T: Ordered, S: Side>(&self, at: isize, block: &mut Block) -> Found<T> {
        let mut best: Option<Found<T>> = None;
        for start in (0..self.count).step_by(super::BLOCK) {
            let n = super::BLOCK.min(self.count - start);
            let from = self.element(at + start as isize * self.step);
            // SAFETY: `n > 0` elements of a column inside x.
            let here = unsafe {
                let run = read::<T>(from, self.x_dtype, self.step, n, block);
                best_of_run::<T, S>(run, n)
            };
            let here = Found { index: here.index + start as i64, ..here };
            if best.is_none_or(|best| S::beats(here.value, best.value)) {
                best = Some(here);
            }
        }
        best.unwrap_or(Found { value: T::ZERO, index: 0 })
    }

    fn search_columns<T: Ordered, S: Side>(&self, at: isize, found: &mut [Found<T>]) {
        let mut block = Block::new();
        for i in 0..self.count {
            let from = self.element(at + i as isize * self.step);
            let stride = self.kept.inner_stride(0);
            // SAFETY: one element of each of the columns, inside x.
            unsafe {
                let row = read::<T>(from, self.x_dtype, stride, found.len(), &mut block);
                compare_row::<T, S>(found.as_mut_ptr(), row, found.len(), i as i64);
            }
        }
    }

    fn element(&self, offset: isize) -> *const u8 {
        self.x.wrapping_offset(offset * self.x_dtype.size() as isize)
    }

    /// Writes a run of results.
    fn store<T: Element>(&self, found: &[Found<T>], index: isize, value: isize) {
        for (i, found) in found.iter().enumerate() {
            let i = i as isize;
            let to = index + i * self.kept.inner_stride(1);
            // SAFETY: offsets of the nest lie inside the outputs.
            unsafe { self.indices.offset(to).write(found.index) };
            let Some((values, dtype)) = self.values else { continue };
            let to = (value + i * self.kept.inner_stride(2)) * dtype.size() as isize;
            // SAFETY: as above; the source is one element of T.
            unsafe {
                cast(T::DTYPE, dtype, (&raw const found.value).cast(), values.offset(to), 1);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Found<T> {
    value: T,
    index: i64,
}

/// Which extreme is sought.
trait Side {
    /// Whether a later value replaces an earlier one.
    fn beats<T: Ordered>(new: T, old: T) -> bool;
    fn better<T: Ordered>(a: T, b: T) -> T;
}

struct Largest;
impl Side for Largest {
    #[inline(always)]
    fn beats<T: Ordered>(new: T, old: T) -> bool {
        new > old || new.is_nan() && !old.is_nan()
    }
    #[inline(always)]
    fn better<T: Ordered>(a: T, b: T) -> T {
        a.maximum(b)
    }
}

struct Smallest;
impl Side for Smallest {
    #[inline(always)]
    fn beats<T: Ordered>(new: T, old: T) -> bool {
        new < old || new.is_nan() && !old.is_nan()
    }
    #[inline(always)]
    fn better<T: Ordered>(a: T, b: T) -> T {
        a.minimum(b)
    }
}

simd! {
    /// The extreme of a run of at least one: first its value, in lanes, then where it first stands.
    unsafe fn best_of_run[T: Ordered, S: Side](x: *const T, n: usize) -> Found<T> {
        const LANES: usize = 64;
        // SAFETY: the caller gives `n` elements.
        let x = unsafe { std::slice::from_raw_parts(x, n) };
        let mut lanes = [x[0]; LANES];
        let (whole, rest) = x.as_chunks::<LANES>();
        for chunk in whole {
            for i in 0..LANES {
                lanes[i] = S::better(lanes[i], chunk[i]);
            }
        }
        let value = lanes.into_iter().chain(rest.iter().copied()).fold(x[0], S::better);
        let here = |&x: &T| x == value || x.is_nan() && value.is_nan();
        let index = x.iter().position(here).unwrap_or(0);
        Found { value: x[index], index: index as i64 }
    }
}

simd! {
    /// Compares a row with the extremes found so far.
    unsafe fn compare_row[T: Ordered, S: Side](
        found: *mut Found<T>, row: *const T, n: usize, index: i64,
    ) {
        // SAFETY: the caller gives `n` of each, apart from each other.
        let (found, row) = unsafe {
            (std::slice::from_raw_parts_mut(found, n), std::slice::from_raw_parts(row, n))
        };
        for (found, &value) in found.iter_mut().zip(row) {
            let beats = index == 0 || S::beats(value, found.value);
            found.value = if beats { value } else { found.value };
            found.index = if beats { index } else { found.index };
        }
    }
}
