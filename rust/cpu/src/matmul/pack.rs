//! Copies of operand blocks in the order the register tile reads them: `b` as panels of the tile's
//! width (row p of a panel contiguous, short panels padded with zeros), `a` as panels of its height.

use super::tile::Multiply;

/// A matrix by pointer and steps: element (i, j) at `ptr + i * row + j * col`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<T> {
    pub ptr: *const T,
    pub row: isize,
    pub col: isize,
}

// SAFETY: a pointer and plain numbers; every access is an `unsafe` operation of its user.
unsafe impl<T> Send for Matrix<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Matrix<T> {}

impl<T> Matrix<T> {
    /// The matrix that starts at element (i, j) of this one.
    #[inline]
    pub fn from(self, i: usize, j: usize) -> Matrix<T> {
        let step = i as isize * self.row + j as isize * self.col;
        Matrix {
            ptr: self.ptr.wrapping_offset(step),
            ..self
        }
    }

    /// Rows and columns exchanged.
    #[inline]
    pub fn transposed(self) -> Matrix<T> {
        Matrix {
            ptr: self.ptr,
            row: self.col,
            col: self.row,
        }
    }
}

/// Columns gathered together when `b` is contiguous along k.
const STRIP: usize = 16;

/// Packs `b[k x cols]`, at most one panel of `width` columns, to `to[k x width]`.
///
/// # Safety
/// `b` is readable over k x cols, `to` writable over k x width; `cols <= width`.
pub(crate) unsafe fn pack_right<T: Multiply>(
    b: Matrix<T>,
    k: usize,
    cols: usize,
    width: usize,
    to: *mut T,
) {
    // SAFETY: indices stay below k and cols in `b`, below k and width in `to`.
    unsafe {
        if b.col == 1 {
            for p in 0..k {
                let row = to.add(p * width);
                std::ptr::copy_nonoverlapping(b.ptr.offset(p as isize * b.row), row, cols);
                for j in cols..width {
                    row.add(j).write(T::ZERO);
                }
            }
            return;
        }
        let mut first = 0;
        while first < width {
            let strip = STRIP.min(width - first);
            let filled = cols.saturating_sub(first).min(strip);
            let from = b.from(0, first);
            for p in 0..k {
                let row = to.add(p * width + first);
                let from = from.ptr.offset(p as isize * b.row);
                for j in 0..filled {
                    row.add(j).write(*from.offset(j as isize * b.col));
                }
                for j in filled..strip {
                    row.add(j).write(T::ZERO);
                }
            }
            first += strip;
        }
    }
}

/// Packs `a[rows x k]` to panels of `height` rows, each `[k x height]`; the last panel keeps its own
/// number of rows with the same step.
///
/// # Safety
/// `a` is readable over rows x k, `to` writable over rows rounded up to `height`, times k.
pub(crate) unsafe fn pack_left<T: Multiply>(
    a: Matrix<T>,
    rows: usize,
    k: usize,
    height: usize,
    to: *mut T,
) {
    let mut first = 0;
    while first < rows {
        let count = height.min(rows - first);
        let from = a.from(first, 0);
        // SAFETY: indices stay below rows and k in `a`, within the panel in `to`.
        unsafe {
            let panel = to.add(first * k);
            for p in 0..k {
                let from = from.ptr.offset(p as isize * a.col);
                for i in 0..count {
                    panel
                        .add(p * height + i)
                        .write(*from.offset(i as isize * a.row));
                }
            }
        }
        first += height;
    }
}
