//! Convolution and its gradients against the sum over every (output, channel, tap).
#![allow(clippy::unwrap_used)]

mod kit;

use base::{DType, Dims};
use cpu::arch::{Level, limit_level};
use cpu::conv::*;
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

struct Case {
    samples: usize,
    groups: usize,
    /// Channels of a group, in and out.
    channels: [usize; 2],
    input: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    padding: Vec<usize>,
    dilation: Vec<usize>,
}

impl Case {
    fn output(&self) -> Option<Vec<usize>> {
        (0..self.input.len())
            .map(|d| {
                let reach = self.dilation[d] * (self.kernel[d] - 1) + 1;
                let padded = self.input[d] + 2 * self.padding[d];
                (padded >= reach).then(|| (padded - reach) / self.stride[d] + 1)
            })
            .collect()
    }

    /// Every product the convolution sums: flat positions (input, filter, output).
    fn each(&self, output: &[usize], mut visit: impl FnMut(usize, usize, usize)) {
        let [cin, cout] = self.channels;
        let size = |d: &[usize]| d.iter().product::<usize>();
        let (xs, ks, ys) = (size(&self.input), size(&self.kernel), size(output));
        for n in 0..self.samples {
            for o in 0..cout * self.groups {
                for c in 0..cin {
                    for y in 0..ys {
                        for k in 0..ks {
                            let (mut yr, mut kr, mut at, mut step) = (y, k, 0, 1);
                            let mut inside = true;
                            for d in (0..self.input.len()).rev() {
                                let tap = kr % self.kernel[d] * self.dilation[d];
                                let i = (yr % output[d] * self.stride[d] + tap) as isize
                                    - self.padding[d] as isize;
                                (yr, kr) = (yr / output[d], kr / self.kernel[d]);
                                inside &= i >= 0 && i < self.input[d] as isize;
                                at += i * step;
                                step *= self.input[d] as isize;
                            }
                            if inside {
                                let channel = o / cout * cin + c;
                                let x = (n * cin * self.groups + channel) * xs + at as usize;
                                let w = (o * cin + c) * ks + k;
                                visit(x, w, (n * cout * self.groups + o) * ys + y);
                            }
                        }
                    }
                }
            }
        }
    }
}

fn check(case: &Case, dtype: DType, flip: bool, seed: u64) {
    let Some(output) = case.output() else { return };
    let Case { samples, groups, channels: [cin, cout], .. } = *case;
    let geometry = ConvGeometry {
        stride: Dims::from_slice(&case.stride),
        padding: Dims::from_slice(&case.padding),
        dilation: Dims::from_slice(&case.dilation),
        groups,
    };
    let x_dims = [&[samples, cin * groups], &case.input[..]].concat();
    let w_dims = [&[cout * groups, cin], &case.kernel[..]].concat();
    let y_dims = [&[samples, cout * groups], &output[..]].concat();
    let size = |d: &[usize]| d.iter().product::<usize>();
    let mut values = Values::new(seed);
    let (x, w) = (values.integers(size(&x_dims)), values.integers(size(&w_dims)));
    let (g, b) = (values.integers(size(&y_dims)), values.integers(cout * groups));
    let b_in = values.integers(cin * groups);
    let per = size(&output).max(1);
    let mut y: Vec<f64> = (0..g.len()).map(|i| b[i / per % (cout * groups)]).collect();
    let per_in = size(&case.input).max(1);
    let mut gx: Vec<f64> = (0..x.len()).map(|i| b_in[i / per_in % (cin * groups)]).collect();
    let mut gw = vec![0.0; w.len()];
    case.each(&output, |xi, wi, yi| {
        y[yi] += x[xi] * w[wi];
        gx[xi] += g[yi] * w[wi];
        gw[wi] += g[yi] * x[xi];
    });
    let mut gb = vec![0.0; cout * groups];
    for (i, g) in g.iter().enumerate() {
        gb[i / per % (cout * groups)] += g;
    }

    let mut order = kit::in_order(x_dims.len());
    if flip {
        let channel = order.remove(1);
        order.push(channel);
    }
    let tensor = |dims: &[usize], v: &[f64]| Tensor::arranged(dtype, dims, v, &order, 0);
    let (tx, tw, tg) = (tensor(&x_dims, &x), tensor(&w_dims, &w), tensor(&y_dims, &g));
    let (tb, tb_in) =
        (Tensor::new(dtype, &[b.len()], &b), Tensor::new(dtype, &[b_in.len()], &b_in));
    let out = tensor(&y_dims, &g);
    let tol = tolerance(dtype);
    conv_forward(out.view_mut(), tx.view(), tw.view(), Some(tb.view()), &geometry).unwrap();
    close(&out.values(), &y, tol);
    let out = tensor(&x_dims, &x);
    conv_input_gradient(out.view_mut(), tg.view(), tw.view(), Some(tb_in.view()), &geometry)
        .unwrap();
    close(&out.values(), &gx, tol);
    let out = tensor(&w_dims, &w);
    conv_weight_gradient(out.view_mut(), tg.view(), tx.view(), &geometry).unwrap();
    close(&out.values(), &gw, tol);
    let out = Tensor::stale(dtype, &[gb.len()]);
    conv_bias_gradient(out.view_mut(), tg.view()).unwrap();
    close(&out.values(), &gb, tol);
}

fn spatial(low: usize, high: usize) -> impl Strategy<Value = [usize; 3]> {
    [low..high, low..high, low..high]
}

/// Held by what sets the level, which is the process's, or compares results bit by bit.
static LEVEL: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]
    #[test]
    fn every_geometry(
        which in 0..4usize, rank in 1..4usize, samples in 0..4usize, groups in 1..4usize,
        channels in [1..4usize, 1..8usize], input in spatial(0, 8), kernel in spatial(1, 4),
        stride in spatial(1, 4), padding in spatial(0, 3), dilation in spatial(1, 3),
        flip: bool, lower in 0..3usize, seed: u64,
    ) {
        let _alone = LEVEL.lock();
        limit_level(Level::ALL[lower]);
        let list = |v: [usize; 3]| v[..rank].to_vec();
        let case = Case {
            samples, groups, channels, input: list(input), kernel: list(kernel),
            stride: list(stride), padding: list(padding), dilation: list(dilation),
        };
        check(&case, DTYPES[which], flip, seed);
    }
}

fn plane(
    samples: usize,
    groups: usize,
    channels: [usize; 2],
    input: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Case {
    let two = |v| vec![v, v];
    Case {
        samples,
        groups,
        channels,
        input: input.to_vec(),
        kernel: two(kernel),
        stride: two(stride),
        padding: two(padding),
        dilation: two(1),
    }
}

#[test]
fn sizes_that_need_several_blocks() {
    for case in [
        plane(2, 1, [16, 24], [40, 37], 3, 1, 1),
        plane(3, 1, [3, 8], [33, 64], 7, 2, 3),
        plane(2, 1, [64, 40], [20, 20], 1, 1, 0),
        plane(1, 4, [12, 9], [31, 30], 3, 2, 1),
        plane(40, 1, [2, 3], [9, 9], 3, 1, 0),
        plane(2, 1, [200, 30], [9, 8], 3, 1, 1),
    ] {
        check(&case, DType::F32, false, 9);
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let _alone = LEVEL.lock();
    let case = plane(6, 1, [13, 17], [30, 31], 3, 1, 1);
    let geometry = ConvGeometry {
        stride: Dims::from_slice(&[1, 1]),
        padding: Dims::from_slice(&[1, 1]),
        dilation: Dims::from_slice(&[1, 1]),
        groups: 1,
    };
    let mut values = Values::new(8);
    let mut noise =
        |n: usize| (0..n).map(|_| values.bits() as f64 / 1e15 - 4.0).collect::<Vec<_>>();
    let dims = [6, 13, 30, 31];
    let x = Tensor::new(DType::F32, &dims, &noise(6 * 13 * 30 * 31));
    let w = Tensor::new(DType::F32, &[17, 13, 3, 3], &noise(17 * 13 * 9));
    let g = Tensor::new(DType::F32, &[6, 17, 30, 31], &noise(6 * 17 * 30 * 31));
    let run = |threads| {
        cpu::set_num_threads(threads);
        let (y, gx) =
            (Tensor::stale(DType::F32, &[6, 17, 30, 31]), Tensor::stale(DType::F32, &dims));
        let gw = Tensor::stale(DType::F32, &[17, 13, 3, 3]);
        conv_forward(y.view_mut(), x.view(), w.view(), None, &geometry).unwrap();
        conv_input_gradient(gx.view_mut(), g.view(), w.view(), None, &geometry).unwrap();
        conv_weight_gradient(gw.view_mut(), g.view(), x.view(), &geometry).unwrap();
        [y.values(), gx.values(), gw.values()]
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
    assert_eq!(case.output(), Some(vec![30, 31]));
}
