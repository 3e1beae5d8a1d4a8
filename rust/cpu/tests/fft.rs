//! Fourier transforms against their definition, a sum per element.

mod kit;

use base::{Complex64, DType, Scalar};
use cpu::arch::{Level, limit_level};
use cpu::fft::{fft, irfft, rfft};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;
use std::f64::consts::PI;

/// Powers of two, mixed factors, and primes, small and large.
const LENGTHS: [usize; 16] = [1, 2, 3, 4, 5, 6, 8, 12, 17, 30, 32, 49, 61, 67, 97, 134];

/// `scale * sum_j x[j] exp(sign 2 pi i j k / n)` along the middle of three dims.
fn definition(x: &[Complex64], dims: [usize; 3], sign: f64, scale: f64) -> Vec<Complex64> {
    let [_, n, inner] = dims;
    let element = |at: usize| {
        let (outer, k, i) = (at / inner / n, at / inner % n, at % inner);
        let term = |j: usize| {
            let turn = sign * 2.0 * PI * ((j * k) % n) as f64 / n as f64;
            x[(outer * n + j) * inner + i] * Complex64::from_polar(1.0, turn)
        };
        (0..n).map(term).sum::<Complex64>() * scale
    };
    (0..x.len()).map(element).collect()
}

fn parts(values: &[Complex64]) -> Vec<f64> {
    values.iter().flat_map(|v| [v.re, v.im]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn transforms_are_their_definition(
        lower in 0..3usize, single: bool, outer in 0..4usize, which in 0..LENGTHS.len(),
        inner in 1..4usize, flip: bool, inverse: bool, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let dtype = if single { DType::C64 } else { DType::C128 };
        let dims = [outer, LENGTHS[which], inner];
        let mut values = Values::new(seed);
        let mut draw = || values.eighths(1)[0];
        let count = dims.iter().product();
        let x: Vec<_> = (0..count).map(|_| Complex64::new(draw(), draw())).collect();
        let order = if flip { [1, 2, 0] } else { [0, 1, 2] };
        let input = Tensor::arranged(dtype, &dims, &vec![0.0; count], &order, 1);
        input.fill_scalars(&x.iter().map(|&v| Scalar::Complex(v)).collect::<Vec<_>>());
        let out = Tensor::arranged(dtype, &dims, &vec![0.0; count], &order, 0);
        fft(out.view_mut(), input.view(), 1, inverse, 0.5).unwrap();
        let found: Vec<_> = out.scalars().into_iter().map(Scalar::to_complex).collect();
        let expected = definition(&x, dims, if inverse { 1.0 } else { -1.0 }, 0.5);
        close(&parts(&found), &parts(&expected), tolerance(dtype));
    }

    #[test]
    fn real_transforms_are_half_of_it(
        lower in 0..3usize, single: bool, outer in 0..4usize, which in 0..LENGTHS.len(),
        inner in 1..4usize, flip: bool, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let (real, dtype) =
            if single { (DType::F32, DType::C64) } else { (DType::F64, DType::C128) };
        let n = LENGTHS[which];
        let (dims, halves) = ([outer, n, inner], [outer, n / 2 + 1, inner]);
        let order = if flip { [1, 2, 0] } else { [0, 1, 2] };
        let x = Values::new(seed).eighths(outer * n * inner);
        let input = Tensor::arranged(real, &dims, &x, &order, 1);
        let count: usize = halves.iter().product();
        let half = Tensor::arranged(dtype, &halves, &vec![0.0; count], &order, 0);
        rfft(half.view_mut(), input.view(), 1, 0.5).unwrap();
        let whole: Vec<_> = x.iter().map(|&v| Complex64::new(v, 0.0)).collect();
        let whole = definition(&whole, dims, -1.0, 0.5);
        let row = |outer: usize| outer * n * inner..(outer * n + n / 2 + 1) * inner;
        let expected: Vec<_> = (0..outer).flat_map(|o| whole[row(o)].to_vec()).collect();
        let found: Vec<_> = half.scalars().into_iter().map(Scalar::to_complex).collect();
        close(&parts(&found), &parts(&expected), tolerance(dtype));
        let back = Tensor::arranged(real, &dims, &vec![0.0; x.len()], &order, 0);
        irfft(back.view_mut(), half.view(), 1, 2.0 / n as f64).unwrap();
        close(&back.values(), &x, tolerance(real));
    }
}
