//! Pooling against the set of positions each window covers.
#![allow(clippy::unwrap_used)]

mod kit;

use base::{DType, Dims, Kind};
use cpu::arch::{Level, limit_level};
use cpu::pool2d::*;
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::BF16, DType::I64];

/// The divisor of a window, from its positions and their number with padding.
type Rule = fn(&[usize], usize) -> f64;

/// Positions of a window along one dim (`None`: padding).
type Line = Vec<Option<usize>>;

/// Positions of each window of a plane, and how many there are with padding.
fn windows(input: &[usize], lines: &[Vec<Line>]) -> Vec<(Vec<usize>, usize)> {
    let mut all = vec![(vec![0], 1)];
    for (d, lines) in lines.iter().enumerate() {
        all = all
            .iter()
            .flat_map(|(at, count)| {
                lines.iter().map(move |line| {
                    let inside = line.iter().flatten();
                    let next =
                        at.iter().flat_map(|a| inside.clone().map(move |i| a * input[d] + i));
                    (next.collect(), count * line.len())
                })
            })
            .collect();
    }
    all
}

/// Lines of fixed windows; with `ceil` the last one starts inside, as PyTorch has it.
fn fixed(input: usize, [k, s, p, d]: [usize; 4], ceil: bool) -> Vec<Line> {
    let reach = d * (k - 1) + 1;
    let span = input + 2 * p - reach;
    let mut count = if ceil { span.div_ceil(s) } else { span / s } + 1;
    if ceil && (count - 1) * s >= input + p {
        count -= 1;
    }
    (0..count)
        .map(|o| {
            (0..k)
                .map(|i| o * s + i * d)
                .filter(|at| *at < input + 2 * p)
                .map(|at| at.checked_sub(p).filter(|at| *at < input))
                .collect()
        })
        .collect()
}

fn adaptive(input: usize, output: usize) -> Vec<Line> {
    (0..output)
        .map(|o| (o * input / output..((o + 1) * input).div_ceil(output)).map(Some).collect())
        .collect()
}

struct Data {
    x: Vec<f64>,
    g: Vec<f64>,
    x_dims: Vec<usize>,
    y_dims: Vec<usize>,
    windows: Vec<(Vec<usize>, usize)>,
}

fn data(lead: [usize; 2], input: &[usize], lines: &[Vec<Line>], seed: u64) -> Data {
    let mut values = Values::new(seed);
    let x_dims = [&lead[..], input].concat();
    let y_dims = [lead.to_vec(), lines.iter().map(Vec::len).collect()].concat();
    let x = values.integers(x_dims.iter().product());
    let g = values.integers(y_dims.iter().product());
    Data { x, g, x_dims, y_dims, windows: windows(input, lines) }
}

impl Data {
    fn planes(&self) -> usize {
        self.x_dims[0] * self.x_dims[1]
    }

    fn size(&self) -> usize {
        self.x_dims[2..].iter().product()
    }

    /// Largest elements, their positions, and the gradient of the input.
    fn max(&self) -> [Vec<f64>; 3] {
        let (mut y, mut index, mut gx) = (vec![], vec![], vec![0.0; self.x.len()]);
        for p in 0..self.planes() {
            let x = &self.x[p * self.size()..][..self.size()];
            for (at, _) in &self.windows {
                let mut best = at[0];
                for &i in at {
                    if x[i] > x[best] {
                        best = i;
                    }
                }
                gx[p * self.size() + best] += self.g[y.len()];
                y.push(x[best]);
                index.push(best as f64);
            }
        }
        [y, index, gx]
    }

    /// Averages and the gradient of the input.
    fn average(&self, divisor: impl Fn(&[usize], usize) -> f64) -> [Vec<f64>; 2] {
        let (mut y, mut gx) = (vec![], vec![0.0; self.x.len()]);
        for p in 0..self.planes() {
            for (at, padded) in &self.windows {
                let by = divisor(at, *padded);
                for i in at {
                    gx[p * self.size() + i] += self.g[y.len()] / by;
                }
                y.push(at.iter().map(|i| self.x[p * self.size() + i]).sum::<f64>() / by);
            }
        }
        [y, gx]
    }

    fn tensors(&self, dtype: DType, turned: bool) -> [Tensor; 4] {
        let mut order = kit::in_order(self.x_dims.len());
        if turned {
            let channel = order.remove(1);
            order.push(channel);
        }
        let make = |dims: &[usize], v: &[f64]| Tensor::arranged(dtype, dims, v, &order, 0);
        let (x, g) = (make(&self.x_dims, &self.x), make(&self.y_dims, &self.g));
        [x, g, make(&self.y_dims, &self.g), make(&self.x_dims, &self.x)]
    }
}

fn check_max(data: &Data, dtype: DType, turned: bool, pool: impl Fn(&Tensor, &Tensor, &Tensor)) {
    let [x, g, y, gx] = data.tensors(dtype, turned);
    let indices = Tensor::stale(DType::I64, &data.y_dims);
    pool(&y, &indices, &x);
    let [expected, positions, gradient] = data.max();
    assert_eq!(y.values(), expected);
    assert_eq!(indices.values(), positions);
    max_pool_backward(gx.view_mut(), g.view(), indices.view(), data.x_dims.len() - 2).unwrap();
    close(&gx.values(), &gradient, tolerance(dtype));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn fixed_windows(
        which in 0..4usize, rank in 1..4usize, lead in [0..3usize, 1..3usize],
        sizes in prop::collection::vec((1..9usize, 1..4usize, 1..4usize, 0..2usize, 1..3usize), 3),
        ceil: bool, turned: bool, divisor in 0..3usize, seed: u64,
    ) {
        let dtype = DTYPES[which];
        let sizes: Vec<(usize, [usize; 4])> = sizes[..rank]
            .iter()
            .map(|&(n, k, s, p, d)| {
                let d = if divisor == 0 { d } else { 1 };
                let p = p.min(k / 2);
                (n.max(d * (k - 1) + 1), [k, s, p, d])
            })
            .collect();
        let input: Vec<usize> = sizes.iter().map(|s| s.0).collect();
        let lines: Vec<Vec<Line>> = sizes.iter().map(|s| fixed(s.0, s.1, ceil)).collect();
        let list = |i: usize| sizes.iter().map(|s| s.1[i]).collect::<Dims>();
        let [kernel, stride, padding, dilation] = [0, 1, 2, 3].map(list);
        let geometry = PoolGeometry { kernel, stride, padding, dilation };
        let data = data(lead, &input, &lines, seed);
        check_max(&data, dtype, turned, |y, indices, x| {
            max_pool(y.view_mut(), Some(indices.view_mut()), x.view(), &geometry).unwrap();
        });
        if which < 3 {
            let (kind, by): (Divisor, Rule) = match divisor {
                0 => (Divisor::Inside, |at, _| at.len() as f64),
                1 => (Divisor::Padded, |_, padded| padded as f64),
                _ => (Divisor::Fixed(3.0), |_, _| 3.0),
            };
            let [y, gx] = data.average(by);
            let [x, g, out, grad] = data.tensors(dtype, turned);
            avg_pool(out.view_mut(), x.view(), &geometry, kind).unwrap();
            close(&out.values(), &y, tolerance(dtype));
            avg_pool_backward(grad.view_mut(), g.view(), &geometry, kind).unwrap();
            close(&grad.values(), &gx, tolerance(dtype));
        }
    }

    #[test]
    fn adaptive_windows(
        which in 0..4usize, rank in 1..4usize, lead in [0..3usize, 1..3usize],
        sizes in prop::collection::vec((1..9usize, 1..9usize), 3), turned: bool, seed: u64,
    ) {
        let dtype = DTYPES[which];
        let sizes = &sizes[..rank];
        let input: Vec<usize> = sizes.iter().map(|s| s.0).collect();
        let lines: Vec<Vec<Line>> = sizes.iter().map(|s| adaptive(s.0, s.1)).collect();
        let data = data(lead, &input, &lines, seed);
        check_max(&data, dtype, turned, |y, indices, x| {
            adaptive_max_pool(y.view_mut(), Some(indices.view_mut()), x.view(), rank).unwrap();
        });
        if which < 3 {
            let [y, gx] = data.average(|at, _| at.len() as f64);
            let [x, g, out, grad] = data.tensors(dtype, turned);
            adaptive_avg_pool(out.view_mut(), x.view(), rank).unwrap();
            close(&out.values(), &y, tolerance(dtype));
            adaptive_avg_pool_backward(grad.view_mut(), g.view(), rank).unwrap();
            close(&grad.values(), &gx, tolerance(dtype));
        }
    }
}

#[test]
fn long_rows_at_every_level() {
    for (level, stride) in Level::ALL.into_iter().flat_map(|l| [1, 2, 3].map(|s| (l, s))) {
        limit_level(level);
        let sizes = [(5, [2, 1, 0, 2]), (203, [3, stride, 1, 1])];
        let input = sizes.map(|s| s.0);
        let lines = sizes.map(|s| fixed(s.0, s.1, false));
        let [kernel, stride, padding, dilation] =
            [0, 1, 2, 3].map(|i| sizes.iter().map(|s| s.1[i]).collect::<Dims>());
        let geometry = PoolGeometry { kernel, stride, padding, dilation };
        let data = data([2, 1], &input, &lines, 7);
        for dtype in DTYPES {
            check_max(&data, dtype, false, |y, indices, x| {
                max_pool(y.view_mut(), Some(indices.view_mut()), x.view(), &geometry).unwrap();
            });
        }
    }
}

fn line(kernel: usize, stride: usize) -> PoolGeometry {
    let one = |v| Dims::from_slice(&[v]);
    PoolGeometry { kernel: one(kernel), stride: one(stride), padding: one(0), dilation: one(1) }
}

#[test]
fn nan_is_the_largest() {
    let x = Tensor::new(DType::F32, &[1, 4], &[1.0, f64::NAN, 5.0, 2.0]);
    let (y, at) = (Tensor::stale(DType::F32, &[1, 2]), Tensor::stale(DType::I64, &[1, 2]));
    max_pool(y.view_mut(), Some(at.view_mut()), x.view(), &line(2, 2)).unwrap();
    assert!(y.values()[0].is_nan());
    assert_eq!((y.values()[1], at.values()), (5.0, vec![1.0, 2.0]));
    let mut long = vec![1.0; 100];
    for i in [20, 21, 61] {
        long[i] = f64::NAN;
    }
    let x = Tensor::new(DType::F32, &[1, 100], &long);
    let (y, at) = (Tensor::stale(DType::F32, &[1, 50]), Tensor::stale(DType::I64, &[1, 50]));
    max_pool(y.view_mut(), Some(at.view_mut()), x.view(), &line(2, 2)).unwrap();
    let found: Vec<usize> = (0..50).filter(|&o| y.values()[o].is_nan()).collect();
    assert_eq!((found, at.values()[10], at.values()[30]), (vec![10, 30], 21.0, 61.0));
}

#[test]
fn indices_outside_and_windows_that_miss_are_errors() {
    let (g, at) =
        (Tensor::new(DType::F32, &[1, 1], &[1.0]), Tensor::new(DType::I64, &[1, 1], &[4.0]));
    let gx = Tensor::stale(DType::F32, &[1, 4]);
    let err = max_pool_backward(gx.view_mut(), g.view(), at.view(), 1).unwrap_err();
    assert_eq!((err.kind(), gx.values()), (Kind::Index, vec![77.0; 4]));
    let (x, y) = (Tensor::new(DType::F32, &[1, 2], &[1.0; 2]), Tensor::stale(DType::F32, &[1, 3]));
    assert!(max_pool(y.view_mut(), None, x.view(), &line(2, 2)).is_err());
}
