//! Strided runs to and from contiguous blocks, by element size: dtype-erased, so that each exists
//! once for all dtypes.

use std::ptr;

macro_rules! by_size {
    ($size:expr, $t:ident => $body:expr) => {
        match $size {
            1 => {
                type $t = u8;
                $body
            }
            2 => {
                type $t = u16;
                $body
            }
            4 => {
                type $t = u32;
                $body
            }
            8 => {
                type $t = u64;
                $body
            }
            _ => {
                type $t = [u64; 2];
                $body
            }
        }
    };
}
pub(crate) use by_size;

/// An unsigned integer (or pair) as wide as an element; complex64 is read as one u64, which is
/// wider than its alignment, hence the unaligned accesses.
#[inline(always)]
unsafe fn load<T: Copy>(src: *const T) -> T {
    // SAFETY: the caller's promise.
    unsafe { ptr::read_unaligned(src) }
}

#[inline(always)]
unsafe fn store<T: Copy>(dst: *mut T, value: T) {
    // SAFETY: the caller's promise.
    unsafe { ptr::write_unaligned(dst, value) }
}

/// Copies bytes.
///
/// From about 2 KiB on glibc's `memcpy` uses `rep movsb`, which takes ten times as long on AMD Zen 3
/// where both sides are aligned differently: it is given less at a time.
///
/// # Safety
/// Both sides are valid for `n` bytes and do not overlap.
pub(crate) unsafe fn copy_bytes(src: *const u8, dst: *mut u8, n: usize) {
    const PIECE: usize = 1024;
    if (src.addr() ^ dst.addr()).is_multiple_of(64) {
        // SAFETY: the caller's promise.
        unsafe { ptr::copy_nonoverlapping(src, dst, n) };
        return;
    }
    for start in (0..n).step_by(PIECE) {
        // SAFETY: a part of what the caller promises.
        unsafe { ptr::copy_nonoverlapping(src.add(start), dst.add(start), PIECE.min(n - start)) };
    }
}

/// Copies `n` elements of `size` bytes, `stride` elements apart, to consecutive places.
///
/// # Safety
/// Both sides are valid for these accesses and do not overlap.
#[inline]
pub(crate) unsafe fn gather(size: usize, src: *const u8, stride: isize, dst: *mut u8, n: usize) {
    if stride == 1 {
        // SAFETY: the caller's promise.
        unsafe { copy_bytes(src, dst, n * size) };
        return;
    }
    by_size!(size, T => {
        let (src, dst) = (src.cast::<T>(), dst.cast::<T>());
        for i in 0..n {
            // SAFETY: the caller's promise.
            unsafe { store(dst.add(i), load(src.offset(i as isize * stride))) };
        }
    });
}

/// Copies `n` consecutive elements of `size` bytes to places `stride` elements apart.
///
/// # Safety
/// Both sides are valid for these accesses and do not overlap.
#[inline]
pub(crate) unsafe fn scatter(size: usize, src: *const u8, dst: *mut u8, stride: isize, n: usize) {
    if stride == 1 {
        // SAFETY: the caller's promise.
        unsafe { copy_bytes(src, dst, n * size) };
        return;
    }
    by_size!(size, T => {
        let (src, dst) = (src.cast::<T>(), dst.cast::<T>());
        for i in 0..n {
            // SAFETY: the caller's promise.
            unsafe { store(dst.offset(i as isize * stride), load(src.add(i))) };
        }
    });
}

/// Writes `n` copies of the element at `src`.
///
/// # Safety
/// `src` is one element, `dst` has room for `n`, and they do not overlap.
#[inline]
pub(crate) unsafe fn splat(size: usize, src: *const u8, dst: *mut u8, n: usize) {
    by_size!(size, T => {
        // SAFETY: the caller's promise.
        let value = unsafe { load(src.cast::<T>()) };
        for i in 0..n {
            // SAFETY: the caller's promise.
            unsafe { store(dst.cast::<T>().add(i), value) };
        }
    });
}

/// Copies `shape[0]` rows of `shape[1]` elements of `size` bytes, with `strides` from row to row and
/// from element to element, to consecutive places.
///
/// # Safety
/// Both sides are valid for these accesses and do not overlap.
pub(crate) unsafe fn gather_rows(
    size: usize,
    src: *const u8,
    strides: [isize; 2],
    dst: *mut u8,
    shape: [usize; 2],
) {
    let [rows, n] = shape;
    by_size!(size, T => {
        let (src, dst) = (src.cast::<T>(), dst.cast::<T>());
        for r in 0..rows {
            let row = src.wrapping_offset(r as isize * strides[0]);
            for i in 0..n {
                // SAFETY: the caller's promise.
                unsafe { store(dst.add(r * n + i), load(row.offset(i as isize * strides[1]))) };
            }
        }
    });
}

/// Turns `shape[1]` columns, `step` elements apart, of `shape[0]` neighbouring elements each, into
/// consecutive rows.
///
/// # Safety
/// Both sides are valid for these accesses and do not overlap.
pub(crate) unsafe fn transpose(
    size: usize,
    src: *const u8,
    step: isize,
    dst: *mut u8,
    shape: [usize; 2],
) {
    let [rows, columns] = shape;
    by_size!(size, T => {
        let (src, dst) = (src.cast::<T>(), dst.cast::<T>());
        for c in 0..columns {
            let column = src.wrapping_offset(c as isize * step);
            for r in 0..rows {
                // SAFETY: the caller's promise.
                unsafe { store(dst.add(r * columns + c), load(column.add(r))) };
            }
        }
    });
}
