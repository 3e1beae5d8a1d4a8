//! Row-major copies for kernels that want them: inputs before, outputs after.

use crate::{Buffer, Device, View, map, window};
use base::layout::preserved_layout;
use base::{DType, Layout, Result};

/// Row-major memory for results between kernels.
pub(crate) struct Room {
    buffer: Buffer,
    layout: Layout,
    dtype: DType,
}

impl Room {
    pub fn new(device: &'static Device, dims: &[usize], dtype: DType) -> Result<Room> {
        Room::in_order(device, Layout::contiguous(dims), dtype)
    }

    fn in_order(device: &'static Device, layout: Layout, dtype: DType) -> Result<Room> {
        let buffer = device.allocate(layout.end() * dtype.size(), false)?;
        Ok(Room { buffer, layout, dtype })
    }

    /// Memory of its own for a view, under the same steps, with what lies there.
    pub fn apart(view: View<'_>) -> Result<Room> {
        let (low, end) = window::reach(view.layout);
        let layout = Layout { offset: view.layout.offset - low, ..view.layout.clone() };
        let room = Room::in_order(view.device(), layout, view.dtype)?;
        let flat = |offset| Layout { offset, ..Layout::contiguous(&[end - low]) };
        let all = View { layout: &flat(low), ..view };
        map::copy(View { layout: &flat(0), ..room.view() }, all)?;
        Ok(room)
    }

    pub fn view(&self) -> View<'_> {
        View::new(&self.buffer, self.dtype, &self.layout)
    }
}

/// Runs `kernel` with a row-major output; another order is copied into afterwards.
pub(crate) fn output(out: View<'_>, kernel: impl FnOnce(View<'_>) -> Result<()>) -> Result<()> {
    if out.layout.is_contiguous() {
        return kernel(out);
    }
    let dense = Room::new(out.device(), out.dims(), out.dtype)?;
    kernel(dense.view())?;
    map::copy(out, dense.view())
}

/// [`output`] for a kernel that writes some elements and keeps the others.
pub(crate) fn output_kept(
    out: View<'_>,
    kernel: impl FnOnce(View<'_>) -> Result<()>,
) -> Result<()> {
    output(out, |dense| {
        if dense.buffer != out.buffer {
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
    let dense = Room::in_order(x.device(), layout.clone(), x.dtype)?;
    map::copy(dense.view(), x)?;
    kernel(dense.view())
}

/// Runs `kernel` with terms of a result of a dtype: of another kind than the result's, they are cast
/// before they are added.
pub(crate) fn terms<R>(
    x: View<'_>,
    dtype: DType,
    kernel: impl FnOnce(View<'_>) -> Result<R>,
) -> Result<R> {
    if x.dtype.is_float() == dtype.is_float() {
        return kernel(x);
    }
    let cast = Room::in_order(x.device(), preserved_layout(x.layout), dtype)?;
    map::copy(cast.view(), x)?;
    kernel(cast.view())
}
