//! Indexed reads and writes against loops over the logical elements.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used)] // A test may end where its expectation does not hold.

#[allow(unsafe_code)]
mod kit;

use base::{DType, Kind, Scalar, Strides};
use cpu::index::{
    ScatterOp, flip, gather, index, index_add, index_copy, index_fill, index_put, index_reduce,
    index_select, masked_scatter, masked_select, nonzero, put, roll, scatter, scatter_add,
    scatter_reduce, take,
};
use kit::{Tensor, Values, close};
use proptest::prelude::*;

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

fn unravel(dims: &[usize], mut at: usize) -> Vec<usize> {
    let mut index = vec![0; dims.len()];
    for d in (0..dims.len()).rev() {
        index[d] = at % dims[d];
        at /= dims[d];
    }
    index
}

fn ravel(dims: &[usize], index: &[usize]) -> usize {
    index.iter().zip(dims).fold(0, |at, (i, n)| at * n + i)
}

fn numel(dims: &[usize]) -> usize {
    dims.iter().product()
}

/// Elements small enough to be exact in every dtype.
fn data(values: &mut Values, dtype: DType, dims: &[usize]) -> Vec<f64> {
    let v = values.integers(numel(dims));
    let top = if dtype == DType::Bool { 1.0 } else { 3.0 };
    v.iter().map(|x| x.abs().min(top)).collect()
}

fn arranged(dtype: DType, dims: &[usize], x: &[f64], which: usize) -> Tensor {
    let mut order: Vec<usize> = (0..dims.len()).collect();
    order.rotate_left(if dims.is_empty() { 0 } else { which % dims.len() });
    Tensor::arranged(dtype, dims, x, &order, which % 3)
}

const KINDS: [DType; 9] = [
    DType::Bool,
    DType::U8,
    DType::I64,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::C32,
    DType::C64,
    DType::C128,
];

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn gather_and_scatter(
        dims in prop::collection::vec(1..7usize, 1..4), less in 0..8usize, dim in 0..3usize,
        longer in 0..9usize, kind in 0..KINDS.len(), which in [0..3usize, 0..3usize, 0..3usize], seed: u64,
    ) {
        let dim = dim % dims.len();
        let dtype = KINDS[kind];
        let mut values = Values::new(seed);
        let mut picks = dims.clone();
        for (d, n) in picks.iter_mut().enumerate() {
            if d == dim { *n = longer } else { *n -= (less >> d & 1).min(*n) }
        }
        let at: Vec<f64> = (0..numel(&picks)).map(|_| values.below(dims[dim]) as f64).collect();
        let x = data(&mut values, dtype, &dims);
        let s = data(&mut values, dtype, &picks);
        let (input, src) = (arranged(dtype, &dims, &x, which[0]), arranged(dtype, &picks, &s, which[1]));
        let index = arranged(DType::I64, &picks, &at, which[2]);
        let target = |p: usize| {
            let mut i = unravel(&picks, p);
            i[dim] = at[p] as usize;
            ravel(&dims, &i)
        };

        let out = arranged(dtype, &picks, &s, which[2]);
        gather(out.view_mut(), input.view(), dim, index.view()).unwrap();
        let expected: Vec<f64> = (0..at.len()).map(|p| x[target(p)]).collect();
        close(&out.values(), &expected, 0.0);

        let mut expected = x.clone();
        (0..at.len()).for_each(|p| expected[target(p)] = s[p]);
        scatter(input.view_mut(), dim, index.view(), src.view().into()).unwrap();
        close(&input.values(), &expected, 0.0);

        let top = if dtype == DType::Bool { 1.0 } else { f64::INFINITY };
        (0..at.len()).for_each(|p| expected[target(p)] = (expected[target(p)] + s[p]).min(top));
        scatter_add(input.view_mut(), dim, index.view(), src.view().into()).unwrap();
        close(&input.values(), &expected, 0.0);

        (0..at.len()).for_each(|p| expected[target(p)] = 1.0);
        scatter(input.view_mut(), dim, index.view(), Scalar::Int(1).into()).unwrap();
        close(&input.values(), &expected, 0.0);
    }

    #[test]
    fn scatter_reductions(
        n in 1..6usize, count in 0..12usize, width in 1..4usize, kind in 0..6usize, op in 0..5usize,
        include: bool, seed: u64,
    ) {
        let op = [ScatterOp::Sum, ScatterOp::Prod, ScatterOp::Mean, ScatterOp::Amax, ScatterOp::Amin][op];
        let dtype = [DType::F32, DType::F64, DType::F16, DType::I64, DType::I32, DType::U8][kind];
        let mut values = Values::new(seed);
        let x: Vec<f64> = values.integers(n * width).iter().map(|v| v.abs()).collect();
        let s: Vec<f64> = values.integers(count * width).iter().map(|v| v.abs()).collect();
        let at: Vec<f64> = (0..count * width).map(|_| values.below(n) as f64).collect();
        let out = Tensor::new(dtype, &[n, width], &x);
        let src = Tensor::new(dtype, &[count, width], &s);
        let index = Tensor::new(DType::I64, &[count, width], &at);
        scatter_reduce(out.view_mut(), 0, index.view(), src.view().into(), op, include).unwrap();
        let expected: Vec<f64> = (0..n * width).map(|i| {
            let (row, column) = (i / width, i % width);
            let mut met: Vec<f64> = (0..count)
                .filter(|k| at[k * width + column] as usize == row)
                .map(|k| s[k * width + column])
                .collect();
            if met.is_empty() {
                return x[i];
            }
            if include {
                met.insert(0, x[i]);
            }
            match op {
                ScatterOp::Sum => met.iter().sum(),
                ScatterOp::Prod => if dtype == DType::U8 {
                    f64::from(met.iter().fold(1u8, |a, v| a.wrapping_mul(*v as u8)))
                } else {
                    met.iter().product()
                },
                ScatterOp::Mean => {
                    let mean = met.iter().sum::<f64>() / met.len() as f64;
                    if dtype.is_float() { mean } else { mean.floor() }
                }
                ScatterOp::Amax => met.iter().fold(f64::NEG_INFINITY, |a, v| a.max(*v)),
                ScatterOp::Amin => met.iter().fold(f64::INFINITY, |a, v| a.min(*v)),
            }
        }).collect();
        let tol = if dtype == DType::F16 { 1e-3 } else { 1e-6 };
        close(&out.values(), &expected, tol);
    }

    #[test]
    fn slices_along_a_dimension(
        dims in prop::collection::vec(1..7usize, 0..4), dim in 0..3usize, count in 0..6usize,
        kind in 0..KINDS.len(), which in 0..3usize, seed: u64,
    ) {
        let dim = if dims.is_empty() { 0 } else { dim % dims.len() };
        let dtype = KINDS[kind];
        let count = if dims.is_empty() { 1 } else { count };
        let size = dims.get(dim).copied().unwrap_or(1);
        let mut values = Values::new(seed);
        let at: Vec<f64> = (0..count).map(|_| values.below(size) as f64).collect();
        let mut picked = dims.clone();
        if !dims.is_empty() {
            picked[dim] = count;
        }
        let x = data(&mut values, dtype, &dims);
        let s = data(&mut values, dtype, &picked);
        let (input, src) = (arranged(dtype, &dims, &x, which), arranged(dtype, &picked, &s, which + 1));
        let index = Tensor::new(DType::I64, &[count], &at);
        let target = |p: usize| {
            let mut i = unravel(&picked, p);
            if let Some(i) = i.get_mut(dim) { *i = at[*i] as usize }
            ravel(&dims, &i)
        };
        let out = Tensor::stale(dtype, &picked);
        index_select(out.view_mut(), input.view(), dim, index.view()).unwrap();
        let expected: Vec<f64> = (0..s.len()).map(|p| x[target(p)]).collect();
        close(&out.values(), &expected, 0.0);

        let mut expected = x.clone();
        (0..s.len()).for_each(|p| expected[target(p)] = s[p]);
        index_copy(input.view_mut(), dim, index.view(), src.view()).unwrap();
        close(&input.values(), &expected, 0.0);

        let top = if dtype == DType::Bool { 1.0 } else { f64::INFINITY };
        (0..s.len()).for_each(|p| expected[target(p)] = (expected[target(p)] + s[p]).min(top));
        index_add(input.view_mut(), dim, index.view(), src.view(), Scalar::Int(1)).unwrap();
        close(&input.values(), &expected, 0.0);
        if dtype != DType::Bool {
            (0..s.len()).for_each(|p| expected[target(p)] += 2.0 * s[p]);
            index_add(input.view_mut(), dim, index.view(), src.view(), Scalar::Int(2)).unwrap();
            close(&input.values(), &expected, 0.0);
        }
        (0..s.len()).for_each(|p| expected[target(p)] = 1.0);
        index_fill(input.view_mut(), dim, index.view(), Scalar::Int(1)).unwrap();
        close(&input.values(), &expected, 0.0);
    }

    #[test]
    fn several_index_tensors(
        dims in prop::collection::vec(1..6usize, 1..4), used in 1..4usize,
        shape in prop::collection::vec(0..4usize, 0..3), kind in 0..KINDS.len(), which in 0..3usize,
        spread: bool, seed: u64,
    ) {
        let used = used.min(dims.len());
        let dtype = KINDS[kind];
        let mut values = Values::new(seed);
        let x = data(&mut values, dtype, &dims);
        let input = arranged(dtype, &dims, &x, which);
        let mut tensors: Vec<Tensor> = (0..used).map(|d| {
            let n = dims[d];
            let at: Vec<f64> = (0..numel(&shape)).map(|_| values.below(2 * n) as f64 - n as f64).collect();
            Tensor::new(DType::I64, &shape, &at)
        }).collect();
        if spread && numel(&shape) > 0 {
            tensors[0].layout.strides = Strides::filled(0, shape.len());
        }
        let indices: Vec<_> = tensors.iter().map(Tensor::view).collect();
        let picks: Vec<Vec<f64>> = tensors.iter().map(Tensor::values).collect();
        let mut out_dims = shape.clone();
        out_dims.extend(&dims[used..]);
        let rest = numel(&dims[used..]);
        let target = |p: usize| {
            let (b, r) = (p / rest.max(1), p % rest.max(1));
            let first: Vec<usize> = (0..used).map(|d| {
                let i = picks[d][b] as i64;
                (if i < 0 { i + dims[d] as i64 } else { i }) as usize
            }).collect();
            ravel(&dims[..used], &first) * rest + r
        };
        let out = Tensor::stale(dtype, &out_dims);
        index(out.view_mut(), input.view(), &indices).unwrap();
        let expected: Vec<f64> = (0..numel(&out_dims)).map(|p| x[target(p)]).collect();
        close(&out.values(), &expected, 0.0);

        let s = data(&mut values, dtype, &out_dims);
        let src = Tensor::new(dtype, &out_dims, &s);
        let mut expected = x.clone();
        (0..s.len()).for_each(|p| expected[target(p)] = s[p]);
        index_put(input.view_mut(), &indices, src.view().into(), false).unwrap();
        close(&input.values(), &expected, 0.0);
        let top = if dtype == DType::Bool { 1.0 } else { f64::INFINITY };
        (0..s.len()).for_each(|p| expected[target(p)] = (expected[target(p)] + s[p]).min(top));
        index_put(input.view_mut(), &indices, src.view().into(), true).unwrap();
        close(&input.values(), &expected, 0.0);
    }

    #[test]
    fn masks(
        dims in prop_oneof![prop::collection::vec(0..6usize, 0..4), Just(vec![50_000]), Just(vec![3, 9000])],
        shrink in 0..8usize, kind in 0..KINDS.len(), which in 0..3usize, seed: u64,
    ) {
        let dtype = KINDS[kind];
        let mut values = Values::new(seed);
        let mask_dims: Vec<usize> = dims.iter().enumerate()
            .map(|(d, &n)| if shrink >> d & 1 == 1 { n.min(1) } else { n }).collect();
        if mask_dims.contains(&0) && !dims.contains(&0) {
            return Ok(());
        }
        let x = data(&mut values, dtype, &dims);
        let m: Vec<f64> = (0..numel(&mask_dims)).map(|_| values.below(2) as f64).collect();
        let mask = arranged(DType::Bool, &mask_dims, &m, which);
        let input = arranged(dtype, &dims, &x, which + 1);
        let chosen: Vec<usize> = (0..x.len()).filter(|&p| {
            let i: Vec<usize> = unravel(&dims, p).iter().zip(&mask_dims)
                .map(|(i, n)| if *n == 1 { 0 } else { *i }).collect();
            m[ravel(&mask_dims, &i)] != 0.0
        }).collect();
        let out = Tensor::stale(dtype, &[chosen.len()]);
        masked_select(out.view_mut(), input.view(), mask.view(), &dims).unwrap();
        let expected: Vec<f64> = chosen.iter().map(|&p| x[p]).collect();
        close(&out.values(), &expected, 0.0);

        let s = data(&mut values, dtype, &[chosen.len() + 2]);
        let src = Tensor::new(dtype, &[s.len()], &s);
        let mut expected = x.clone();
        chosen.iter().zip(&s).for_each(|(&p, v)| expected[p] = *v);
        masked_scatter(input.view_mut(), mask.view(), src.view()).unwrap();
        close(&input.values(), &expected, 0.0);

        let places: Vec<usize> = (0..m.len()).filter(|&p| m[p] != 0.0).collect();
        let out = Tensor::stale(DType::I64, &[places.len(), mask_dims.len()]);
        nonzero(out.view_mut(), mask.view()).unwrap();
        let expected: Vec<f64> =
            places.iter().flat_map(|&p| unravel(&mask_dims, p)).map(|i| i as f64).collect();
        close(&out.values(), &expected, 0.0);
    }

    #[test]
    fn reversed_and_rotated(
        dims in prop::collection::vec(0..7usize, 0..4), which in 0..8usize, shifts in [-9..9i64, -9..9i64, -9..9i64],
        kind in 0..KINDS.len(), order in 0..3usize, seed: u64,
    ) {
        let dtype = KINDS[kind];
        let x = data(&mut Values::new(seed), dtype, &dims);
        let input = arranged(dtype, &dims, &x, order);
        let chosen: Vec<usize> = (0..dims.len()).filter(|d| which >> d & 1 == 1).collect();
        let out = Tensor::stale(dtype, &dims);
        flip(out.view_mut(), input.view(), &chosen).unwrap();
        let expected: Vec<f64> = (0..x.len()).map(|p| {
            let mut i = unravel(&dims, p);
            for &d in &chosen {
                i[d] = dims[d] - 1 - i[d];
            }
            x[ravel(&dims, &i)]
        }).collect();
        close(&out.values(), &expected, 0.0);
        roll(out.view_mut(), input.view(), &shifts[..chosen.len()], &chosen).unwrap();
        let expected: Vec<f64> = (0..x.len()).map(|p| {
            let mut i = unravel(&dims, p);
            for (&d, s) in chosen.iter().zip(shifts) {
                i[d] = (i[d] as i64 - s).rem_euclid(dims[d] as i64) as usize;
            }
            x[ravel(&dims, &i)]
        }).collect();
        close(&out.values(), &expected, 0.0);
    }
}

#[test]
fn flat_positions() {
    let x = Tensor::new(DType::F32, &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let index = Tensor::new(DType::I64, &[2, 2], &[5.0, -6.0, 2.0, 2.0]);
    let out = Tensor::stale(DType::F32, &[2, 2]);
    take(out.view_mut(), x.view(), index.view()).unwrap();
    assert_eq!(out.values(), [5.0, 0.0, 2.0, 2.0]);
    put(x.view_mut(), index.view(), Scalar::Float(1.5).into(), true).unwrap();
    assert_eq!(x.values(), [1.5, 1.0, 5.0, 3.0, 4.0, 6.5]);
}

#[test]
fn halves_round_where_pytorch_rounds() {
    let one = Tensor::new(DType::F16, &[2], &[1.0, 1.0]);
    let index = Tensor::new(DType::I64, &[2], &[0.0, 0.0]);
    let x = Tensor::new(DType::F16, &[1], &[2048.0]);
    index_add(x.view_mut(), 0, index.view(), one.view(), Scalar::Int(1)).unwrap();
    index_put(x.view_mut(), &[index.view()], one.view().into(), true).unwrap();
    assert_eq!(x.values(), [2048.0]);
    scatter_add(x.view_mut(), 0, index.view(), one.view().into()).unwrap();
    assert_eq!(x.values(), [2050.0]);
}

#[test]
fn bad_indices_change_nothing_and_say_what_is_wrong() {
    let x = Tensor::new(DType::F32, &[2, 3], &[7.0; 6]);
    let row = Tensor::new(DType::F32, &[2, 3], &[1.0; 6]);
    let bad = Tensor::new(DType::I64, &[2], &[0.0, 5.0]);
    let wide = Tensor::new(DType::I64, &[1, 2], &[0.0, -1.0]);
    let out = Tensor::new(DType::F32, &[2, 3], &[7.0; 6]);
    let small = Tensor::new(DType::F32, &[1, 2], &[7.0; 2]);
    let one = Scalar::Int(1);
    let bounds = "index 5 is out of bounds for dimension 0 with size 2";
    let (b, r) = (bad.view(), row.view());
    let cases = [
        (index_select(out.view_mut(), x.view(), 0, b), Kind::Index, "index out of range in self"),
        (index(out.view_mut(), x.view(), &[b]), Kind::Index, bounds),
        (index_put(x.view_mut(), &[b], one.into(), false), Kind::Index, bounds),
        (index_fill(x.view_mut(), 0, b, one), Kind::Index, bounds),
        (index_add(x.view_mut(), 0, b, r, one), Kind::Runtime, bounds),
        (
            index_copy(x.view_mut(), 0, b, r),
            Kind::Index,
            "index_copy_(): index 5 is out of bounds for dimension 0 with size 2",
        ),
        (
            index_reduce(x.view_mut(), 0, b, r, ScatterOp::Prod, true),
            Kind::Index,
            "index out of range in self",
        ),
        (
            gather(small.view_mut(), x.view(), 1, wide.view()),
            Kind::Runtime,
            "index -1 is out of bounds for dimension 1 with size 3",
        ),
        (
            scatter(x.view_mut(), 1, wide.view(), one.into()),
            Kind::Runtime,
            "index -1 is out of bounds for dimension 1 with size 3",
        ),
        (
            put(x.view_mut(), Tensor::new(DType::I64, &[1], &[-7.0]).view(), one.into(), false),
            Kind::Index,
            "out of range: tried to access index -7 on a tensor of 6 elements.",
        ),
    ];
    for (result, kind, text) in cases {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, text));
    }
    assert_eq!(x.values(), [7.0; 6]);
    assert_eq!(out.values(), [7.0; 6]);
    let mask = Tensor::new(DType::Bool, &[2, 3], &[1.0; 6]);
    let few = Tensor::new(DType::F32, &[5], &[1.0; 5]);
    let error = masked_scatter(x.view_mut(), mask.view(), few.view()).unwrap_err();
    assert_eq!(error.message(), "Number of elements of source < number of ones in mask");
    assert_eq!(x.values(), [7.0; 6]);
}
