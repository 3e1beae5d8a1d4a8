//! Bessel functions of orders 0 and 1, by rational approximations.
//!
//! The coefficients are those of Cephes (Moshier, 1989). Its denominators have a leading 1 that
//! PyTorch leaves out: the functions differ from the true ones in the eighth digit, and PyTorch's are
//! what is asked for.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_4};

/// Coefficients of numerator and denominator, the highest power first.
type Ratio = (&'static [f64], &'static [f64]);

/// Modulus and phase of the functions of an order beyond 5, in powers of 25 / x^2.
struct Far {
    p: Ratio,
    q: Ratio,
}

const BORDER: f64 = 5.0;
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// Squares of the first two zeros of J0, and of J1.
const ZEROS_0: [f64; 2] = [5.783_185_962_946_784, 30.471_262_343_662_087];
const ZEROS_1: [f64; 2] = [14.681_970_642_123_893, 49.218_456_321_694_6];

const FAR_0: Far = Far {
    p: (
        &[
            7.969_367_292_973_471e-4,
            0.082_835_239_210_744_08,
            1.239_533_716_464_143,
            5.447_250_030_587_687,
            8.747_165_001_998_17,
            5.303_240_382_353_949,
            1.0,
        ],
        &[
            9.244_088_105_588_637e-4,
            0.085_628_847_435_447_45,
            1.253_527_439_010_589_5,
            5.470_977_403_304_171,
            8.761_908_832_370_695,
            5.306_052_882_353_947,
            1.0,
        ],
    ),
    q: (
        &[
            -0.011_366_383_889_846_916,
            -1.282_527_186_705_093_1,
            -19.553_954_425_773_597,
            -93.206_015_212_376_83,
            -177.681_167_980_488_06,
            -147.077_505_154_951_18,
            -51.410_532_676_659_93,
            -6.050_143_506_007_285,
        ],
        &[
            64.317_825_611_817_8,
            856.430_025_976_980_6,
            3_882.401_836_054_016_3,
            7_240.467_741_956_525,
            5_930.727_011_873_169,
            2_062.093_316_603_278_3,
            242.005_740_240_291_4,
        ],
    ),
};
const FAR_1: Far = Far {
    p: (
        &[
            7.621_256_162_081_731e-4,
            0.073_139_705_694_091_76,
            1.127_196_081_296_849_3,
            5.112_079_511_468_076,
            8.424_045_901_417_724,
            5.214_515_986_823_615,
            1.0,
        ],
        &[
            5.713_231_280_725_487e-4,
            0.068_845_590_875_449_54,
            1.105_142_326_340_617,
            5.073_863_861_286_015,
            8.399_855_543_276_042,
            5.209_828_486_823_619,
            1.0,
        ],
    ),
    q: (
        &[
            0.051_086_259_475_017_66,
            4.982_138_729_512_334,
            75.823_828_413_254_53,
            366.779_609_360_150_8,
            710.856_304_998_926_1,
            597.489_612_400_613_6,
            211.688_757_100_572_13,
            25.207_020_585_802_372,
        ],
        &[
            74.237_327_703_567_52,
            1_056.448_860_382_628_3,
            4_986.410_583_376_536,
            9_562.318_924_047_562,
            7_997.041_604_473_507,
            2_826.192_785_176_390_8,
            336.093_607_810_698_3,
        ],
    ),
};
const J0: Ratio = (
    &[
        -4.794_432_209_782_018e9,
        1.956_174_919_465_565_7e12,
        -2.492_483_443_609_677_2e14,
        9.708_622_510_473_064e15,
    ],
    &[
        499.563_147_152_651,
        173_785.401_676_374_7,
        4.844_096_583_399_621e7,
        1.118_555_370_453_568_3e10,
        2.112_775_201_154_892e12,
        3.105_182_298_574_225_6e14,
        3.181_219_559_432_049_6e16,
        1.710_862_940_810_431_5e18,
    ],
);
const J1: Ratio = (
    &[
        -8.999_712_257_055_594e8,
        4.522_282_979_981_940_3e11,
        -7.274_942_452_218_183e13,
        3.682_957_328_638_529e15,
    ],
    &[
        620.836_478_118_054_3,
        256_987.256_757_748_84,
        8.351_467_914_319_493e7,
        2.215_115_954_797_925e10,
        4.749_141_220_799_914e12,
        7.843_696_078_762_359e14,
        8.952_223_361_846_274e16,
        5.322_786_203_326_801e18,
    ],
);
const Y0: Ratio = (
    &[
        15_592.436_785_523_574,
        -1.466_392_959_039_716e7,
        5.435_264_770_518_765e9,
        -9.821_360_657_179_115e11,
        8.759_063_943_953_67e13,
        -3.466_283_033_847_297e15,
        4.427_332_685_725_698_4e16,
        -1.849_508_004_369_866_8e16,
    ],
    &[
        1_041.283_536_642_598_4,
        626_107.330_137_135,
        2.689_196_333_938_141_5e8,
        8.640_024_871_039_35e10,
        2.029_796_127_501_055_5e13,
        3.171_577_528_429_750_5e15,
        2.505_962_561_726_530_6e17,
    ],
);
const Y1: Ratio = (
    &[
        1.263_204_747_901_780_4e9,
        -6.473_558_763_791_603e11,
        1.145_095_115_418_237_3e14,
        -8.127_702_555_013_251e15,
        2.024_394_757_135_949e17,
        -7.788_771_962_659_501e17,
    ],
    &[
        594.301_592_346_128_2,
        235_564.092_943_068_56,
        7.348_119_444_597_217e7,
        1.876_013_161_087_061_7e10,
        3.882_312_774_962_385_7e12,
        6.205_577_271_469_538e14,
        6.871_410_873_553_005e16,
        3.972_706_081_165_606_4e18,
    ],
);

fn horner(c: &[f64], x: f64) -> f64 {
    c.iter().fold(0.0, |sum, c| sum * x + c)
}

fn ratio((above, below): Ratio, x: f64) -> f64 {
    horner(above, x) / horner(below, x)
}

impl Far {
    /// Cosine and sine parts at `x`, whose phase is `angle`.
    fn parts(&self, x: f64) -> (f64, f64) {
        let z = BORDER / x * (BORDER / x);
        (ratio(self.p, z), BORDER / x * ratio(self.q, z))
    }

    fn first_kind(&self, x: f64, shift: f64) -> f64 {
        let ((p, q), (sin, cos)) = (self.parts(x), (x - shift).sin_cos());
        (p * cos - q * sin) * SQRT_2_OVER_PI / x.sqrt()
    }

    fn second_kind(&self, x: f64, shift: f64) -> f64 {
        let ((p, q), (sin, cos)) = (self.parts(x), (x - shift).sin_cos());
        (p * sin + q * cos) * SQRT_2_OVER_PI / x.sqrt()
    }
}

/// First kind, order 0.
pub fn j0(x: f64) -> f64 {
    let x = x.abs();
    let z = x * x;
    if x < 1e-5 {
        return 1.0 - z / 4.0;
    }
    if x <= BORDER {
        return (z - ZEROS_0[0]) * (z - ZEROS_0[1]) * ratio(J0, z);
    }
    FAR_0.first_kind(x, FRAC_PI_4)
}

/// First kind, order 1.
pub fn j1(x: f64) -> f64 {
    if x < 0.0 {
        return -j1(-x);
    }
    let z = x * x;
    if x <= BORDER {
        return ratio(J1, z) * x * (z - ZEROS_1[0]) * (z - ZEROS_1[1]);
    }
    FAR_1.first_kind(x, 3.0 * FRAC_PI_4)
}

/// Second kind, order 0.
pub fn y0(x: f64) -> f64 {
    match at_border(x) {
        Some(value) => value,
        None if x <= BORDER => ratio(Y0, x * x) + FRAC_2_PI * x.ln() * j0(x),
        None => FAR_0.second_kind(x, FRAC_PI_4),
    }
}

/// Second kind, order 1.
pub fn y1(x: f64) -> f64 {
    match at_border(x) {
        Some(value) => value,
        None if x <= BORDER => x * ratio(Y1, x * x) + FRAC_2_PI * (j1(x) * x.ln() - 1.0 / x),
        None => FAR_1.second_kind(x, 3.0 * FRAC_PI_4),
    }
}

/// Functions of the second kind have a pole at 0, and no value before it.
fn at_border(x: f64) -> Option<f64> {
    if x == 0.0 {
        return Some(f64::NEG_INFINITY);
    }
    (x < 0.0).then_some(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of PyTorch 2.13.0.
    #[test]
    #[allow(clippy::excessive_precision)]
    fn known_values() {
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b}");
        close(j0(-7.5), 0.26633966007879234);
        close(j0(2.5), -0.048383776468256645);
        close(j1(-0.5), -0.24226845767487387);
        close(j1(9.25), 0.20914664994922463);
        close(y0(0.5), -0.4445187335067066);
        close(y0(12.0), -0.22523731263737054);
        close(y1(2.5), 0.14591813796695813);
        close(y1(5.5), -0.023758610827091027);
        assert!(j0(f64::INFINITY).is_nan() && y1(-1.0).is_nan());
    }
}
