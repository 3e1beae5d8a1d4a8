//! Binary search of values in sorted lines.

use super::unique::flatten;
use super::{key_dtype, refuse_complex};
use crate::dispatch::dispatch;
use crate::math::Ordered;
use crate::pool::parallel_chunks;
use crate::{View, ViewMut, copy};
use base::{DType, Layout, Result, bail, ensure};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Searches of a task.
const CHUNK: usize = 2048;

/// For each value the first place in its sorted line before which it could stand (after equal
/// elements if `right`). `sequence` is one line for all values, or has their dims but the last;
/// `sorter` (int64, `sequence`'s dims) gives its order if it is not sorted itself. `sequence` and
/// `values` have one dtype; `out` (of an integer dtype) has `values`' dims.
pub fn searchsorted(
    out: ViewMut<'_>,
    sequence: View<'_>,
    values: View<'_>,
    sorter: Option<View<'_>>,
    right: bool,
) -> Result<()> {
    refuse_complex("searchsorted", values)?;
    let Some((&len, lead)) = sequence.dims().split_last() else {
        bail!(Runtime, "internal error: searchsorted in a 0-d tensor");
    };
    let one_line = lead.is_empty();
    let same_lead = values.dims().split_last().is_some_and(|(_, dims)| dims == lead);
    ensure!(
        sequence.dtype() == values.dtype()
            && out.dims() == values.dims()
            && (one_line || same_lead)
            && sorter.is_none_or(|s| s.dims() == sequence.dims() && s.dtype() == DType::I64),
        Runtime,
        "internal error: searchsorted of {:?} in {:?}",
        values.dims(),
        sequence.dims()
    );
    let per_line = if one_line { usize::MAX } else { values.dims().last().map_or(1, |&n| n) };
    dispatch!("searchsorted", key_dtype(sequence.dtype()), [real], T => {
        let (sequence, values) = (flatten::<T>(sequence), flatten::<T>(values));
        let sorter = sorter.map(flatten::<i64>);
        let found: Vec<AtomicI64> = values.iter().map(|_| AtomicI64::new(0)).collect();
        parallel_chunks(values.len(), CHUNK, &|start, end| {
            for i in start..end {
                let line = i / per_line * len;
                let at = |k: usize| {
                    let k = sorter.as_ref().map_or(k, |s| s[line + k] as usize);
                    sequence.get(line + k.min(len - 1)).copied()
                };
                found[i].store(search(len, at, values[i], right) as i64, Relaxed);
            }
        });
        let places: Vec<i64> = found.into_iter().map(AtomicI64::into_inner).collect();
        let layout = Layout::contiguous(out.dims());
        let start = places.as_ptr().cast::<u8>();
        // SAFETY: as many aligned elements as the layout has, alive until the copy is done.
        let view = unsafe { View::from_raw(start, DType::I64, &layout.dims, &layout.strides) };
        copy(out, view.into())
    })
}

/// The first `k < len` whose element is not below `value` (not above it, if `right`); an element that
/// does not compare counts as below.
fn search<T: Ordered>(len: usize, at: impl Fn(usize) -> Option<T>, value: T, right: bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        let reached = at(middle).is_some_and(|x| if right { x > value } else { x >= value });
        if reached {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
