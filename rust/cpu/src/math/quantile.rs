//! Quantiles of the normal distribution, an element at a time: inverses of the error function and of
//! the distribution function.

use super::special::polynomial;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

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
    (quantile * FRAC_1_SQRT_2) as f32
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
