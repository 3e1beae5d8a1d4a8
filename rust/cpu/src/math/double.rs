//! Functions of f64: the system's mathematical library, an element at a time.

use super::{Field, Number, Real, special};

macro_rules! by_std {
    ($($name:ident = $std:ident)*) => {$(
        #[inline(always)]
        fn $name(self) -> f64 {
            f64::$std(self)
        }
    )*};
}

impl Field for f64 {
    type Part = f64;
    by_std! {
        exp = exp exp2 = exp2 expm1 = exp_m1
        ln = ln log2 = log2 log10 = log10 log1p = ln_1p
        sqrt = sqrt sin = sin cos = cos tan = tan asin = asin acos = acos atan = atan
        sinh = sinh cosh = cosh tanh = tanh
    }
    #[inline(always)]
    fn asinh(self) -> f64 {
        libm::asinh(self)
    }
    #[inline(always)]
    fn acosh(self) -> f64 {
        libm::acosh(self)
    }
    #[inline(always)]
    fn atanh(self) -> f64 {
        libm::atanh(self)
    }
    #[inline(always)]
    fn rsqrt(self) -> f64 {
        1.0 / f64::sqrt(self)
    }
    #[inline(always)]
    fn recip(self) -> f64 {
        1.0 / self
    }
    #[inline(always)]
    fn sigmoid(self) -> f64 {
        1.0 / (1.0 + f64::exp(-self))
    }
    #[inline(always)]
    fn sinc(self) -> f64 {
        let x = std::f64::consts::PI * self;
        if self == 0.0 { 1.0 } else { f64::sin(x) / x }
    }
    #[inline(always)]
    fn pow(self, exponent: f64) -> f64 {
        self.powf(exponent)
    }
    super::real_field! { f64 }
}

macro_rules! by_special {
    ($($name:ident)*) => {$(
        #[inline]
        fn $name(self) -> f64 {
            special::$name(self)
        }
    )*};
}

impl Real for f64 {
    by_special! { erfinv lgamma digamma i0 i0e i1 i1e ndtri }
    #[inline]
    fn erf(self) -> f64 {
        libm::erf(self)
    }
    #[inline]
    fn erfc(self) -> f64 {
        libm::erfc(self)
    }
    #[inline]
    fn gelu(self) -> f64 {
        0.5 * self * libm::erfc(self * -std::f64::consts::FRAC_1_SQRT_2)
    }
    super::real_real! { f64 }
    #[inline]
    fn atan2(self, x: f64) -> f64 {
        f64::atan2(self, x)
    }
    #[inline]
    fn polygamma(self, n: f64) -> f64 {
        special::polygamma(n, self)
    }
    #[inline]
    fn zeta(self, q: f64) -> f64 {
        special::zeta(self, q)
    }
    #[inline]
    fn igamma(self, x: f64) -> f64 {
        special::igamma(self, x)
    }
    #[inline]
    fn igammac(self, x: f64) -> f64 {
        special::igammac(self, x)
    }
    #[inline]
    fn nextafter(self, other: f64) -> f64 {
        libm::nextafter(self, other)
    }
    #[inline(always)]
    fn from_f64(v: f64) -> f64 {
        v
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}
