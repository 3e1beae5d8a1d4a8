//! Functions of complex numbers. Both widths are computed in f64, so that complex64 results are
//! rounded once and do not overflow on the way.

use super::Field;
use base::{Complex32, Complex64};

const I: Complex64 = Complex64::new(0.0, 1.0);

fn quotient(a: Complex64, b: Complex64) -> Complex64 {
    // Smith's method: scaled by the larger part, so that |b|^2 cannot overflow.
    if b.re.abs() >= b.im.abs() {
        if b.re == 0.0 && b.im == 0.0 {
            return Complex64::new(a.re / b.re.abs(), a.im / b.im.abs());
        }
        let ratio = b.im / b.re;
        let scale = 1.0 / (b.re + b.im * ratio);
        Complex64::new((a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale)
    } else {
        let ratio = b.re / b.im;
        let scale = 1.0 / (b.re * ratio + b.im);
        Complex64::new((a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale)
    }
}

fn expm1(z: Complex64) -> Complex64 {
    let half = (0.5 * z.im).sin();
    let re = z.re.exp_m1() * z.im.cos() - 2.0 * half * half;
    Complex64::new(re, z.re.exp() * z.im.sin())
}

fn log1p(z: Complex64) -> Complex64 {
    let re = 0.5 * (z.re * (2.0 + z.re) + z.im * z.im).ln_1p();
    Complex64::new(re, z.im.atan2(1.0 + z.re))
}

/// The formula by double angles, without its overflow for large real parts.
fn tanh(z: Complex64) -> Complex64 {
    if z.re.abs() > 20.0 {
        let small = 4.0 * (-2.0 * z.re.abs()).exp();
        let im = if z.im.is_finite() { small * z.im.sin() * z.im.cos() } else { 0.0 };
        return Complex64::new(1f64.copysign(z.re), im);
    }
    z.tanh()
}

fn tan(z: Complex64) -> Complex64 {
    -I * tanh(I * z)
}

fn pow(z: Complex64, exponent: Complex64) -> Complex64 {
    if exponent.re == 0.0 && exponent.im == 0.0 {
        return Complex64::ONE;
    }
    if z.re == 0.0 && z.im == 0.0 {
        return if exponent.re > 0.0 {
            Complex64::ZERO
        } else {
            Complex64::new(f64::NAN, f64::NAN)
        };
    }
    if exponent.im == 0.0 && exponent.re.fract() == 0.0 && exponent.re.abs() <= 64.0 {
        return z.powi(exponent.re as i32);
    }
    (exponent * z.ln()).exp()
}

macro_rules! by_f64 {
    ($($name:ident = |$z:ident| $body:expr;)*) => {$(
        #[inline]
        fn $name(self) -> Self {
            let $z = widen(self);
            narrow($body)
        }
    )*};
}

macro_rules! complex_field {
    ($ty:ident, $part:ident) => {
        const _: () = {
            #[inline(always)]
            fn widen(z: $ty) -> Complex64 {
                Complex64::new(f64::from(z.re), f64::from(z.im))
            }
            #[inline(always)]
            fn narrow(z: Complex64) -> $ty {
                $ty::new(z.re as $part, z.im as $part)
            }

            impl Field for $ty {
                type Part = $part;
                by_f64! {
                    exp = |z| z.exp();
                    exp2 = |z| (z * std::f64::consts::LN_2).exp();
                    expm1 = |z| expm1(z);
                    ln = |z| z.ln();
                    log2 = |z| z.ln() * std::f64::consts::LOG2_E;
                    log10 = |z| z.ln() * std::f64::consts::LOG10_E;
                    log1p = |z| log1p(z);
                    sqrt = |z| z.sqrt();
                    rsqrt = |z| quotient(Complex64::ONE, z.sqrt());
                    recip = |z| quotient(Complex64::ONE, z);
                    sin = |z| z.sin();
                    cos = |z| z.cos();
                    tan = |z| tan(z);
                    asin = |z| z.asin();
                    acos = |z| z.acos();
                    atan = |z| z.atan();
                    sinh = |z| z.sinh();
                    cosh = |z| z.cosh();
                    tanh = |z| tanh(z);
                    asinh = |z| z.asinh();
                    acosh = |z| z.acosh();
                    atanh = |z| z.atanh();
                    sigmoid = |z| quotient(Complex64::ONE, Complex64::ONE + (-z).exp());
                    sinc = |z| {
                        let x = z * std::f64::consts::PI;
                        let zero = z.re == 0.0 && z.im == 0.0;
                        if zero { Complex64::ONE } else { quotient(x.sin(), x) }
                    };
                    sgn = |z| {
                        let size = z.re.hypot(z.im);
                        if size == 0.0 { Complex64::ZERO } else { z / size }
                    };
                }
                #[inline(always)]
                fn conj(self) -> Self {
                    $ty::new(self.re, -self.im)
                }
                #[inline]
                fn pow(self, exponent: Self) -> Self {
                    narrow(pow(widen(self), widen(exponent)))
                }
                #[inline]
                fn magnitude(self) -> $part {
                    let z = widen(self);
                    z.re.hypot(z.im) as $part
                }
                #[inline]
                fn angle(self) -> $part {
                    self.im.atan2(self.re)
                }
                #[inline]
                fn quotient(self, other: Self) -> Self {
                    narrow(quotient(widen(self), widen(other)))
                }
                #[inline(always)]
                fn re(self) -> $part {
                    self.re
                }
                #[inline(always)]
                fn im(self) -> $part {
                    self.im
                }
                #[inline(always)]
                fn from_parts(re: $part, im: $part) -> Self {
                    $ty::new(re, im)
                }
                #[inline(always)]
                fn is_nan(self) -> bool {
                    self.re.is_nan() || self.im.is_nan()
                }
                #[inline(always)]
                fn is_inf(self) -> bool {
                    self.re.is_infinite() || self.im.is_infinite()
                }
                #[inline(always)]
                fn is_finite(self) -> bool {
                    self.re.is_finite() && self.im.is_finite()
                }
            }
        };
    };
}

complex_field! { Complex32, f32 }
complex_field! { Complex64, f64 }
