//! Scaled dot-product attention: `softmax(scale q k^T + mask) v`.

use crate::node::Keep;
use crate::{Var, create, dropout, fused, matmul, range, softmax, view};
use array::Array;
use array::dispatch::{self, Attention};
use base::{DType, Dims, Layout, Result, ensure, shape};
use tape::Tensor;

/// What attention is told beside query, key and value.
#[derive(Clone, Copy)]
struct Settings<'a> {
    mask: Option<&'a Tensor>,
    dropout: f64,
    causal: bool,
    scale: Option<f64>,
    grouped: bool,
}

/// Attention of `(.., L, E)`, `(.., S, E)`, `(.., S, V)`.
fn attend(q: &Tensor, k: &Tensor, v: &Tensor, by: Settings<'_>) -> Result<Tensor> {
    check(q, k, v, by)?;
    let (k, v) = if by.grouped { (grouped(k, q)?, grouped(v, q)?) } else { (k.clone(), v.clone()) };
    let k = read_keys(q, k, &v, by)?;
    let width = q.dims()[q.rank() - 1] as f64;
    let scale = by.scale.unwrap_or_else(|| 1.0 / width.sqrt());
    let lead = lead_dims(&[q, &k, &v])?;
    check_widths(&lead, q, &k, &v)?;
    let wide = |t: &Tensor| -> Tensor {
        let dims = t.dims();
        let all: Dims = lead.iter().chain(&dims[dims.len() - 2..]).copied().collect();
        if dims == all { t.clone() } else { view::expand_to(t, &all) }
    };
    let (q, k, v) = (wide(q), wide(&k), wide(&v));
    let learnt_mask = by.mask.is_some_and(|m| tape::needs_history(&[m]));
    if by.dropout > 0.0 || learnt_mask {
        let mask = by.mask.map(Var::from);
        return meaning(&q, &k, &v, mask, scale, by.causal, by.dropout);
    }
    fused_attention(&q, &k, &v, by.mask, (scale, by.causal))
}

/// The keys that are read: for batches of heads as many as there are values, as in PyTorch's kernel.
fn read_keys(q: &Tensor, k: Tensor, v: &Tensor, by: Settings<'_>) -> Result<Tensor> {
    let count = |t: &Tensor| t.dims()[t.rank() - 2];
    let ranks = [q, &k, v].map(Tensor::rank);
    let fused = ranks == [4; 3] && by.mask.is_none() && by.dropout == 0.0;
    if fused && count(&k) > count(v) {
        return view::narrow(&k, -2, 0, count(v) as i64);
    }
    Ok(k)
}

fn check(q: &Tensor, k: &Tensor, v: &Tensor, by: Settings<'_>) -> Result<()> {
    ensure!(
        q.dtype() == k.dtype() && q.dtype() == v.dtype(),
        Runtime,
        "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {} instead.",
        q.dtype().c_name(),
        k.dtype().c_name(),
        v.dtype().c_name()
    );
    ensure!(
        q.rank() >= 2 && k.rank() >= 2 && v.rank() >= 2,
        Runtime,
        "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim(): {}, key.dim(): {} and value.dim(): {} instead.",
        q.rank(),
        k.rank(),
        v.rank()
    );
    ensure!(
        by.mask.is_none() || !by.causal,
        Runtime,
        "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
    );
    if let Some(mask) = by.mask {
        ensure!(
            mask.dtype() == DType::Bool || mask.dtype() == q.dtype() || mask.dtype() == DType::F32,
            Runtime,
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} instead.",
            mask.dtype().c_name(),
            q.dtype().c_name()
        );
    }
    Ok(())
}

/// Features of queries and keys, then positions of keys and values, agree as in the two products.
fn check_widths(lead: &[usize], q: &Tensor, k: &Tensor, v: &Tensor) -> Result<()> {
    let batch: usize = lead.iter().product();
    let sides = |t: &Tensor| (t.dims()[t.rank() - 2], t.dims()[t.rank() - 1]);
    let ((_, width), (keys, key_width), (values, _)) = (sides(q), sides(k), sides(v));

    for (inner, rows) in [(width, key_width), (keys, values)] {
        ensure!(
            inner == rows,
            Runtime,
            "Expected size for first two dimensions of batch2 tensor to be: [{batch}, {inner}] but got: [{batch}, {rows}]."
        );
    }
    Ok(())
}

/// Heads of keys or values repeated for the query heads that share them.
fn grouped(x: &Tensor, q: &Tensor) -> Result<Tensor> {
    let (dims, heads) = (x.dims(), q.dims()[q.rank() - 3]);
    let at = dims.len() - 3;
    ensure!(
        heads.is_multiple_of(dims[at]),
        Runtime,
        "Number of heads in key and value must divide the number of heads in query"
    );
    let times = heads / dims[at];
    let mut wide = dims.clone();
    wide.insert(at + 1, times);
    let mut merged = dims.clone();
    merged[at] = heads;
    view::reshape_to(&view::expand_to(&view::unsqueeze(x, at as i64 + 1)?, &wide), &merged)
}

/// The leading dimensions all operands broadcast to.
fn lead_dims(operands: &[&Tensor]) -> Result<Dims> {
    let mut lead = Dims::new();
    for operand in operands {
        let dims = operand.dims();
        lead = shape::broadcast(&lead, &dims[..dims.len() - 2])?;
    }
    Ok(lead)
}

/// One node; its kernel holds the scores of a few queries at a time.
fn fused_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    (scale, causal): (f64, bool),
) -> Result<Tensor> {
    let (qd, kd, vd) = (q.dims(), k.dims(), v.dims());
    let rank = qd.len();
    let mut scores = qd.clone();
    scores[rank - 1] = kd[rank - 2];
    let mask = mask.map(|m| expanded_mask(m, &scores)).transpose()?;
    let by = Attention { mask: mask.as_ref().map(Tensor::array), causal, scale };
    let mut dims = qd.clone();
    dims[rank - 1] = vd[rank - 1];
    let out = Array::empty(result_layout(dims, [q, k, v])?, q.dtype(), q.device())?;
    let saved_dtype = if q.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let logsumexp = Array::empty_contiguous(&qd[..rank - 1], saved_dtype, q.device())?;
    dispatch::attention(&out, &logsumexp, [&q.array(), &k.array(), &v.array()], &by)?;
    tape::record(out, &[q, k, v], |y| {
        fused::node(
            "ScaledDotProductFlashAttentionForCpuBackward0",
            &[q, k, v],
            vec![Keep::Output(y, 0)],
            move |grad, saved| {
                let list: Vec<Array> = saved
                    .vars
                    .iter()
                    .map(|v| v.clone().tensor().map(|t| t.array()))
                    .collect::<Result<_>>()?;
                let like = |a: &Array| Array::empty_contiguous(a.dims(), a.dtype(), a.device());
                let to = [like(&list[0])?, like(&list[1])?, like(&list[2])?];
                let from = [&grad.array(), &list[3], &logsumexp];
                let qkv = [&list[0], &list[1], &list[2]];
                dispatch::attention_backward([&to[0], &to[1], &to[2]], from, qkv, &by)?;
                Ok(to.into_iter().map(|a| Some(Var::T(Tensor::new(a)))).collect())
            },
            move |inputs| {
                let mask = mask.as_ref().map(Var::from);
                meaning(&inputs[0], &inputs[1], &inputs[2], mask, scale, causal, 0.0)
            },
        )
    })
}

/// On the CPU the query's own order of dimensions where PyTorch's kernel for heads takes over.
fn result_layout(dims: Dims, qkv: [&Tensor; 3]) -> Result<Layout> {
    let like = qkv[0].layout();
    let is_rows = |t: &Tensor| t.rank() == 4 && t.layout().strides[3] == 1;
    let on_gpu = qkv[0].device().kind == base::DeviceKind::Gpu;
    if !on_gpu && qkv.iter().all(|t| is_rows(t)) && like.dims == dims {
        return create::like_layout(&like, None);
    }
    Ok(Layout::contiguous(&dims))
}

fn expanded_mask(mask: &Tensor, scores: &Dims) -> Result<Tensor> {
    let fits = shape::broadcast(&mask.dims(), scores)? == *scores;
    ensure!(
        fits,
        Runtime,
        "The expanded size of the tensor must match the existing size\n  scaled_dot_product_attention: attn_mask {} does not broadcast to {}",
        shape::show(&mask.dims()),
        shape::show(scores)
    );
    Ok(view::expand_to(mask, scores))
}

/// The textbook line. A query that may attend to nothing gives zeros.
fn meaning(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<Var>,
    scale: f64,
    causal: bool,
    p: f64,
) -> Result<Tensor> {
    let mut scores = Var::from(matmul::matmul(q, &view::transpose(k, -2, -1)?)) * scale;
    let never = Var::from(f64::NEG_INFINITY);
    let mask = if causal { Some(Var::from(lower_triangle(q, k)?)) } else { mask };
    if let Some(mask) = mask {
        scores = match &mask {
            Var::T(m) if m.dtype() == DType::Bool => scores.where_(mask, never.clone()),
            _ => scores + mask,
        };
    }
    let alive = scores.clone().ne(never).then(|m| crate::reduce::any(m, Some(&[-1]), true));
    let zero = Var::from(0.0);
    let weights =
        scores.where_(alive.clone(), zero.clone()).then(|s| softmax::softmax(s, -1, None));
    let weights = weights.where_(alive, zero).then(|w| dropout::dropout(w, p, true));
    weights.then(|w| matmul::matmul(w, v)).tensor()
}

/// True where key j is not after query i.
fn lower_triangle(q: &Tensor, k: &Tensor) -> Result<Tensor> {
    let (rows, columns) = (q.dims()[q.rank() - 2], k.dims()[k.rank() - 2]);
    let row = Var::from(view::unsqueeze(&range::indices(rows, q.device())?, 1)?);
    row.ge(Var::from(range::indices(columns, q.device())?)).tensor()
}

crate::ops! {
    /// Attention.
    ATTENTION:
    /// softmax(q k^T / sqrt(E) + mask) v.
    f lower "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor" => |q, k, v, mask, dropout, causal, scale, grouped| attend(q, k, v, Settings { mask, dropout, causal, scale, grouped });
}
