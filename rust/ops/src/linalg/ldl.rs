//! LDL: factors of symmetric or Hermitian matrices that need not be definite.

use super::solve::CODE;
use super::{
    Sizes, check_float, check_info, check_kernel, check_square, decompose, exactly, same_batch,
};
use crate::node::Formula;
use crate::view;
use array::dispatch::linalg::Decomposition;
use base::{Kind, Result, bail, ensure};
use tape::Tensor;

fn factor(a: &Tensor, hermitian: bool, check: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let op = "torch.linalg.ldl_factor_ex";
    check_square(a, op, "A")?;
    check_float(a, op)?;
    check_kernel(a, "ldl_factor_kernel_cpu")?;
    let s = Sizes::of(a);
    let outs = [(a.dims(), a.dtype()), (s.with(&[s.rows]), CODE), (s.batch.clone(), CODE)];
    let made = decompose(Decomposition::Ldl { hermitian }, &[a], &outs)?;
    let outs = tape::record_many(made, &[a], |_| {
        Formula::new("LinalgLdlFactorExBackward0", 1, &[], |_, _| {
            bail!(NotImplemented, "the derivative for 'linalg_ldl_factor_ex' is not implemented.")
        })
    })?;
    let [ld, pivots, info] = exactly(outs)?;
    if check {
        check_info(&info, "torch.linalg.ldl_factor", |i| {
            (Kind::Runtime, format!("D[{i},{i}] is zero"))
        })?;
    }
    Ok((ld, pivots, info))
}

fn ldl_factor(a: &Tensor, hermitian: bool) -> Result<(Tensor, Tensor)> {
    let (ld, pivots, _) = factor(a, hermitian, true)?;
    Ok((ld, pivots))
}

fn ldl_solve(ld: &Tensor, pivots: &Tensor, b: &Tensor, hermitian: bool) -> Result<Tensor> {
    let op = "torch.linalg.ldl_solve";
    check_square(ld, op, "LD")?;
    check_float(ld, op)?;
    ensure!(
        b.rank() >= 2,
        Runtime,
        "{op}: Expected B to have at least 2 dimensions, but it has {} dimensions instead",
        b.rank()
    );
    let dims = ld.dims();
    ensure!(
        *pivots.dims() == dims[..dims.len() - 1],
        Runtime,
        "{op}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {} instead",
        base::shape::show(&pivots.dims())
    );
    ensure!(
        pivots.dtype().is_integral(),
        Runtime,
        "{op}: Expected pivots to be integers. Got {}",
        pivots.dtype().type_name()
    );
    super::solve::check_same_dtype(ld, b, op)?;
    let (ld, b) = same_batch(ld, b)?;
    let s = Sizes::of(&ld);
    let pivots = view::expand_to(pivots, &s.with(&[s.rows]));
    let outs = [(b.dims(), b.dtype())];
    let kind = Decomposition::LdlSolve { hermitian };
    let [x] = exactly(decompose(kind, &[&ld, &pivots, &b], &outs)?)?;
    tape::record(x, &[&ld, &b], |_| {
        Formula::new("LinalgLdlSolveBackward0", 2, &[], |_, _| {
            bail!(NotImplemented, "the derivative for 'linalg_ldl_solve' is not implemented.")
        })
    })
}

crate::ops! {
    /// LDL.
    LDL:
    /// A unit lower triangle, blocks of one or two, and the exchanges of rows.
    fo "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)" => |a, hermitian| ldl_factor(a, hermitian);
    /// The same, and the first block that is singular.
    fo "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)" => |a, hermitian, check| factor(a, hermitian, check);
    /// The solution of a linear system by these factors.
    fo "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor" => |ld, pivots, b, hermitian| ldl_solve(ld, pivots, b, hermitian);
}
