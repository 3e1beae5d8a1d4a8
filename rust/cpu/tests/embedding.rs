//! Embedding and its gradient against the definition.

mod kit;

use base::{DType, Kind};
use cpu::embedding::{embedding, embedding_backward};
use kit::{Tensor, Values, close};
use proptest::prelude::*;

proptest! {
    #[test]
    fn definition(
        which in 0..5usize, rows in 1..9usize, width in 0..140usize, count in 0..40usize,
        flip: bool, padding in 0..9usize, by_frequency: bool, seed: u64,
    ) {
        let dtype = [DType::F32, DType::F64, DType::BF16, DType::I64, DType::C64][which];
        let mut values = Values::new(seed);
        let table = values.integers(rows * width);
        let at: Vec<usize> = (0..count).map(|_| values.below(rows)).collect();
        let order = if flip { [1, 0] } else { [0, 1] };
        let weight = Tensor::arranged(dtype, &[rows, width], &table, &order, 1);
        let indices: Vec<f64> = at.iter().map(|&i| i as f64).collect();
        let index_dtype = if flip { DType::I32 } else { DType::I64 };
        let indices = Tensor::new(index_dtype, &[count], &indices);
        let out = Tensor::stale(dtype, &[count, width]);
        embedding(out.view_mut(), weight.view(), indices.view()).unwrap();
        let expected: Vec<f64> =
            at.iter().flat_map(|&i| table[i * width..(i + 1) * width].to_vec()).collect();
        assert_eq!(out.values(), expected);

        if which < 3 {
            let g = values.integers(count * width);
            let grad = Tensor::arranged(dtype, &[count, width], &g, &order, 0);
            let target = Tensor::stale(dtype, &[rows, width]);
            let skip = (padding < rows).then_some(padding);
            let (to, from) = (target.view_mut(), grad.view());
            embedding_backward(to, from, indices.view(), skip, by_frequency).unwrap();
            let mut expected = vec![0.0; rows * width];
            for (p, &i) in at.iter().enumerate() {
                let times = at.iter().filter(|&&j| j == i).count() as f64;
                for j in 0..width {
                    let value = g[p * width + j] / if by_frequency { times } else { 1.0 };
                    expected[i * width + j] += if skip == Some(i) { 0.0 } else { value };
                }
            }
            close(&target.values(), &expected, kit::tolerance(dtype));
        }
    }
}

#[test]
fn an_index_outside_is_an_error_and_writes_nothing() {
    for bad in [-1.0, 2.0] {
        let weight = Tensor::new(DType::F32, &[2, 1], &[1.0, 2.0]);
        let indices = Tensor::new(DType::I64, &[2], &[0.0, bad]);
        let out = Tensor::stale(DType::F32, &[2, 1]);
        let err = embedding(out.view_mut(), weight.view(), indices.view()).unwrap_err();
        assert_eq!((err.kind(), err.message()), (Kind::Index, "index out of range in self"));
        assert_eq!(out.values(), [77.0, 77.0]);
    }
}
