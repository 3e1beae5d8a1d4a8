//! Elementwise kernels: any expression over broadcast operands of any dtypes and strides. Copies,
//! casts, fills and selections are expressions too.
//!
//! [`pending`] lets those wait whose results go to fresh memory; a [`chain`] is one or several of
//! them as one kernel, whose shader [`text`] writes.

mod chain;
mod pending;
mod text;

pub(crate) use pending::Pending;
pub use text::{Step, sample, samples};
pub(crate) use text::{epilogue, number_fields, text, unary_sample};

use crate::view::{no_kernel, too_many_dims};
use crate::window;
use crate::{Buffer, Device, View, check_dtype, dense};
use base::{DType, Layout, Result, Scalar};
use chain::Chain;

/// An operand.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// Elements that broadcast to the output.
    View(View<'a>),
    /// One number.
    Scalar(Scalar),
}

impl<'a> Operand<'a> {
    fn view(&self) -> Option<View<'a>> {
        match self {
            Operand::View(view) => Some(*view),
            Operand::Scalar(_) => None,
        }
    }
}

/// An elementwise op.
#[derive(Clone, Copy)]
pub struct Expression {
    /// The op's name, for errors.
    pub name: &'static str,
    /// WGSL in `x` (or `a`, `b`, `c`) and `p0` to `p3`.
    pub wgsl: &'static str,
    /// The type it computes in.
    pub compute: DType,
    /// It yields truth values.
    pub truth: bool,
}

const MAX_OPERANDS: usize = 3;

/// `out = expression(operands)`, in place where an operand is the output.
pub fn map(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
) -> Result<()> {
    let views = || operands.iter().filter_map(Operand::view).chain([out]);
    for dtype in views().map(|view| view.dtype).chain([op.compute]) {
        check_dtype(op.name, dtype)?;
    }
    if op.wgsl.is_empty() || operands.len() > MAX_OPERANDS {
        return Err(no_kernel(op.name, format!("on gpu:{}", out.device().index())));
    }
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    if views().any(|v| window::is_large(&[v])) {
        return map_halves(op, out, operands, params);
    }
    // A binding has one type: an operand of another one in the output's memory is copied first.
    let differs = |v: View<'_>| v.buffer == out.buffer && v.dtype != out.dtype;
    if let Some(at) = operands.iter().position(|o| o.view().is_some_and(differs)) {
        return with_copy(at, operands, |operands| map(op, out, operands, params));
    }
    let mut pending = out.device().pending();
    if pending.defer(op, &out, operands, params)? {
        return Ok(());
    }
    pending.settle()?;
    drop(pending);
    if Chain::of(op, out.dtype, operands, params).launch(out)? {
        return Ok(());
    }
    map_slices(op, out, operands, params)
}

/// Of more than one binding holds: by halves, as long as it takes.
fn map_halves(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
) -> Result<()> {
    let expanded = expanded(operands, out.dims());
    let views = operands
        .iter()
        .zip(&expanded)
        .filter_map(|(operand, layout)| Some(View { layout: layout.as_ref()?, ..operand.view()? }));
    let all: Vec<View<'_>> = views.chain([out]).collect();
    let large = all.iter().find(|view| window::is_large(&[**view]));
    let Some(d) = large.and_then(|view| window::widest(view, |_| true)) else {
        return Err(too_many_dims(op.name, out.dims()));
    };
    for half in 0..2 {
        let to = window::halves(out.layout, d)[half].clone();
        let layouts: Vec<Option<Layout>> = expanded
            .iter()
            .map(|layout| layout.as_ref().map(|l| window::halves(l, d)[half].clone()))
            .collect();
        map(op, View { layout: &to, ..out }, &seen_as(operands, &layouts), params)?;
    }
    Ok(())
}

/// Runs `kernel` with a copy of one of the operands, in its order.
fn with_copy(
    at: usize,
    operands: &[Operand<'_>],
    kernel: impl FnOnce(&[Operand<'_>]) -> Result<()>,
) -> Result<()> {
    let Some(view) = operands[at].view() else { return kernel(operands) };
    let layout = base::layout::preserved_layout(view.layout);
    dense::retry_as(view, &layout, true, |copy| {
        let mut list = operands.to_vec();
        list[at] = Operand::View(copy);
        kernel(&list)
    })
}

/// With too many dimensions for the parameters: slice by slice along the shortest one.
fn map_slices(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
) -> Result<()> {
    let sizes = out.dims().iter().enumerate().filter(|(_, size)| **size > 1);
    let Some((d, &size)) = sizes.min_by_key(|(_, size)| **size) else {
        return Err(too_many_dims(op.name, out.dims()));
    };
    let expanded = expanded(operands, out.dims());
    for at in 0..size {
        let slice = |layout: &Layout| layout.slice(d, at, 1, 1);
        let parts: Vec<Option<Layout>> = expanded.iter().map(|l| l.as_ref().map(slice)).collect();
        map(op, View { layout: &slice(out.layout), ..out }, &seen_as(operands, &parts), params)?;
    }
    Ok(())
}

/// The operands' layouts with the dimensions of the output; none of numbers.
fn expanded(operands: &[Operand<'_>], dims: &[usize]) -> Vec<Option<Layout>> {
    let layout = |view: View<'_>| Layout {
        dims: base::Dims::from_slice(dims),
        strides: base::layout::broadcast_strides(view.layout, dims),
        offset: view.layout.offset,
    };
    operands.iter().map(|operand| operand.view().map(layout)).collect()
}

/// The operands under other layouts.
fn seen_as<'a>(operands: &[Operand<'a>], layouts: &'a [Option<Layout>]) -> Vec<Operand<'a>> {
    let seen = |(operand, layout): (&Operand<'a>, &'a Option<Layout>)| match (operand, layout) {
        (Operand::View(view), Some(layout)) => Operand::View(View { layout, ..*view }),
        _ => *operand,
    };
    operands.iter().zip(layouts).map(seen).collect()
}

/// Casts and copies; source and target share no elements.
pub fn copy(out: View<'_>, source: View<'_>) -> Result<()> {
    let (name, wgsl) = ("copy_", "x");
    let op = Expression { name, wgsl, compute: source.dtype, truth: false };
    map(&op, out, &[Operand::View(source)], [0.0; 4])
}

/// One number everywhere.
pub fn fill(out: View<'_>, value: Scalar) -> Result<()> {
    let op = Expression { name: "fill_", wgsl: "x", compute: out.dtype, truth: false };
    map(&op, out, &[Operand::Scalar(value)], [0.0; 4])
}

impl Device {
    /// Memory full of zeros.
    pub fn zeros(&'static self, nbytes: usize) -> Result<Buffer> {
        let buffer = self.allocate(nbytes, false)?;
        let layout = Layout::contiguous(&[nbytes.div_ceil(4)]);
        fill(View::new(&buffer, DType::I32, &layout), Scalar::Int(0))?;
        Ok(buffer)
    }
}

/// `a` where the condition holds, else `b`.
pub fn where_(out: View<'_>, condition: View<'_>, a: Operand<'_>, b: Operand<'_>) -> Result<()> {
    let wgsl = "select(b, a, !is_zero(c))";
    let op = Expression { name: "where", wgsl, compute: out.dtype, truth: false };
    map(&op, out, &[a, b, Operand::View(condition)], [0.0; 4])
}
