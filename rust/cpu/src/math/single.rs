//! Functions of f32: branch-free, so that loops over them vectorise.
//!
//! The hot ones (exp, ln, tanh, erf, sigmoid) are single-precision polynomials (coefficients after
//! Cephes and N. Juffa); the others round the f64 kernels of `wide`.
#![allow(clippy::excessive_precision)]

use super::{Field, Number, Real, phase, special, wide};
use std::f64::consts::{LN_2, LOG2_E, LOG10_E};

/// Adding and subtracting it rounds to an integer, whose low bits then are the sum's low bits.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23

/// `exp(x)` as a number from 0.7 to 1.42 and a power of two, whose exponent is in the low bits.
#[inline(always)]
fn exp_parts(x: f32) -> (f32, u32) {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_375, x);
    let r = n.mul_add(2.121_944_40e-4, r);
    let p = 1.987_569_15e-4_f32
        .mul_add(r, 1.398_199_95e-3)
        .mul_add(r, 8.333_451_91e-3)
        .mul_add(r, 4.166_579_59e-2)
        .mul_add(r, 1.666_666_55e-1)
        .mul_add(r, 5.000_000_12e-1);
    (p.mul_add(r * r, r) + 1.0, shifted.to_bits())
}

/// A number from 0.7 to 1.42 times a power of two that leaves it a normal number.
#[inline(always)]
fn scaled(x: f32, exponent: u32) -> f32 {
    f32::from_bits(x.to_bits().wrapping_add(exponent << 23))
}

#[inline(always)]
fn exp(x: f32) -> f32 {
    let c = if x > 89.0 { 89.0 } else { x };
    let c = if c < -104.0 { -104.0 } else { c };
    let (y, n) = exp_parts(c);
    // 2^n in two factors, so that subnormal results and infinity come out right.
    let n = (n as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let rest = f32::from_bits((n.wrapping_sub(half).wrapping_add(127) as u32) << 23);
    scaled(y, half as u32) * rest
}

#[inline(always)]
fn ln(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits() as i32;
    let exponent = bits.wrapping_sub(0x3f2a_aaab) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(exponent << 23) as u32);
    let e = exponent as f32 + if subnormal { -23.0 } else { 0.0 };
    let f = m - 1.0;
    let s = f * f;
    let p = (-0.130_310_059_f32).mul_add(f, 0.140_869_141);
    let q = (-0.121_483_512_f32).mul_add(f, 0.139_814_854);
    let p = p
        .mul_add(s, q)
        .mul_add(f, -0.166_846_126)
        .mul_add(f, 0.200_120_345)
        .mul_add(f, -0.249_996_200)
        .mul_add(f, 0.333_331_972)
        .mul_add(f, -0.5)
        .mul_add(s, f);
    let result = e.mul_add(std::f32::consts::LN_2, p);
    let result = if x == f32::INFINITY { x } else { result };
    let result = if x == 0.0 { f32::NEG_INFINITY } else { result };
    if x < 0.0 || x.is_nan() { f32::NAN } else { result }
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let p = (-5.704_988_727_45e-3_f32)
        .mul_add(z, 2.063_908_879_54e-2)
        .mul_add(z, -5.373_971_555_31e-2)
        .mul_add(z, 1.333_144_220_36e-1)
        .mul_add(z, -3.333_328_194_22e-1);
    let small = (p * z).mul_add(x, x);
    let large = 1.0 - 2.0 / (exp(a + a) + 1.0);
    (if a < 0.625 { small } else { large }).copysign(x)
}

#[inline(always)]
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let s = x * x;
    let r = (-1.728_534_70e-5_f32).mul_add(a, 3.831_971_26e-4);
    let u = (-3.883_964_38e-3_f32).mul_add(a, 2.425_462_19e-2);
    let r = r
        .mul_add(s, u)
        .mul_add(a, -1.067_778_77e-1)
        .mul_add(a, -6.348_466_87e-1)
        .mul_add(a, -1.287_175_12e-1)
        .mul_add(a, -a);
    let large = (1.0 - exp(r)).copysign(x);
    let q = (-5.967_617_03e-4_f32)
        .mul_add(s, 4.991_194_23e-3)
        .mul_add(s, -2.676_813_49e-2)
        .mul_add(s, 1.128_199_25e-1)
        .mul_add(s, -3.761_253_60e-1)
        .mul_add(s, 1.283_791_66e-1);
    let small = q.mul_add(x, x);
    if a > 0.921_875 { large } else { small }
}

/// `x Phi(x)` as `max(x, 0) - |x| Phi(-|x|)`. The tail is `exp(-x^2 / 2)`, the rounding of the square
/// made up for, times a polynomial in `(|x| - 3) / (|x| + 3)` fitted to `(t + 3) exp(t^2 / 2) Phi(-t)`.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    /// Beyond it the tail is less than the smallest normal number.
    const END: f32 = 13.2;
    let t = if x.abs() > END { END } else { x.abs() };
    let square = t * t;
    let lost = t.mul_add(t, -square);
    let part = t / (t + 3.0);
    let u = part.mul_add(2.0, -1.0);
    let p = (-2.745_851_64e-4_f32)
        .mul_add(u, -9.150_935_94e-4)
        .mul_add(u, 1.077_950_44e-3)
        .mul_add(u, 6.931_913_76e-3)
        .mul_add(u, -1.047_926_66e-2)
        .mul_add(u, -4.725_769_01e-2)
        .mul_add(u, 2.300_192_11e-1)
        .mul_add(u, -5.093_322_04e-1)
        .mul_add(u, 7.290_836_71e-1);
    let (y, n) = exp_parts(-0.5 * square);
    let tail = p * part * scaled(y, n);
    let tail = (-0.5 * tail).mul_add(lost, tail);
    let tail = if t < END { tail } else { 0.0 };
    let side = if x > 0.0 { 1.0 } else { 0.0 };
    x.mul_add(side, -tail)
}

/// `x` to the power `y`, with the special cases of IEEE 754.
#[inline(always)]
fn pow(x: f32, y: f32) -> f32 {
    let size = wide::exp(f64::from(y) * wide::ln(f64::from(x.abs()))) as f32;
    let integer = y.trunc() == y;
    let odd = integer && (0.5 * y).trunc() != 0.5 * y;
    let signed = if odd { size.copysign(x) } else { size };
    let finite_negative = x < 0.0 && x != f32::NEG_INFINITY;
    let value = if finite_negative && !integer { f32::NAN } else { signed };
    let unit = x == 1.0 || y == 0.0 || x == -1.0 && y.is_infinite();
    if unit { 1.0 } else { value }
}

/// Rounds an f64 kernel's result.
macro_rules! rounded {
    ($($name:ident = |$x:ident| $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self) -> f32 {
            let $x = f64::from(self);
            ($body) as f32
        }
    )*};
}

impl Field for f32 {
    type Part = f32;
    rounded! {
        exp2 = |x| wide::exp(x * LN_2);
        expm1 = |x| wide::expm1(x);
        log2 = |x| wide::ln(x) * LOG2_E;
        log10 = |x| wide::ln(x) * LOG10_E;
        log1p = |x| wide::log1p(x);
        asin = |x| wide::atan(x / ((1.0 - x) * (1.0 + x)).sqrt());
        acos = |x| {
            let angle = wide::atan(((1.0 - x) * (1.0 + x)).sqrt() / x);
            if x < 0.0 { angle + std::f64::consts::PI } else { angle.abs() }
        };
        atan = |x| wide::atan(x);
        sinh = |x| {
            let t = wide::expm1(x.abs());
            (0.5 * (t + t / (t + 1.0))).copysign(x)
        };
        cosh = |x| {
            let e = wide::exp(x.abs());
            0.5 * (e + 1.0 / e)
        };
        asinh = |x| {
            let a = x.abs();
            let z = a * a;
            let excess = if a < 1e9 { a + z / (1.0 + (1.0 + z).sqrt()) } else { a + a };
            wide::log1p(excess).copysign(x)
        };
        acosh = |x| {
            let t = x - 1.0;
            wide::log1p(t + (t * (t + 2.0)).sqrt())
        };
        atanh = |x| 0.5 * wide::log1p(2.0 * x / (1.0 - x));
    }
    #[inline(always)]
    fn exp(self) -> f32 {
        exp(self)
    }
    #[inline(always)]
    fn ln(self) -> f32 {
        ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn rsqrt(self) -> f32 {
        1.0 / f32::sqrt(self)
    }
    #[inline(always)]
    fn recip(self) -> f32 {
        1.0 / self
    }
    #[inline(always)]
    fn sin(self) -> f32 {
        phase::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> f32 {
        phase::cos(self)
    }
    #[inline(always)]
    fn tan(self) -> f32 {
        phase::tan(self)
    }
    #[inline(always)]
    fn tanh(self) -> f32 {
        tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> f32 {
        1.0 / (1.0 + exp(-self))
    }
    #[inline(always)]
    fn sinc(self) -> f32 {
        let x = std::f32::consts::PI * self;
        if self == 0.0 { 1.0 } else { phase::sin(x) / x }
    }
    #[inline(always)]
    fn pow(self, exponent: f32) -> f32 {
        pow(self, exponent)
    }
    super::real_field! { f32 }
}

/// Evaluates the f64 function, an element at a time.
macro_rules! through_f64 {
    ($($name:ident)*) => {$(
        #[inline]
        fn $name(self) -> f32 {
            special::$name(f64::from(self)) as f32
        }
    )*};
}

impl Real for f32 {
    through_f64! { lgamma digamma i0 i0e i1 i1e ndtri }
    #[inline]
    fn erfinv(self) -> f32 {
        special::erfinv_single(self)
    }
    #[inline(always)]
    fn erf(self) -> f32 {
        erf(self)
    }
    #[inline(always)]
    fn erfc(self) -> f32 {
        wide::erfc(f64::from(self)) as f32
    }
    #[inline(always)]
    fn gelu(self) -> f32 {
        gelu(self)
    }
    super::real_real! { f32 }
    #[inline(always)]
    fn atan2(self, x: f32) -> f32 {
        wide::atan2(f64::from(self), f64::from(x)) as f32
    }
    #[inline]
    fn polygamma(self, n: f64) -> f32 {
        special::polygamma(n, f64::from(self)) as f32
    }
    #[inline]
    fn zeta(self, q: f32) -> f32 {
        special::zeta(f64::from(self), f64::from(q)) as f32
    }
    #[inline]
    fn igamma(self, x: f32) -> f32 {
        special::igamma(f64::from(self), f64::from(x)) as f32
    }
    #[inline]
    fn igammac(self, x: f32) -> f32 {
        special::igammac(f64::from(self), f64::from(x)) as f32
    }
    #[inline]
    fn nextafter(self, other: f32) -> f32 {
        if self.is_nan() || other.is_nan() {
            f32::NAN
        } else if self == other {
            other
        } else if self < other {
            self.next_up()
        } else {
            self.next_down()
        }
    }
    #[inline(always)]
    fn from_f64(v: f64) -> f32 {
        v as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance to the exact value in units of f32's last place there.
    fn ulps(ours: f32, exact: f64) -> f64 {
        if ours.is_nan() && exact.is_nan() || f64::from(ours) == exact {
            return 0.0;
        }
        let rounded = exact as f32;
        if rounded == ours {
            return 0.0;
        }
        if !rounded.is_finite() || !ours.is_finite() {
            return f64::INFINITY;
        }
        let unit = f64::from(rounded.abs().next_up()) - f64::from(rounded.abs());
        (f64::from(ours) - exact).abs() / unit
    }

    fn worst(low: f32, high: f32, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        let linear = (0..steps).map(|i| low + (high - low) * (i as f32 / steps as f32));
        let bits = (0..steps).map(|i| f32::from_bits(i as u32 * 21_474));
        let both = bits.clone().chain(bits.map(|x| -x)).filter(|&x| x >= low && x <= high);
        linear.chain(both).map(|x| ulps(ours(x), exact(f64::from(x)))).fold(0.0, f64::max)
    }

    #[test]
    fn within_two_and_a_half_units() {
        type Case = (&'static str, f32, f32, fn(f32) -> f32, fn(f64) -> f64);
        let big = f32::MAX;
        let cases: [Case; 26] = [
            ("exp", -104.0, 90.0, Field::exp, f64::exp),
            ("exp2", -150.0, 129.0, Field::exp2, f64::exp2),
            ("expm1", -100.0, 89.0, Field::expm1, f64::exp_m1),
            ("ln", -1.0, big, Field::ln, f64::ln),
            ("log2", -1.0, big, Field::log2, f64::log2),
            ("log10", -1.0, big, Field::log10, f64::log10),
            ("log1p", -1.1, big, Field::log1p, f64::ln_1p),
            ("sin", -big, big, Field::sin, f64::sin),
            ("sin near", -100.0, 100.0, Field::sin, f64::sin),
            ("cos", -big, big, Field::cos, f64::cos),
            ("cos near", -100.0, 100.0, Field::cos, f64::cos),
            ("tan", -big, big, Field::tan, f64::tan),
            ("asin", -1.1, 1.1, Field::asin, f64::asin),
            ("acos", -1.1, 1.1, Field::acos, f64::acos),
            ("atan", -big, big, Field::atan, f64::atan),
            ("sinh", -90.0, 90.0, Field::sinh, f64::sinh),
            ("cosh", -90.0, 90.0, Field::cosh, f64::cosh),
            ("tanh", -20.0, 20.0, Field::tanh, f64::tanh),
            ("asinh", -big, big, Field::asinh, libm::asinh),
            ("acosh", 0.5, big, Field::acosh, libm::acosh),
            ("atanh", -1.1, 1.1, Field::atanh, libm::atanh),
            ("erf", -5.0, 5.0, Real::erf, libm::erf),
            ("erfc", -5.0, 11.0, Real::erfc, libm::erfc),
            ("gelu", -10.0, 20.0, Real::gelu, Real::gelu),
            ("sigmoid", -88.0, 90.0, Field::sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
            ("rsqrt", 0.0, big, Field::rsqrt, |x| 1.0 / x.sqrt()),
        ];
        for (name, low, high, ours, exact) in cases {
            let ulps = worst(low, high, ours, exact);
            println!("{name:10} {ulps:.2} ulp");
            let most = if name == "gelu" { 4.0 } else { 2.5 };
            assert!(ulps <= most, "{name}: {ulps} ulp");
        }
    }

    #[test]
    fn special_values_are_those_of_the_limits() {
        let inf = f32::INFINITY;
        for f in [
            Field::exp,
            Field::ln,
            Field::tanh,
            Field::sin,
            Field::cos,
            Field::expm1,
            Real::erf,
            Real::erfc,
            Field::atan,
            Field::log1p,
            Field::asinh,
        ] {
            let f: fn(f32) -> f32 = f;
            assert!(f(f32::NAN).is_nan());
        }
        assert_eq!((Field::exp(-inf), Field::exp(inf)), (0.0, inf));
        assert_eq!((Field::ln(0.0f32), Field::ln(inf)), (-inf, inf));
        assert_eq!((Field::tanh(-inf), Field::tanh(inf)), (-1.0, 1.0));
        assert_eq!((Field::sigmoid(-inf), Field::sigmoid(inf)), (0.0, 1.0));
        assert_eq!((Field::expm1(-inf), Field::expm1(inf)), (-1.0, inf));
        assert_eq!((Field::log1p(-1.0f32), Field::log1p(inf)), (-inf, inf));
        assert_eq!((Field::atanh(1.0f32), Field::atanh(-1.0f32)), (inf, -inf));
        assert_eq!((Real::erf(-inf), Real::erfc(-inf), Real::erfc(inf)), (-1.0, 2.0, 0.0));
        assert_eq!((Real::gelu(inf), Real::gelu(-14.0f32), Real::gelu(14.0f32)), (inf, 0.0, 14.0));
        assert!(Real::gelu(f32::NAN).is_nan() && Real::gelu(-0.0f32).is_sign_negative());
        assert_eq!((Field::sinh(-inf), Field::cosh(-inf)), (-inf, inf));
        assert_eq!((Field::log2(8.0f32), Field::log10(1000.0f32)), (3.0, 3.0));
        assert!(Field::sin(inf).is_nan() && Field::cos(-inf).is_nan() && Field::tan(inf).is_nan());
        assert!(Field::ln(-1.0f32).is_nan() && Field::asin(1.5f32).is_nan());
        assert!(Field::sin(-0.0f32).is_sign_negative() && Field::tanh(-0.0f32).is_sign_negative());
        assert!(
            Field::expm1(-0.0f32).is_sign_negative() && Field::sinh(-0.0f32).is_sign_negative()
        );
    }
}
