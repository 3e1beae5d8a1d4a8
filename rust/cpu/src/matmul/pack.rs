//! Copies of operand blocks in the order the register tile reads them: `b` as panels of the tile's
//! width (row p of a panel contiguous, short panels padded with zeros), `a` as panels of its
//! height.

use super::tile::{BLOCK, Kernel, Multiply};
use std::ops::Range;

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
        Matrix { ptr: self.ptr.wrapping_offset(step), ..self }
    }

    /// Rows and columns exchanged.
    #[inline]
    pub fn transposed(self) -> Matrix<T> {
        Matrix { ptr: self.ptr, row: self.col, col: self.row }
    }
}

/// Packs `b[k x cols]`, at most one panel of the kernel's width, to `to[k x width]`.
///
/// # Safety
/// `b` is readable over k x cols, `to` writable over k x width; `cols` is at most the width.
pub(crate) unsafe fn pack_right<T: Multiply>(
    b: Matrix<T>,
    k: usize,
    cols: usize,
    kernel: &Kernel<T>,
    to: *mut T,
) {
    let width = kernel.cols();
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
        for first in (0..width).step_by(BLOCK) {
            let strip = BLOCK.min(width - first);
            let filled = cols.saturating_sub(first).min(strip);
            let (from, to) = (b.from(0, first), to.add(first));
            let mut done = 0;
            if let Some(transpose) = kernel.transpose.filter(|_| b.row == 1 && filled == BLOCK) {
                while done + BLOCK <= k {
                    transpose(from.from(done, 0).ptr, b.col, to.add(done * width), width);
                    done += BLOCK;
                }
            }
            for p in done..k {
                let (row, from) = (to.add(p * width), from.from(p, 0));
                for j in 0..filled {
                    row.add(j).write(*from.from(0, j).ptr);
                }
                for j in filled..strip {
                    row.add(j).write(T::ZERO);
                }
            }
        }
    }
}

/// Steps of k that are packed for all panels before the next ones: their rows of a transposed `a`
/// stay in the first-level cache while one panel after another takes its part of them.
const STEPS: usize = 8;

/// Packs `a[rows x k]` to panels of `height` rows, each `[k x height]`; the last panel keeps its
/// own number of rows with the same step.
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
    for start in (0..k).step_by(STEPS) {
        let steps = start..k.min(start + STEPS);
        for first in (0..rows).step_by(height) {
            let count = height.min(rows - first);
            let from = a.from(first, 0);
            // SAFETY: indices stay below rows and k in `a`, within the panel in `to`.
            unsafe {
                let panel = to.add(first * k);
                match height {
                    6 if count == 6 && a.row == 1 => whole::<T, 6>(from, steps.clone(), panel),
                    4 if count == 4 && a.row == 1 => whole::<T, 4>(from, steps.clone(), panel),
                    _ => {
                        for p in steps.clone() {
                            let from = from.ptr.offset(p as isize * a.col);
                            for i in 0..count {
                                panel.add(p * height + i).write(*from.offset(i as isize * a.row));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Some steps of a whole panel, whose rows lie side by side in `a`.
///
/// # Safety
/// `a` is readable over `H` rows and these steps, `panel` writable there.
#[inline(always)]
unsafe fn whole<T: Multiply, const H: usize>(a: Matrix<T>, steps: Range<usize>, panel: *mut T) {
    for p in steps {
        // SAFETY: the caller's.
        unsafe {
            let from = a.ptr.offset(p as isize * a.col).cast::<[T; H]>();
            panel.add(p * H).cast::<[T; H]>().write(from.read());
        }
    }
}
