//! Instruction sets: which one this machine has, and the macro that compiles a kernel for each.
//!
//! A kernel is written once, as plain generic Rust, inside [`simd!`]. It is compiled as it stands
//! (SSE2 on x86-64, NEON on ARM) and again with AVX2 and AVX-512 enabled; the best one is called.
//! Loops vectorise when everything they call is inlined, so helpers are `#[inline(always)]`.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// An instruction-set level; later ones include earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    /// What every machine of this architecture has.
    Baseline = 1,
    /// x86-64 with AVX2, FMA and BMI2.
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW, DQ, CD beside the above.
    Avx512,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];
}

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The level kernels run at.
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Relaxed) {
        1 => Level::Baseline,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let best = detect();
            LEVEL.store(best as u8, Relaxed);
            best
        }
    }
}

/// Lowers the level (tests run kernels at each one); never above what the machine has. Returns the
/// level now in force.
pub fn limit_level(level: Level) -> Level {
    let level = level.min(detect());
    LEVEL.store(level as u8, Relaxed);
    level
}

/// The best level of this machine.
pub fn detect() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if !(has!("avx2") && has!("fma") && has!("bmi2")) {
            return Level::Baseline;
        }
        let wide = has!("avx512f") && has!("avx512vl") && has!("avx512bw");
        if wide && has!("avx512dq") && has!("avx512cd") { Level::Avx512 } else { Level::Avx2 }
    }
    #[cfg(not(target_arch = "x86_64"))]
    Level::Baseline
}

/// Compiles a function for every instruction-set level and calls the best one at run time. Generic
/// parameters stand in square brackets: `unsafe fn sum[T: Number](x: *const T, n: usize) -> T`.
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident $([$($gen:ident : $bound:path),+])?
        ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::inline_always, clippy::too_many_arguments)]
        $vis unsafe fn $name $(<$($gen: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            unsafe fn body $(<$($gen: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512cd,avx2,fma,bmi2")]
            unsafe fn avx512 $(<$($gen: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: the caller's conditions are passed on unchanged.
                unsafe { body $(::<$($gen),+>)? ($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi2")]
            unsafe fn avx2 $(<$($gen: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: the caller's conditions are passed on unchanged.
                unsafe { body $(::<$($gen),+>)? ($($arg),*) }
            }
            // SAFETY: `level` names only what the machine has; the rest is the caller's promise.
            unsafe {
                match $crate::arch::level() {
                    #[cfg(target_arch = "x86_64")]
                    $crate::arch::Level::Avx512 => avx512 $(::<$($gen),+>)? ($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::arch::Level::Avx2 => avx2 $(::<$($gen),+>)? ($($arg),*),
                    _ => body $(::<$($gen),+>)? ($($arg),*),
                }
            }
        }
    };
}
pub(crate) use simd;
