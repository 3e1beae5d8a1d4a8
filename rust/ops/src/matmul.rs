//! Matrix products.

use crate::node::{Formula, Keep};
use crate::{Var, reduce, view};
use array::{Array, dispatch};
use base::{DType, Dims, Layout, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// Which plain product a node records.
#[derive(Clone, Copy)]
struct Kind {
    op: &'static str,
    node: &'static str,
}

fn check_dtypes(a: &Tensor, b: &Tensor, op: &str) -> Result<()> {
    let (x, y) = (a.dtype(), b.dtype());
    ensure!(
        x == y,
        Runtime,
        "expected m1 and m2 to have the same dtype, but got: {} != {}\n  {op}: both matrices must have one dtype; got {x} and {y}",
        x.c_name(),
        y.c_name()
    );
    Ok(())
}

/// What a product is scaled by and added to: `beta * x + alpha * (a @ b)`.
#[derive(Clone, Copy)]
pub(crate) struct Addend<'a> {
    /// Of the result's dimensions or fewer.
    pub(crate) x: &'a Tensor,
    /// Its factor; at 0 it is not read.
    pub(crate) beta: Scalar,
    /// The product's factor.
    pub(crate) alpha: Scalar,
}

fn scaled(v: Var, factor: Scalar) -> Var {
    if factor.equals_int(1) { v } else { v * Var::S(factor).conj() }
}

/// Both have the same batch dimensions; the last two are multiplied, and scaled and added to
/// something, where there is that. Each operand is kept only for the gradient of the other.
fn product(
    a: &Tensor,
    b: &Tensor,
    addend: Option<Addend<'_>>,
    dims: &[usize],
    kind: Kind,
) -> Result<Tensor> {
    check_dtypes(a, b, kind.op)?;
    let out = Array::empty_contiguous(dims, a.dtype(), a.device())?;
    match addend {
        Some(Addend { x, beta, alpha }) => {
            let whole = x.array().view(x.layout().expand(dims));
            dispatch::matmul_add(&out, &a.array(), &b.array(), &whole, [beta, alpha])?;
        }
        None => dispatch::matmul(&out, &a.array(), &b.array())?,
    }
    let inputs: Vec<&Tensor> = addend.iter().map(|add| add.x).chain([a, b]).collect();
    let one = Scalar::Int(1);
    let (beta, alpha) = addend.map_or((one, one), |add| (add.beta, add.alpha));
    tape::record(out, &inputs, |_| {
        let wants = (tape::needs_history(&[a]), tape::needs_history(&[b]));
        let by_columns = |x: &Tensor| x.with_array(|x| is_by_columns(x.layout()));
        let (a_by_columns, b_by_columns) = (by_columns(a), by_columns(b));
        let keep_a = wants.1.then_some(a);
        let keep_b = wants.0.then_some(b);
        let keeps: Vec<Keep<'_>> = keep_a.into_iter().chain(keep_b).map(Keep::Input).collect();
        let (has_a, first) = (keep_a.is_some(), inputs.len() - 2);
        Formula::new(kind.node, inputs.len(), &keeps, move |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            let a = saved.vars.first().cloned();
            let b = saved.vars.get(usize::from(has_a)).cloned();
            let mut found = Vec::with_capacity(first + 2);
            if first == 1 {
                found.push(saved.needs[0].then(|| scaled(g.clone(), beta)));
            }
            // A gradient lies as its operand does: by columns it is the transpose of another product.
            let to_a = |g: Var| {
                if a_by_columns {
                    times_left(b.map(Var::conj), g.mt()).mt()
                } else {
                    times(g, b.map(|b| b.mt().conj()))
                }
            };
            let to_b = |g: Var| {
                if b_by_columns {
                    times(g.mt(), a.map(Var::conj)).mt()
                } else {
                    times_left(a.map(|a| a.mt().conj()), g)
                }
            };
            found.push(saved.needs[first].then(|| scaled(to_a(g.clone()), alpha)));
            found.push(saved.needs[first + 1].then(|| scaled(to_b(g), alpha)));
            Ok(found)
        })
    })
}

/// A matrix whose columns follow one another, such as the transpose of a layer's weight.
fn is_by_columns(layout: &Layout) -> bool {
    layout.rank() == 2 && layout.strides[0] == 1 && layout.strides[1] == layout.dims[0] as isize
}

fn times(g: Var, other: Option<Var>) -> Var {
    match other {
        Some(other) => g.then(|g| other.then(|o| multiply(g, o)).tensor()),
        None => Var::from(crate::node::absent()),
    }
}

fn times_left(other: Option<Var>, g: Var) -> Var {
    match other {
        Some(other) => other.then(|o| g.then(|g| multiply(o, g)).tensor()),
        None => Var::from(crate::node::absent()),
    }
}

fn multiply(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.rank() == 2 { mm(a, b) } else { bmm(a, b) }
}

/// The product of two matrices, `(n, k) x (k, m) -> (n, m)`.
pub fn mm(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let dims = check_matrices(a, b)?;
    product(a, b, None, &dims, Kind { op: "mm", node: "MmBackward0" })
}

fn check_matrices(a: &Tensor, b: &Tensor) -> Result<Dims> {
    ensure!(a.rank() == 2, Runtime, "self must be a matrix");
    ensure!(b.rank() == 2, Runtime, "mat2 must be a matrix");
    let (x, y) = (a.dims(), b.dims());
    check_inner(&x, &y)?;
    Ok(Dims::from_slice(&[x[0], y[1]]))
}

fn check_inner(x: &[usize], y: &[usize]) -> Result<()> {
    ensure!(
        x[1] == y[0],
        Shape,
        "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})",
        x[0],
        x[1],
        y[0],
        y[1]
    );
    Ok(())
}

/// Products of pairs of matrices, `(b, n, k) x (b, k, m) -> (b, n, m)`.
pub fn bmm(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let dims = check_batches(a, b)?;
    product(a, b, None, &dims, Kind { op: "bmm", node: "BmmBackward0" })
}

fn check_batches(a: &Tensor, b: &Tensor) -> Result<Dims> {
    ensure!(a.rank() == 3, Runtime, "batch1 must be a 3D tensor");
    ensure!(b.rank() == 3, Runtime, "batch2 must be a 3D tensor");
    let (x, y) = (a.dims(), b.dims());
    ensure!(
        x[0] == y[0] && x[2] == y[1],
        Shape,
        "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
        x[0],
        x[2],
        y[0],
        y[1]
    );
    Ok(Dims::from_slice(&[x[0], x[1], y[2]]))
}

/// The inner product of two vectors.
pub fn dot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ensure!(
        a.rank() == 1 && b.rank() == 1,
        Runtime,
        "1D tensors expected, but got {}D and {}D tensors",
        a.rank(),
        b.rank()
    );
    check_dot(a, b)?;
    bilinear("DotBackward0", [a, b], dot_value(a, b)?, |g, b| g * b.conj(), |g, a| g * a.conj())
}

/// The inner product with the conjugate of the first.
pub fn vdot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let value = {
        let _off = tape::set_grad_enabled(false);
        dot(&Var::from(a).conj().tensor()?, b)?
    };
    bilinear("VdotBackward0", [a, b], value, |g, b| g.conj() * b, |g, a| g * a)
}

fn dot_value(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    let dtype = a.dtype();
    (Var::from(a) * Var::from(b)).then(|p| reduce::sum(p, None, false, Some(dtype))).tensor()
}

/// The node of a product of two operands, each kept only for the gradient of the other.
fn bilinear(
    node: &'static str,
    [a, b]: [&Tensor; 2],
    value: Tensor,
    to_a: fn(Var, Var) -> Var,
    to_b: fn(Var, Var) -> Var,
) -> Result<Tensor> {
    tape::record(value.array(), &[a, b], |_| {
        let keep_a = tape::needs_history(&[b]).then_some(a);
        let keep_b = tape::needs_history(&[a]).then_some(b);
        let keeps: Vec<Keep<'_>> = keep_a.into_iter().chain(keep_b).map(Keep::Input).collect();
        let has_a = keep_a.is_some();
        Formula::new(node, 2, &keeps, move |grads, saved| {
            let half = |i: usize, other: usize, rule: fn(Var, Var) -> Var| {
                let other = saved.vars.get(other).cloned();
                let other = other.unwrap_or_else(|| crate::node::absent().into());
                saved.needs[i].then(|| rule(Var::grad(grads), other))
            };
            Ok(vec![half(0, usize::from(has_a), to_a), half(1, 0, to_b)])
        })
    })
}

fn check_dot(a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        a.numel() == b.numel(),
        Runtime,
        "inconsistent tensor size, expected tensor [{}] and src [{}] to have the same number of elements, but got {} and {} elements respectively",
        a.numel(),
        b.numel(),
        a.numel(),
        b.numel()
    );
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "dot : expected both vectors to have same dtype, but found {} and {}",
        a.dtype().type_name(),
        b.dtype().type_name()
    );
    ensure!(a.dtype() != DType::Bool, NotImplemented, "\"dot\" not implemented for 'Bool'");
    Ok(())
}

/// A matrix times a vector, `(n, k) x (k) -> (n)`.
pub fn mv(a: &Tensor, v: &Tensor) -> Result<Tensor> {
    ensure!(
        a.rank() == 2 && v.rank() == 1,
        Runtime,
        "vector + matrix @ vector expected, got {}, {}, {}",
        1,
        a.rank(),
        v.rank()
    );
    let (x, n) = (a.dims(), v.numel());
    ensure!(
        x[1] == n,
        Runtime,
        "size mismatch, got input ({}), mat ({}x{}), vec ({n})",
        x[0],
        x[0],
        x[1]
    );
    let value = {
        let _off = tape::set_grad_enabled(false);
        view::squeeze(&mm(a, &view::unsqueeze(v, 1)?)?, Some(&[1]))?
    };
    let outer = |g: Var, v: Var| g.then(|g| view::unsqueeze(g, 1)) * v.conj();
    let back = |g: Var, a: Var| g.then(|g| a.mt().conj().then(|a| mv(a, g)).tensor());
    bilinear("MvBackward0", [a, v], value, outer, back)
}

/// The product by the rules of `@`: vectors, matrices, broadcast batches.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    match (a.rank(), b.rank()) {
        (0, _) | (_, 0) => bail!(
            Runtime,
            "both arguments to matmul need to be at least 1D, but they are {}D and {}D",
            a.rank(),
            b.rank()
        ),
        (1, 1) => dot(a, b),
        (2, 1) => mv(a, b),
        (1, 2) => view::squeeze(&mm(&view::unsqueeze(a, 0)?, b)?, Some(&[0])),
        (2, 2) => mm(a, b),
        (1, _) => view::squeeze(&batched(&view::unsqueeze(a, 0)?, b)?, Some(&[-2])),
        (_, 1 | 2) => folded(a, b),
        _ => batched(a, b),
    }
}

/// A batch of matrices times one matrix or vector: one tall product.
fn folded(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (x, y) = (a.dims(), b.dims());
    let k = x[x.len() - 1];
    let rows: usize = x[..x.len() - 1].iter().product();
    if y.len() == 2 {
        check_inner(&[rows, k], &y)?;
    }
    let tall = view::reshape_to(a, &[rows, k])?;
    let mut dims = Dims::from_slice(&x[..x.len() - 1]);
    y[1..].iter().for_each(|&columns| dims.push(columns));
    let out = if y.len() == 2 { mm(&tall, b)? } else { mv(&tall, b)? };
    view::unsafe_reshaped(&out, &dims)
}

fn batched(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (x, y) = (a.dims(), b.dims());
    let (ra, rb) = (x.len(), y.len());
    let batch = shape::broadcast(&x[..ra - 2], &y[..rb - 2])?;
    let count: usize = batch.iter().product();
    let raised = |t: &Tensor, rows: usize, columns: usize| -> Result<Tensor> {
        let mut whole = batch.clone();
        whole.push(rows);
        whole.push(columns);
        let wide = if t.dims() == whole { t.clone() } else { view::expand_to(t, &whole) };
        view::reshape_to(&wide, &[count, rows, columns])
    };
    let (n, k, m) = (x[ra - 2], x[ra - 1], y[rb - 1]);
    ensure!(
        k == y[rb - 2],
        Shape,
        "Expected size for first two dimensions of batch2 tensor to be: [{count}, {k}] but got: [{count}, {}].",
        y[rb - 2]
    );
    let out = bmm(&raised(a, n, k)?, &raised(b, k, m)?)?;
    let mut dims = batch.clone();
    dims.push(n);
    dims.push(m);
    view::unsafe_reshaped(&out, &dims)
}

/// `a @ b + bias`, a bias of one number a column, as one node.
fn affine(bias: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (x, y) = (a.dims(), b.dims());
    check_inner(&x, &y)?;
    let dims = [x[0], y[1]];
    ensure!(
        *bias.dims() == [y[1]] || *bias.dims() == [1],
        Shape,
        "The expanded size of the tensor ({}) must match the existing size ({}) at non-singleton dimension 1.  Target sizes: {}.  Tensor sizes: {}",
        y[1],
        bias.numel(),
        shape::show(&dims),
        shape::show(&bias.dims())
    );
    for (name, x) in [("self", bias), ("mat1", a)] {
        ensure!(
            x.dtype() == b.dtype(),
            Runtime,
            "{name} and mat2 must have the same dtype, but got {} and {}",
            x.dtype().type_name(),
            b.dtype().type_name()
        );
    }
    let one = Scalar::Int(1);
    let addend = Addend { x: bias, beta: one, alpha: one };
    product(a, b, Some(addend), &dims, Kind { op: "linear", node: "AddmmBackward0" })
}

/// `beta * x + alpha * (a @ b)` of matrices, or of batches of them.
pub(crate) fn add_product(addend: Addend<'_>, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (dims, kind) = if a.rank() == 3 {
        (check_batches(a, b)?, Kind { op: "baddbmm", node: "BaddbmmBackward0" })
    } else {
        (check_matrices(a, b)?, Kind { op: "addmm", node: "AddmmBackward0" })
    };
    ensure!(
        addend.x.dtype() == a.dtype(),
        Runtime,
        "self and mat2 must have the same dtype, but got {} and {}",
        addend.x.dtype().type_name(),
        b.dtype().type_name()
    );
    let want: Vec<i64> = dims.iter().map(|&n| n as i64).collect();
    shape::expand(&addend.x.dims(), &want)?;
    product(a, b, Some(addend), &dims, kind)
}

/// `x @ weight.T + bias`, `(.., k) x (n, k) -> (.., n)`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let columns = view::t(weight)?;
    let Some(bias) = bias else {
        return matmul(x, &columns);
    };
    if x.rank() == 0 || weight.rank() != 2 || bias.rank() != 1 {
        return (Var::from(matmul(x, &columns)?) + Var::from(bias)).tensor();
    }
    if x.rank() == 2 {
        return affine(bias, x, &columns);
    }
    let mut dims = x.dims();
    let last = dims.len() - 1;
    let rows: usize = dims[..last].iter().product();
    let out = affine(bias, &view::reshape_to(x, &[rows, dims[last]])?, &columns)?;
    dims[last] = out.dims()[1];
    view::reshape_to(&out, &dims)
}
