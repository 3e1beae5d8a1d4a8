//! Products beyond plain matrices: scaled sums of products, outer and Kronecker products,
//! contractions of any dimensions, einsum, distances.

use crate::autocast::lowered;
use crate::node::{Formula, Keep};
use crate::{Var, create, fused, matmul, reduce, view};
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

const MATRICES: Product = Product {
    node: "AddmmBackward0",
    multiply: matmul::mm,
    to_left: |g, b| matrix(g, b.mt()),
    to_right: |g, a| matrix(a.mt(), g),
};

const BATCHES: Product = Product { node: "BaddbmmBackward0", multiply: matmul::bmm, ..MATRICES };

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
    multiply: |a, b| reduce::sum(&matmul::bmm(a, b)?, Some(&[0]), false, None),
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

/// An operand of an einsum: its letters, one a dimension.
struct Labelled {
    tensor: Tensor,
    letters: Vec<u32>,
}

/// Dots of an ellipsis get letters of their own, counted from the last dimension.
const DOTS: u32 = 1000;

fn letters(text: &str, rank: Option<usize>, number: usize) -> Result<Vec<u32>> {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let (before, after) = match text.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (text.as_str(), None),
    };
    for c in before.chars().chain(after.unwrap_or_default().chars()) {
        ensure!(
            c.is_ascii_alphabetic(),
            Runtime,
            "einsum(): invalid subscript given at index {} in the equation string, subscripts must be in [a-zA-Z]",
            text.find(c).unwrap_or(0)
        );
    }
    let named = before.len() + after.map_or(0, str::len);
    let mut list: Vec<u32> = before.chars().map(u32::from).collect();
    if let Some(after) = after {
        let spread = rank.unwrap_or(named).saturating_sub(named) as u32;
        list.extend((0..spread).rev().map(|i| DOTS + i));
        list.extend(after.chars().map(u32::from));
    }
    if let Some(rank) = rank {
        ensure!(
            list.len() == rank,
            Runtime,
            "einsum(): the number of subscripts in the equation ({named}) {} the number of dimensions ({rank}) for operand {number}{}",
            if after.is_some() { "is more than" } else { "does not match" },
            if after.is_some() { "" } else { " and no ellipsis was given" }
        );
    }
    Ok(list)
}

/// A letter that comes twice takes the diagonal of its dimensions.
fn diagonals(mut operand: Labelled) -> Result<Labelled> {
    let mut i = 0;
    while i < operand.letters.len() {
        let letter = operand.letters[i];
        let Some(j) = (i + 1..operand.letters.len()).find(|&j| operand.letters[j] == letter) else {
            i += 1;
            continue;
        };
        let dims = operand.tensor.dims();
        ensure!(
            dims[i] == dims[j],
            Runtime,
            "einsum(): subscript {} is repeated for operand 0 but the sizes don't match, {} != {}",
            char::from_u32(letter).unwrap_or('.'),
            dims[j],
            dims[i]
        );
        let taken = view::diagonal(&operand.tensor, 0, i as i64, j as i64)?;
        let order: Vec<i64> = (0..i as i64)
            .chain(std::iter::once(taken.rank() as i64 - 1))
            .chain(i as i64..taken.rank() as i64 - 1)
            .collect();
        operand.tensor = view::permute(&taken, &order)?;
        operand.letters.remove(j);
    }
    Ok(operand)
}

/// Sums of products by index letters: `"ij,jk->ik"`.
pub fn einsum(equation: &str, tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "einsum(): must provide at least one operand");
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation, None),
    };
    let texts: Vec<&str> = left.split(',').collect();
    ensure!(
        texts.len() == tensors.len(),
        Runtime,
        "einsum(): {} operands were provided than specified in the equation",
        if texts.len() > tensors.len() { "fewer" } else { "more" }
    );
    let mut operands = Vec::with_capacity(tensors.len());
    for (number, (text, tensor)) in texts.iter().zip(tensors).enumerate() {
        let letters = letters(text, Some(tensor.rank()), number)?;
        operands.push(diagonals(Labelled { tensor: tensor.clone(), letters })?);
    }
    let output = output_letters(right, &operands)?;
    check_sizes(&operands)?;
    contract_all(operands, &output)
}

fn output_letters(right: Option<&str>, operands: &[Labelled]) -> Result<Vec<u32>> {
    let all: Vec<u32> = operands.iter().flat_map(|o| o.letters.iter().copied()).collect();
    let dots = all.iter().filter(|&&l| l >= DOTS).max().map_or(0, |&l| l - DOTS + 1);
    let Some(right) = right else {
        let mut once: Vec<u32> = all
            .iter()
            .copied()
            .filter(|l| *l < DOTS && all.iter().filter(|m| *m == l).count() == 1)
            .collect();
        once.sort_unstable();
        return Ok((0..dots).rev().map(|i| DOTS + i).chain(once).collect());
    };
    let named = right.chars().filter(char::is_ascii_alphabetic).count();
    let rank = if right.contains("...") { named + dots as usize } else { named };
    let list = letters(right, Some(rank), operands.len())?;
    for (i, l) in list.iter().enumerate() {
        let shown = char::from_u32(*l).unwrap_or('.');
        ensure!(
            !list[..i].contains(l),
            Runtime,
            "einsum(): output subscript {shown} appears more than once in the output"
        );
        ensure!(
            all.contains(l),
            Runtime,
            "einsum(): output subscript {shown} does not appear in the equation for any input operand"
        );
    }
    Ok(list)
}

fn check_sizes(operands: &[Labelled]) -> Result<()> {
    let mut sizes: Vec<(u32, usize)> = Vec::new();
    for (number, operand) in operands.iter().enumerate() {
        for (&letter, &n) in operand.letters.iter().zip(operand.tensor.dims().iter()) {
            match sizes.iter_mut().find(|(l, _)| *l == letter) {
                None => sizes.push((letter, n)),
                Some((_, have)) if *have == 1 => *have = n,
                Some((_, have)) => ensure!(
                    n == *have || n == 1,
                    Runtime,
                    "einsum(): subscript {} has size {n} for operand {number} which does not broadcast with previously seen size {have}",
                    char::from_u32(letter).unwrap_or('.')
                ),
            }
        }
    }
    Ok(())
}

/// Contracts operands from the left; a letter is summed once nobody needs it any more.
fn contract_all(mut operands: Vec<Labelled>, output: &[u32]) -> Result<Tensor> {
    let mut result = operands.remove(0);
    while !operands.is_empty() {
        let next = operands.remove(0);
        let later = |l: u32| output.contains(&l) || operands.iter().any(|o| o.letters.contains(&l));
        result = contract(result, next, &later)?;
    }
    let gone: Vec<i64> = (0..result.letters.len())
        .filter(|&i| !output.contains(&result.letters[i]))
        .map(|i| i as i64)
        .collect();
    if !gone.is_empty() {
        result.tensor = reduce::sum(&result.tensor, Some(&gone), false, None)?;
        result.letters.retain(|l| output.contains(l));
    }
    arranged(&result, output)
}

/// Dimensions in the order of `letters`, missing ones of size 1.
fn arranged(operand: &Labelled, letters: &[u32]) -> Result<Tensor> {
    let present: Vec<i64> = letters
        .iter()
        .filter_map(|l| operand.letters.iter().position(|m| m == l))
        .map(|i| i as i64)
        .collect();
    let ordered = view::permute(&operand.tensor, &present)?;
    let mut sizes = ordered.dims().to_vec().into_iter();
    let dims: Dims = letters
        .iter()
        .map(|l| if operand.letters.contains(l) { sizes.next().unwrap_or(1) } else { 1 })
        .collect();
    if *ordered.dims() == *dims { Ok(ordered) } else { view::reshape_to(&ordered, &dims) }
}

/// Two operands into one by a batched matrix product: shared letters that are kept are the batch,
/// shared letters nobody needs later are summed, the others stand side by side.
fn contract(a: Labelled, b: Labelled, later: &dyn Fn(u32) -> bool) -> Result<Labelled> {
    let a = summed(a, &b.letters, later)?;
    let b = summed(b, &a.letters, later)?;
    let size =
        |o: &Labelled, l: u32| o.letters.iter().position(|m| *m == l).map(|i| o.tensor.dims()[i]);
    let joint = |l: u32| size(&a, l).unwrap_or(1).max(size(&b, l).unwrap_or(1));
    let in_both = |l: u32| matches!((size(&a, l), size(&b, l)), (Some(m), Some(n)) if m == n);
    let shared: Vec<u32> = a.letters.iter().copied().filter(|&l| b.letters.contains(&l)).collect();
    let inner: Vec<u32> = shared.iter().copied().filter(|&l| !later(l) && in_both(l)).collect();
    let batch: Vec<u32> = shared.iter().copied().filter(|l| !inner.contains(l)).collect();
    let left: Vec<u32> = a.letters.iter().copied().filter(|l| !shared.contains(l)).collect();
    let right: Vec<u32> = b.letters.iter().copied().filter(|l| !shared.contains(l)).collect();
    let sizes = |list: &[u32]| -> Dims { list.iter().map(|&l| joint(l)).collect() };
    let volume = |list: &[u32]| list.iter().map(|&l| joint(l)).product::<usize>();
    let block = |o: &Labelled, rows: &[u32], columns: &[u32]| -> Result<Tensor> {
        let order: Vec<u32> = batch.iter().chain(rows).chain(columns).copied().collect();
        let wide = view::expand_to(&arranged(o, &order)?, &sizes(&order));
        view::reshape_to(&wide, &[volume(&batch), volume(rows), volume(columns)])
    };
    let (mut x, mut y) = (block(&a, &left, &inner)?, block(&b, &inner, &right)?);
    if !inner.is_empty() {
        (x, y) = (lowered(&x)?, lowered(&y)?);
    }
    let product = matmul::bmm(&x, &y)?;
    let letters: Vec<u32> = batch.iter().chain(&left).chain(&right).copied().collect();
    let mut result = Labelled { tensor: view::reshape_to(&product, &sizes(&letters))?, letters };
    let gone: Vec<u32> = result.letters.iter().copied().filter(|&l| !later(l)).collect();
    if !gone.is_empty() {
        result = summed(result, &[], later)?;
    }
    Ok(result)
}

/// Sums letters that neither the other operand nor anybody later needs.
fn summed(mut o: Labelled, other: &[u32], later: &dyn Fn(u32) -> bool) -> Result<Labelled> {
    let gone: Vec<i64> = (0..o.letters.len())
        .filter(|&i| !later(o.letters[i]) && !other.contains(&o.letters[i]))
        .map(|i| i as i64)
        .collect();
    if !gone.is_empty() {
        o.tensor = reduce::sum(&o.tensor, Some(&gone), false, None)?;
        o.letters.retain(|&l| later(l) || other.contains(&l));
    }
    Ok(o)
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

/// Distances of all pairs of rows.
fn cdist(a: &Tensor, b: &Tensor, p: f64) -> Result<Tensor> {
    ensure!(
        a.dtype().is_differentiable() && b.dtype().is_differentiable(),
        Runtime,
        "cdist only supports floating-point dtypes, X1 got: {}",
        a.dtype().type_name()
    );
    ensure!(
        a.rank() >= 2,
        Runtime,
        "cdist only supports at least 2D tensors, X1 got: {}D",
        a.rank()
    );
    ensure!(
        b.rank() >= 2,
        Runtime,
        "cdist only supports at least 2D tensors, X2 got: {}D",
        b.rank()
    );
    ensure!(
        a.dims().last() == b.dims().last(),
        Runtime,
        "X1 and X2 must have the same number of columns. X1: {} X2: {}",
        a.dims().last().copied().unwrap_or(0),
        b.dims().last().copied().unwrap_or(0)
    );
    ensure!(p >= 0.0, Runtime, "cdist only supports non-negative p values");
    fused::composite("CdistBackward0", &[a, b], move |pair| {
        let rows = Var::from(view::unsqueeze(&pair[0], -2));
        let difference = (rows - Var::from(view::unsqueeze(&pair[1], -3))).tensor()?;
        if difference.dims().last() == Some(&0) {
            return reduce::sum(&difference, Some(&[-1]), false, None);
        }
        crate::vector_norm::vector_norm(&difference, Scalar::Float(p), Some(&[-1]), false, None)
    })
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
    fmio lower "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_product(x, a, b, beta, alpha, MATRICES);
    /// `beta * input + alpha * (batch1 @ batch2)`.
    fmio lower "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => |x, a, b, beta, alpha| add_product(x, a, b, beta, alpha, BATCHES);
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
    fmo "inner(Tensor self, Tensor other) -> Tensor" => |a, b| inner(a, b);
    /// The inner product with the conjugate of the first.
    fmo "vdot(Tensor self, Tensor other) -> Tensor" => |a, b| matmul::vdot(a, b);
    /// Products of several matrices.
    fw "chain_matmul(Tensor[] matrices) -> Tensor" => |tensors| chain(tensors);
    /// Sums of products over pairs of dimensions.
    fow "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor" => |a, b, da, db| tensordot(a, b, da, db);
    /// Sums of products by index letters.
    fw "einsum(str equation, Tensor[] tensors) -> Tensor" => |equation, tensors| einsum(equation, tensors);
    /// Distances of all pairs of rows.
    f f32 "cdist(Tensor x1, Tensor x2, float p=2, str? compute_mode=None) -> Tensor" => |a, b, p, _mode| any_mode(_mode).and_then(|()| cdist(a, b, p));
}

/// How distances are computed is ours to choose.
fn any_mode(_mode: Option<&str>) -> Result<()> {
    Ok(())
}
