//! Resampling against the kernel functions of each mode, evaluated at every input position.

mod kit;

use base::DType;
use cpu::interpolate::{Interpolation, interpolate, interpolate_backward};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

/// Keys' cubic with a = -0.75 at distance `x`.
fn keys(x: f64) -> f64 {
    let (a, x) = (-0.75, x.abs());
    match x {
        x if x <= 1.0 => (a + 2.0) * x.powi(3) - (a + 3.0) * x.powi(2) + 1.0,
        x if x < 2.0 => a * (x.powi(3) - 5.0 * x.powi(2) + 8.0 * x - 4.0),
        _ => 0.0,
    }
}

/// Weight of each input position in output position `o` along one dim.
fn weights(mode: Interpolation, input: usize, output: usize, o: usize) -> Vec<f64> {
    let ratio = input as f64 / output as f64;
    let aligned = |yes: bool| match (yes, output) {
        (true, 1) => 0.0,
        (true, _) => o as f64 * (input - 1) as f64 / (output - 1) as f64,
        _ => (o as f64 + 0.5) * ratio - 0.5,
    };
    let mut all = vec![0.0; input];
    let last = input as isize - 1;
    match mode {
        // The true source may lie on a boundary that f32 puts on either side: see the sizes drawn.
        Interpolation::Nearest => all[o * input / output] = 1.0,
        Interpolation::NearestExact => {
            all[((2 * o + 1) * input / (2 * output)).min(input - 1)] = 1.0;
        }
        Interpolation::Linear { align_corners } => {
            let at = aligned(align_corners).clamp(0.0, last as f64);
            for (i, w) in all.iter_mut().enumerate() {
                *w = (1.0 - (at - i as f64).abs()).max(0.0);
            }
        }
        Interpolation::Cubic { align_corners } => {
            let at = aligned(align_corners);
            for i in -4..input as isize + 4 {
                all[i.clamp(0, last) as usize] += keys(at - i as f64);
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn kernel_functions(
        which in 0..3usize, mode in 0..6usize, rank in 1..4usize, lead in 1..3usize,
        sizes in prop::collection::vec((1..7usize, 0..4usize), 3), explicit: bool,
        turned: bool, seed: u64,
    ) {
        let dtype = [DType::F64, DType::F32, DType::BF16][which];
        let align_corners = mode % 2 == 1;
        let mode = match mode / 2 {
            0 if align_corners => Interpolation::NearestExact,
            0 => Interpolation::Nearest,
            1 => Interpolation::Linear { align_corners },
            _ => Interpolation::Cubic { align_corners },
        };
        // Ratios that are powers of two are exact in f32.
        let input: Vec<usize> = sizes[..rank].iter().map(|s| 2 * s.0).collect();
        let output: Vec<usize> = sizes[..rank].iter().map(|s| s.0 << s.1).collect();
        let factors: Vec<Option<f64>> = (0..rank)
            .map(|d| explicit.then_some(output[d] as f64 / input[d] as f64)).collect();
        let matrices: Vec<Vec<Vec<f64>>> = (0..rank)
            .map(|d| (0..output[d]).map(|o| weights(mode, input[d], output[d], o)).collect())
            .collect();
        let (xs, ys) = (input.iter().product::<usize>(), output.iter().product::<usize>());
        let mut values = Values::new(seed);
        let (x, g) = (values.eighths(lead * xs), values.eighths(lead * ys));
        let (mut y, mut gx) = (vec![0.0; lead * ys], vec![0.0; lead * xs]);
        for p in 0..lead {
            for o in 0..ys {
                for i in 0..xs {
                    let (mut or, mut ir, mut weight) = (o, i, 1.0);
                    for d in (0..rank).rev() {
                        weight *= matrices[d][or % output[d]][ir % input[d]];
                        (or, ir) = (or / output[d], ir / input[d]);
                    }
                    y[p * ys + o] += weight * x[p * xs + i];
                    gx[p * xs + i] += weight * g[p * ys + o];
                }
            }
        }
        let dims = |d: &[usize]| [&[lead], d].concat();
        let mut order = kit::in_order(rank + 1);
        if turned { order.reverse(); }
        let make = |d: &[usize], v: &[f64]| Tensor::arranged(dtype, &dims(d), v, &order, 0);
        let (tx, grad) = (make(&input, &x), make(&input, &x));
        let (tg, out) = (make(&output, &g), make(&output, &g));
        interpolate(out.view_mut(), tx.view(), mode, &factors).unwrap();
        close(&out.values(), &y, 2.0 * tolerance(dtype));
        interpolate_backward(grad.view_mut(), tg.view(), mode, &factors).unwrap();
        close(&grad.values(), &gx, 4.0 * tolerance(dtype));
    }
}

#[test]
fn a_factor_that_is_not_the_ratio_of_sizes() {
    // 5 positions to floor(5 * 1.5) = 7: the source coordinate follows the factor.
    let x = Tensor::new(DType::F64, &[1, 5], &[0.0, 1.0, 2.0, 3.0, 4.0]);
    let y = Tensor::stale(DType::F64, &[1, 7]);
    let linear = Interpolation::Linear { align_corners: false };
    interpolate(y.view_mut(), x.view(), linear, &[Some(1.5)]).unwrap();
    let by_factor: Vec<f64> = (0..7).map(|o| ((o as f64 + 0.5) / 1.5 - 0.5).max(0.0)).collect();
    close(&y.values(), &by_factor, 1e-12);
    interpolate(y.view_mut(), x.view(), linear, &[None]).unwrap();
    let by_size: Vec<f64> =
        (0..7).map(|o| ((o as f64 + 0.5) * 5.0 / 7.0 - 0.5).clamp(0.0, 4.0)).collect();
    close(&y.values(), &by_size, 1e-12);
}
