//! LSTM and GRU cells against their definitions; gradients against central differences.

mod kit;

use base::DType;
use cpu::arch::{Level, limit_level};
use cpu::recurrent::{gru_cell, gru_cell_backward, lstm_cell, lstm_cell_backward};
use kit::{Tensor, Values, close, numeric_gradient, tolerance};
use proptest::prelude::*;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// h then c.
fn lstm([n, hidden]: [usize; 2], gates: &[f64], c: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; 2 * n * hidden];
    for r in 0..n {
        for j in 0..hidden {
            let gate = |i: usize| gates[(r * 4 + i) * hidden + j];
            let cell = sigmoid(gate(1)) * c[r * hidden + j] + sigmoid(gate(0)) * gate(2).tanh();
            out[r * hidden + j] = sigmoid(gate(3)) * cell.tanh();
            out[(n + r) * hidden + j] = cell;
        }
    }
    out
}

fn gru(
    [n, hidden]: [usize; 2],
    from_input: &[f64],
    from_hidden: &[f64],
    before: &[f64],
) -> Vec<f64> {
    let at = |g: &[f64], r: usize, i: usize, j: usize| g[(r * 3 + i) * hidden + j];
    (0..n * hidden)
        .map(|x| {
            let (r, j) = (x / hidden, x % hidden);
            let reset = sigmoid(at(from_input, r, 0, j) + at(from_hidden, r, 0, j));
            let update = sigmoid(at(from_input, r, 1, j) + at(from_hidden, r, 1, j));
            let new = (at(from_input, r, 2, j) + reset * at(from_hidden, r, 2, j)).tanh();
            (1.0 - update) * new + update * before[x]
        })
        .collect()
}

const DTYPES: [DType; 3] = [DType::F64, DType::F32, DType::BF16];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn lstm_cells(n in 1..4usize, hidden in 1..70usize, lower in 0..3usize, seed: u64) {
        limit_level(Level::ALL[lower]);
        let mut values = Values::new(seed);
        let (gates, c) = (values.eighths(n * 4 * hidden), values.eighths(n * hidden));
        let g = values.eighths(2 * n * hidden);
        let size = [n, hidden];
        let expected = lstm(size, &gates, &c);
        for dtype in DTYPES {
            let new = |cols: usize, v: &[f64]| Tensor::new(dtype, &[n, cols * hidden], v);
            let stale = |cols: usize| Tensor::stale(dtype, &[n, cols * hidden]);
            let split: Vec<f64> = gates.iter().map(|g| g / 2.0).collect();
            let (tg, tx, tc) = (new(4, &split), new(4, &split), new(1, &c));
            let (h, after, kept) = (stale(1), stale(1), stale(4));
            let to = [h.view_mut(), after.view_mut(), kept.view_mut()];
            lstm_cell(to, [tg.view(), tx.view()], tc.view()).unwrap();
            close(&[h.values(), after.values()].concat(), &expected, tolerance(dtype));
            let (gh, gc) = (new(1, &g[..n * hidden]), new(1, &g[n * hidden..]));
            let gg = stale(4);
            let to = [gg.view_mut(), gc.view_mut()];
            lstm_cell_backward(to, [gh.view(), gc.view()], kept.view(), tc.view()).unwrap();
            if dtype == DType::F64 {
                close(&gg.values(), &numeric_gradient(&gates, &g, |x| lstm(size, x, &c)), 1e-6);
                close(&gc.values(), &numeric_gradient(&c, &g, |x| lstm(size, &gates, x)), 1e-6);
            }
        }
    }

    #[test]
    fn gru_cells(n in 1..4usize, hidden in 1..70usize, lower in 0..3usize, seed: u64) {
        limit_level(Level::ALL[lower]);
        let mut values = Values::new(seed);
        let (i, x) = (values.eighths(n * 3 * hidden), values.eighths(n * 3 * hidden));
        let (before, g) = (values.eighths(n * hidden), values.eighths(n * hidden));
        let size = [n, hidden];
        let expected = gru(size, &i, &x, &before);
        for dtype in DTYPES {
            let new = |cols: usize, v: &[f64]| Tensor::new(dtype, &[n, cols * hidden], v);
            let stale = |cols: usize| Tensor::stale(dtype, &[n, cols * hidden]);
            let (ti, tx, tb, tg) = (new(3, &i), new(3, &x), new(1, &before), new(1, &g));
            let (h, kept) = (stale(1), stale(4));
            gru_cell([h.view_mut(), kept.view_mut()], [ti.view(), tx.view()], tb.view()).unwrap();
            close(&h.values(), &expected, tolerance(dtype));
            let (gi, gx) = (stale(3), stale(3));
            let to = [gi.view_mut(), gx.view_mut(), tg.view_mut()];
            gru_cell_backward(to, tg.view(), kept.view(), tb.view()).unwrap();
            if dtype == DType::F64 {
                close(&gi.values(), &numeric_gradient(&i, &g, |i| gru(size, i, &x, &before)), 1e-6);
                close(&gx.values(), &numeric_gradient(&x, &g, |x| gru(size, &i, x, &before)), 1e-6);
                let by_state = numeric_gradient(&before, &g, |b| gru(size, &i, &x, b));
                close(&tg.values(), &by_state, 1e-6);
            }
        }
    }
}
