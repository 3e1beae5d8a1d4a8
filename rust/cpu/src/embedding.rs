//! Embedding: rows of a table by index, and the table's dense gradient.

use crate::dispatch::dispatch;
use crate::stage::{In, Input, Output, Shared};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, IndexRule, Result, ensure};

/// Columns of the gradient a task owns.
const STRIP: usize = 64;

/// `out[i, :] = weight[indices[i], :]`, of any dtype. An index outside the table is an error, found
/// before anything is written.
pub fn embedding(out: ViewMut<'_>, weight: View<'_>, indices: View<'_>) -> Result<()> {
    let (rows, width) = table(weight)?;
    let fits = out.numel() == indices.numel() * width && out.dtype() == weight.dtype();
    ensure!(fits, Runtime, "internal error: embedding into {:?}", out.dims());
    let indices = Input::cast(indices, DType::I64)?;
    check(indices.values(), rows)?;
    let (table, target) =
        (Input::cast(weight, weight.dtype())?, Output::cast(out, weight.dtype())?);
    dispatch!("embedding", weight.dtype(), [all], T => {
        let (table, target) = (table.values::<T>(), target.values::<T>());
        let indices = indices.values::<i64>();
        parallel_chunks(indices.len(), 1 + (1 << 14) / width.max(1), &|first, last| {
            for i in first..last {
                let from = table.part(indices.at(i) as usize * width, width);
                let to = target.part(i * width, width);
                // SAFETY: `width` elements each; the output overlaps no input.
                unsafe { std::ptr::copy_nonoverlapping(from.ptr(), to.ptr(), width) }
            }
        });
    });
    target.finish()
}

/// Gradient of [`embedding`] in its table: rows of `grad` summed by index, in order of position;
/// rows for `padding` do not count, and with `by_frequency` each sum is divided by its count.
pub fn embedding_backward(
    grad_weight: ViewMut<'_>,
    grad: View<'_>,
    indices: View<'_>,
    padding: Option<usize>,
    by_frequency: bool,
) -> Result<()> {
    let (rows, width) = table(grad_weight.as_view())?;
    let fits = grad.numel() == indices.numel() * width;
    ensure!(fits, Runtime, "internal error: embedding_backward of {:?}", grad.dims());
    let indices = Input::cast(indices, DType::I64)?;
    check(indices.values(), rows)?;
    let (grad, target) = (Input::new(grad)?, Output::new(grad_weight)?);
    let counts = Shared::<i64>::new(if by_frequency { rows } else { 0 })?;
    let counts = counts.values();
    counts.fill(0);
    let at = indices.values::<i64>();
    if by_frequency {
        for i in 0..at.len() {
            let row = at.at(i) as usize;
            counts.set(row, counts.at(row) + 1);
        }
    }
    dispatch!("embedding_backward", grad.dtype(), [float], T => {
        let (grad, target) = (grad.values::<T>(), target.values::<T>());
        parallel_chunks(target.len(), 1 << 16, &|first, last| {
            target.part(first, last - first).fill(0.0);
        });
        parallel_chunks(width, STRIP, &|first, last| {
            for i in 0..at.len() {
                let row = at.at(i) as usize;
                if padding == Some(row) {
                    continue;
                }
                let scale = if by_frequency { 1.0 / counts.at(row) as T } else { 1.0 };
                let from = grad.part(i * width + first, last - first);
                let to = target.part(row * width + first, last - first);
                for j in 0..from.len() {
                    to.set(j, to.at(j) + from.at(j) * scale);
                }
            }
        });
    });
    target.finish()
}

/// Rows and columns of a table.
fn table(weight: View<'_>) -> Result<(usize, usize)> {
    let &[rows, width] = weight.dims() else {
        base::bail!(Runtime, "'weight' must be 2-D");
    };
    Ok((rows, width))
}

fn check(indices: In<'_, i64>, rows: usize) -> Result<()> {
    for i in 0..indices.len() {
        let index = indices.at(i);
        if IndexRule::ROWS.position(index, rows).is_none() {
            return Err(IndexRule::ROWS.error(index, 0, rows));
        }
    }
    Ok(())
}
