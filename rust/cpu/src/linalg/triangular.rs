//! Triangular systems by substitution, a block of rows at a time.

use super::matrix::{Matrix, add_scaled};
use super::{BLOCK, Scalar};
use std::ops::Range;

/// x with `a x = b`; only one triangle of `a` is read.
pub(crate) fn solve<T: Scalar>(a: &Matrix<T>, b: &Matrix<T>, upper: bool, unit: bool) -> Matrix<T> {
    let (n, mut x) = (a.rows, b.clone());
    let blocks = n.div_ceil(BLOCK);
    for at in 0..blocks {
        let start = if upper { blocks - 1 - at } else { at } * BLOCK;
        let block = start..(start + BLOCK).min(n);
        substitute(a, &mut x, block.clone(), upper, unit);
        let rest = if upper { 0..start } else { block.end..n };
        if !rest.is_empty() {
            let (left, known) = (a.part(rest.clone(), block.clone()), x.part(block, 0..b.columns));
            x.add_product((rest.start, 0), -1.0, &left, &known);
        }
    }
    x
}

/// The rows of x in `block`, from which those known before are already subtracted.
fn substitute<T: Scalar>(
    a: &Matrix<T>,
    x: &mut Matrix<T>,
    block: Range<usize>,
    upper: bool,
    unit: bool,
) {
    let mut step = |i: usize, known: Range<usize>| {
        for j in known {
            let factor = a[(i, j)];
            if factor != T::ZERO {
                let (row, other) = x.two_rows(i, j);
                add_scaled(row, -factor, other);
            }
        }
        if !unit {
            let head = a[(i, i)];
            x.row_mut(i).iter_mut().for_each(|v| *v = v.quotient(head));
        }
    };
    if upper {
        block.clone().rev().for_each(|i| step(i, i + 1..block.end));
    } else {
        block.clone().for_each(|i| step(i, block.start..i));
    }
}
