//! Products: chains of matrices, vectors, powers of numbers.

use super::check_float;
use crate::{Var, cast, create, join, matmul, reduce, scan, view};
use base::{DType, Result, bail, ensure, shape};
use tape::Tensor;

/// The product of matrices in the order that takes the fewest multiplications (Cormen et al., 15.2);
/// the first and the last may be vectors.
fn multi_dot(tensors: &[Tensor]) -> Result<Tensor> {
    let [first, middle @ .., last] = tensors else {
        bail!(Runtime, "multi_dot(): expected at least 2 tensors but got {}", tensors.len());
    };
    let n = tensors.len();
    for (i, t) in tensors.iter().enumerate() {
        let end = i == 0 || i + 1 == n;
        let (fits, want) =
            if end { (matches!(t.rank(), 1 | 2), "1D or 2D") } else { (t.rank() == 2, "2D") };
        let which = if i == 0 { "the first" } else { "the last" };
        let which = if end { which.to_string() } else { format!("tensor {i}") };
        ensure!(fits, Runtime, "multi_dot(): {which} tensor must be {want} but got {}D", t.rank());
    }
    let matrix =
        |t: &Tensor, dim: i64| if t.rank() == 1 { view::unsqueeze(t, dim) } else { Ok(t.clone()) };
    let mut chain = vec![matrix(first, 0)?];
    chain.extend(middle.iter().cloned());
    chain.push(matrix(last, -1)?);
    for (i, pair) in chain.windows(2).enumerate() {
        ensure!(
            pair[0].dims()[1] == pair[1].dims()[0],
            Runtime,
            "multi_dot(): tensors {i} and {} with shapes {} and {} cannot be multiplied",
            i + 1,
            shape::show(&tensors[i].dims()),
            shape::show(&tensors[i + 1].dims())
        );
    }
    let product = multiply(&chain, &cuts(&chain), 0, n - 1)?;
    let gone: Vec<i64> =
        [(first, 0), (last, -1)].iter().filter(|(t, _)| t.rank() == 1).map(|&(_, d)| d).collect();
    if gone.is_empty() { Ok(product) } else { view::squeeze(&product, Some(&gone)) }
}

/// For each stretch of the chain, behind which matrix it is cut in two.
fn cuts(chain: &[Tensor]) -> Vec<Vec<usize>> {
    let n = chain.len();
    let mut sides: Vec<f64> = chain.iter().map(|t| t.dims()[0] as f64).collect();
    sides.push(chain[n - 1].dims()[1] as f64);
    let (mut cost, mut cut) = (vec![vec![0.0; n]; n], vec![vec![0; n]; n]);
    for length in 1..n {
        for i in 0..n - length {
            let j = i + length;
            let at =
                |k: usize| cost[i][k] + cost[k + 1][j] + sides[i] * sides[k + 1] * sides[j + 1];
            let best = (i..j).fold(i, |best, k| if at(k) < at(best) { k } else { best });
            (cost[i][j], cut[i][j]) = (at(best), best);
        }
    }
    cut
}

fn multiply(chain: &[Tensor], cut: &[Vec<usize>], i: usize, j: usize) -> Result<Tensor> {
    if i == j {
        return Ok(chain[i].clone());
    }
    let k = cut[i][j];
    matmul::mm(&multiply(chain, cut, i, k)?, &multiply(chain, cut, k + 1, j)?)
}

/// The powers 0 to `n - 1` of numbers in a last dimension.
fn vander(x: &Tensor, n: Option<i64>) -> Result<Tensor> {
    let x = &if x.rank() == 0 { view::unsqueeze(x, 0)? } else { x.clone() };
    let n = n.unwrap_or_else(|| x.dims().last().copied().unwrap_or(0) as i64);
    ensure!(n > 1, Runtime, "N must be greater than 1.");
    let x = if x.dtype().is_integral() { cast::to_dtype(x, DType::I64)? } else { x.clone() };
    let column = view::unsqueeze(&x, -1)?;
    let ones = create::full(&column.dims(), base::Scalar::Int(1), x.dtype(), x.device())?;
    let mut dims = column.dims();
    if let Some(last) = dims.last_mut() {
        *last = (n - 1) as usize;
    }
    scan::cumprod(&join::cat(&[ones, view::expand_to(&column, &dims)], -1)?, -1, None)
}

/// The inner products of vectors along a dimension.
fn vecdot(x: &Tensor, y: &Tensor, dim: i64) -> Result<Tensor> {
    check_float(x, "linalg.vecdot")?;
    let product = Var::from(x).conj() * Var::from(y);
    product.then(|t| reduce::sum(t, Some(&[dim]), false, None)).tensor()
}

crate::ops! {
    /// Products.
    PRODUCTS:
    /// The product of several matrices.
    fo lower "linalg_multi_dot(Tensor[] tensors) -> Tensor" => |tensors| multi_dot(tensors);
    /// Powers of numbers.
    f "linalg_vander(Tensor x, *, int? N=None) -> Tensor" => |x, n| vander(x, n);
    /// Inner products.
    fo lower "linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor" => |x, y, dim| vecdot(x, y, dim);
    /// The diagonals of matrices.
    f "linalg_diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor" => |a, offset, x, y| view::diagonal(a, offset, x, y);
}
