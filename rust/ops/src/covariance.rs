//! Covariances and correlations of variables, one a row.

use crate::{Var, binary, cast, complex, map, matmul, reduce, view};
use array::dispatch;
use base::{Result, ensure};
use tape::Tensor;

/// How often and with what weight an observation counts.
fn weights(
    x: &Tensor,
    frequencies: Option<&Tensor>,
    importances: Option<&Tensor>,
) -> Result<Option<Var>> {
    let count = x.dims()[1];
    for (weights, name) in [(frequencies, "fweights"), (importances, "aweights")] {
        let Some(w) = weights else { continue };
        ensure!(
            w.rank() <= 1,
            Runtime,
            "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions",
            w.rank()
        );
        ensure!(
            if name == "fweights" { w.dtype().is_integral() } else { w.dtype().is_float() },
            Runtime,
            "cov(): expected {name} to have {} dtype but got {name} with {} dtype",
            if name == "fweights" { "integral" } else { "floating point" },
            w.dtype().type_name()
        );
        ensure!(
            w.numel() == count,
            Runtime,
            "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {count}",
            w.numel()
        );
        let negative = Var::from(w).lt(0i64).then(|t| reduce::any(t, None, false)).tensor()?;
        ensure!(
            count == 0 || !dispatch::item(&negative.array())?.to_bool(),
            Runtime,
            "cov(): {name} cannot be negative"
        );
    }
    Ok(match (frequencies, importances) {
        (Some(f), Some(a)) => Some(Var::from(f) * Var::from(a)),
        (Some(w), None) | (None, Some(w)) => Some(Var::from(w)),
        (None, None) => None,
    })
}

/// The covariance matrix of variables, `correction` taken off the number of observations.
fn cov(
    x: &Tensor,
    correction: i64,
    frequencies: Option<&Tensor>,
    importances: Option<&Tensor>,
) -> Result<Tensor> {
    ensure!(
        x.rank() <= 2,
        Runtime,
        "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions",
        x.rank()
    );
    ensure!(
        x.dtype() != base::DType::Bool,
        Runtime,
        "cov(): bool dtype is not supported for input"
    );
    let rows = if x.rank() < 2 { view::reshape_to(x, &[1, x.numel()])? } else { x.clone() };
    let weights = weights(&rows, frequencies, importances)?;
    let rows = if rows.dtype().is_integral() {
        cast::to_dtype(&rows, base::promote::default_dtype())?
    } else {
        rows
    };
    let x = Var::from(&rows);
    let sum = |v: Var| v.sum_keep(&[1]);
    let total = match &weights {
        Some(w) => w.clone().sum(),
        None => Var::from(rows.dims()[1] as f64),
    };
    let mean = match &weights {
        Some(w) => sum(&x * w) / &total,
        None => sum(x.clone()) / &total,
    };
    let free = match (&weights, importances) {
        (Some(w), Some(a)) if correction != 0 => {
            &total - &(Var::from(correction as f64) * (w * &Var::from(a)).sum() / &total)
        }
        _ => &total - &Var::from(correction as f64),
    };
    let free = match free {
        Var::S(count) => Var::from(count.to_f64().max(0.0)),
        free => Var::from(0.0).where_(free.clone().le(0.0), free),
    };
    let centred = x - mean;
    let weighted = match &weights {
        Some(w) => &centred * w,
        None => centred.clone(),
    };
    let product = centred.then(|c| {
        let other = weighted.mt().conj().tensor()?;
        matmul::mm(c, &other)
    });
    (product / free).then(|t| view::squeeze(t, None)).tensor()
}

/// The matrix of correlations of variables.
fn corrcoef(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.rank() <= 2,
        Runtime,
        "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
        x.rank()
    );
    let c = cov(x, 1, None, None)?;
    if c.rank() == 0 {
        return (Var::from(&c) / Var::from(&c)).tensor();
    }
    let deviation = Var::from(view::diagonal(&c, 0, 0, 1)).real().sqrt();
    let column = deviation.clone().then(|t| view::reshape_to(t, &[t.numel(), 1]));
    let row = deviation.then(|t| view::reshape_to(t, &[1, t.numel()]));
    let c = Var::from(c) / column / row;
    c.then(limited).tensor()
}

/// Rounding may have pushed correlations out of [-1, 1].
fn limited(c: &Tensor) -> Result<Tensor> {
    let inside = |v: Var| {
        let v = map::of2(&binary::maximum::OP, v, Var::from(-1.0));
        map::of2(&binary::minimum::OP, v, Var::from(1.0))
    };
    if !c.dtype().is_complex() {
        return inside(c.into()).tensor();
    }
    let [re, im] = complex::parts(c)?;
    complex::of_parts(&inside(re.into()).tensor()?, &inside(im.into()).tensor()?)
}

crate::ops! {
    /// Covariances.
    COVARIANCES:
    /// The covariance matrix of variables, one a row.
    fm "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor" => |x, correction, f, a| cov(x, correction, f, a);
    /// The correlation matrix of variables, one a row.
    fm "corrcoef(Tensor self) -> Tensor" => |x| corrcoef(x);
}
