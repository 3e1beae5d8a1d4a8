//! Tensors larger than one binding: a kernel binds the part of a buffer that its view spans, and an
//! elementwise kernel, a reduction or one along a dimension is run piece by piece where that part
//! is too large as well.

use crate::{Buffer, View};
use base::{DType, Layout, Result};

/// Bindings start at multiples of this many bytes, and have as many at least; every dtype's size
/// divides it.
pub(crate) const ALIGNMENT: u64 = 256;

/// A part of a buffer, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a> {
    pub buffer: &'a Buffer,
    pub start: u64,
    pub size: u64,
}

impl<'a> Window<'a> {
    /// The whole buffer.
    pub fn whole(buffer: &'a Buffer) -> Window<'a> {
        Window { buffer, start: 0, size: buffer.block().size }
    }

    /// The part that views of one buffer span together; all of it where that fits into a binding.
    pub fn of(views: &[View<'a>]) -> Window<'a> {
        let whole = Window::whole(views[0].buffer);
        if whole.size <= whole.buffer.device().largest_binding() {
            return whole;
        }
        let spans = || views.iter().map(span);
        let start = spans().map(|s| s.0).min().unwrap_or(0);
        let end = spans().map(|s| s.1).max().unwrap_or(whole.size);
        // An empty view may begin at the end.
        let start = (start / ALIGNMENT * ALIGNMENT).min(whole.size - ALIGNMENT);
        let end = end.next_multiple_of(ALIGNMENT).min(whole.size);
        Window { start, size: end.saturating_sub(start).max(ALIGNMENT), ..whole }
    }

    pub fn is_whole(&self) -> bool {
        self.size == self.buffer.block().size
    }

    /// The place of a view's element 0 in it, as a kernel parameter.
    pub fn place(&self, view: &View<'_>) -> u32 {
        (view.layout.offset - self.start as usize / view.dtype.size()) as u32
    }
}

/// The lowest place of a layout's elements and the end of them.
pub(crate) fn reach(layout: &Layout) -> (usize, usize) {
    let (mut low, mut high) = (layout.offset as isize, layout.offset as isize);
    for (&n, &step) in layout.dims.iter().zip(&layout.strides) {
        let reach = step * n.saturating_sub(1) as isize;
        low += reach.min(0);
        high += reach.max(0);
    }
    (low as usize, high as usize + 1)
}

/// First byte and end of a view's elements.
fn span(view: &View<'_>) -> (u64, u64) {
    let (low, end) = reach(view.layout);
    let size = view.dtype.size();
    ((low * size) as u64, (end * size) as u64)
}

/// Some view of these spans more than one binding holds.
pub(crate) fn is_large(views: &[View<'_>]) -> bool {
    views.iter().any(|view| {
        let limit = view.device().largest_binding();
        view.buffer.block().size > limit && {
            let (start, end) = span(view);
            end - start + 2 * ALIGNMENT > limit
        }
    })
}

/// The dimension along which a view reaches furthest, of those allowed.
pub(crate) fn widest(view: &View<'_>, allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let layout = view.layout;
    let reach = |d: usize| (layout.dims[d].saturating_sub(1)) * layout.strides[d].unsigned_abs();
    (0..layout.dims.len()).filter(|&d| allowed(d) && reach(d) > 0).max_by_key(|&d| reach(d))
}

/// Runs `kernel`, which works along dimension `whole` of views that agree in the others: at once, or
/// by halves along another one for as long as these views, or copies in a wider dtype, are too large.
pub(crate) fn in_parts<const N: usize>(
    views: [View<'_>; N],
    whole: usize,
    kernel: &dyn Fn([View<'_>; N]) -> Result<()>,
) -> Result<()> {
    let wide = |view: &View<'_>| (view.numel() * DType::I64.size()) as u64;
    let is_large =
        |view: &&View<'_>| is_large(&[**view]) || wide(view) > view.device().largest_binding();
    let Some(d) = views.iter().find(is_large).and_then(|view| widest(view, |d| d != whole)) else {
        return kernel(views);
    };
    let both = views.map(|view| halves(view.layout, d));
    for half in [0, 1] {
        let part = std::array::from_fn(|i| View { layout: &both[i][half], ..views[i] });
        in_parts(part, whole, kernel)?;
    }
    Ok(())
}

/// Both halves of a layout along a dimension.
pub(crate) fn halves(layout: &Layout, d: usize) -> [Layout; 2] {
    let middle = layout.dims[d] / 2;
    let (mut first, mut second) = (layout.clone(), layout.clone());
    first.dims[d] = middle;
    second.dims[d] -= middle;
    let shift = middle as isize * layout.strides[d];
    second.offset = second.offset.wrapping_add_signed(shift);
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::halves;
    use base::Layout;

    #[test]
    fn halves_cover_the_layout() {
        let [a, b] = halves(&Layout::contiguous(&[5, 3]), 0);
        assert_eq!((&*a.dims, a.offset), (&[2, 3][..], 0));
        assert_eq!((&*b.dims, b.offset), (&[3, 3][..], 6));
    }
}
