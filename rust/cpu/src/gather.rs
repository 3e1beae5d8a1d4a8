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

/// Copies `n` elements of `size` bytes, `stride` elements apart, to consecutive places.
///
/// # Safety
/// Both sides are valid for these accesses and do not overlap.
#[inline]
pub(crate) unsafe fn gather(size: usize, src: *const u8, stride: isize, dst: *mut u8, n: usize) {
    if stride == 1 {
        // SAFETY: the caller's promise.
        unsafe { ptr::copy_nonoverlapping(src, dst, n * size) };
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
        unsafe { ptr::copy_nonoverlapping(src, dst, n * size) };
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
