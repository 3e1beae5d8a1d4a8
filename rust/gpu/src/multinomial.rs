//! Draws that depend on numbers of the caller's: categories by weight, events of given
//! probabilities, permutations. The numbers are checked, which waits for them.

use crate::dense::{self, Room};
use crate::map::{self, Expression, Operand};
use crate::random::draw;
use crate::reduce::{Fold, reduce};
use crate::scan::{Scan, scan};
use crate::sort::{Lines, searchsorted};
use crate::{View, check_dtype};
use base::rng::{Draw, Sampling, check_probability};
use base::{DType, Layout, Result, bail};

fn expression(wgsl: &'static str, truth: bool) -> Expression {
    Expression { name: "random", wgsl, compute: DType::F32, truth }
}

fn combine(wgsl: &'static str, out: View<'_>, operands: &[View<'_>]) -> Result<()> {
    let operands: Vec<_> = operands.iter().map(|&view| Operand::View(view)).collect();
    map::map(&expression(wgsl, false), out, &operands, [0.0; 4])
}

fn room(like: View<'_>, dims: &[usize]) -> Result<Room> {
    Room::new(like.device(), dims, DType::F32)
}

/// The largest value of an expression over all elements.
fn largest(wgsl: &'static str, x: View<'_>) -> Result<f32> {
    let values = room(x, &[x.numel()])?;
    let found = room(x, &[1])?;
    dense::input(x, |x| {
        let flat = Layout { offset: x.layout.offset, ..Layout::contiguous(&[x.numel()]) };
        combine(wgsl, values.view(), &[View { layout: &flat, ..x }])
    })?;
    reduce(Fold::Amax, found.view(), values.view(), &[true], 0.0)?;
    let bytes = x.device().read(found.view().buffer, 0..DType::F32.size())?;
    Ok(bytes.first_chunk().map_or(0.0, |&bytes| f32::from_le_bytes(bytes)))
}

/// Fails unless all elements are probabilities.
pub fn check_probabilities(p: View<'_>) -> Result<()> {
    check_dtype("bernoulli", p.dtype)?;
    if p.numel() == 0 {
        return Ok(());
    }
    let bad = "select(0.0, 1.0, is_nan(x) || x < 0.0 || x > 1.0)";
    check_probability(if largest(bad, p)? > 0.0 { -1.0 } else { 0.0 })
}

/// Ones where a draw is below the element of `p`, zeros elsewhere.
pub fn bernoulli(out: View<'_>, p: View<'_>) -> Result<()> {
    let u = room(out, out.dims())?;
    draw(u.view(), &Draw::Uniform { from: 0.0, to: 1.0 })?;
    let operands = [u.view(), p].map(Operand::View);
    map::map(&expression("a < b", true), out, &operands, [0.0; 4])
}

/// Fills a vector with a random permutation of `0..n`: the order of random keys.
pub fn permutation(out: View<'_>) -> Result<()> {
    let keys = Room::new(out.device(), out.dims(), DType::I64)?;
    draw(keys.view(), &Draw::RandomRange { from: 0, to: Some(1 << 32) })?;
    map::copy(out, Lines::sorted(keys.view(), 0, false)?.order.view())
}

/// Draws category numbers from rows of weights.
pub fn multinomial(out: View<'_>, weights: View<'_>, sampling: Sampling) -> Result<()> {
    check_dtype("multinomial", weights.dtype)?;
    let Some((&categories, lead)) = weights.dims().split_last() else { return Ok(()) };
    if weights.numel() == 0 {
        return Ok(());
    }
    let rows = lead.iter().product();
    let wide = room(weights, weights.dims())?;
    map::copy(wide.view(), weights)?;
    let layout = Layout::contiguous(&[rows, categories]);
    let wide = View { layout: &layout, ..wide.view() };
    let inverts = sampling.replacement && sampling.samples > 1;
    check_weights(wide, inverts)?;
    dense::output(out, |out| {
        let drawn = Layout::contiguous(&[rows, sampling.samples]);
        let drawn = Layout { offset: out.layout.offset, ..drawn };
        let out = View { layout: &drawn, ..out };
        if inverts { invert(out, wide) } else { race(out, wide) }
    })
}

fn check_weights(weights: View<'_>, inverts: bool) -> Result<()> {
    let sums = room(weights, &weights.dims()[..1])?;
    reduce(Fold::Sum, sums.view(), weights, &[false, true], 0.0)?;
    let fault = largest("select(select(0.0, 1.0, x < 0.0), 2.0, !is_finite(x))", weights)?;
    if fault > 0.0 {
        let text = match (inverts, fault > 1.0) {
            (false, _) => "probability tensor contains either `inf`, `nan` or element < 0",
            (_, false) => "invalid multinomial distribution (encountering probability entry < 0)",
            (_, true) => {
                "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
            }
        };
        bail!(Runtime, "{text}");
    }
    if largest("select(0.0, 1.0, x <= 0.0)", sums.view())? > 0.0 {
        bail!(Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
    }
    Ok(())
}

/// Draws with replacement: uniform numbers below a row's sum, looked up among its running sums.
fn invert(out: View<'_>, weights: View<'_>) -> Result<()> {
    let sums = room(weights, weights.dims())?;
    scan(Scan::Sum, sums.view(), weights, 1)?;
    let [u, scaled] = [room(out, out.dims())?, room(out, out.dims())?];
    draw(u.view(), &Draw::Uniform { from: 0.0, to: 1.0 })?;
    let last = sums.view().layout.slice(1, weights.dims()[1] - 1, 1, 1);
    combine("a * b", scaled.view(), &[u.view(), View { layout: &last, ..sums.view() }])?;
    searchsorted(out, sums.view(), scaled.view(), None, true)
}

/// Draws without replacement: the largest of weight / exponential (Efraimidis and Spirakis 2006).
fn race(out: View<'_>, weights: View<'_>) -> Result<()> {
    let [times, scores] = [room(weights, weights.dims())?, room(weights, weights.dims())?];
    draw(times.view(), &Draw::Exponential { rate: 1.0 })?;
    combine("a / max(b, 1e-37)", scores.view(), &[weights, times.view()])?;
    let lines = Lines::sorted(scores.view(), 1, true)?;
    let first = lines.order.view().layout.slice(1, 0, out.dims()[1], 1);
    map::copy(out, View { layout: &first, ..lines.order.view() })
}
