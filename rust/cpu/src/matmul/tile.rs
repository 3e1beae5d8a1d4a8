//! The three inner loops of matrix multiplication, generic over [`Vector`] and compiled once per
//! instruction set: a register tile, a block of dot products, and a scaled sum of rows.
//!
//! Invariant: each element of the result is a sum over k in increasing order within one call (lane
//! by lane for `dots`), whatever tile it falls in, so splitting rows or columns changes no bit.

use super::vector::{Portable, Vector};

/// One register tile: `c[rows x cols] (+)= alpha * a[rows x k] * b[k x cols]`.
pub(crate) struct Tile<T> {
    /// Length of the inner sum.
    pub k: usize,
    /// Left operand, element (i, p) at `a + i * a_row + p * a_col`.
    pub a: *const T,
    pub a_row: isize,
    pub a_col: isize,
    /// Right operand, row p at `b + p * b_row`, contiguous in j.
    pub b: *const T,
    pub b_row: isize,
    /// Result, row i at `c + i * c_row`, contiguous in j.
    pub c: *mut T,
    pub c_row: isize,
    /// Columns of `c`; `b` may be read up to here, or up to whole vectors when `padded`.
    pub cols: usize,
    pub padded: bool,
    pub alpha: T,
    /// Add to `c` instead of overwriting it.
    pub accumulate: bool,
}

/// `c[rows x cols] (+)= alpha * a[rows x k] * b[cols x k]^T`, both operands contiguous in k.
pub(crate) struct Dots<T> {
    pub k: usize,
    pub a: *const T,
    pub a_row: isize,
    pub b: *const T,
    pub b_row: isize,
    pub c: *mut T,
    pub c_row: isize,
    pub alpha: T,
    pub accumulate: bool,
}

/// `y[cols] += alpha * sum_p x[p] * b[p, cols]` for four rows p of `b` at a time.
pub(crate) struct Axpy<T> {
    pub x: [T; 4],
    /// How many of the four rows exist.
    pub rows: usize,
    pub b: *const T,
    pub b_row: isize,
    pub y: *mut T,
    pub cols: usize,
}

type TileFn<T> = unsafe fn(&Tile<T>);
type DotsFn<T> = unsafe fn(&Dots<T>);
type TransposeFn<T> = unsafe fn(*const T, isize, *mut T, usize);

/// Side of the blocks a kernel may be able to transpose.
pub(crate) const BLOCK: usize = 16;

/// The compiled loops of one instruction set and element type.
pub(crate) struct Kernel<T: 'static> {
    /// Numbers in one vector.
    pub lanes: usize,
    /// `tiles[rows - 1][vectors - 1]`.
    tiles: &'static [&'static [TileFn<T>]],
    /// `dots[rows - 1][cols - 1]`.
    dots: [[DotsFn<T>; 4]; 4],
    axpy: unsafe fn(&Axpy<T>),
    /// Transposes a block of [`BLOCK`] x [`BLOCK`]: source, its step, target, its step.
    pub transpose: Option<TransposeFn<T>>,
}

impl<T> Kernel<T> {
    /// Rows of the largest tile.
    pub fn rows(&self) -> usize {
        self.tiles.len()
    }

    /// Columns of the largest tile.
    pub fn cols(&self) -> usize {
        self.tiles[0].len() * self.lanes
    }

    /// Runs a tile of `rows` rows.
    ///
    /// # Safety
    /// The pointers are valid for the geometry; `1 <= rows <= self.rows()` and
    /// `1 <= t.cols <= self.cols()`.
    #[inline]
    pub unsafe fn tile(&self, rows: usize, t: &Tile<T>) {
        let vectors = t.cols.div_ceil(self.lanes);
        // SAFETY: this kernel was selected for the running CPU; the rest is the caller's.
        unsafe { self.tiles[rows - 1][vectors - 1](t) }
    }

    /// Runs a block of dot products, at most 4 x 4.
    ///
    /// # Safety
    /// The pointers are valid for the geometry; `1 <= rows, cols <= 4`.
    #[inline]
    pub unsafe fn dots(&self, rows: usize, cols: usize, d: &Dots<T>) {
        // SAFETY: this kernel was selected for the running CPU; the rest is the caller's.
        unsafe { self.dots[rows - 1][cols - 1](d) }
    }

    /// Adds up to four scaled rows to a vector.
    ///
    /// # Safety
    /// The pointers are valid for the geometry.
    #[inline]
    pub unsafe fn axpy(&self, x: &Axpy<T>) {
        // SAFETY: this kernel was selected for the running CPU; the rest is the caller's.
        unsafe { (self.axpy)(x) }
    }
}

#[inline(always)]
unsafe fn tile_body<V: Vector, const ROWS: usize, const VECTORS: usize>(t: &Tile<V::Scalar>) {
    // SAFETY: the caller vouches for the geometry of `t` and for the instruction set.
    unsafe {
        let last = t.cols - (VECTORS - 1) * V::LANES;
        let sums = if t.padded || last == V::LANES {
            tile_sums::<V, ROWS, VECTORS, false>(t, last)
        } else {
            tile_sums::<V, ROWS, VECTORS, true>(t, last)
        };
        let alpha = V::splat(t.alpha);
        for (i, row) in sums.into_iter().enumerate() {
            let c_row = t.c.offset(i as isize * t.c_row);
            for (j, sum) in row.into_iter().enumerate() {
                let c = c_row.add(j * V::LANES);
                if j + 1 < VECTORS || last == V::LANES {
                    let sum =
                        if t.accumulate { sum.mul_add(alpha, V::load(c)) } else { sum.mul(alpha) };
                    sum.store(c);
                } else {
                    let sum = if t.accumulate {
                        sum.mul_add(alpha, V::load_first(c, last))
                    } else {
                        sum.mul(alpha)
                    };
                    sum.store_first(c, last);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn tile_sums<V: Vector, const ROWS: usize, const VECTORS: usize, const PARTIAL: bool>(
    t: &Tile<V::Scalar>,
    last: usize,
) -> [[V; VECTORS]; ROWS]
where
    V::Scalar: Copy,
{
    // SAFETY: as in `tile_body`; `PARTIAL` keeps the last vector of `b` within `cols`.
    unsafe {
        let (mut a, mut b) = (t.a, t.b);
        let zero = V::splat(std::mem::zeroed());
        let mut sums = [[zero; VECTORS]; ROWS];
        for _ in 0..t.k {
            let mut row = [zero; VECTORS];
            for (j, v) in row.iter_mut().enumerate() {
                let from = b.add(j * V::LANES);
                *v = if PARTIAL && j + 1 == VECTORS {
                    V::load_first(from, last)
                } else {
                    V::load(from)
                };
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let left = V::splat(*a.offset(i as isize * t.a_row));
                for (sum, v) in sums.iter_mut().zip(row) {
                    *sum = left.mul_add(v, *sum);
                }
            }
            a = a.wrapping_offset(t.a_col);
            b = b.wrapping_offset(t.b_row);
        }
        sums
    }
}

#[inline(always)]
unsafe fn dots_body<V: Vector, const ROWS: usize, const COLS: usize>(d: &Dots<V::Scalar>)
where
    V::Scalar: std::ops::Mul<Output = V::Scalar> + std::ops::Add<Output = V::Scalar>,
{
    // SAFETY: the caller vouches for the geometry of `d` and for the instruction set.
    unsafe {
        let zero = V::splat(std::mem::zeroed());
        let mut sums = [[zero; COLS]; ROWS];
        let mut p = 0;
        while p < d.k {
            let count = (d.k - p).min(V::LANES);
            let load = |from: *const V::Scalar| {
                if count == V::LANES { V::load(from) } else { V::load_first(from, count) }
            };
            let mut right = [zero; COLS];
            for (j, v) in right.iter_mut().enumerate() {
                *v = load(d.b.offset(j as isize * d.b_row).add(p));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let left = load(d.a.offset(i as isize * d.a_row).add(p));
                for (sum, v) in sums.iter_mut().zip(right) {
                    *sum = left.mul_add(v, *sum);
                }
            }
            p += V::LANES;
        }
        for (i, row) in sums.into_iter().enumerate() {
            for (j, sum) in row.into_iter().enumerate() {
                let c = d.c.offset(i as isize * d.c_row).add(j);
                let value = d.alpha * sum.sum();
                *c = if d.accumulate { *c + value } else { value };
            }
        }
    }
}

#[inline(always)]
unsafe fn axpy_body<V: Vector>(a: &Axpy<V::Scalar>) {
    // SAFETY: the caller vouches for the geometry of `a` and for the instruction set.
    unsafe {
        let mut j = 0;
        while j < a.cols {
            let count = (a.cols - j).min(V::LANES);
            let full = count == V::LANES;
            let y = a.y.add(j);
            let mut sum = if full { V::load(y) } else { V::load_first(y, count) };
            for p in 0..a.rows {
                let from = a.b.offset(p as isize * a.b_row).add(j);
                let v = if full { V::load(from) } else { V::load_first(from, count) };
                sum = V::splat(a.x[p]).mul_add(v, sum);
            }
            if full {
                sum.store(y);
            } else {
                sum.store_first(y, count);
            }
            j += V::LANES;
        }
    }
}

macro_rules! kernel {
    ($name:ident, $vector:ty, $scalar:ty, [$($feature:literal)?], [$($rows:literal)*],
     $vectors:tt, $transpose:expr) => {
        mod $name {
            use super::*;
            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const ROWS: usize, const VECTORS: usize>(t: &Tile<$scalar>) {
                // SAFETY: the caller's, with the instruction set enabled here.
                unsafe { tile_body::<$vector, ROWS, VECTORS>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn dots<const ROWS: usize, const COLS: usize>(d: &Dots<$scalar>) {
                // SAFETY: the caller's, with the instruction set enabled here.
                unsafe { dots_body::<$vector, ROWS, COLS>(d) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn axpy(a: &Axpy<$scalar>) {
                // SAFETY: the caller's, with the instruction set enabled here.
                unsafe { axpy_body::<$vector>(a) }
            }
            pub(super) static KERNEL: Kernel<$scalar> = Kernel {
                lanes: <$vector>::LANES,
                tiles: &[$(kernel!(@row $rows, $vectors)),*],
                dots: [
                    [dots::<1, 1>, dots::<1, 2>, dots::<1, 3>, dots::<1, 4>],
                    [dots::<2, 1>, dots::<2, 2>, dots::<2, 3>, dots::<2, 4>],
                    [dots::<3, 1>, dots::<3, 2>, dots::<3, 3>, dots::<3, 4>],
                    [dots::<4, 1>, dots::<4, 2>, dots::<4, 3>, dots::<4, 4>],
                ],
                axpy,
                transpose: $transpose,
            };
        }
    };
    (@row $rows:literal, [$($vectors:literal)*]) => { &[$(tile::<$rows, $vectors>),*] };
}

kernel!(portable_f32, Portable<f32>, f32, [], [1 2 3 4], [1 2], None);
kernel!(portable_f64, Portable<f64>, f64, [], [1 2 3 4], [1 2], None);

#[cfg(target_arch = "x86_64")]
use {
    super::vector::x86::{Half, Wide},
    std::arch::x86_64::{__m256, __m256d, __m512, __m512d},
};
#[cfg(target_arch = "x86_64")]
kernel!(avx2_f32, Half<__m256>, f32, ["avx2,fma"], [1 2 3 4 5 6], [1 2], None);
#[cfg(target_arch = "x86_64")]
kernel!(avx2_f64, Half<__m256d>, f64, ["avx2,fma"], [1 2 3 4 5 6], [1 2], None);
#[cfg(target_arch = "x86_64")]
kernel!(
    avx512_f32, Wide<__m512>, f32, ["avx512f,avx2,fma"], [1 2 3 4 5 6], [1 2 3 4],
    Some(super::super::transpose::transpose_f32)
);
#[cfg(target_arch = "x86_64")]
kernel!(
    avx512_f64, Wide<__m512d>, f64, ["avx512f,avx2,fma"], [1 2 3 4 5 6], [1 2 3 4], None
);

/// Element types that have compiled loops.
pub(crate) trait Multiply: base::Element + std::ops::Mul<Output = Self> {
    /// Zero and one.
    const ZERO: Self;
    const ONE: Self;
    /// The fastest loops the running CPU has.
    fn kernel() -> &'static Kernel<Self>;
}

macro_rules! multiply {
    ($scalar:ty, $portable:ident, $avx2:ident, $avx512:ident) => {
        impl Multiply for $scalar {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline]
            fn kernel() -> &'static Kernel<Self> {
                #[cfg(target_arch = "x86_64")]
                match crate::arch::level() {
                    crate::arch::Level::Avx512 => return &$avx512::KERNEL,
                    crate::arch::Level::Avx2 => return &$avx2::KERNEL,
                    crate::arch::Level::Baseline => {}
                }
                &$portable::KERNEL
            }
        }
    };
}
multiply!(f32, portable_f32, avx2_f32, avx512_f32);
multiply!(f64, portable_f64, avx2_f64, avx512_f64);
