//! Least squares.

use super::eigen::all_finite;
use super::norms::Tolerance;
use super::{Sizes, check_kernel, check_matrix, decompose, exactly, inverse, same_batch};
use crate::{Var, create, fused, reduce, view};
use array::dispatch::linalg::Decomposition;
use base::{DType, Result, ensure};
use tape::Tensor;

const DRIVERS: [&str; 4] = ["gels", "gelsy", "gelsd", "gelss"];

/// The shortest x with the smallest `|a x - b|`, by singular values or by QR with column
/// pivoting; the driver also says which of the other results are given.
fn lstsq(
    a: &Tensor,
    b: &Tensor,
    rcond: Option<f64>,
    driver: Option<&str>,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let op = "torch.linalg.lstsq";
    ensure!(a.rank() >= 2, Runtime, "{op}: input must have at least 2 dimensions.");
    ensure!(b.rank() >= 1, Runtime, "{op}: other must have at least 1 dimension.");
    let (x, y) = (a.dims(), b.dims());
    let vector = b.rank() == 1 || (a.rank() == b.rank() + 1 && *y == x[..x.len() - 1]);
    let s = Sizes::of(a);
    let (side, place) = if vector { (y[y.len() - 1], -1) } else { (Sizes::of(b).rows, -2) };
    ensure!(side == s.rows, Runtime, "{op}: input.size(-2) should match other.size({place})");
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "{op}: Expected input and other to have the same dtype, but got input's dtype {} and other's dtype {}",
        a.dtype().type_name(),
        b.dtype().type_name()
    );
    let driver = driver.unwrap_or("gelsy");
    ensure!(
        DRIVERS.contains(&driver),
        Runtime,
        "{op}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
    );
    check_matrix(a, op, "A")?;
    check_kernel(a, "linalg_lstsq_cpu")?;
    solution(a, b, rcond, driver, vector)
}

fn solution(
    a: &Tensor,
    b: &Tensor,
    rcond: Option<f64>,
    driver: &str,
    vector: bool,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let s = Sizes::of(a);
    let eps =
        if a.dtype().to_real() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let rtol =
        if driver == "gels" { 0.0 } else { rcond.unwrap_or(eps * s.rows.max(s.columns) as f64) };
    let by = move || Tolerance { atol: Some(Var::from(0.0)), rtol: Some(Var::from(rtol)) };
    let columns = if vector { view::unsqueeze(b, -1)? } else { b.clone() };
    // The solution is that of the pseudo-inverse, however it is computed.
    let meaning = move |inputs: &[Tensor]| -> Result<[Tensor; 1]> {
        let inverse = inverse::pinv(&inputs[0], by(), false)?;
        Ok([Var::from(inverse).mm(&Var::from(&inputs[1])).tensor()?])
    };
    let inputs = [a, &columns];
    let none = |dtype| create::zeros(&[0], dtype, a.device());
    let by_values = matches!(driver, "gelsd" | "gelss");
    ensure!(
        all_finite(a)?,
        LinAlg,
        "torch.linalg.lstsq: The algorithm failed to converge because the input matrix contained non-finite values."
    );
    let ([x], rank, values) = if by_values {
        let values = super::svd::svdvals(&a.detach(), None)?;
        let rank = super::norms::matrix_rank(&a.detach(), by(), false)?;
        (fused::composite_many("LinalgLstsqBackward0", &inputs, meaning)?, rank, values)
    } else {
        let (wide, right) = same_batch(a, &columns)?;
        let batch = Sizes::of(&wide);
        let shape = batch.with(&[s.columns, Sizes::of(&right).columns]);
        let outs = [(shape, a.dtype()), (batch.batch, DType::I64)];
        let kind = Decomposition::LeastSquares { rcond: rtol };
        let [x, rank] = exactly(decompose(kind, &[&wide, &right], &outs)?)?;
        let [x] = fused::computed("LinalgLstsqBackward0", &inputs, vec![x], meaning)?;
        let rank = if wide.dims() == a.dims() {
            Tensor::new(rank)
        } else {
            super::norms::matrix_rank(&a.detach(), by(), false)?
        };
        ([x], rank, none(a.dtype().to_real())?)
    };
    let x = Var::T(x);
    let full = || -> Result<bool> {
        let ranks = array::dispatch::scalars(&rank.array())?;
        Ok(ranks.iter().all(|r| r.to_i64() == s.columns as i64))
    };
    let residuals = if s.rows > s.columns && (driver == "gels" || by_values && full()?) {
        let rest = (Var::from(a).mm(&x) - Var::from(&columns)).abs().square();
        let total = rest.then(|t| reduce::sum(t, Some(&[-2]), false, None)).tensor()?;
        if vector { view::squeeze(&total, Some(&[-1]))? } else { total }
    } else {
        // None, but with the history that all of them have.
        let x = x.clone().real().narrow(-1, 0, 0);
        x.then(|x| view::reshape_to(x, &[0])).tensor()?
    };
    let rank = if driver == "gels" { none(DType::I64)? } else { rank };
    let x = x.tensor()?;
    Ok((if vector { view::squeeze(&x, Some(&[-1]))? } else { x }, residuals, rank, values))
}

crate::ops! {
    /// Least squares.
    LEAST_SQUARES:
    /// The solution with the smallest residual.
    fo f32 "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)" => |a, b, rcond, driver| lstsq(a, b, rcond, driver);
}
