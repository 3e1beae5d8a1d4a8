//! Row-major copies for kernels that want them: inputs before, outputs after.

use crate::{Buffer, View, map};
use base::{Layout, Result};

fn room(x: &View<'_>, layout: &Layout) -> Result<Buffer> {
    x.device().allocate(layout.end() * x.dtype.size(), false)
}

/// Runs `kernel` with a row-major output; another order is copied into afterwards.
pub(crate) fn output(out: View<'_>, kernel: impl FnOnce(View<'_>) -> Result<()>) -> Result<()> {
    if out.layout.is_contiguous() {
        return kernel(out);
    }
    let layout = Layout::contiguous(out.dims());
    let buffer = room(&out, &layout)?;
    let dense = View::new(&buffer, out.dtype, &layout);
    kernel(dense)?;
    map::copy(out, dense)
}

/// [`output`] for a kernel that writes some elements and keeps the others.
pub(crate) fn output_kept(
    out: View<'_>,
    kernel: impl FnOnce(View<'_>) -> Result<()>,
) -> Result<()> {
    output(out, |dense| {
        if !std::ptr::eq(dense.buffer, out.buffer) {
            map::copy(dense, out)?;
        }
        kernel(dense)
    })
}

/// Runs `kernel` with the input row-major.
pub(crate) fn input<R>(x: View<'_>, kernel: impl FnOnce(View<'_>) -> Result<R>) -> Result<R> {
    retry(x, !x.layout.is_contiguous(), kernel)
}

/// Runs `kernel` with the input itself, or with a row-major copy.
pub(crate) fn retry<R>(
    x: View<'_>,
    copy: bool,
    kernel: impl FnOnce(View<'_>) -> Result<R>,
) -> Result<R> {
    if copy { retry_as(x, &Layout::contiguous(x.dims()), copy, kernel) } else { kernel(x) }
}

/// [`retry`] with another order for the copy.
pub(crate) fn retry_as<R>(
    x: View<'_>,
    layout: &Layout,
    copy: bool,
    kernel: impl FnOnce(View<'_>) -> Result<R>,
) -> Result<R> {
    if !copy {
        return kernel(x);
    }
    let buffer = room(&x, layout)?;
    let dense = View::new(&buffer, x.dtype, layout);
    map::copy(dense, x)?;
    kernel(dense)
}
