//! Scaled dot-product attention, by way of the whole matrix of weights in f32.

use crate::launch::{GROUP, Kernel};
use crate::shader::{Access, Variant};
use crate::{Buffer, View, dense, map, matmul, softmax};
use base::{DType, Dims, Layout, Result, Scalar};

/// The score after masking: without a mask, with truth values, with numbers.
const MASKS: [&str; 3] = ["s", "select(-infinity(), s, !(in0_at(at) == 0))", "s + f32(in0_at(at))"];

/// What attention is given beside query, key and value.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// Bool (true attends) or numbers added to the scores.
    pub mask: Option<View<'a>>,
    /// Query i attends to keys up to i only.
    pub causal: bool,
    /// Factor of the scores.
    pub scale: f64,
}

/// A matrix of its own, in f32.
struct Matrix {
    buffer: Buffer,
    layout: Layout,
}

impl Matrix {
    /// With the leading dims of `like` and these last two.
    fn new(like: &View<'_>, rows: usize, columns: usize) -> Result<Matrix> {
        let lead = like.dims().len() - 2;
        let dims: Dims = like.dims()[..lead].iter().copied().chain([rows, columns]).collect();
        let layout = Layout::contiguous(&dims);
        let buffer = like.device().allocate(layout.numel() * DType::F32.size(), false)?;
        Ok(Matrix { buffer, layout })
    }

    fn view(&self) -> View<'_> {
        View::new(&self.buffer, DType::F32, &self.layout)
    }
}

/// The layout of a matrix with rows and columns exchanged.
fn turned(view: &View<'_>) -> Layout {
    let rank = view.dims().len();
    let mut layout = view.layout.clone();
    layout.dims.swap(rank - 2, rank - 1);
    layout.strides.swap(rank - 2, rank - 1);
    layout
}

/// `a @ b^T`
fn times_turned(out: View<'_>, a: View<'_>, b: View<'_>) -> Result<()> {
    let layout = turned(&b);
    matmul::matmul(out, a, View { layout: &layout, ..b }, None)
}

/// `a^T @ b`
fn turned_times(out: View<'_>, a: View<'_>, b: View<'_>) -> Result<()> {
    let layout = turned(&a);
    matmul::matmul(out, View { layout: &layout, ..a }, b, None)
}

/// Weights of all queries; fills `logsumexp`, which is f32 and row-major.
fn weights([q, k]: [View<'_>; 2], logsumexp: View<'_>, by: &Attention<'_>) -> Result<Matrix> {
    let rank = q.dims().len();
    let (queries, keys) = (q.dims()[rank - 2], k.dims()[rank - 2]);
    let scores = Matrix::new(&q, queries, keys)?;
    times_turned(scores.view(), q, k)?;
    let kind = match by.mask {
        None => 0,
        Some(mask) if mask.dtype == DType::Bool => 1,
        Some(_) => 2,
    };
    let lanes = if keys >= 64 { GROUP } else { 1 };
    dense::input(by.mask.unwrap_or(q), |mask| {
        Kernel::new("attention")
            .of(MASKS[kind])
            .with(&[lanes as u32, u32::from(by.causal)])
            .read(mask)
            .write(scores.view())
            .write(logsumexp)
            .numbers([queries, keys])
            .floats(&[by.scale])
            .rows(logsumexp.numel(), lanes)
    })?;
    Ok(scores)
}

/// `out` = attention of `[query, key, value]`; fills `logsumexp`.
pub fn attention(
    out: View<'_>,
    logsumexp: View<'_>,
    [q, k, v]: [View<'_>; 3],
    by: &Attention<'_>,
) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    if k.numel() == 0 {
        return map::fill(out, Scalar::Int(0));
    }
    let weights = weights([q, k], logsumexp, by)?;
    matmul::matmul(out, weights.view(), v, None)
}

/// Gradients of [`attention`] in query, key and value.
pub fn attention_backward(
    [to_q, to_k, to_v]: [View<'_>; 3],
    grad: View<'_>,
    [q, k, v]: [View<'_>; 3],
    by: &Attention<'_>,
) -> Result<()> {
    if grad.numel() == 0 || k.numel() == 0 {
        return [to_q, to_k, to_v].iter().try_for_each(|to| map::fill(*to, Scalar::Int(0)));
    }
    let rank = q.dims().len();
    let (queries, keys) = (q.dims()[rank - 2], k.dims()[rank - 2]);
    let logsumexp = Matrix::new(&q, queries, 1)?;
    let weights = weights([q, k], logsumexp.view(), by)?;
    turned_times(to_v, weights.view(), grad)?;
    // All that follows is linear in the gradient, the smallest of it to be scaled.
    let scaled = Matrix::new(&q, queries, grad.dims()[rank - 1])?;
    let op = map::Expression { name: "mul", wgsl: "a * b", compute: DType::F32, truth: false };
    let operands = [map::Operand::View(grad), map::Operand::Scalar(Scalar::Float(by.scale))];
    map::map(&op, scaled.view(), &operands, [0.0; 4])?;
    let towards_weights = Matrix::new(&q, queries, keys)?;
    times_turned(towards_weights.view(), scaled.view(), v)?;
    let towards_scores = Matrix::new(&q, queries, keys)?;
    let to = towards_scores.view();
    softmax::softmax_backward(false, to, towards_weights.view(), weights.view(), rank - 1)?;
    drop((weights, towards_weights));
    matmul::matmul(to_q, to, k, None)?;
    turned_times(to_k, to, q)
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|&&d| d.is_float() || d == DType::Bool) {
        let write = (DType::F32, Access::Write);
        let one = Variant::new("attention", &[(d, Access::Read), write, write]);
        let masks = if d == DType::Bool { &MASKS[1..2] } else { &MASKS[2..] };
        for mask in [&MASKS[..1], masks].concat() {
            for lanes in [1, GROUP as u32] {
                list.push(one.of(mask).with(&[lanes, 1]));
            }
        }
    }
    list
}
