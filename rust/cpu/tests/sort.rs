//! Sorting and order statistics against the standard library's stable sort of each line.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used)] // A test may end where its expectation does not hold.

#[allow(unsafe_code)]
mod kit;

use base::{DType, Kind};
use cpu::sort::{
    kthvalue, median, mode, searchsorted, sort, topk, unique, unique_consecutive, unique_rows,
};
use kit::{Tensor, Values, close};
use proptest::prelude::*;
use std::cmp::Ordering;

const KINDS: [DType; 8] =
    [DType::Bool, DType::U8, DType::I8, DType::I32, DType::I64, DType::F16, DType::F32, DType::F64];

fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Elements with many repetitions, NaN among those of floats.
fn data(values: &mut Values, dtype: DType, count: usize) -> Vec<f64> {
    (0..count)
        .map(|_| match values.below(40) {
            0 if dtype.is_float() => f64::NAN,
            1 if dtype.is_float() => f64::NEG_INFINITY,
            2 if dtype.is_float() => -0.0,
            v if dtype == DType::Bool => (v % 2) as f64,
            v if dtype == DType::U8 => v as f64,
            v => v as f64 - 20.0,
        })
        .collect()
}

/// Positions of each line along `dim`, row-major.
fn lines(dims: &[usize], dim: usize) -> Vec<Vec<usize>> {
    let n = dims.get(dim).copied().unwrap_or(1);
    let inner: usize = dims.iter().skip(dim + 1).product();
    let outer: usize = dims.iter().take(dim).product();
    let line = |o: usize, i: usize| (0..n).map(|k| (o * n + k) * inner + i).collect();
    (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| line(o, i)).collect()
}

/// Positions within a line, best first.
fn order(x: &[f64], descending: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| if descending { compare(x[b], x[a]) } else { compare(x[a], x[b]) });
    order
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_in_order(
        dims in prop_oneof![prop::collection::vec(1..9usize, 0..4), Just(vec![3, 2500]), Just(vec![1500, 2])],
        dim in 0..3usize, kind in 0..8usize, which in 0..3usize, gap in 0..2usize, descending: bool,
        k in 0..2000usize, seed: u64,
    ) {
        let dim = if dims.is_empty() { 0 } else { dim % dims.len() };
        let dtype = KINDS[kind];
        let x = data(&mut Values::new(seed), dtype, dims.iter().product());
        let mut arrangement: Vec<usize> = (0..dims.len()).collect();
        arrangement.rotate_left(if dims.is_empty() { 0 } else { which % dims.len() });
        let input = Tensor::arranged(dtype, &dims, &x, &arrangement, gap);
        let (values, indices) = (Tensor::stale(dtype, &dims), Tensor::stale(DType::I64, &dims));
        sort(Some(values.view_mut()), Some(indices.view_mut()), input.view(), dim, descending).unwrap();
        let (mut sorted, mut places) = (x.clone(), x.clone());
        for line in lines(&dims, dim) {
            let part: Vec<f64> = line.iter().map(|&p| x[p]).collect();
            for (to, from) in order(&part, descending).into_iter().enumerate() {
                sorted[line[to]] = part[from];
                places[line[to]] = from as f64;
            }
        }
        close(&values.values(), &sorted, 0.0);
        close(&indices.values(), &places, 0.0);

        let n = dims.get(dim).copied().unwrap_or(1);
        let k = k % (n + 1);
        let mut top_dims = dims.clone();
        if !dims.is_empty() {
            top_dims[dim] = k;
        }
        if dims.is_empty() || k > 0 {
            let k = k.max(1);
            let (values, indices) = (Tensor::stale(dtype, &top_dims), Tensor::stale(DType::I64, &top_dims));
            topk(values.view_mut(), indices.view_mut(), input.view(), dim, k, descending).unwrap();
            let chosen: Vec<(f64, f64)> = lines(&dims, dim).iter().flat_map(|line| {
                let part: Vec<f64> = line.iter().map(|&p| x[p]).collect();
                order(&part, descending).into_iter().take(k).map(|i| (part[i], i as f64)).collect::<Vec<_>>()
            }).collect();
            // Lines are written along `dim`: read them back the same way.
            let (v, i) = (values.values(), indices.values());
            let at: Vec<usize> = lines(&top_dims, dim).concat();
            let ours: Vec<(f64, f64)> = at.iter().map(|&p| (v[p], i[p])).collect();
            close(&ours.iter().map(|o| o.0).collect::<Vec<_>>(), &chosen.iter().map(|c| c.0).collect::<Vec<_>>(), 0.0);
            close(&ours.iter().map(|o| o.1).collect::<Vec<_>>(), &chosen.iter().map(|c| c.1).collect::<Vec<_>>(), 0.0);
        }

        let kept: Vec<usize> = dims.iter().enumerate().filter(|&(d, _)| d != dim).map(|(_, &n)| n).collect();
        let (value, index) = (Tensor::stale(dtype, &kept), Tensor::stale(DType::I64, &kept));
        let parts: Vec<Vec<f64>> = lines(&dims, dim).iter()
            .map(|line| line.iter().map(|&p| x[p]).collect()).collect();
        let check = |expected: Vec<(f64, usize)>| {
            close(&value.values(), &expected.iter().map(|e| e.0).collect::<Vec<_>>(), 0.0);
            close(&index.values(), &expected.iter().map(|e| e.1 as f64).collect::<Vec<_>>(), 0.0);
        };
        let nth = |part: &Vec<f64>, k: usize| {
            let i = order(part, false)[k];
            (part[i], i)
        };
        let k = k.max(1);
        kthvalue(value.view_mut(), index.view_mut(), input.view(), dim, k).unwrap();
        // Of several equal elements any may be the one.
        let found: Vec<usize> = index.values().iter().map(|i| *i as usize).collect();
        check(parts.iter().zip(found).map(|(p, i)| {
            let (expected, _) = nth(p, k - 1);
            assert!(p[i] == expected || p[i].is_nan() && expected.is_nan());
            (expected, i)
        }).collect());
        for ignore in [false, true] {
            median(value.view_mut(), index.view_mut(), input.view(), dim, ignore).unwrap();
            check(parts.iter().map(|p| {
                let numbers = p.iter().filter(|v| !v.is_nan()).count();
                let whole = ignore || numbers == p.len();
                nth(p, if whole { numbers.saturating_sub(1) / 2 } else { numbers })
            }).collect());
        }
        if !dtype.is_float() {
            mode(value.view_mut(), index.view_mut(), input.view(), dim).unwrap();
            check(parts.iter().map(|p| {
                let count = |v: f64| p.iter().filter(|x| **x == v).count();
                let best = p.iter().copied().reduce(|a, b| {
                    if (count(b), -b) > (count(a), -a) { b } else { a }
                }).unwrap();
                (best, p.iter().rposition(|x| *x == best).unwrap())
            }).collect());
        }
    }

    #[test]
    fn search(n in 0..40usize, m in 0..30usize, kind in 1..8usize, right: bool, shuffled: bool, seed: u64) {
        let dtype = KINDS[kind];
        let mut values = Values::new(seed);
        let finite = |v: Vec<f64>| v.into_iter().map(|x| if x.is_finite() { x } else { 7.0 }).collect::<Vec<_>>();
        let lines = [finite(data(&mut values, dtype, n)), finite(data(&mut values, dtype, n))];
        let orders = lines.each_ref().map(|l| order(l, false));
        let sorted: Vec<f64> = (0..2).flat_map(|l| orders[l].iter().map(move |&i| (l, i)))
            .map(|(l, i)| lines[l][i]).collect();
        let wanted = finite(data(&mut values, dtype, 2 * m));
        let unsorted = Tensor::new(dtype, &[2, n], &lines.concat());
        let sequence = Tensor::new(dtype, &[2, n], &sorted);
        let sorter: Vec<f64> = orders.concat().iter().map(|&i| i as f64).collect();
        let sorter = Tensor::new(DType::I64, &[2, n], &sorter);
        let sought = Tensor::new(dtype, &[2, m], &wanted);
        let out = Tensor::stale(DType::I64, &[2, m]);
        if shuffled {
            searchsorted(out.view_mut(), unsorted.view(), sought.view(), Some(sorter.view()), right).unwrap();
        } else {
            searchsorted(out.view_mut(), sequence.view(), sought.view(), None, right).unwrap();
        }
        let expected: Vec<f64> = (0..2 * m).map(|i| {
            let line = &sorted[i / m * n..][..n];
            line.iter().filter(|x| if right { **x <= wanted[i] } else { **x < wanted[i] }).count() as f64
        }).collect();
        close(&out.values(), &expected, 0.0);
    }

    #[test]
    fn groups(n in 0..60usize, width in 1..4usize, kind in 0..8usize, seed: u64) {
        let dtype = KINDS[kind];
        let x: Vec<f64> = Values::new(seed).integers(n * width).iter()
            .map(|v| if dtype == DType::Bool { v.abs().min(1.0) } else { v.abs() }).collect();
        let input = Tensor::new(dtype, &[n, width], &x);
        let rows: Vec<&[f64]> = x.chunks(width).collect();
        let g = unique_rows(input.view(), true).unwrap();
        let mut expected: Vec<&[f64]> = rows.clone();
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        expected.dedup();
        prop_assert_eq!(g.first.iter().map(|&i| rows[i as usize]).collect::<Vec<_>>(), expected.clone());
        for (i, row) in rows.iter().enumerate() {
            prop_assert_eq!(*row, expected[g.inverse[i] as usize]);
        }
        let counts = expected.iter().map(|e| rows.iter().filter(|r| r == &e).count() as i64);
        prop_assert_eq!(g.counts.clone(), counts.collect::<Vec<_>>());

        let flat = unique(input.view()).unwrap();
        let mut values = x.clone();
        values.sort_by(|a, b| compare(*a, *b));
        values.dedup();
        prop_assert_eq!(flat.first.iter().map(|&i| x[i as usize]).collect::<Vec<_>>(), values.clone());
        prop_assert!(x.iter().zip(&flat.inverse).all(|(x, &g)| values[g as usize] == *x));
        prop_assert_eq!(flat.counts.iter().sum::<i64>(), x.len() as i64);

        let near = unique_consecutive(input.view()).unwrap();
        let mut values = x.clone();
        values.dedup();
        prop_assert_eq!(near.first.iter().map(|&i| x[i as usize]).collect::<Vec<_>>(), values.clone());
        prop_assert!(x.iter().zip(&near.inverse).all(|(x, &g)| values[g as usize] == *x));
    }
}

#[test]
fn nan_is_never_equal_and_compares_as_pytorch_does() {
    let nan = f64::NAN;
    let x = Tensor::new(DType::F32, &[5], &[3.0, nan, nan, 1.0, 3.0]);
    let g = unique(x.view()).unwrap();
    assert_eq!((g.first, g.counts), (vec![3, 0, 1, 2], vec![1, 2, 1, 1]));
    let sorted = Tensor::new(DType::F32, &[3], &[1.0, 2.0, nan]);
    let values = Tensor::new(DType::F32, &[2], &[nan, 3.0]);
    let out = Tensor::stale(DType::I32, &[2]);
    searchsorted(out.view_mut(), sorted.view(), values.view(), None, false).unwrap();
    assert_eq!(out.values(), [3.0, 3.0]);
}

#[test]
fn what_cannot_be_ordered_is_an_error() {
    let x = Tensor::new(DType::C64, &[3], &[1.0; 3]);
    let error = sort(Some(x.view_mut()), None, x.view(), 0, false).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Runtime, " Sort does not support complex dtypes on CPU")
    );
    let x = Tensor::new(DType::F32, &[3], &[1.0; 3]);
    let index = Tensor::stale(DType::I64, &[3]);
    let error = topk(x.view_mut(), index.view_mut(), x.view(), 0, 4, true).unwrap_err();
    assert_eq!(error.message(), "selected index k out of range");
    let error = kthvalue(x.view_mut(), index.view_mut(), x.view(), 0, 4).unwrap_err();
    assert_eq!(error.message(), "kthvalue(): selected number k out of range for dimension 0");
}
