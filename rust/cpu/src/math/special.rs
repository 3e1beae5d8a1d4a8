//! Special functions of f64, an element at a time, to about 1e-14 relative (1e-12 for the
//! incomplete gamma functions). Formulas after Abramowitz and Stegun and the Cephes library.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

const EPSILON: f64 = f64::EPSILON;

/// `c[0] + c[1] x + c[2] x^2 + ...`
fn polynomial(c: &[f64], x: f64) -> f64 {
    // Not fused: that is a call where the code is compiled for any processor.
    c.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

/// Inverse of the error function: a rational guess, then two Newton steps.
pub fn erfinv(y: f64) -> f64 {
    const CENTRE: [f64; 4] = [0.886_226_899, -1.645_349_621, 0.914_624_893, -0.140_543_331];
    const CENTRE_DIV: [f64; 5] =
        [1.0, -2.118_377_725, 1.442_710_462, -0.329_097_515, 0.012_229_801];
    const TAIL: [f64; 4] = [-1.970_840_454, -1.624_906_493, 3.429_567_803, 1.641_345_311];
    const TAIL_DIV: [f64; 3] = [1.0, 3.543_889_2, 1.637_067_8];
    let size = y.abs();
    if size > 1.0 || y.is_nan() {
        return f64::NAN;
    }
    if size == 1.0 {
        return f64::INFINITY.copysign(y);
    }
    let mut x = if size <= 0.7 {
        let z = y * y;
        size * polynomial(&CENTRE, z) / polynomial(&CENTRE_DIV, z)
    } else {
        let z = (-((1.0 - size) / 2.0).ln()).sqrt();
        polynomial(&TAIL, z) / polynomial(&TAIL_DIV, z)
    };
    for _ in 0..2 {
        let excess = if size < 0.5 { libm::erf(x) - size } else { (1.0 - size) - libm::erfc(x) };
        x -= excess / (2.0 / PI.sqrt() * (-x * x).exp());
    }
    x.copysign(y)
}

/// [`erfinv`] to single precision: no logarithm in the middle, no iteration. In f64, so that it is
/// rounded once.
/// Source: M. Wichura 1988, algorithm AS 241 (PPND16), whose outermost range f32 does not reach.
pub fn erfinv_single(y: f32) -> f32 {
    const MIDDLE: [f64; 8] = [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ];
    const MIDDLE_DIV: [f64; 8] = [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854_5,
    ];
    const TAIL: [f64; 8] = [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ];
    const TAIL_DIV: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ];
    let (q, size) = (0.5 * f64::from(y), f64::from(y.abs()));
    let quantile = if size <= 0.85 {
        let r = 0.180_625 - q * q;
        q * polynomial(&MIDDLE, r) / polynomial(&MIDDLE_DIV, r)
    } else {
        // NaN above 1, infinite at 1.
        let r = (-(0.5 - 0.5 * size).ln()).sqrt() - 1.6;
        if r == f64::INFINITY {
            return f32::INFINITY.copysign(y);
        }
        (polynomial(&TAIL, r) / polynomial(&TAIL_DIV, r)).copysign(q)
    };
    (quantile * std::f64::consts::FRAC_1_SQRT_2) as f32
}

/// Quantile function of the standard normal distribution: P. Acklam's guess, then a Halley step.
pub fn ndtri(p: f64) -> f64 {
    const A: [f64; 6] = [
        2.506_628_277_459_239,
        -30.664_798_066_147_16,
        138.357_751_867_269,
        -275.928_510_446_968_7,
        220.946_098_424_520_5,
        -39.696_830_286_653_76,
    ];
    const B: [f64; 6] = [
        1.0,
        -13.280_681_552_885_72,
        66.801_311_887_719_72,
        -155.698_979_859_886_6,
        161.585_836_858_040_9,
        -54.476_098_798_224_06,
    ];
    const C: [f64; 6] = [
        2.938_163_982_698_783,
        4.374_664_141_464_968,
        -2.549_732_539_343_734,
        -2.400_758_277_161_838,
        -0.322_396_458_041_136_5,
        -0.007_784_894_002_430_293,
    ];
    const D: [f64; 5] = [
        1.0,
        3.754_408_661_907_416,
        2.445_134_137_142_996,
        0.322_467_129_070_039_8,
        0.007_784_695_709_041_462,
    ];
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p > 0.5 {
        return -ndtri(1.0 - p);
    }
    let guess = if p < 0.02425 {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    };
    let density = (-0.5 * guess * guess).exp() / (2.0 * PI).sqrt();
    if density < 1e-300 {
        return guess;
    }
    let step = (0.5 * libm::erfc(-guess * FRAC_1_SQRT_2) - p) / density;
    guess - step / (1.0 + 0.5 * guess * step)
}

/// Logarithm of the absolute value of the gamma function.
pub fn lgamma(x: f64) -> f64 {
    if x.is_infinite() { f64::INFINITY } else { libm::lgamma(x) }
}

/// Logarithmic derivative of the gamma function.
pub fn digamma(x: f64) -> f64 {
    const SERIES: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32_760.0,
        1.0 / 12.0,
    ];
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        if x.fract() == 0.0 {
            return f64::NAN;
        }
        return digamma(1.0 - x) - PI / (PI * x.fract()).tan();
    }
    let (mut x, mut result) = (x, 0.0);
    while x < 10.0 {
        result -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let series = if x < 1e17 { z * polynomial(&SERIES, z) } else { 0.0 };
    result + x.ln() - 0.5 / x - series
}

fn trigamma(x: f64) -> f64 {
    let (mut x, mut sign, mut result) = (x, 1.0, 0.0);
    if x < 0.5 {
        sign = -1.0;
        let s = (PI * x).sin();
        result -= PI * PI / (s * s);
        x = 1.0 - x;
    }
    while x < 15.0 {
        result += 1.0 / (x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let series = polynomial(&[1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0], z);
    sign * (result + (1.0 + 0.5 / x + z * series) / x)
}

/// Derivative of order `n` of digamma.
pub fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if n == 1.0 {
        return trigamma(x);
    }
    let sign = if n % 2.0 == 0.0 { -1.0 } else { 1.0 };
    sign * libm::lgamma(n + 1.0).exp() * zeta(n + 1.0, x)
}

/// Hurwitz zeta function: `sum over k >= 0 of (k + q)^-s`, by Euler-Maclaurin summation.
pub fn zeta(s: f64, q: f64) -> f64 {
    /// `(2k)! / B(2k)` for k = 1, 2, ...
    const DIVISORS: [f64; 12] = [
        12.0,
        -720.0,
        30_240.0,
        -1_209_600.0,
        47_900_160.0,
        -1.892_437_580_318_379e9,
        7.472_424_96e10,
        -2.950_130_727_918_164e12,
        1.164_678_281_435_006_7e14,
        -4.597_978_722_407_473e15,
        1.815_210_540_194_354_7e17,
        -7.166_165_256_175_667e18,
    ];
    if s == 1.0 {
        return f64::INFINITY;
    }
    if s < 1.0 {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if s != s.floor() {
            return f64::NAN;
        }
    }
    let mut at = q;
    let mut sum = q.powf(-s);
    let mut term = 0.0;
    let mut steps = 0;
    while steps < 9 || at <= 9.0 {
        steps += 1;
        at += 1.0;
        term = at.powf(-s);
        sum += term;
        if (term / sum).abs() < EPSILON {
            return sum;
        }
    }
    sum += term * at / (s - 1.0) - 0.5 * term;
    let (mut factor, mut k) = (1.0, 0.0);
    for divisor in DIVISORS {
        factor *= s + k;
        term /= at;
        let correction = factor * term / divisor;
        sum += correction;
        if (correction / sum).abs() < EPSILON {
            break;
        }
        factor *= s + k + 1.0;
        term /= at;
        k += 2.0;
    }
    sum
}

/// Beyond it the asymptotic series of the Bessel functions reach full accuracy.
const BESSEL_FAR: f64 = 30.0;

/// `sum of (x^2/4)^k / (k! (k + order)!)`.
fn bessel_near(x: f64, order: f64) -> f64 {
    let z = 0.25 * x * x;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
    while term > sum * EPSILON * 0.25 {
        k += 1.0;
        term *= z / (k * (k + order));
        sum += term;
    }
    sum
}

/// `exp(-x) I_order(x)` for large x.
fn bessel_far(x: f64, order: f64) -> f64 {
    let square = 4.0 * order * order;
    let (mut term, mut sum, mut k) = (1.0f64, 1.0, 0.0);
    while term.abs() > EPSILON * 0.25 && k < 60.0 {
        k += 1.0;
        let odd = 2.0 * k - 1.0;
        term *= (odd * odd - square) / (8.0 * k * x);
        sum += term;
    }
    sum / (2.0 * PI * x).sqrt()
}

/// Modified Bessel function of the first kind, order 0.
pub fn i0(x: f64) -> f64 {
    let x = x.abs();
    if x > BESSEL_FAR {
        half_exp(x) * bessel_far(x, 0.0) * half_exp(x)
    } else {
        near_or_nan(x, 0.0)
    }
}

/// `exp(-|x|) i0(x)`.
pub fn i0e(x: f64) -> f64 {
    let x = x.abs();
    if x > BESSEL_FAR { bessel_far(x, 0.0) } else { (-x).exp() * near_or_nan(x, 0.0) }
}

/// Modified Bessel function of the first kind, order 1.
pub fn i1(x: f64) -> f64 {
    let a = x.abs();
    if a > BESSEL_FAR {
        (half_exp(a) * bessel_far(a, 1.0) * half_exp(a)).copysign(x)
    } else {
        0.5 * x * near_or_nan(a, 1.0)
    }
}

/// `exp(-|x|) i1(x)`.
pub fn i1e(x: f64) -> f64 {
    let a = x.abs();
    if a > BESSEL_FAR {
        bessel_far(a, 1.0).copysign(x)
    } else {
        0.5 * x * (-a).exp() * near_or_nan(a, 1.0)
    }
}

/// Its square is `exp(x)`, which may overflow before the product it is part of.
fn half_exp(x: f64) -> f64 {
    (0.5 * x).exp()
}

fn near_or_nan(x: f64, order: f64) -> f64 {
    if x.is_nan() { x } else { bessel_near(x, order) }
}

/// `x^a exp(-x) / gamma(a)`.
fn gamma_prefactor(a: f64, x: f64) -> f64 {
    if a < 20.0 || (x - a).abs() > 0.4 * a {
        return (a * x.ln() - x - libm::lgamma(a)).exp();
    }
    // With x near a the exponent cancels: take Stirling's series for gamma and log1p for x / a.
    let excess = (x - a) / a;
    let z = 1.0 / (a * a);
    let stirling = polynomial(&[1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0], z) / a;
    (a * (excess.ln_1p() - excess) - stirling).exp() * (a / (2.0 * PI)).sqrt()
}

/// Values at the borders of the domain, common to both incomplete gamma functions (lower one). NaN
/// gives way to a zero or an infinity that settles the value.
fn gamma_border(a: f64, x: f64) -> Option<f64> {
    if a < 0.0 || x < 0.0 {
        return Some(f64::NAN);
    }
    if a == 0.0 {
        return Some(if x > 0.0 { 1.0 } else { f64::NAN });
    }
    if x == 0.0 {
        return Some(0.0);
    }
    if a.is_infinite() {
        return Some(if x.is_infinite() { f64::NAN } else { 0.0 });
    }
    if x.is_infinite() {
        return Some(1.0);
    }
    (a + x).is_nan().then_some(f64::NAN)
}

fn gamma_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut r) = (1.0, 1.0, a);
    while term > sum * EPSILON * 0.25 {
        r += 1.0;
        term *= x / r;
        sum += term;
    }
    sum * gamma_prefactor(a, x) / a
}

/// Lentz's continued fraction of the upper function.
fn gamma_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + an / c;
        c = if c.abs() < TINY { TINY } else { c };
        h *= d * c;
        if (d * c - 1.0).abs() < EPSILON {
            break;
        }
    }
    h * gamma_prefactor(a, x)
}

/// Regularised lower incomplete gamma function.
pub fn igamma(a: f64, x: f64) -> f64 {
    match gamma_border(a, x) {
        Some(value) => value,
        None if x > a + 1.0 => 1.0 - gamma_fraction(a, x),
        None => gamma_series(a, x),
    }
}

/// Regularised upper incomplete gamma function.
pub fn igammac(a: f64, x: f64) -> f64 {
    match gamma_border(a, x) {
        Some(value) => 1.0 - value,
        None if x > a + 1.0 => gamma_fraction(a, x),
        None => 1.0 - gamma_series(a, x),
    }
}

/// Logarithm of the cumulative distribution function of the standard normal distribution.
pub fn log_ndtr(x: f64) -> f64 {
    if x > -1.0 {
        return (-0.5 * libm::erfc(x * FRAC_1_SQRT_2)).ln_1p();
    }
    if x > -35.0 {
        return (0.5 * libm::erfc(-x / SQRT_2)).ln();
    }
    // erfc underflows: the asymptotic series of Mills' ratio.
    let z = 1.0 / (x * x);
    let ratio = polynomial(&[1.0, -1.0, 3.0, -15.0, 105.0, -945.0], z);
    -0.5 * x * x - (-x).ln() - 0.5 * (2.0 * PI).ln() + ratio.ln()
}

/// `exp(x^2) erfc(x)`; far out, where these over- and underflow, by the asymptotic series.
pub fn erfcx(x: f64) -> f64 {
    if x < 25.0 {
        return (x * x).exp() * libm::erfc(x);
    }
    let z = 0.5 / (x * x);
    polynomial(&[1.0, -1.0, 3.0, -15.0, 105.0], z) / (x * PI.sqrt())
}

/// Mantissa from 0.5 to 1 and power of two; 0 and what is not finite is its own mantissa.
pub fn frexp(x: f64) -> (f64, f64) {
    let (mantissa, exponent) = libm::frexp(x);
    if x.is_finite() { (mantissa, exponent.into()) } else { (x, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::excessive_precision)]
    fn known_values() {
        // Computed with mpmath at 50 digits.
        let cases = [
            (erfinv(0.5), 0.476_936_276_204_469_87),
            (erfinv(-1e-9), -8.862_269_254_527_58e-10),
            (erfinv_single(0.5).into(), f64::from(0.476_936_28_f32)),
            (erfinv_single(-0.999_999).into(), erfinv((-0.999_999_f32).into()) as f32 as f64),
            (erfinv(0.75), 0.813_419_847_597_618_5),
            (ndtri(0.975), 1.959_963_984_540_054),
            (ndtri(1e-100), -21.273_453_560_965_32),
            (digamma(0.3), -3.502_524_222_200_133),
            (digamma(-2.5), 1.103_156_640_645_243_2),
            (polygamma(1.0, 0.7), 2.834_049_156_694_610_6),
            (polygamma(3.0, 2.5), 0.223_905_848_817_252_05),
            (zeta(3.0, 1.0), 1.202_056_903_159_594_3),
            (i0(1.5), 1.646_723_189_772_890_8),
            (i0e(100.0), 0.039_944_379_299_096_68),
            (i1(-2.0), -1.590_636_854_637_329),
            (i1e(50.0), 0.055_993_123_892_895_4),
            (igamma(2.5, 1.2), 0.208_525_879_405_675_33),
            (igammac(0.5, 4.0), 0.004_677_734_981_047_266),
            (log_ndtr(-50.0), -1_254.831_361_139_42),
        ];
        for (i, (ours, exact)) in cases.into_iter().enumerate() {
            assert!((ours / exact - 1.0).abs() < 1e-12, "case {i}: {ours} for {exact}");
        }
    }
}
