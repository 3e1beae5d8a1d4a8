//! QR and the reflections it consists of.

use super::{Sizes, check_float, check_kernel, check_matrix, decompose, exactly, or_zero};
use crate::node::{Formula, Keep};
use crate::triangle::{Side, triangle};
use crate::{Var, fused, join, matmul, view};
use array::Array;
use array::dispatch::linalg::Decomposition;
use base::{Result, bail, ensure};
use tape::Tensor;

/// Which parts of Q and R are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Reduced,
    Complete,
    OnlyR,
}

/// Reflectors below R, and their factors.
fn reflectors(a: &Tensor) -> Result<[Array; 2]> {
    check_kernel(a, "geqrf_cpu")?;
    let sizes = Sizes::of(a);
    let outs = [(a.dims(), a.dtype()), (sizes.with(&[sizes.least()]), a.dtype())];
    exactly(decompose(Decomposition::Reflectors, &[a], &outs)?)
}

/// `a = Q R` with orthonormal columns of Q and an upper triangle R.
pub fn qr(a: &Tensor, mode: &str) -> Result<(Tensor, Tensor)> {
    let mode = match mode {
        "reduced" => Mode::Reduced,
        "complete" => Mode::Complete,
        "r" => Mode::OnlyR,
        other => bail!(
            Runtime,
            "qr received unrecognized mode '{other}' but expected one of 'reduced' (default), 'r', or 'complete'"
        ),
    };
    check_matrix(a, "linalg.qr", "A")?;
    check_float(a, "linalg.qr")?;
    let sizes = Sizes::of(a);
    let silent = tape::set_grad_enabled(false);
    let [packed, factors] = reflectors(a)?.map(Tensor::new);
    let columns = if mode == Mode::Complete { sizes.rows } else { sizes.least() };
    let r = triangle(&view::narrow(&packed, -2, 0, columns as i64)?, 0, Side::Upper)?;
    let q = match mode {
        Mode::OnlyR => Array::empty_contiguous(&[0], a.dtype(), a.device())?,
        _ => product(&packed, &factors, columns)?,
    };
    drop(silent);
    let outs = tape::record_many(vec![q, r.array()], &[a], |outs| {
        let keeps = [Keep::Output(&outs[0], 0), Keep::Output(&outs[1], 1)];
        Formula::new("LinalgQrBackward0", 1, &keeps, move |grads, saved| {
            check_derivative(mode, &sizes)?;
            let [q, r] = [&saved.vars[0], &saved.vars[1]];
            Ok(vec![Some(gradient(
                [or_zero(grads[0].as_ref(), q), or_zero(grads[1].as_ref(), r)],
                q,
                r,
            ))])
        })
    })?;
    let [q, r] = exactly(outs)?;
    Ok((q, r))
}

fn check_derivative(mode: Mode, sizes: &Sizes) -> Result<()> {
    ensure!(
        mode != Mode::OnlyR,
        Runtime,
        "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to require gradients."
    );
    ensure!(
        mode == Mode::Reduced || sizes.rows <= sizes.columns,
        Runtime,
        "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
    );
    Ok(())
}

/// `[gQ + Q (B + B^H - diag(B))] R^-H` with `B = triu(gR R^H - Q^H gQ)` for a tall or square matrix. A
/// wide one, `[A1 A2] = Q [R1 R2]`, is the square one of A1, and `R2 = Q^H A2`.
fn gradient([gq, gr]: [Var; 2], q: &Var, r: &Var) -> Var {
    let sizes = match r {
        Var::T(t) => Sizes::of(t),
        _ => return r.clone(),
    };
    let (m, n) = (sizes.rows, sizes.columns);
    if m < n {
        let (r1, r2) = (r.narrow(-1, 0, m), r.narrow(-1, m, n - m));
        let (gr1, gr2) = (gr.narrow(-1, 0, m), gr.narrow(-1, m, n - m));
        let gq = gq + q.mm(&r2).mm(&gr2.mh());
        let left = gradient([gq, gr1], q, &r1);
        return left.then(|left| join::cat(&[left.clone(), q.mm(&gr2).tensor()?], -1));
    }
    let b = (gr.mm(&r.mh()) - q.mh().mm(&gq)).triu(0);
    let diagonal = b.diagonal().real().diagonal_matrix();
    let symmetric = &b + &b.mh() - diagonal;
    r.mh().solve_triangle_right(&(gq + q.mm(&symmetric)), false)
}

fn product(packed: &Tensor, factors: &Tensor, columns: usize) -> Result<Array> {
    let sizes = Sizes::of(packed);
    let outs = [(sizes.with(&[sizes.rows, columns]), packed.dtype())];
    let [q] = exactly(decompose(
        Decomposition::ReflectorProduct { columns },
        &[packed, factors],
        &outs,
    )?)?;
    Ok(q)
}

/// The leading columns of `H_1 H_2 .. H_k`, `H_i = I - factor_i v_i v_i^H`.
pub fn householder_product(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    check_product(x, factors)?;
    let columns = Sizes::of(x).columns;
    let inputs = [x, factors];
    tape::record(product(x, factors, columns)?, &inputs, |_| {
        let meaning = move |at: &[Tensor]| reflected(&at[0], &at[1], columns);
        fused::node(
            "LinalgHouseholderProductBackward0",
            &inputs,
            Vec::new(),
            move |grad, saved| {
                let points =
                    saved.vars.iter().cloned().map(Var::tensor).collect::<Result<Vec<_>>>()?;
                let all = move |at: &[Tensor]| Ok(vec![meaning(at)?]);
                fused::derive(all, &points, &saved.needs, &[Some(grad.clone())])
            },
            meaning,
        )
    })
}

fn check_product(x: &Tensor, factors: &Tensor) -> Result<()> {
    let op = "torch.linalg.householder_product";
    ensure!(x.rank() >= 2, Runtime, "{op}: input must have at least 2 dimensions.");
    let sizes = Sizes::of(x);
    ensure!(
        sizes.rows >= sizes.columns,
        Runtime,
        "{op}: input.shape[-2] must be greater than or equal to input.shape[-1]"
    );
    let count = factors.dims().last().copied().unwrap_or(0);
    ensure!(
        sizes.columns >= count,
        Runtime,
        "{op}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
    );
    ensure!(
        factors.rank() + 1 == x.rank(),
        Runtime,
        "{op}: Expected tau to have one dimension less than input, but got tau.ndim equal to {} and input.ndim is equal to {}",
        factors.rank(),
        x.rank()
    );
    check_kernel(x, "householder_product_cpu")
}

/// [`householder_product`] in tensor algebra.
fn reflected(x: &Tensor, factors: &Tensor, columns: usize) -> Result<Tensor> {
    let sizes = Sizes::of(x);
    let mut q = Var::from(super::identity(sizes.rows, columns, x));
    let below = Var::from(x).tril(-1);
    let ones = Var::from(super::identity(sizes.rows, sizes.columns, x));
    let v = below + ones;
    let count = factors.dims().last().copied().unwrap_or(0);
    for k in (0..count).rev() {
        let v = v.narrow(-1, k, 1);
        let factor = Var::from(factors).narrow(-1, k, 1).unsqueeze(-1);
        q = q.clone() - factor * v.mm(&v.mh().mm(&q));
    }
    q.tensor()
}

/// `Q other` (or with Q^H, or from the right) where Q is the product of all reflections.
fn ormqr(
    x: &Tensor,
    factors: &Tensor,
    other: &Tensor,
    left: bool,
    transpose: bool,
) -> Result<Tensor> {
    ensure!(x.rank() >= 2, Runtime, "torch.ormqr: input must have at least 2 dimensions.");
    ensure!(other.rank() >= 2, Runtime, "torch.ormqr: other must have at least 2 dimensions.");
    let (dim, place) =
        if left { (Sizes::of(other).rows, -2) } else { (Sizes::of(other).columns, -1) };
    ensure!(
        dim == Sizes::of(x).rows,
        Runtime,
        "torch.ormqr: other.shape[{place}] must be equal to input.shape[-2]"
    );
    ensure!(
        factors.dims().last() == Some(&dim.min(Sizes::of(x).columns)),
        Runtime,
        "torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{place}], input.shape[-1])"
    );
    fused::composite("OrmqrBackward0", &[x, factors, other], move |inputs| {
        let q = full_product(&inputs[0], &inputs[1])?;
        let q = if transpose { Var::from(&q).mh().tensor()? } else { q };
        if left { matmul::matmul(&q, &inputs[2]) } else { matmul::matmul(&inputs[2], &q) }
    })
}

/// All columns of the product: [`householder_product`] of the reflectors filled up with zeros.
fn full_product(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    let sizes = Sizes::of(x);
    let missing = sizes.rows.saturating_sub(sizes.columns);
    if missing == 0 {
        return householder_product(&view::narrow(x, -1, 0, sizes.rows as i64)?, factors);
    }
    let zeros = crate::create::zeros(&sizes.with(&[sizes.rows, missing]), x.dtype(), x.device())?;
    householder_product(&join::cat(&[x.clone(), zeros], -1)?, factors)
}

fn geqrf(a: &Tensor) -> Result<(Tensor, Tensor)> {
    ensure!(a.rank() >= 2, Runtime, "torch.geqrf: input must have at least 2 dimensions.");
    let [packed, factors] = reflectors(a)?;
    let outs = tape::record_many(vec![packed, factors], &[a], |_| {
        Formula::new("GeqrfBackward0", 1, &[], |_, _| {
            bail!(NotImplemented, "the derivative for 'geqrf' is not implemented.")
        })
    })?;
    let [packed, factors] = exactly(outs)?;
    Ok((packed, factors))
}

fn old_qr(a: &Tensor, some: bool) -> Result<(Tensor, Tensor)> {
    qr(a, if some { "reduced" } else { "complete" })
}

crate::ops! {
    /// QR.
    QR:
    /// Orthonormal columns times an upper triangle.
    fo f32 "linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)" => |a, mode| qr(a, mode);
    /// Orthonormal columns times an upper triangle.
    fmo f32 "qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)" => |a, some| old_qr(a, some);
    /// Reflectors below R, and their factors.
    fmo f32 "geqrf(Tensor self) -> (Tensor a, Tensor tau)" => |a| geqrf(a);
    /// The leading columns of a product of reflections.
    fo f32 "linalg_householder_product(Tensor input, Tensor tau) -> Tensor" => |x, factors| householder_product(x, factors);
    /// The leading columns of a product of reflections.
    fmo f32 "orgqr(Tensor self, Tensor input2) -> Tensor" => |x, factors| householder_product(x, factors);
    /// A product of reflections times a matrix.
    fmo f32 "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor" => |x, factors, other, left, transpose| ormqr(x, factors, other, left, transpose);
}
