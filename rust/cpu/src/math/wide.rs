//! f64 kernels that vectorise, accurate to about 1e-10: what single-precision functions are built
//! from where a single-precision polynomial would lose digits. Not for results in f64.

/// Adding and subtracting it rounds to an integer, whose low bits then are the sum's low bits.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// `exp(x)` as a power of two and a factor short of 1: `scale * (1 + p)`; |x| is clamped to 700.
#[inline(always)]
fn exp_parts(x: f64) -> (f64, f64) {
    let x = if x > 700.0 { 700.0 } else { x };
    let x = if x < -700.0 { -700.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-std::f64::consts::LN_2, x);
    let r = n.mul_add(-2.319_046_813_846_299_6e-17, r);
    let p = (1.0f64 / 362_880.0)
        .mul_add(r, 1.0 / 40_320.0)
        .mul_add(r, 1.0 / 5040.0)
        .mul_add(r, 1.0 / 720.0)
        .mul_add(r, 1.0 / 120.0)
        .mul_add(r, 1.0 / 24.0)
        .mul_add(r, 1.0 / 6.0)
        .mul_add(r, 0.5)
        .mul_add(r * r, r);
    (f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52), p)
}

/// `exp(x)`, clamped to `exp(±700)`.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let (scale, p) = exp_parts(x);
    scale.mul_add(p, scale)
}

/// `exp(x) - 1`, accurate near 0, clamped likewise.
#[inline(always)]
pub(crate) fn expm1(x: f64) -> f64 {
    let (scale, p) = exp_parts(x);
    let value = scale.mul_add(p, scale - 1.0);
    if x == 0.0 { x } else { value }
}

/// Natural logarithm of a positive normal number; infinity of infinity, -infinity of 0, NaN below.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let offset = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = ((offset as i64) >> 52) as i32;
    let m = f64::from_bits((offset & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let p = (1.0f64 / 13.0)
        .mul_add(z, 1.0 / 11.0)
        .mul_add(z, 1.0 / 9.0)
        .mul_add(z, 1.0 / 7.0)
        .mul_add(z, 1.0 / 5.0)
        .mul_add(z, 1.0 / 3.0);
    let log_m = (2.0 * s * z).mul_add(p, 2.0 * s);
    let result = f64::from(exponent).mul_add(std::f64::consts::LN_2, log_m);
    let result = if x == f64::INFINITY { x } else { result };
    let result = if x == 0.0 { f64::NEG_INFINITY } else { result };
    if x < 0.0 || x.is_nan() { f64::NAN } else { result }
}

/// `ln(1 + x)`, accurate near 0.
#[inline(always)]
pub(crate) fn log1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    let lost = (x - (sum - 1.0)) / sum;
    let log = ln(sum);
    let corrected = if sum > 0.0 && sum < f64::INFINITY { log + lost } else { log };
    if x == 0.0 { x } else { corrected }
}

/// Inverse tangent.
#[inline(always)]
pub(crate) fn atan(x: f64) -> f64 {
    const TAN_PI_8: f64 = 0.414_213_562_373_095_05;
    let a = x.abs();
    let inverse = if a > 1.0 { 1.0 / a } else { a };
    let turned = (inverse - 1.0) / (inverse + 1.0);
    let far = inverse > TAN_PI_8;
    let t = if far { turned } else { inverse };
    let z = t * t;
    let p = 8.053_744_495_38e-2f64
        .mul_add(z, -1.387_768_560_32e-1)
        .mul_add(z, 1.997_771_064_78e-1)
        .mul_add(z, -3.333_294_915_39e-1);
    let angle = (p * z).mul_add(t, t);
    let angle = if far { angle + std::f64::consts::FRAC_PI_4 } else { angle };
    let angle = if a > 1.0 { std::f64::consts::FRAC_PI_2 - angle } else { angle };
    angle.copysign(x)
}

/// The angle of the point (`x`, `y`).
#[inline(always)]
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_4, PI};
    let (a, b) = (y.abs(), x.abs());
    let angle = atan(a / b);
    // 0/0 and inf/inf.
    let angle = if a == 0.0 && b == 0.0 { 0.0 } else { angle };
    let angle = if a == f64::INFINITY && b == f64::INFINITY { FRAC_PI_4 } else { angle };
    let angle = if x.is_sign_negative() { PI - angle } else { angle };
    let nan = x.is_nan() || y.is_nan();
    (if nan { f64::NAN } else { angle }).copysign(y)
}

/// `exp(x^2) erfc(x)` for x >= 0: a polynomial in `(x - 2) / (x + 2)`, fitted at Chebyshev nodes to
/// `(1 + 2x) exp(x^2) erfc(x)`.
#[inline(always)]
fn erfcx(x: f64) -> f64 {
    let t = if x < 1e9 { (x - 2.0) / (x + 2.0) } else { 1.0 };
    let p = (-5.882_337_466_922_668e-7f64)
        .mul_add(t, -1.882_275_685_380_169_8e-5)
        .mul_add(t, -1.819_717_151_241_712e-5)
        .mul_add(t, 1.245_434_181_509_580_3e-4)
        .mul_add(t, 2.187_406_756_973_54e-4)
        .mul_add(t, -4.343_878_975_657_487e-4)
        .mul_add(t, -1.462_140_769_136_398e-3)
        .mul_add(t, 1.263_291_061_986_350_9e-3)
        .mul_add(t, 8.723_932_090_346_14e-3)
        .mul_add(t, -8.032_344_882_371_813e-3)
        .mul_add(t, -5.422_015_402_357_822e-2)
        .mul_add(t, 1.640_511_268_648_944e-1)
        .mul_add(t, -1.660_303_905_632_894_2e-1)
        .mul_add(t, -9.276_382_251_506_474e-2)
        .mul_add(t, 1.276_978_381_498_835_4);
    p / 2.0f64.mul_add(x, 1.0)
}

/// Complementary error function.
#[inline(always)]
pub(crate) fn erfc(x: f64) -> f64 {
    let a = x.abs();
    let tail = exp(-(a * a)) * erfcx(a);
    let value = if x < 0.0 { 2.0 - tail } else { tail };
    if x.is_nan() { x } else { value }
}
