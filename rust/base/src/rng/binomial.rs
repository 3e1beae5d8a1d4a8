//! Binomial counts: sums of geometric gaps for few expected successes, Hörmann's transformed
//! rejection BTRS (1993) otherwise; a probability above one half is mirrored.

use super::stream::Stream;

/// One number of successes in `count` trials of probability `p`; parameters that are NaN, or an
/// infinite count, give NaN.
pub fn binomial(stream: &mut Stream, count: f64, p: f64) -> f64 {
    if count.is_nan() || p.is_nan() || count == f64::INFINITY {
        return f64::NAN;
    }
    if count <= 0.0 || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return count;
    }
    if p > 0.5 { count - minority(stream, count, 1.0 - p) } else { minority(stream, count, p) }
}

fn minority(stream: &mut Stream, count: f64, p: f64) -> f64 {
    if count * p < 10.0 { gaps(stream, count, p) } else { reject(stream, count, p) }
}

fn gaps(stream: &mut Stream, count: f64, p: f64) -> f64 {
    let log_failure = (-p).ln_1p();
    let mut trials = 0.0;
    let mut successes = 0.0;
    loop {
        trials += (stream.uniform_f64().ln() / log_failure).ceil();
        if trials > count {
            return successes;
        }
        successes += 1.0;
    }
}

fn reject(stream: &mut Stream, n: f64, p: f64) -> f64 {
    let deviation = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let center = n * p + 0.5;
    let quick = 0.92 - 4.2 / b;
    let odds = p / (1.0 - p);
    let alpha = (2.83 + 5.1 / b) * deviation;
    let mode = ((n + 1.0) * p).floor();
    loop {
        let u = stream.uniform_f64() - 0.5;
        let v = stream.uniform_f64();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + center).floor();
        if k < 0.0 || k > n {
            continue;
        }
        if us >= 0.07 && v <= quick {
            return k;
        }
        let proposal = (v * alpha / (a / (us * us) + b)).ln();
        let target = (mode + 0.5) * ((mode + 1.0) / (odds * (n - mode + 1.0))).ln()
            + (n + 1.0) * ((n - mode + 1.0) / (n - k + 1.0)).ln()
            + (k + 0.5) * (odds * (n - k + 1.0) / (k + 1.0)).ln()
            + (stirling_tail(mode) + stirling_tail(n - mode)
                - stirling_tail(k)
                - stirling_tail(n - k));
        if proposal <= target {
            return k;
        }
    }
}

const STIRLING: [f64; 10] = [
    0.081_061_466_795_327_2,
    0.041_340_695_955_409_2,
    0.027_677_925_684_998_3,
    0.020_790_672_103_765_09,
    0.016_644_691_189_821_1,
    0.013_876_128_823_070_7,
    0.011_896_709_945_891_7,
    0.010_411_265_261_972_0,
    0.009_255_462_182_712_73,
    0.008_330_563_433_362_87,
];

/// What Stirling's formula lacks of ln k!.
fn stirling_tail(k: f64) -> f64 {
    if k < 10.0 {
        return STIRLING[k as usize];
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}
