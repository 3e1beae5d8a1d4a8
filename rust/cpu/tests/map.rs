//! Elementwise kernels, casts, copies and selection against element-by-element loops.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used)] // A test may end where its expectation does not hold.

#[allow(unsafe_code)]
mod kit;

use base::{B8, Complex64, DType, Dims, Scalar, Strides};
use cpu::arch::{Level, limit_level};
use cpu::math::{Field, Number, Real};
use cpu::{
    Kernel, Operand, Table, View, binary, binary_with, copy, map, ternary, unary, unary_with,
    where_,
};
use kit::{Tensor, Values, close, in_order};
use proptest::prelude::*;

const NONE: [f64; 4] = [0.0; 4];

/// A table in a `static` of a crate without unsafe code: what the op rows expand to.
static ADD: Table = {
    let mut table: Table = [None; DType::COUNT];
    table[DType::Bool as usize] = Some(binary(|a: B8, b: B8| B8::from(a.get() | b.get())));
    table[DType::U8 as usize] = Some(binary(<u8 as Number>::add));
    table[DType::I32 as usize] = Some(binary(|a: i32, b: i32| Number::add(a, b)));
    table[DType::I64 as usize] = Some(binary(|a: i64, b: i64| Number::add(a, b)));
    table[DType::F32 as usize] = Some(binary(|a: f32, b: f32| a + b));
    table[DType::F64 as usize] = Some(binary(|a: f64, b: f64| a + b));
    table[DType::C128 as usize] = Some(binary(|a: Complex64, b: Complex64| a + b));
    table
};
static TANH: Kernel = unary(|x: f32| Field::tanh(x));
static LESS: Kernel = binary(|a: f32, b: f32| B8::from(a < b));
static AFFINE: Kernel = unary_with(|x: f32, p| x * p[0] as f32 + p[1] as f32);
static SCALED_SUM: Kernel = binary_with(|a: f32, b: f32, p| a + p[0] as f32 * b);
static FUSED: Kernel = ternary(|a: f32, b: f32, c: f32| Real::mul_add(a, b, c));

fn add(dtype: DType) -> &'static Kernel {
    ADD[dtype.compute() as usize].as_ref().unwrap()
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

#[track_caller]
fn same(ours: &[f64], expected: &[f64]) {
    close(ours, expected, 0.0);
}

/// The element of an operand of shape `dims` that meets position `at` of a result of shape `to`.
fn broadcast_index(dims: &[usize], to: &[usize], mut at: usize) -> usize {
    let lead = to.len() - dims.len();
    let (mut index, mut step) = (0, 1);
    for d in (0..to.len()).rev() {
        let i = at % to[d];
        at /= to[d];
        if d >= lead {
            index += if dims[d - lead] == 1 { 0 } else { i * step };
            step *= dims[d - lead];
        }
    }
    index
}

fn expand(values: &[f64], dims: &[usize], to: &[usize]) -> Vec<f64> {
    (0..to.iter().product()).map(|at| values[broadcast_index(dims, to, at)]).collect()
}

fn order(rank: usize, which: usize) -> Vec<usize> {
    let mut order = in_order(rank);
    if rank > 0 {
        order.rotate_left(which % rank);
    }
    if which >= rank {
        order.reverse();
    }
    order
}

/// `dims` with the marked sizes set to 1 and `lead` leading dims dropped.
fn shrink(dims: &[usize], mask: usize, lead: usize) -> Vec<usize> {
    let kept = dims.iter().enumerate().skip(lead.min(dims.len()));
    kept.map(|(d, &n)| if mask >> d & 1 == 1 { 1 } else { n }).collect()
}

fn dims() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(0..7usize, 0..5),
        prop::collection::vec(1..130usize, 1..3),
        Just(vec![3, 20_000]),
        Just(vec![20_000, 3]),
        Just(vec![2, 3, 1, 700]),
    ]
}

const DTYPES: [DType; 8] = [
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::I64,
    DType::I32,
    DType::U8,
    DType::C128,
];

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn sums_of_any_layouts_and_dtypes(
        dims in dims(), masks in [0..8usize, 0..8usize], leads in [0..2usize, 0..2usize],
        orders in [0..6usize, 0..6usize, 0..6usize], gaps in [0..3usize, 0..3usize, 0..3usize],
        types in [0..8usize, 0..8usize], level in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[level]);
        let mut values = Values::new(seed);
        let shapes = [shrink(&dims, masks[0], leads[0]), shrink(&dims, masks[1], leads[1])];
        // Small integers are exact in every dtype, and so are their sums.
        let data = shapes.each_ref().map(|s| values.integers(s.iter().product()));
        let data = data.map(|v| v.iter().map(|x| x + 3.0).collect::<Vec<_>>());
        let tensor = |i: usize| {
            let s = &shapes[i];
            Tensor::arranged(DTYPES[types[i]], s, &data[i], &order(s.len(), orders[i]), gaps[i])
        };
        let (a, b) = (tensor(0), tensor(1));
        let compute = if a.dtype.is_complex() || b.dtype.is_complex() { DType::C128 } else { a.dtype };
        let out_dtype = if compute.is_complex() { DType::C128 } else { b.dtype };
        let numel = dims.iter().product();
        let blank = vec![9.0; numel];
        let out = Tensor::arranged(out_dtype, &dims, &blank, &order(dims.len(), orders[2]), gaps[2]);
        map(add(compute), out.view_mut(), &[a.view().into(), b.view().into()], &NONE).unwrap();
        let (x, y) = (expand(&data[0], &shapes[0], &dims), expand(&data[1], &shapes[1], &dims));
        let expected: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
        same(&out.values(), &expected);
    }

    #[test]
    fn in_place_and_with_a_scalar(
        dims in dims(), which in 0..6usize, gap in 0..2usize, kind in 0..8usize, level in 0..3usize,
        seed: u64,
    ) {
        limit_level(Level::ALL[level]);
        let data = Values::new(seed).integers(dims.iter().product());
        let data: Vec<f64> = data.iter().map(|x| x + 3.0).collect();
        let dtype = DTYPES[kind];
        let a = Tensor::arranged(dtype, &dims, &data, &order(dims.len(), which), gap);
        let ins = [a.view().into(), Operand::Scalar(Scalar::Int(2))];
        map(add(dtype), a.view_mut(), &ins, &NONE).unwrap();
        map(add(dtype), a.view_mut(), &[a.view().into(), a.view().into()], &NONE).unwrap();
        let expected: Vec<f64> = data.iter().map(|x| 2.0 * (x + 2.0)).collect();
        same(&a.values(), &expected);
    }

    #[test]
    fn copies_cast_and_rearrange(
        dims in dims(), mask in 0..8usize, orders in [0..6usize, 0..6usize],
        gaps in [0..3usize, 0..3usize], types in [0..DType::COUNT, 0..DType::COUNT], level in 0..3usize,
        seed: u64,
    ) {
        limit_level(Level::ALL[level]);
        let shape = shrink(&dims, mask, 0);
        let data = Values::new(seed).integers(shape.iter().product());
        let (from, to) = (DType::ALL[types[0]], DType::ALL[types[1]]);
        let source = Tensor::arranged(from, &shape, &data, &order(shape.len(), orders[0]), gaps[0]);
        let blank = vec![5.0; dims.iter().product()];
        let out = Tensor::arranged(to, &dims, &blank, &order(dims.len(), orders[1]), gaps[1]);
        copy(out.view_mut(), source.view().into()).unwrap();
        let converted: Vec<f64> = source.scalars().iter().map(|&s| convert(s, to)).collect();
        same(&out.values(), &expand(&converted, &shape, &dims));
    }

    #[test]
    fn transposed_copies(
        rows in 1..150usize, cols in 1..150usize, planes in 1..3usize, kind in 0..DType::COUNT,
        flip: bool, seed: u64,
    ) {
        let dims = [planes, rows, cols];
        let data = Values::new(seed).integers(planes * rows * cols);
        let dtype = DType::ALL[kind];
        let order = if flip { [2, 0, 1] } else { [0, 2, 1] };
        let source = Tensor::arranged(dtype, &dims, &data, &order, 1);
        let out = Tensor::stale(dtype, &dims);
        copy(out.view_mut(), source.view().into()).unwrap();
        same(&out.values(), &source.values());
    }

    #[test]
    fn selection(
        dims in dims(), masks in [0..8usize, 0..8usize, 0..8usize],
        orders in [0..6usize, 0..6usize], types in [0..DType::COUNT, 0..DType::COUNT], level in 0..3usize,
        seed: u64,
    ) {
        limit_level(Level::ALL[level]);
        let mut values = Values::new(seed);
        let shapes = masks.map(|mask| shrink(&dims, mask, 0));
        let data = shapes.each_ref().map(|s| values.integers(s.iter().product()));
        let (a_type, to) = (DType::ALL[types[0]], DType::ALL[types[1]]);
        let cond = Tensor::arranged(DType::Bool, &shapes[0], &data[0], &order(shapes[0].len(), orders[0]), 0);
        let a = Tensor::arranged(a_type, &shapes[1], &data[1], &order(shapes[1].len(), orders[1]), 1);
        let b = Tensor::new(to, &shapes[2], &data[2]);
        let out = Tensor::stale(to, &dims);
        where_(out.view_mut(), cond.view(), a.view().into(), b.view().into()).unwrap();
        let a_values: Vec<f64> = a.scalars().iter().map(|&s| convert(s, to)).collect();
        let cond = expand(&cond.values(), &shapes[0], &dims);
        let a = expand(&a_values, &shapes[1], &dims);
        let b = expand(&b.values(), &shapes[2], &dims);
        let expected: Vec<f64> =
            (0..cond.len()).map(|i| if cond[i] == 0.0 { b[i] } else { a[i] }).collect();
        same(&out.values(), &expected);
    }
}

/// The cast of a small integer: exact, but for wrapping into unsigned bytes and truth values.
fn convert(value: Scalar, to: DType) -> f64 {
    match to {
        DType::Bool => f64::from(u8::from(value.to_bool())),
        DType::U8 => f64::from(value.to_i64() as u8),
        DType::I8 => f64::from(value.to_i64() as i8),
        _ => value.to_f64(),
    }
}

#[test]
fn parameters_predicates_and_three_inputs() {
    let x = [-1.5, -0.25, 0.0, 0.5, 2.0];
    let a = Tensor::new(DType::F32, &[5], &x);
    let b = Tensor::new(DType::F16, &[1], &[0.25]);
    let out = Tensor::stale(DType::F32, &[5]);
    map(&TANH, out.view_mut(), &[a.view().into()], &NONE).unwrap();
    close(&out.values(), &x.map(f64::tanh), 1e-6);
    map(&AFFINE, out.view_mut(), &[a.view().into()], &[2.0, 1.0, 0.0, 0.0]).unwrap();
    assert_eq!(out.values(), x.map(|x| 2.0 * x + 1.0));
    let ins = [a.view().into(), b.view().into()];
    map(&SCALED_SUM, out.view_mut(), &ins, &[-2.0, 0.0, 0.0, 0.0]).unwrap();
    assert_eq!(out.values(), x.map(|x| x - 0.5));
    let truth = Tensor::stale(DType::Bool, &[5]);
    map(&LESS, truth.view_mut(), &ins, &NONE).unwrap();
    assert_eq!(truth.values(), [1.0, 1.0, 1.0, 0.0, 0.0]);
    let ins = [a.view().into(), b.view().into(), Operand::Scalar(Scalar::Float(1.0))];
    map(&FUSED, out.view_mut(), &ins, &NONE).unwrap();
    assert_eq!(out.values(), x.map(|x| 0.25 * x + 1.0));
}

#[test]
fn wrong_geometry_is_an_error_not_an_access() {
    let a = Tensor::new(DType::F32, &[3], &[1.0; 3]);
    let out = Tensor::stale(DType::F32, &[2]);
    let ins: [Operand; 2] = [a.view().into(), a.view().into()];
    assert!(map(add(DType::F32), out.view_mut(), &ins, &NONE).is_err());
    assert!(map(add(DType::F32), a.view_mut(), &ins[..1], &NONE).is_err());
    assert!(copy(out.view_mut(), a.view().into()).is_err());
    let wide = Tensor::new(DType::F32, &[1, 3], &[1.0; 3]);
    assert!(copy(a.view_mut(), wide.view().into()).is_err());
}

#[test]
fn overlapping_steps_read_what_was_there() {
    // out is the same memory, transposed: every element is still read inside the buffer.
    let a = Tensor::new(DType::F32, &[64, 64], &vec![1.0; 64 * 64]);
    let mut turned = a.layout.clone();
    turned.strides = Strides::from_slice(&[1, 64]);
    turned.dims = Dims::from_slice(&[64, 64]);
    let view: View = a.buffer.view(DType::F32, &turned).unwrap();
    map(add(DType::F32), a.view_mut(), &[view.into(), view.into()], &NONE).unwrap();
    assert!(a.values().iter().all(|&v| v >= 2.0));
}

#[test]
fn fills_with_a_number() {
    for dtype in DType::ALL {
        let out = Tensor::arranged(dtype, &[3, 5], &[0.0; 15], &[1, 0], 2);
        copy(out.view_mut(), Operand::Scalar(Scalar::Float(1.0))).unwrap();
        assert_eq!(out.values(), [1.0; 15]);
    }
}

#[test]
fn the_thread_count_changes_nothing() {
    let data = Values::new(3).eighths(100_000);
    let a = Tensor::new(DType::F32, &[100_000], &data);
    let results = [1, 2, 5].map(|threads| {
        cpu::set_num_threads(threads);
        let out = Tensor::stale(DType::F32, &[100_000]);
        map(&TANH, out.view_mut(), &[a.view().into()], &NONE).unwrap();
        out.values()
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}
