//! Losses with a margin: ranking, similarity, triplets, classes.

use crate::loss::Reduction;
use crate::{Var, clamp, distance, fused, index, range, reduce, scatter, view};
use array::dispatch;
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// max(x, 0).
fn hinge(x: Var) -> Var {
    x.then(|x| clamp::at_least(x, 0i64.into()))
}

fn reduced(reduction: i64, losses: Var) -> Result<Tensor> {
    Reduction::of(reduction)?.apply(losses).tensor()
}

fn sum_last(x: Var, dim: i64) -> Var {
    x.then(|x| reduce::sum(x, Some(&[dim]), false, None))
}

/// max(0, -target (a - b) + margin).
fn margin_ranking_loss(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: i64,
) -> Result<Tensor> {
    ensure!(
        a.rank() == b.rank() && a.rank() == target.rank(),
        Runtime,
        "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, target: {} ",
        shape::show(&a.dims()),
        shape::show(&b.dims()),
        shape::show(&target.dims())
    );
    reduced(reduction, hinge(-Var::from(target) * (Var::from(a) - Var::from(b)) + margin))
}

/// x where the target is 1, max(0, margin - x) where it is -1.
fn hinge_embedding_loss(
    x: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: i64,
) -> Result<Tensor> {
    let (x, t) = (Var::from(x), Var::from(target));
    let apart = Var::from(0.0).where_(t.clone().eq(1i64), hinge(margin - &x));
    let close = Var::from(0.0).where_(t.eq(-1i64), x);
    reduced(reduction, apart + close)
}

/// Keeps norms from 0.
const TINY: f64 = 1e-12;

/// 1 - cos where the target is 1, max(0, cos - margin) where it is -1.
fn cosine_embedding_loss(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: i64,
) -> Result<Tensor> {
    let rank = target.rank();
    ensure!(rank <= 1, Runtime, "0D or 1D target tensor expected, multi-target not supported");
    ensure!(
        a.rank() == rank + 1 && b.rank() == rank + 1,
        Runtime,
        "{rank}D target tensor expects {}D input tensors, but found inputs with sizes {} and {}.",
        rank + 1,
        shape::show(&a.dims()),
        shape::show(&b.dims())
    );
    let (a, b, t, dim) = (Var::from(a), Var::from(b), Var::from(target), rank as i64);
    let product = sum_last(&a * &b, dim);
    let squares = (sum_last(&a * &a, dim) + TINY) * (sum_last(&b * &b, dim) + TINY);
    let cosine = product / squares.sqrt();
    let close = (1.0 - &cosine).where_(t.clone().eq(1i64), 0.0);
    let apart = hinge(cosine - margin).where_(t.eq(-1i64), 0.0);
    reduced(reduction, close + apart)
}

/// What a triplet loss is told.
#[derive(Clone, Copy)]
struct Triplet {
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
    reduction: i64,
}

/// max(0, |anchor - positive| - |anchor - negative| + margin).
fn triplet_margin_loss([anchor, positive, negative]: [&Tensor; 3], by: Triplet) -> Result<Tensor> {
    ensure!(
        anchor.rank() == positive.rank() && anchor.rank() == negative.rank(),
        Runtime,
        "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {}D, positive {}D, and negative {}D inputs",
        anchor.rank(),
        positive.rank(),
        negative.rank()
    );
    ensure!(by.margin > 0.0, Runtime, "triplet_margin_loss: margin must be greater than 0");
    let distance =
        |a: &Tensor, b: &Tensor| Var::from(distance::pairwise_distance(a, b, by.p, by.eps, false));
    let mut far = distance(anchor, negative);
    if by.swap {
        let swapped = distance(positive, negative);
        far = crate::map::of2(&crate::binary::minimum::OP, far, swapped);
    }
    reduced(by.reduction, hinge(distance(anchor, positive) - far + by.margin))
}

/// Rows of scores: a vector is one row.
fn rows(x: &Tensor) -> Result<[usize; 2]> {
    match *x.dims() {
        [0] | [_, 0] => refuse_rows(x),
        [] => Ok([1, 1]),
        [classes] => Ok([1, classes]),
        [n, classes] => Ok([n, classes]),
        _ => refuse_rows(x),
    }
}

fn refuse_rows(x: &Tensor) -> Result<[usize; 2]> {
    bail!(
        Runtime,
        "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {}",
        shape::show(&x.dims())
    )
}

/// What a loss over class margins is told.
#[derive(Clone, Copy)]
struct Margins {
    p: f64,
    margin: f64,
    reduction: i64,
}

/// The mean over classes of `max(0, margin - x_target + x_class)^p`.
fn multi_margin_loss(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    by: Margins,
) -> Result<Tensor> {
    ensure!(by.p == 1.0 || by.p == 2.0, Runtime, "only p == 1 and p == 2 supported");
    let shape = rows(x)?;
    let [n, classes] = shape;
    ensure!(
        target.numel() == n && target.rank() <= 1,
        Runtime,
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size [{n}], but got {}. Input has shape {}.",
        shape::show(&target.dims()),
        shape::show(&x.dims())
    );
    ensure!(
        target.dtype() == DType::I64,
        Runtime,
        "expected scalar type Long but found {}",
        target.dtype().type_name()
    );
    if let Some(weight) = weight {
        ensure!(
            weight.numel() == classes,
            Runtime,
            "inconsistent weight size, expected {classes} but got {}",
            shape::show(&weight.dims())
        );
    }
    check_classes(target, 0, classes, "target out of range")?;
    let place = view::reshape_to(target, &[n, 1])?;
    let (weight, dims) = (weight.map(Tensor::detach), target.dims());
    let batched = x.rank() > 1;
    fused::composite("MultiMarginLossBackward0", &[x], move |inputs| {
        let x = view::reshape_to(&inputs[0], &shape)?;
        let own = Var::from(scatter::gather(&x, 1, &place)?);
        let mut each = hinge(by.margin - own + Var::from(&x));
        if by.p == 2.0 {
            each = each.square();
        }
        if let Some(weight) = &weight {
            let flat = view::reshape_to(&place, &[n])?;
            let factors = index::index_select(weight, 0, &flat)?;
            each = each * Var::from(view::unsqueeze(&factors, 1)?);
        }
        let all = Var::from(range::indices(classes, x.device())?);
        let zero = Var::from(0.0);
        let others = zero.where_(all.eq(Var::from(&place)), each);
        let losses = sum_last(others, 1) / Var::from(classes as f64);
        let shaped = if batched { losses } else { losses.then(|l| view::reshape_to(l, &dims)) };
        reduced(by.reduction, shaped)
    })
}

fn check_classes(target: &Tensor, from: i64, classes: usize, text: &str) -> Result<()> {
    if target.device().kind == base::DeviceKind::Meta {
        return Ok(());
    }
    let values = dispatch::scalars(&target.array())?;
    let inside = |v: &Scalar| (from..classes as i64).contains(&v.to_i64());
    ensure!(values.iter().all(inside), Runtime, "{text}");
    Ok(())
}

/// Marks the classes of each row that its targets name, up to the first -1.
fn members(target: &Tensor, [n, classes]: [usize; 2], dtype: DType) -> Result<(Tensor, Tensor)> {
    let values = dispatch::scalars(&target.array())?;
    let mut marks = vec![Scalar::Bool(false); n * classes];
    let mut counts = vec![Scalar::Float(0.0); n * classes];
    for row in 0..n {
        let own = values[row * classes..(row + 1) * classes].iter().map(|v| v.to_i64());
        for class in own.take_while(|&c| c >= 0) {
            let at = row * classes + class as usize;
            marks[at] = Scalar::Bool(true);
            counts[at] = Scalar::Float(counts[at].to_f64() + 1.0);
        }
    }
    let stored = |values: &[Scalar], dtype: DType| -> Result<Tensor> {
        let out = array::Array::empty_contiguous(&[n, classes], dtype, target.device())?;
        dispatch::store(&out, values)?;
        Ok(Tensor::new(out))
    };
    Ok((stored(&marks, DType::Bool)?, stored(&counts, dtype)?))
}

/// Sums `max(0, 1 - x_target + x_other)` over targets and the classes that are none, over classes.
fn multilabel_margin_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Result<Tensor> {
    let shape = rows(x)?;
    let [n, classes] = shape;
    ensure!(
        target.dims() == x.dims(),
        Runtime,
        "inconsistent target size: {} for input of size: {}",
        shape::show(&target.dims()),
        shape::show(&x.dims())
    );
    check_classes(target, -1, classes, "target out of range")?;
    let (marks, counts) = members(target, shape, x.dtype())?;
    let batched: Dims = if x.rank() > 1 { Dims::from_slice(&[n]) } else { Dims::new() };
    fused::composite("MultilabelMarginLossBackward0", &[x], move |inputs| {
        let x = view::reshape_to(&inputs[0], &shape)?;
        let own = Var::from(view::unsqueeze(&x, 2)?);
        let other = Var::from(view::unsqueeze(&x, 1)?);
        let named = Var::from(view::unsqueeze(&counts, 2)?);
        let each = hinge(1.0 - own + other) * named;
        let outside = Var::from(view::unsqueeze(&marks, 1)?);
        let kept = Var::from(0.0).where_(outside, each);
        let sums = sum_last(sum_last(kept, -1), -1) / Var::from(classes as f64);
        reduced(reduction, sums.then(|s| view::reshape_to(s, &batched)))
    })
}

crate::ops! {
    /// Losses with a margin.
    MARGINS:
    /// max(0, -target (a - b) + margin).
    f f32 "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor" => |a, b, t, margin, r| margin_ranking_loss(a, b, t, margin, r);
    /// Distances kept small for pairs alike, above a margin for others.
    f f32 "hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=1) -> Tensor" => |x, t, margin, r| hinge_embedding_loss(x, t, margin, r);
    /// Cosines kept near 1 for pairs alike, below a margin for others.
    f f32 "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor" => |a, b, t, margin, r| cosine_embedding_loss(a, b, t, margin, r);
    /// An anchor nearer to the positive than to the negative by a margin.
    f f32 "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2.0, float eps=1e-06, bool swap=False, int reduction=1) -> Tensor" => |a, p, n, margin, order, eps, swap, reduction| triplet_margin_loss([a, p, n], Triplet { margin, p: order, eps, swap, reduction });
    /// The score of the class above all others by a margin.
    fo f32 "multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor" => |x, t, p, margin, w, reduction| multi_margin_loss(x, t, w, Margins { p: Scalar::to_f64(p), margin: Scalar::to_f64(margin), reduction });
    /// The scores of several classes above all others by 1.
    fo f32 "multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" => |x, t, r| multilabel_margin_loss(x, t, r);
}
