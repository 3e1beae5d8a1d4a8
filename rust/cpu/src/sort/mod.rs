//! Sorting and what rests on it: order statistics, unique values, search in sorted lines.
//!
//! A line becomes (key, index) pairs packed in one integer each. Keys are unsigned integers in the
//! order of the elements, with NaN after all numbers and -0 equal to 0; the index makes every order
//! stable. Long lines are sorted digit by digit (LSD radix), short ones by comparison.

mod pair;
mod search;
mod select;
mod unique;

pub use search::searchsorted;
pub use select::{kthvalue, median, mode, topk};
pub use unique::{Groups, unique, unique_consecutive, unique_rows};

use crate::dispatch::dispatch;
use crate::room::Room;
use crate::rows::{Line, Rows};
use crate::{View, ViewMut};
use base::{DType, Result, ensure};
use pair::{Key, Pair, sort_pairs};

/// The dtype keys are made from: bool as bytes, 16-bit floats as f32.
fn key_dtype(dtype: DType) -> DType {
    if dtype == DType::Bool { DType::U8 } else { dtype.compute() }
}

fn refuse_complex(op: &str, x: View<'_>) -> Result<()> {
    ensure!(!x.dtype().is_complex(), Runtime, " {op} does not support complex dtypes on CPU");
    Ok(())
}

/// Indices of a line are kept in as many bits as its keys, at least 32.
fn check_length(x: View<'_>, dim: usize) -> Result<()> {
    let len = x.dims().get(dim).copied().unwrap_or(1);
    ensure!(
        u32::try_from(len).is_ok(),
        NotImplemented,
        "sorting a dimension of {len} elements is not supported"
    );
    Ok(())
}

/// The elements of `x` in order along `dim`, and where they were (int64). Always stable; NaN last
/// (first if `descending`). Either result may be left out.
pub fn sort(
    values: Option<ViewMut<'_>>,
    indices: Option<ViewMut<'_>>,
    x: View<'_>,
    dim: usize,
    descending: bool,
) -> Result<()> {
    refuse_complex("Sort", x)?;
    check_length(x, dim)?;
    for out in [values, indices].into_iter().flatten() {
        ensure!(out.dims() == x.dims(), Runtime, "internal error: sort into {:?}", out.dims());
    }
    ensure!(
        values.is_none_or(|v| v.dtype() == x.dtype())
            && indices.is_none_or(|i| i.dtype() == DType::I64),
        Runtime,
        "internal error: dtypes of sort's results"
    );
    let (has_values, has_indices) = (values.is_some(), indices.is_some());
    let value_lines = values.map_or(x, ViewMut::as_view);
    let index_lines = indices.map_or(x, ViewMut::as_view);
    let rows = Rows::new([x, value_lines, index_lines], dim)?;
    dispatch!("sort", key_dtype(x.dtype()), [real], T => {
        rows.for_each(Work::<T>::default, |work, [x, values, indices]| {
            work.read(x, descending);
            sort_pairs(&mut work.pairs, &mut work.spare);
            // SAFETY: results that were given are views for writing; each line is visited once.
            unsafe { work.write(has_values.then_some(values), has_indices.then_some(indices)) };
        });
        Ok(())
    })
}

/// A task's working memory.
struct Work<T: Key> {
    raw: Room<[u64; 2]>,
    line: Room<T>,
    sorted: Room<T>,
    pairs: Room<T::Pair>,
    spare: Room<T::Pair>,
    at: Room<i64>,
}

impl<T: Key> Default for Work<T> {
    fn default() -> Self {
        Work {
            raw: Room::new(),
            line: Room::new(),
            sorted: Room::new(),
            pairs: Room::new(),
            spare: Room::new(),
            at: Room::new(),
        }
    }
}

impl<T: Key> Work<T> {
    /// Reads a line and makes its pairs.
    fn read(&mut self, x: Line, inverted: bool) {
        x.read(&mut self.raw, &mut self.line);
        let make = |(i, x): (usize, &T)| {
            let key = x.key();
            T::Pair::new(if inverted { !key } else { key }, i)
        };
        self.pairs.fill(x.len, self.line.iter().enumerate().map(make));
    }

    /// Writes the elements and indices that the pairs stand for.
    ///
    /// # Safety
    /// As [`Line::write`], for both.
    unsafe fn write(&mut self, values: Option<Line>, indices: Option<Line>) {
        let pairs = &self.pairs;
        self.at.fill(pairs.len(), pairs.iter().map(|pair| pair.index() as i64));
        self.sorted.fill(pairs.len(), pairs.iter().map(|pair| self.line[pair.index()]));
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(values) = values {
                values.write(&self.sorted, &mut self.raw);
            }
            if let Some(indices) = indices {
                indices.write(&self.at, &mut self.raw);
            }
        }
    }
}
