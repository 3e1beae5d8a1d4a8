//! Padding: constants, reflections, repeated edges, wrapped edges.

use crate::autocast::raised;
use crate::node::Linear;
use crate::{Var, fused, join, view};
use array::{Array, dispatch};
use base::{Dims, Layout, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// Pairs (before, after) by dimension; `pad` counts from the last dimension backwards.
fn by_dim(pad: &[i64], rank: usize) -> Vec<[i64; 2]> {
    let mut pairs = vec![[0, 0]; rank];
    for (i, pair) in pad.chunks_exact(2).enumerate().take(rank) {
        pairs[rank - 1 - i] = [pair[0], pair[1]];
    }
    pairs
}

fn check_pairs(pad: &[i64], rank: usize) -> Result<()> {
    ensure!(
        pad.len().is_multiple_of(2),
        Runtime,
        "Length of pad must be even but instead it equals {}",
        pad.len()
    );
    ensure!(
        pad.len() <= 2 * rank,
        Runtime,
        "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {} while the input has {rank} dimensions.",
        pad.len()
    );
    Ok(())
}

/// `x` between constants; negative pads cut. The gradient cuts what was padded and pads with zeros
/// what was cut.
pub fn constant_pad(x: &Tensor, pad: &[i64], value: f64) -> Result<Tensor> {
    let dims = x.dims();
    check_pairs(pad, dims.len())?;
    let pairs = by_dim(pad, dims.len());
    let mut out_dims = Dims::new();
    for (d, (&n, [before, after])) in dims.iter().zip(&pairs).enumerate() {
        let size = (n as i64).saturating_add(*before).saturating_add(*after);
        ensure!(
            size >= 0,
            Runtime,
            "The input size {n}, plus negative padding {before} and {after}, resulted in a negative output size, which is invalid. Check dimension {d} of your input."
        );
        out_dims.push(size as usize);
    }
    let layout = Layout::in_format(&out_dims, x.layout().suggested_format())?;
    let out = Array::empty(layout, x.dtype(), x.device())?;
    Scalar::Float(value).check_fits(x.dtype())?;
    dispatch::fill(&out, Scalar::Float(value))?;
    let (mut inner, mut source) = (out.layout().clone(), x.layout());
    for (d, [before, after]) in pairs.iter().enumerate() {
        let cut = |v: i64| (-v).max(0) as usize;
        let kept = dims[d].saturating_sub(cut(*before) + cut(*after));
        inner = inner.slice(d, (*before).max(0) as usize, kept, 1);
        source = source.slice(d, cut(*before), kept, 1);
    }
    dispatch::copy(&out.view(inner), &x.array().view(source))?;
    let back: Vec<i64> = pad.iter().map(|p| -p).collect();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("ConstantPadNdBackward0", move |g: Var| {
            g.then(|g| constant_pad(g, &back, 0.0))
        }))
    })
}

/// How edges continue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Reflect,
    Replicate,
    Circular,
}

/// `count` single slices of dimension `d`, taken at `index(i)`.
fn slices(x: &Tensor, d: usize, count: i64, index: impl Fn(i64) -> i64) -> Result<Vec<Tensor>> {
    (0..count).map(|i| view::narrow(x, d as i64, index(i), 1)).collect()
}

/// One dimension continued at both ends; negative pads cut.
fn continued(x: &Tensor, d: usize, [before, after]: [i64; 2], edge: Edge) -> Result<Tensor> {
    let n = x.dims()[d] as i64;
    if edge == Edge::Circular && before.min(after) < 0 {
        let kept = n + before.min(0) + after.min(0);
        let cut = view::narrow(x, d as i64, (-before).max(0), kept)?;
        return continued(&cut, d, [before.max(0), after.max(0)], edge);
    }
    let mut parts = match edge {
        Edge::Reflect => slices(x, d, before, |i| before - i)?,
        Edge::Replicate => slices(x, d, before, |_| 0)?,
        Edge::Circular => slices(x, d, before, |i| n - before + i)?,
    };
    let (cut_before, cut_after) = ((-before).max(0), (-after).max(0));
    parts.push(view::narrow(x, d as i64, cut_before, n - cut_before - cut_after)?);
    parts.extend(match edge {
        Edge::Reflect => slices(x, d, after, |i| n - 2 - i)?,
        Edge::Replicate => slices(x, d, after, |_| n - 1)?,
        Edge::Circular => slices(x, d, after, |i| i)?,
    });
    join::cat(&parts, d as i64)
}

fn check_edges(dims: &[usize], pairs: &[[i64; 2]], edge: Edge) -> Result<()> {
    for (d, (&n, [before, after])) in dims.iter().zip(pairs).enumerate() {
        let (n, widest) = (n as i64, *before.max(after));
        ensure!(
            edge != Edge::Reflect || widest < n.max(1),
            Runtime,
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at dimension {d} of input {}",
            shape::show(dims)
        );
        ensure!(
            edge != Edge::Circular || widest <= n,
            Runtime,
            "Padding value causes wrapping around more than once."
        );
        ensure!(
            n.saturating_add(*before).saturating_add(*after) >= 0,
            Runtime,
            "Negative padding value is resulting in an empty dimension"
        );
    }
    Ok(())
}

/// The node PyTorch shows.
fn edge_node(edge: Edge, spatial: usize) -> &'static str {
    match (edge, spatial) {
        (Edge::Reflect, 1) => "ReflectionPad1DBackward0",
        (Edge::Reflect, 2) => "ReflectionPad2DBackward0",
        (Edge::Reflect, _) => "ReflectionPad3DBackward0",
        (Edge::Replicate, 1) => "ReplicationPad1DBackward0",
        (Edge::Replicate, 2) => "ReplicationPad2DBackward0",
        (Edge::Replicate, _) => "ReplicationPad3DBackward0",
        (Edge::Circular, _) => "CopySlices",
    }
}

/// The modes that PyTorch's autocast runs in float32.
fn runs_in_f32(edge: Edge, spatial: usize) -> bool {
    match edge {
        Edge::Reflect => spatial < 3,
        Edge::Replicate => true,
        Edge::Circular => false,
    }
}

fn edge_pad(x: &Tensor, pad: &[i64], edge: Edge) -> Result<Tensor> {
    let rank = x.rank();
    check_pairs(pad, rank)?;
    let spatial = pad.len() / 2;
    ensure!(
        (1..=3).contains(&spatial) && (rank == spatial + 1 || rank == spatial + 2),
        NotImplemented,
        "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
    );
    let pairs = by_dim(pad, rank);
    check_edges(&x.dims(), &pairs, edge)?;
    let x = if runs_in_f32(edge, spatial) { raised(x)? } else { x.clone() };
    fused::composite(edge_node(edge, spatial), &[&x], move |inputs| {
        let mut y = inputs[0].clone();
        for (d, pair) in pairs.iter().enumerate().filter(|(_, pair)| **pair != [0, 0]) {
            y = continued(&y, d, *pair, edge)?;
        }
        if y.same(&inputs[0]) { crate::create::clone(&y, None) } else { Ok(y) }
    })
}

/// Pads by mode "constant", "reflect", "replicate" or "circular".
pub fn pad(x: &Tensor, pad: &[i64], mode: &str, value: Option<f64>) -> Result<Tensor> {
    if mode == "constant" {
        return constant_pad(x, pad, value.unwrap_or(0.0));
    }
    ensure!(
        value.is_none_or(|v| v == 0.0),
        Runtime,
        "Padding mode \"{mode}\" doesn't take in value argument"
    );
    match mode {
        "reflect" => edge_pad(x, pad, Edge::Reflect),
        "replicate" => edge_pad(x, pad, Edge::Replicate),
        "circular" => edge_pad(x, pad, Edge::Circular),
        other => bail!(NotImplemented, "Unrecognised padding mode {other}"),
    }
}

crate::ops! {
    /// Padding.
    PADDING:
    /// Pads dimensions from the last backwards.
    f "pad(Tensor self, int[] pad, str mode='constant', float? value=None) -> Tensor" => |x, pairs, mode, value| pad(x, pairs, mode, value);
    /// Pads with a constant.
    f "constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor" => |x, pairs, value| constant_pad(x, pairs, base::Scalar::to_f64(value));
}
