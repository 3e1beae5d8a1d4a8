//! Systems of linear equations.

use super::{
    Sizes, check_float, check_info, check_kernel, check_square, decompose, exactly, lu, same_batch,
};
use crate::node::{Formula, Keep};
use crate::{Var, view};
use array::dispatch::linalg::Decomposition;
use base::{DType, Kind, Result, ensure};
use tape::Tensor;

/// How a triangular system reads.
#[derive(Clone, Copy)]
pub struct Triangle {
    /// The upper triangle counts, else the lower.
    pub upper: bool,
    /// `a x = b`, else `x a = b`.
    pub left: bool,
    /// The diagonal counts as ones.
    pub unit: bool,
}

fn check_system(a: &Tensor, b: &Tensor, left: bool, op: &str) -> Result<()> {
    check_square(a, op, "A")?;
    super::check_matrix(b, op, "B")?;
    let (x, y) = (Sizes::of(a), Sizes::of(b));
    let (equation, side) = if left { ("AX = B", y.rows) } else { ("XA = B", y.columns) };
    ensure!(
        side == x.rows,
        Runtime,
        "{op}: Incompatible shapes of A and B for the equation {equation} ({}x{} and {}x{})",
        x.rows,
        x.columns,
        y.rows,
        y.columns
    );
    check_same_dtype(a, b, op)
}

pub(crate) fn check_same_dtype(a: &Tensor, b: &Tensor, op: &str) -> Result<()> {
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "{op}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
        a.dtype().type_name(),
        b.dtype().type_name()
    );
    Ok(())
}

/// The solution of a triangular system.
pub fn solve_triangular(a: &Tensor, b: &Tensor, of: Triangle) -> Result<Tensor> {
    check_system(a, b, of.left, "linalg.solve_triangular")?;
    check_kernel(a, "triangular_solve_cpu")?;
    let (a, b) = same_batch(a, b)?;
    if !of.left {
        // x a = b is a^T x^T = b^T.
        let of = Triangle { upper: !of.upper, left: true, ..of };
        let x = solve_triangular(&view::transpose(&a, -2, -1)?, &view::transpose(&b, -2, -1)?, of)?;
        return view::transpose(&x, -2, -1);
    }
    let kind = Decomposition::SolveTriangular { upper: of.upper, unit: of.unit };
    let [x] = exactly(decompose(kind, &[&a, &b], &[(b.dims(), b.dtype())])?)?;
    tape::record(x, &[&a, &b], |x| {
        let keeps = [Keep::Input(&a), Keep::Output(x, 0)];
        Formula::new("LinalgSolveTriangularBackward0", 2, &keeps, move |grads, saved| {
            let (a, x) = (&saved.vars[0], &saved.vars[1]);
            let back = Triangle { upper: !of.upper, ..of };
            let g = Var::grad(grads).then(|g| solve_triangular(&a.mh().tensor()?, g, back));
            let ga = saved.needs[0].then(|| {
                let whole = -g.mm(&x.mh());
                let k = i64::from(of.unit);
                if of.upper { whole.triu(k) } else { whole.tril(-k) }
            });
            Ok(vec![ga, Some(g)])
        })
    })
}

/// The solution x of `a x = b` (matrices of one batch), and for each whether a pivot was zero.
pub fn solved(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    check_kernel(a, "linalg_solve_cpu")?;
    let (a, b) = same_batch(a, b)?;
    let silent = tape::set_grad_enabled(false);
    let factors = lu::factor(&a)?;
    let x = lu::solve(&factors, &b)?;
    drop(silent);
    let x = tape::record(x.array(), &[&a, &b], |x| {
        let keeps = [Keep::Input(&a), Keep::Output(x, 0)];
        Formula::new("LinalgSolveExBackward0", 2, &keeps, |grads, saved| {
            let (a, x) = (&saved.vars[0], &saved.vars[1]);
            let g = a.mh().solve(&Var::grad(grads));
            let ga = saved.needs[0].then(|| -g.mm(&x.mh()));
            Ok(vec![ga, Some(g)])
        })
    })?;
    Ok((x, factors.info))
}

/// `b` holds vectors: of one dimension, or a batch of them beside the matrices of `a`.
fn is_vector(a: &Tensor, b: &Tensor) -> bool {
    let (x, y) = (a.dims(), b.dims());
    b.rank() == 1 || (a.rank() == b.rank() + 1 && *y == x[..x.len() - 1])
}

fn solve_ex(a: &Tensor, b: &Tensor, left: bool, check: bool) -> Result<(Tensor, Tensor)> {
    let op = "linalg.solve";
    check_float(a, op)?;
    super::check_matrix(a, op, "A")?;
    let vector = is_vector(a, b);
    let columns = if vector { view::unsqueeze(b, -1)? } else { b.clone() };
    ensure!(
        left || !vector,
        Runtime,
        "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
    );
    check_system(a, &columns, left, op)?;
    let (x, info) = if left {
        solved(a, &columns)?
    } else {
        let (x, info) = solved(&view::transpose(a, -2, -1)?, &view::transpose(b, -2, -1)?)?;
        (view::transpose(&x, -2, -1)?, info)
    };
    if check {
        check_info(&info, "torch.linalg.solve", |_| {
            (Kind::LinAlg, "The solver failed because the input matrix is singular.".to_string())
        })?;
    }
    Ok((if vector { view::squeeze(&x, Some(&[-1]))? } else { x }, info))
}

fn solve(a: &Tensor, b: &Tensor, left: bool) -> Result<Tensor> {
    Ok(solve_ex(a, b, left, true)?.0)
}

/// The deprecated form: the right side first, results in pairs.
fn old_triangular(
    b: &Tensor,
    a: &Tensor,
    upper: bool,
    transpose: bool,
    unit: bool,
) -> Result<(Tensor, Tensor)> {
    for (x, name) in [(b, 'b'), (a, 'A')] {
        ensure!(
            x.rank() >= 2,
            Runtime,
            "torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {} dimensions instead",
            x.rank()
        );
    }
    let (a, b) = same_batch(a, b)?;
    let copy = crate::create::clone(&a, None)?;
    let of = Triangle { upper: upper != transpose, left: true, unit };
    let side = if transpose { view::transpose(&a, -2, -1)? } else { a };
    Ok((solve_triangular(&side, &b, of)?, copy))
}

/// The matrix that solves `tensordot(a, x) = b`.
fn tensorsolve(a: &Tensor, b: &Tensor, dims: Option<&[i64]>) -> Result<Tensor> {
    let mut a = a.clone();
    if let Some(dims) = dims {
        let rank = a.rank() as i64;
        let ends: Vec<i64> = (rank - dims.len() as i64..rank).collect();
        a = crate::pieces::movedim(&a, dims, &ends)?;
    }
    let rest = a.dims()[b.rank().min(a.rank())..].to_vec();
    let count: usize = rest.iter().product();
    ensure!(
        count * b.numel() == a.numel() && count == b.numel(),
        Runtime,
        "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {count} != {}",
        b.numel()
    );
    let flat = view::reshape_to(b, &[count])?;
    view::reshape_to(&solve(&view::reshape_to(&a, &[count, count])?, &flat, true)?, &rest)
}

/// The dtype of an op's `info` and pivots.
pub(crate) const CODE: DType = DType::I32;

crate::ops! {
    /// Linear systems.
    SYSTEMS:
    /// The solution of a linear system.
    fo f32 "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor" => |a, b, left| solve(a, b, left);
    /// The solution of a linear system, and whether there was one.
    fo "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)" => |a, b, left, check| solve_ex(a, b, left, check);
    /// The solution of a triangular system.
    fo "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor" => |a, b, upper, left, unit| solve_triangular(a, b, Triangle { upper, left, unit });
    /// The solution of a triangular system.
    fmo f32 "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)" => |b, a, upper, transpose, unit| old_triangular(b, a, upper, transpose, unit);
    /// The solution of a tensor equation.
    fo f32 "linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor" => |a, b, dims| tensorsolve(a, b, dims);
}
