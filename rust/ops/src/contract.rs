//! Products beyond plain matrices: scaled sums of products, outer and Kronecker products,
//! contractions of any dimensions, distances.

use crate::autocast::lowered;
use crate::node::{Formula, Keep};
use crate::{Var, create, matmul, reduce, view};
use base::{DType, Dims, Layout, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

fn without_history<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _off = tape::set_grad_enabled(false);
    work()
}

/// How `alpha * (a x b)` is multiplied, and how its gradients are.
#[derive(Clone, Copy)]
struct Product {
    node: &'static str,
    multiply: fn(&Tensor, &Tensor) -> Result<Tensor>,
    to_left: fn(Var, Var) -> Var,
    to_right: fn(Var, Var) -> Var,
}

fn matrix(a: Var, b: Var) -> Var {
    a.then(|a| b.then(|b| matmul::matmul(a, b)).tensor())
}

/// `beta * x + alpha * (a x b)`; `x` is not read when beta is 0.
fn add_product(
    x: &Tensor,
    a: &Tensor,
    b: &Tensor,
    beta: Scalar,
    alpha: Scalar,
    kind: Product,
) -> Result<Tensor> {
    let (beta, alpha) = (scale_in(beta, x.dtype()), scale_in(alpha, x.dtype()));
    let value = without_history(|| {
        let product = (kind.multiply)(a, b)?;
        let whole = product.dims();
        let start: Vec<i64> = whole.iter().map(|&n| n as i64).collect();
        shape::expand(&x.dims(), &start)?;
        let scaled = Var::from(product) * Var::S(alpha);
        let sum = if beta.is_zero() { scaled } else { scaled + Var::from(x) * Var::S(beta) };
        sum.then(|t| Ok(view::expand_to(t, &whole))).tensor()
    })?;
    tape::record(value.array(), &[x, a, b], |_| {
        Formula::new(kind.node, 3, &[Keep::Input(a), Keep::Input(b)], move |grads, saved| {
            let g = Var::grad(grads);
            let (a, b) = (saved.vars[0].clone().conj(), saved.vars[1].clone().conj());
            let scale = Var::S(alpha).conj();
            Ok(vec![
                saved.needs[0].then(|| &g * &Var::S(beta).conj()),
                saved.needs[1].then(|| (kind.to_left)(g.clone(), b) * scale.clone()),
                saved.needs[2].then(|| (kind.to_right)(g.clone(), a) * scale),
            ])
        })
    })
}

/// A factor as the dtype of integers and bools can hold it.
fn scale_in(factor: Scalar, dtype: DType) -> Scalar {
    match dtype {
        DType::Bool => Scalar::Bool(factor.to_bool()),
        dtype if dtype.is_integral() => Scalar::Int(factor.to_i64()),
        _ => factor,
    }
}

/// `beta * x + alpha * (a @ b)` of matrices or batches of them.
fn add_matrices(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    let (beta, alpha) = (scale_in(beta, x.dtype()), scale_in(alpha, x.dtype()));
    matmul::add_product(matmul::Addend { x, beta, alpha }, a, b)
}

const VECTOR: Product = Product {
    node: "AddmvBackward0",
    multiply: matmul::mv,
    to_left: |g, v| outer_of(g, v),
    to_right: |g, a| matrix(a.mt(), g),
};

const OUTER: Product = Product {
    node: "AddrBackward0",
    multiply: outer_product,
    to_left: matrix,
    to_right: |g, a| matrix(g.mt(), a),
};

/// The sum of a batch of products.
const SUMMED: Product = Product {
    node: "AddbmmBackward0",
    multiply: |a, b| reduce::sum(&matmul::bmm(a, b)?, Some(&[0]), false, Some(a.dtype())),
    to_left: |g, b| matrix(g, b.mt()),
    to_right: |g, a| matrix(a.mt(), g),
};

fn outer_of(a: Var, b: Var) -> Var {
    a.then(|a| view::unsqueeze(a, -1)) * b
}

fn outer_product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ensure!(a.rank() == 1, Runtime, "outer: Expected 1-D argument self, but got {}-D", a.rank());
    ensure!(b.rank() == 1, Runtime, "outer: Expected 1-D argument vec2, but got {}-D", b.rank());
    (Var::from(view::reshape_to(a, &[a.numel(), 1])) * Var::from(b)).tensor()
}

/// Products of all pairs of blocks.
fn kron(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let rank = a.rank().max(b.rank());
    let padded = |t: &Tensor| -> Dims {
        std::iter::repeat_n(1, rank - t.rank()).chain(t.dims().iter().copied()).collect()
    };
    let (x, y) = (padded(a), padded(b));
    let (mut left, mut right, mut whole) = (Dims::new(), Dims::new(), Dims::new());
    for d in 0..rank {
        left.push(x[d]);
        left.push(1);
        right.push(1);
        right.push(y[d]);
        whole.push(x[d] * y[d]);
    }
    let laid = |t: &Tensor, dims: &Dims| -> Result<Var> {
        Ok(view::unsafe_viewed(&create::contiguous(t)?, Layout::contiguous(dims)).into())
    };
    let product = laid(a, &left)? * laid(b, &right)?;
    product.then(|t| Ok(view::unsafe_viewed(t, Layout::contiguous(&whole)))).tensor()
}

/// The sum of products over pairs of dimensions.
pub fn tensordot(a: &Tensor, b: &Tensor, dims_a: &[i64], dims_b: &[i64]) -> Result<Tensor> {
    ensure!(dims_a.len() == dims_b.len(), Runtime, "both dimension lists should have same length");
    let wrap = |dims: &[i64], rank| {
        dims.iter().map(|&d| shape::wrap_dim(d, rank)).collect::<Result<Vec<_>>>()
    };
    ensure!(
        dims_a.is_empty() || (a.rank() > 0 && b.rank() > 0),
        Index,
        "Dimension specified as {} but tensor has no dimensions",
        if a.rank() == 0 { dims_a[0] } else { dims_b[0] }
    );
    let (with_a, with_b) = (wrap(dims_a, a.rank())?, wrap(dims_b, b.rank())?);
    let (mut a, mut b) = (a.clone(), b.clone());
    for (&i, &j) in with_a.iter().zip(&with_b) {
        match (a.dims()[i], b.dims()[j]) {
            (1, n) if n != 1 => b = reduce::sum(&b, Some(&[j as i64]), true, Some(b.dtype()))?,
            (n, 1) if n != 1 => a = reduce::sum(&a, Some(&[i as i64]), true, Some(a.dtype()))?,
            _ => {}
        }
        ensure!(
            a.dims()[i] == b.dims()[j],
            Runtime,
            "contracted dimensions need to match, but first has size {} in dim {i} and second has size {} in dim {j}",
            a.dims()[i],
            b.dims()[j]
        );
    }
    let free =
        |rank: usize, with: &[usize]| (0..rank).filter(|d| !with.contains(d)).collect::<Vec<_>>();
    let (free_a, free_b) = (free(a.rank(), &with_a), free(b.rank(), &with_b));
    let as_matrix = |t: &Tensor, rows: &[usize], columns: &[usize]| -> Result<Tensor> {
        let order: Vec<i64> = rows.iter().chain(columns).map(|&d| d as i64).collect();
        let size = |list: &[usize]| list.iter().map(|&d| t.dims()[d]).product::<usize>();
        view::reshape_to(&view::permute(t, &order)?, &[size(rows), size(columns)])
    };
    let left = lowered(&as_matrix(&a, &free_a, &with_a)?)?;
    let right = lowered(&as_matrix(&b, &with_b, &free_b)?)?;
    let product = if free_a.is_empty() && free_b.is_empty() {
        let line = |t: &Tensor| view::reshape_to(t, &[t.numel()]);
        matmul::dot(&line(&left)?, &line(&right)?)?
    } else {
        matmul::mm(&left, &right)?
    };
    let whole: Dims =
        free_a.iter().map(|&d| a.dims()[d]).chain(free_b.iter().map(|&d| b.dims()[d])).collect();
    view::reshape_to(&product, &whole)
}

/// The inner product over the last dimensions.
fn inner(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.rank() == 0 || b.rank() == 0 {
        return (Var::from(a) * Var::from(b)).tensor();
    }
    ensure!(
        a.dims().last() == b.dims().last(),
        Runtime,
        "inner() the last dimension must match on both input tensors but got shapes {} and {}",
        shape::show(&a.dims()),
        shape::show(&b.dims())
    );
    tensordot(a, b, &[-1], &[-1])
}

/// The only in-place product that broadcasts its target.
fn addbmm_(x: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    let inputs = [x, a, b];
    let before = if tape::needs_history(&inputs) { crate::write::snapshot(x)? } else { x.clone() };
    tape::check_inplace(x, tape::needs_history(&inputs))?;
    let result = add_product(&before, a, b, beta, alpha, SUMMED)?;
    crate::write::resize_out(x, &result.dims())?;
    crate::write::deliver(crate::Dest::InPlace(x), &inputs, result)
}

/// Products of several matrices, from the left.
fn chain(tensors: &[Tensor]) -> Result<Tensor> {
    let Some((first, rest)) = tensors.split_first() else {
        bail!(Runtime, "chain_matmul(): Expected one or more matrices");
    };
    rest.iter().try_fold(first.clone(), |left, t| matmul::mm(&lowered(&left)?, &lowered(t)?))
}

crate::ops! {
    /// Products.
    CONTRACTIONS:
    /// `beta * input + alpha * (mat1 @ mat2)`.
    fmio lower "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_matrices(x, a, b, beta, alpha);
    /// `beta * input + alpha * (batch1 @ batch2)`.
    fmio lower "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_matrices(x, a, b, beta, alpha);
    /// `beta * input + alpha * sum(batch1 @ batch2)`.
    fmo lower "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_product(x, a, b, beta, alpha, SUMMED);
    /// `beta * input + alpha * sum(batch1 @ batch2)`, in place; a smaller input grows.
    m "addbmm_(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| addbmm_(x, a, b, beta, alpha);
    /// `beta * input + alpha * (mat @ vec)`.
    fmio "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_product(x, a, b, beta, alpha, VECTOR);
    /// `beta * input + alpha * outer(vec1, vec2)`.
    fmio "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_product(x, a, b, beta, alpha, OUTER);
    /// Products of all pairs of elements.
    fmo "outer(Tensor self, Tensor vec2) -> Tensor" => |a, b| outer_product(a, b);
    /// Products of all pairs of elements.
    fmo "ger(Tensor self, Tensor vec2) -> Tensor" => |a, b| outer_product(a, b);
    /// Products of all pairs of blocks.
    fmo "kron(Tensor self, Tensor other) -> Tensor" => |a, b| kron(a, b);
    /// The inner product over the last dimensions.
    fmo lower "inner(Tensor self, Tensor other) -> Tensor" => |a, b| inner(a, b);
    /// The inner product with the conjugate of the first.
    fmo "vdot(Tensor self, Tensor other) -> Tensor" => |a, b| matmul::vdot(a, b);
    /// Products of several matrices.
    fw lower "chain_matmul(Tensor[] matrices) -> Tensor" => |tensors| chain(tensors);
    /// Sums of products over pairs of dimensions.
    fow lower "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor" => |a, b, da, db| tensordot(a, b, da, db);
}
