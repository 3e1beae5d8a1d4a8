//! LU with partial pivoting, and what is solved with it.

use super::solve::{CODE, check_same_dtype};
use super::{
    Sizes, Triangle, check_info, check_kernel, decompose, exactly, identity, or_zero, same_batch,
    solve_triangular,
};
use crate::node::{Formula, Keep};
use crate::{Var, fused, join, scatter, view};
use array::dispatch::linalg::Decomposition;
use base::{DType, Dims, Kind, Result, ensure, shape};
use tape::Tensor;

/// L below U, the exchanges of rows, and for each matrix the number of the first zero pivot.
pub struct Factors {
    /// Both triangles.
    pub lu: Tensor,
    /// Counting from 1.
    pub pivots: Tensor,
    /// 0 where all is well.
    pub info: Tensor,
}

/// Factors without history.
pub fn factor(a: &Tensor) -> Result<Factors> {
    check_kernel(a, "lu_cpu")?;
    let s = Sizes::of(a);
    let outs = [(a.dims(), a.dtype()), (s.with(&[s.least()]), CODE), (s.batch.clone(), CODE)];
    let [lu, pivots, info] = exactly(decompose(Decomposition::Lu, &[a], &outs)?)?.map(Tensor::new);
    Ok(Factors { lu, pivots, info })
}

/// The order of `rows` rows that `pivots` bring about: row i of the result is row `order[i]`.
fn row_order(pivots: &Tensor, rows: usize) -> Result<Tensor> {
    let own = pivots.dims();
    let batch = own.iter().take(own.len().saturating_sub(1)).copied();
    let dims: Dims = batch.chain([rows]).collect();
    let single = view::unsqueeze(&pivots.detach(), -2)?;
    let [order] =
        exactly(decompose(Decomposition::RowOrder { rows }, &[&single], &[(dims, DType::I64)])?)?;
    Ok(Tensor::new(order))
}

/// P with `a = P L U`, in the dtype of `like`.
fn permutation(pivots: &Tensor, rows: usize, like: &Tensor) -> Result<Tensor> {
    let order = row_order(pivots, rows)?;
    let numbers = crate::create::arange(0, rows as i64, pivots.device())?;
    let ones = Var::from(view::unsqueeze(&order, -2)).eq(view::unsqueeze(&numbers, -1)?);
    ones.then(|t| crate::cast::to_dtype(t, like.dtype())).tensor()
}

/// The rows of `b` in the order of the pivots.
fn exchanged(pivots: &Tensor, b: &Tensor) -> Result<Tensor> {
    let order = row_order(pivots, Sizes::of(b).rows)?;
    let at = view::unsqueeze(&order, -1)?;
    let at = view::expand_to(&at, &b.dims());
    scatter::gather(b, -2, &at)
}

/// `a x = b` by the factors of a.
pub fn solve(factors: &Factors, b: &Tensor) -> Result<Tensor> {
    let lower = Triangle { upper: false, left: true, unit: true };
    let upper = Triangle { upper: true, left: true, unit: false };
    let y = solve_triangular(&factors.lu, &exchanged(&factors.pivots, b)?, lower)?;
    solve_triangular(&factors.lu, &y, upper)
}

fn check(a: &Tensor, op: &str, pivot: bool) -> Result<()> {
    ensure!(
        a.rank() >= 2,
        Runtime,
        "{op}: Expected tensor with 2 or more dimensions. Got size: {} instead",
        shape::show(&a.dims())
    );
    check_kernel(a, "lu_cpu")?;
    ensure!(
        pivot || a.device().kind == base::DeviceKind::Meta,
        Runtime,
        "linalg.lu_factor: LU without pivoting is not implemented on the CPU"
    );
    Ok(())
}

/// L and U out of one matrix.
fn triangles(lu: &Var, s: &Sizes) -> Result<(Var, Var)> {
    let k = s.least();
    let like = lu.clone().tensor()?;
    let l = lu.narrow(-1, 0, k).tril(-1) + Var::from(identity(s.rows, k, &like));
    Ok((l, lu.narrow(-2, 0, k).triu(0)))
}

/// The gradient of `a = P L U`. Square: `P L^-H [tril(L^H gL, -1) + triu(gU U^H)] U^-H`. Of a wide
/// matrix the columns behind the square ones are `P L U2`, of a tall one the rows below `L2 U`.
fn gradient(p: &Var, (l, u): (&Var, &Var), (gl, gu): (Var, Var), s: &Sizes) -> Var {
    let (m, n, k) = (s.rows, s.columns, s.least());
    let (l1, u1) = (l.narrow(-2, 0, k), u.narrow(-1, 0, k));
    let (mut gl1, mut gu1) = (gl.narrow(-2, 0, k), gu.narrow(-1, 0, k));
    let mut rest = None;
    if n > k {
        let (u2, g2) = (u.narrow(-1, k, n - k), gu.narrow(-1, k, n - k));
        let ga2 = unit_lower_adjoint(&l1, &g2);
        gl1 = gl1 - ga2.mm(&u2.mh());
        rest = Some((ga2, -1));
    } else if m > k {
        let (l2, g2) = (l.narrow(-2, k, m - k), gl.narrow(-2, k, m - k));
        let ga2 = u1.mh().solve_triangle_right(&g2, false);
        gu1 = gu1 - l2.mh().mm(&ga2);
        rest = Some((ga2, -2));
    }
    let inner = l1.mh().mm(&gl1).tril(-1) + gu1.mm(&u1.mh()).triu(0);
    let square = u1.mh().solve_triangle_right(&unit_lower_adjoint(&l1, &inner), false);
    let whole = match rest {
        None => square,
        Some((rest, dim)) => square.then(|a| join::cat(&[a.clone(), rest.tensor()?], dim)),
    };
    p.mm(&whole)
}

/// `L^-H b` with ones on L's diagonal.
fn unit_lower_adjoint(l: &Var, b: &Var) -> Var {
    let of = Triangle { upper: true, left: true, unit: true };
    l.mh().then(|l| solve_triangular(l, &b.clone().tensor()?, of))
}

/// `a = P L U`.
fn lu(a: &Tensor, pivot: bool) -> Result<(Tensor, Tensor, Tensor)> {
    check(a, "linalg.lu", pivot)?;
    let s = Sizes::of(a);
    let silent = tape::set_grad_enabled(false);
    let factors = factor(a)?;
    let p = permutation(&factors.pivots, s.rows, a)?;
    let (l, u) = triangles(&Var::from(&factors.lu), &s)?;
    let (l, u) = (l.tensor()?, u.tensor()?);
    drop(silent);
    let order = p.array();
    let outs = tape::record_many(vec![l.array(), u.array()], &[a], |outs| {
        let keeps = [Keep::Bare(&order), Keep::Output(&outs[0], 0), Keep::Output(&outs[1], 1)];
        Formula::new("LinalgLuBackward0", 1, &keeps, move |grads, saved| {
            let [p, l, u] = [&saved.vars[0], &saved.vars[1], &saved.vars[2]];
            let given = (or_zero(grads[0].as_ref(), l), or_zero(grads[1].as_ref(), u));
            Ok(vec![Some(gradient(p, (l, u), given, &s))])
        })
    })?;
    let [l, u] = exactly(outs)?;
    Ok((p, l, u))
}

fn lu_factor_ex(a: &Tensor, pivot: bool, check_errors: bool) -> Result<(Tensor, Tensor, Tensor)> {
    check(a, "torch.lu_factor", pivot)?;
    let s = Sizes::of(a);
    let factors = factor(a)?;
    if check_errors {
        check_info(&factors.info, "torch.linalg.lu_factor", |i| {
            (
                Kind::Runtime,
                format!(
                    "U[{i},{i}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
                ),
            )
        })?;
    }
    let pivots = factors.pivots.array();
    let lu = tape::record(factors.lu.array(), &[a], |y| {
        let keeps = [Keep::Bare(&pivots), Keep::Output(y, 0)];
        Formula::new("LinalgLuFactorExBackward0", 1, &keeps, move |grads, saved| {
            let g = Var::grad(grads);
            let lu = saved.vars[1].clone();
            let p = permutation(&saved.vars[0].clone().tensor()?, s.rows, &lu.clone().tensor()?)?;
            let (l, u) = triangles(&lu, &s)?;
            let k = s.least();
            let given = (g.narrow(-1, 0, k).tril(-1), g.narrow(-2, 0, k).triu(0));
            Ok(vec![Some(gradient(&Var::T(p), (&l, &u), given, &s))])
        })
    })?;
    Ok((lu, factors.pivots, factors.info))
}

fn lu_factor(a: &Tensor, pivot: bool) -> Result<(Tensor, Tensor)> {
    let (lu, pivots, _) = lu_factor_ex(a, pivot, true)?;
    Ok((lu, pivots))
}

/// P, L and U out of what `lu_factor` gives.
fn lu_unpack(
    lu: &Tensor,
    pivots: &Tensor,
    data: bool,
    order: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    ensure!(
        !order || pivots.dtype() == CODE,
        Runtime,
        "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is intended to be used with the output produced by torch.linalg.lu_factor"
    );
    let s = Sizes::of(lu);
    let empty = || crate::create::zeros(&[0], lu.dtype(), lu.device());
    let p = if order { permutation(pivots, s.rows, lu)? } else { empty()? };
    if !data {
        return Ok((p, empty()?, empty()?));
    }
    let [l, u] = fused::composite_many("LuUnpackBackward0", &[lu], |inputs| {
        let (l, u) = triangles(&Var::from(&inputs[0]), &Sizes::of(&inputs[0]))?;
        Ok([l.tensor()?, u.tensor()?])
    })?;
    Ok((p, l, u))
}

/// `a x = b`, `a^H x = b` or `x a = b` by the factors of a.
fn lu_solve(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, adjoint: bool) -> Result<Tensor> {
    let op = "linalg.lu_solve";
    super::check_square(lu, op, "LU")?;
    super::check_matrix(b, op, "B")?;
    check_same_dtype(lu, b, op)?;
    ensure!(
        pivots.dims().last() == lu.dims().last(),
        Runtime,
        "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix"
    );
    let pivots = pivots.clone();
    fused::composite("LinalgLuSolveBackward0", &[lu, b], move |inputs| {
        solved(&inputs[0], &pivots, &inputs[1], left, adjoint)
    })
}

fn solved(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, adjoint: bool) -> Result<Tensor> {
    if !left {
        // x a = b is a^H x^H = b^H.
        let back = solved(lu, pivots, &Var::from(b).mh().tensor()?, true, !adjoint)?;
        return Var::from(&back).mh().tensor();
    }
    let (lu, b) = same_batch(lu, b)?;
    let s = Sizes::of(&lu);
    let pivots = view::expand_to(pivots, &s.with(&[s.rows]));
    let lower = Triangle { upper: false, left: true, unit: true };
    if !adjoint {
        return solve(&Factors { info: pivots.clone(), lu, pivots }, &b);
    }
    let mh = Var::from(&lu).mh().tensor()?;
    let y = solve_triangular(&mh, &b, Triangle { upper: false, left: true, unit: false })?;
    let z = solve_triangular(&mh, &y, Triangle { upper: true, ..lower })?;
    Var::from(permutation(&pivots, s.rows, &lu)).mm(&Var::T(z)).tensor()
}

crate::ops! {
    /// LU.
    LU:
    /// A permutation times a unit lower triangle times an upper triangle.
    fo "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)" => |a, pivot| lu(a, pivot);
    /// Both triangles in one matrix, and the exchanges of rows.
    fo "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)" => |a, pivot| lu_factor(a, pivot);
    /// Both triangles, the exchanges of rows, and the first zero pivot.
    fo "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)" => |a, pivot, check| lu_factor_ex(a, pivot, check);
    /// The parts of what lu_factor gives.
    fo "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)" => |lu, pivots, data, order| lu_unpack(lu, pivots, data, order);
    /// The solution of a linear system by its factors.
    fo "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor" => |lu, pivots, b, left, adjoint| lu_solve(lu, pivots, b, left, adjoint);
    /// The solution of a linear system by its factors.
    fmo "lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor" => |b, lu, pivots| lu_solve(lu, pivots, b, true, false);
}
