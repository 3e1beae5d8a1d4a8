//! The few vector operations matrix multiplication is written in, on each instruction set.
//!
//! Every method is `inline(always)`: its body only becomes fast (and, for intrinsics, valid) inside
//! a caller that enables the instruction set, which is why all of them are `unsafe`.

/// A register full of numbers.
///
/// # Safety contract of all methods
/// The CPU has the implementor's instruction set; pointers are valid for the elements named.
pub(crate) trait Vector: Copy {
    /// What a lane holds.
    type Scalar: Copy;
    /// Numbers in one vector.
    const LANES: usize;
    unsafe fn splat(value: Self::Scalar) -> Self;
    unsafe fn load(from: *const Self::Scalar) -> Self;
    /// Lanes from `count` on are zero and their memory is not touched.
    unsafe fn load_first(from: *const Self::Scalar, count: usize) -> Self;
    unsafe fn store(self, to: *mut Self::Scalar);
    /// Lanes from `count` on are not written.
    unsafe fn store_first(self, to: *mut Self::Scalar, count: usize);
    /// `self * factor + term`, fused where the hardware can.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// Sum of the lanes.
    unsafe fn sum(self) -> Self::Scalar;
}

/// Four lanes for compilers to vectorise as they can.
#[derive(Clone, Copy)]
pub(crate) struct Portable<T>([T; 4]);

macro_rules! portable {
    ($scalar:ty) => {
        impl Vector for Portable<$scalar> {
            type Scalar = $scalar;
            const LANES: usize = 4;
            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                Portable([value; 4])
            }
            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller vouches for four elements.
                Portable(unsafe { from.cast::<[$scalar; 4]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_first(from: *const $scalar, count: usize) -> Self {
                let mut lanes = [0.0; 4];
                for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                    // SAFETY: the caller vouches for `count` elements.
                    *lane = unsafe { from.add(i).read() };
                }
                Portable(lanes)
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller vouches for four elements.
                unsafe { to.cast::<[$scalar; 4]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $scalar, count: usize) {
                for (i, lane) in self.0.into_iter().enumerate().take(count) {
                    // SAFETY: the caller vouches for `count` elements.
                    unsafe { to.add(i).write(lane) }
                }
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                Portable(std::array::from_fn(|i| {
                    if cfg!(target_arch = "aarch64") {
                        self.0[i].mul_add(factor.0[i], term.0[i])
                    } else {
                        self.0[i] * factor.0[i] + term.0[i]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                Portable(std::array::from_fn(|i| self.0[i] * other.0[i]))
            }
            #[inline(always)]
            unsafe fn sum(self) -> $scalar {
                (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
            }
        }
    };
}
portable!(f32);
portable!(f64);

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    //! AVX2 with FMA, and AVX-512.
    #![allow(clippy::wildcard_imports)]
    use super::Vector;
    use std::arch::x86_64::*;

    /// One AVX-512 register.
    #[derive(Clone, Copy)]
    pub(crate) struct Wide<R>(R);
    /// One AVX register.
    #[derive(Clone, Copy)]
    pub(crate) struct Half<R>(R);

    macro_rules! intrinsics {
        ($vector:ty, $wrap:ident, $scalar:ty, $lanes:literal,
         $splat:ident, $load:ident, $store:ident,
         $fma:ident, $mul:ident, $load_first:expr, $store_first:expr, $sum:expr) => {
            impl Vector for $vector {
                type Scalar = $scalar;
                const LANES: usize = $lanes;
                #[inline(always)]
                unsafe fn splat(value: $scalar) -> Self {
                    // SAFETY: the trait's contract.
                    $wrap(unsafe { $splat(value) })
                }
                #[inline(always)]
                unsafe fn load(from: *const $scalar) -> Self {
                    // SAFETY: the trait's contract.
                    $wrap(unsafe { $load(from) })
                }
                #[inline(always)]
                unsafe fn load_first(from: *const $scalar, count: usize) -> Self {
                    // SAFETY: the trait's contract; the mask covers `count` elements.
                    $wrap(unsafe { $load_first(from, count) })
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $scalar) {
                    // SAFETY: the trait's contract.
                    unsafe { $store(to, self.0) }
                }
                #[inline(always)]
                unsafe fn store_first(self, to: *mut $scalar, count: usize) {
                    // SAFETY: the trait's contract; the mask covers `count` elements.
                    unsafe { $store_first(to, count, self.0) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                    // SAFETY: the trait's contract.
                    $wrap(unsafe { $fma(self.0, factor.0, term.0) })
                }
                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    // SAFETY: the trait's contract.
                    $wrap(unsafe { $mul(self.0, other.0) })
                }
                #[inline(always)]
                unsafe fn sum(self) -> $scalar {
                    // SAFETY: the trait's contract.
                    unsafe { $sum(self) }
                }
            }
        };
    }

    intrinsics!(
        Wide<__m512>,
        Wide,
        f32,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_mul_ps,
        |p, n: usize| _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p),
        |p, n: usize, v| _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as __mmask16, v),
        |v: Self| _mm512_reduce_add_ps(v.0)
    );
    intrinsics!(
        Wide<__m512d>,
        Wide,
        f64,
        8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_mul_pd,
        |p, n: usize| _mm512_maskz_loadu_pd(((1u32 << n) - 1) as __mmask8, p),
        |p, n: usize, v| _mm512_mask_storeu_pd(p, ((1u32 << n) - 1) as __mmask8, v),
        |v: Self| _mm512_reduce_add_pd(v.0)
    );
    intrinsics!(
        Half<__m256>,
        Half,
        f32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_mul_ps,
        |p, n: usize| _mm256_maskload_ps(p, first_words(n)),
        |p, n: usize, v| _mm256_maskstore_ps(p, first_words(n), v),
        |v: Self| {
            let lanes: [f32; 8] = std::mem::transmute(v.0);
            let quads: [f32; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
            (quads[0] + quads[2]) + (quads[1] + quads[3])
        }
    );
    intrinsics!(
        Half<__m256d>,
        Half,
        f64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_mul_pd,
        |p, n: usize| _mm256_maskload_pd(p, first_longs(n)),
        |p, n: usize, v| _mm256_maskstore_pd(p, first_longs(n), v),
        |v: Self| {
            let lanes: [f64; 4] = std::mem::transmute(v.0);
            (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
        }
    );

    #[inline(always)]
    unsafe fn first_words(count: usize) -> __m256i {
        // SAFETY: the caller runs on AVX2.
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
        }
    }

    #[inline(always)]
    unsafe fn first_longs(count: usize) -> __m256i {
        // SAFETY: the caller runs on AVX2.
        unsafe {
            let lane = _mm256_setr_epi64x(0, 1, 2, 3);
            _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), lane)
        }
    }
}
