//! Copies in another order of elements: reversed or moved around along dimensions.

use crate::View;
use crate::map::copy;
use base::Result;

/// A copy with the order of elements reversed along some dimensions.
pub fn flip(out: View<'_>, source: View<'_>, dims: &[usize]) -> Result<()> {
    if source.numel() == 0 {
        return Ok(());
    }
    let mut layout = source.layout.clone();
    for &d in dims {
        layout.offset += (layout.dims[d] - 1) * layout.strides[d] as usize;
        layout.strides[d] = -layout.strides[d];
    }
    copy(out, View { layout: &layout, ..source })
}

/// A copy with elements moved around by shifts along dimensions: a shift moves two parts.
pub fn roll(out: View<'_>, x: View<'_>, shifts: &[(i64, usize)]) -> Result<()> {
    let Some((&(by, d), rest)) = shifts.split_first() else { return copy(out, x) };
    let size = x.dims()[d];
    if size == 0 {
        return Ok(());
    }
    let by = by.rem_euclid(size as i64) as usize;
    for (to, from, len) in [(by, 0, size - by), (0, size - by, by)] {
        let (to, from) = (out.layout.slice(d, to, len, 1), x.layout.slice(d, from, len, 1));
        roll(View { layout: &to, ..out }, View { layout: &from, ..x }, rest)?;
    }
    Ok(())
}
