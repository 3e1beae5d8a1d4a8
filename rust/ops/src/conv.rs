//! Convolutions in one to three dimensions.
//!
//! One trilinear form `<grad, conv(x, weight)>` stands behind all of them: the convolution, its
//! gradient in the input (the transposed convolution) and its gradient in the weight are its three
//! partial maps, each linear in two operands, and the gradients of each are the other two.

mod check;

use crate::node::{Formula, Keep, record_optional};
use crate::{Var, cast, complex, reduce, view};
use array::Array;
use array::dispatch::{self, ConvGeometry};
use base::{Dims, Layout, Result, bail, ensure, shape};
use check::{check_bias, check_dtypes, check_operands, is_number, joined, per_dim, reach};
use std::sync::Arc;
use tape::Tensor;

/// The form with all its sizes.
struct Form {
    geometry: ConvGeometry,
    x: Dims,
    weight: Dims,
    out: Dims,
}

/// Which of its operands a map yields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Input,
    Weight,
    Output,
}

impl Form {
    fn dims(&self, part: Part) -> &Dims {
        match part {
            Part::Input => &self.x,
            Part::Weight => &self.weight,
            Part::Output => &self.out,
        }
    }
}

/// The two operands of a map, in the order input, weight, output.
fn operands(part: Part) -> [Part; 2] {
    match part {
        Part::Output => [Part::Input, Part::Weight],
        Part::Input => [Part::Weight, Part::Output],
        Part::Weight => [Part::Input, Part::Output],
    }
}

fn run(
    form: &Form,
    part: Part,
    out: &Array,
    a: &Array,
    b: &Array,
    bias: Option<&Array>,
) -> Result<()> {
    let by = &form.geometry;
    match part {
        Part::Output => dispatch::conv(out, a, b, bias, by),
        Part::Input => dispatch::conv_input(out, b, a, bias, by),
        Part::Weight => dispatch::conv_weight(out, b, a, by),
    }
}

/// The map that yields `part` from the two other operands, plus a bias per channel (dimension 1).
fn map(
    form: &Arc<Form>,
    part: Part,
    [a, b]: [&Tensor; 2],
    bias: Option<&Tensor>,
    name: &'static str,
) -> Result<Tensor> {
    let format =
        if part == Part::Weight { b.layout().suggested_format() } else { format_of(part, a, b) };
    let layout = Layout::in_format(form.dims(part), format)?;
    let out = Array::empty(layout, a.dtype(), a.device())?;
    let moved = bias.map(Tensor::array);
    run(form, part, &out, &a.array(), &b.array(), moved.as_ref())?;
    let form = form.clone();
    record_optional(out, &[Some(a), Some(b), bias], |inputs| {
        let wants = [tape::needs_history(&[a]), tape::needs_history(&[b])];
        // Each operand serves the gradient of the other.
        let (keep_a, keep_b) = (wants[1].then_some(a), wants[0].then_some(b));
        let keeps: Vec<Keep<'_>> = keep_a.into_iter().chain(keep_b).map(Keep::Input).collect();
        let (count, has_a) = (inputs.len(), keep_a.is_some());
        Formula::new(name, count, &keeps, move |grads, saved| {
            let g = grads[0].clone().map_or_else(crate::node::absent, Ok)?;
            let kept_a = saved.vars.first().cloned();
            let kept_b = saved.vars.get(usize::from(has_a)).cloned();
            let mut found = Vec::with_capacity(count);
            for (i, other) in [(0, kept_b), (1, kept_a)] {
                found.push(match other {
                    Some(other) if saved.needs[i] => {
                        Some(Var::from(towards(&form, part, i, &g, &other.tensor()?)))
                    }
                    _ => None,
                });
            }
            if count == 3 {
                found.push(saved.needs[2].then(|| over_channels(&g)));
            }
            Ok(found)
        })
        .map(Formula::joint)
    })
}

/// The memory format of a map's images.
fn format_of(part: Part, a: &Tensor, b: &Tensor) -> base::MemoryFormat {
    let images = if part == Part::Output { a } else { b };
    let (first, second) = (images.layout().suggested_format(), a.layout().suggested_format());
    if first == base::MemoryFormat::Contiguous { second } else { first }
}

/// The gradient of the map for `part` in its operand `i`, from `g` and the other operand.
fn towards(form: &Arc<Form>, part: Part, i: usize, g: &Tensor, other: &Tensor) -> Result<Tensor> {
    let pair = operands(part);
    let (wanted, given) = (pair[i], pair[1 - i]);
    let place = |p: Part| if p == part { g } else { other };
    debug_assert!(given != wanted);
    let [first, second] = operands(wanted);
    map(form, wanted, [place(first), place(second)], None, "ConvolutionBackwardBackward0")
}

fn over_channels(g: &Tensor) -> Var {
    let dims: Vec<i64> = (0..g.rank() as i64).filter(|&d| d != 1).collect();
    Var::from(reduce::sum(g, Some(&dims), false, None))
}

/// `padding=`: numbers, or a word.
#[derive(Clone, Copy)]
enum Padding<'a> {
    Sizes(&'a [i64]),
    Word(&'a str),
}

/// What a convolution is told beside its operands.
#[derive(Clone, Copy)]
struct Settings<'a> {
    rank: usize,
    stride: &'a [i64],
    padding: Padding<'a>,
    dilation: &'a [i64],
    groups: i64,
}

/// A convolution of input, weight and bias.
type Convolve<'a> = dyn Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor> + 'a;

/// Adds a batch dimension where it is absent, runs `f`, and takes it away again. Integers are
/// computed in f64, exact up to 2^53; complex numbers by their parts.
fn on_batch(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    rank: usize,
    f: &Convolve<'_>,
) -> Result<Tensor> {
    check_dtypes(x, weight, bias)?;
    if x.dtype().is_complex() {
        return by_parts(x, weight, bias, |x, weight, bias| on_batch(x, weight, bias, rank, f));
    }
    let exact = array::dispatch::exact_dtype(x.device());
    if is_number(x.dtype()) && x.dtype() != exact {
        let wide = |t: &Tensor| cast::to_dtype(t, exact);
        let bias = bias.map(wide).transpose()?;
        let out = on_batch(&wide(x)?, &wide(weight)?, bias.as_ref(), rank, f)?;
        return cast::to_dtype(&out, x.dtype());
    }
    if x.rank() == rank + 1 {
        return view::squeeze(&f(&view::unsqueeze(x, 0)?, weight, bias)?, Some(&[0]));
    }
    f(x, weight, bias)
}

/// A complex form of real ones: (a + ib)(c + id) = ac - bd + i(ad + bc).
fn by_parts(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    f: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor>,
) -> Result<Tensor> {
    let ([a, b], [c, d]) = (complex::parts(x)?, complex::parts(weight)?);
    let moved = bias.map(complex::parts).transpose()?;
    let [bias_re, bias_im] = [0, 1].map(|i| moved.as_ref().map(|parts| &parts[i]));
    let real = Var::from(f(&a, &c, bias_re)?) - Var::from(f(&b, &d, None)?);
    let imag = Var::from(f(&a, &d, bias_im)?) + Var::from(f(&b, &c, None)?);
    complex::of_parts(&real.tensor()?, &imag.tensor()?)
}

fn convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    by: Settings<'_>,
) -> Result<Tensor> {
    on_batch(x, weight, bias, by.rank, &|x, weight, bias| convolve(x, weight, bias, by))
}

fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    by: Settings<'_>,
) -> Result<Tensor> {
    let rank = by.rank;
    check_operands(x, weight, rank, by.groups)?;
    let (xd, wd) = (x.dims(), weight.dims());
    let groups = by.groups as usize;
    ensure!(
        wd[0] >= groups,
        Runtime,
        "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {} instead",
        shape::show(&wd)
    );
    ensure!(
        wd[0].is_multiple_of(groups),
        Runtime,
        "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size {} instead",
        shape::show(&wd)
    );
    ensure!(
        xd[1] == wd[1] * groups,
        Runtime,
        "Given groups={groups}, weight of size {}, expected input{} to have {} channels, but got {} channels instead",
        shape::show(&wd),
        shape::show(&xd),
        wd[1] * groups,
        xd[1]
    );
    check_bias(bias, wd[0], &wd)?;
    let stride = per_dim(by.stride, rank, "stride", "conv")?;
    let dilation = per_dim(by.dilation, rank, "dilation", "conv")?;
    let (x, padding) = padded(x, by.padding, &wd[2..], &stride, &dilation)?;
    let xd = x.dims();
    let mut out = Dims::from_slice(&[xd[0], wd[0]]);
    for d in 0..rank {
        let window = reach(wd[d + 2], dilation[d]);
        let space = xd[d + 2].saturating_add(padding[d].saturating_mul(2));
        ensure!(
            space >= window,
            Runtime,
            "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size",
            joined((0..rank).map(|d| xd[d + 2].saturating_add(padding[d].saturating_mul(2)))),
            joined((0..rank).map(|d| reach(wd[d + 2], dilation[d])))
        );
        out.push((space - window) / stride[d] + 1);
    }
    let geometry = ConvGeometry { stride, padding, dilation, groups };
    let form = Arc::new(Form { geometry, x: xd, weight: wd, out });
    map(&form, Part::Output, [&x, weight], bias, "ConvolutionBackward0")
}

/// Padding as numbers; where "same" needs more at the end, the input is padded there first.
fn padded(
    x: &Tensor,
    padding: Padding<'_>,
    kernel: &[usize],
    stride: &[usize],
    dilation: &[usize],
) -> Result<(Tensor, Dims)> {
    let rank = kernel.len();
    match padding {
        Padding::Sizes(sizes) => Ok((x.clone(), per_dim(sizes, rank, "padding", "conv")?)),
        Padding::Word("valid") => Ok((x.clone(), Dims::filled(0, rank))),
        Padding::Word("same") => {
            ensure!(
                stride.iter().all(|&s| s == 1),
                Runtime,
                "padding='same' is not supported for strided convolutions"
            );
            let total: Dims = (0..rank).map(|d| dilation[d] * (kernel[d] - 1)).collect();
            let before: Dims = total.iter().map(|&t| t / 2).collect();
            let mut pairs = Vec::new();
            for d in (0..rank).rev() {
                pairs.extend([0, (total[d] - 2 * before[d]) as i64]);
            }
            let uneven = pairs.iter().any(|&p| p > 0);
            let x = if uneven { crate::pad::constant_pad(x, &pairs, 0.0)? } else { x.clone() };
            Ok((x, before))
        }
        Padding::Word(other) => {
            bail!(Runtime, "Invalid padding string: '{other}'")
        }
    }
}

/// What a transposed convolution is told beside its operands.
#[derive(Clone, Copy)]
struct Transposed<'a> {
    rank: usize,
    stride: &'a [i64],
    padding: &'a [i64],
    output_padding: &'a [i64],
    dilation: &'a [i64],
    groups: i64,
}

fn transposed(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    by: Transposed<'_>,
) -> Result<Tensor> {
    on_batch(x, weight, bias, by.rank, &|x, weight, bias| convolve_transposed(x, weight, bias, by))
}

fn convolve_transposed(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    by: Transposed<'_>,
) -> Result<Tensor> {
    let rank = by.rank;
    check_operands(x, weight, rank, by.groups)?;
    let (xd, wd) = (x.dims(), weight.dims());
    let groups = by.groups as usize;
    ensure!(
        xd[1] == wd[0],
        Runtime,
        "Given transposed=1, weight of size {}, expected input{} to have {} channels, but got {} channels instead",
        shape::show(&wd),
        shape::show(&xd),
        wd[0],
        xd[1]
    );
    let channels = wd[1] * groups;
    check_bias(bias, channels, &wd)?;
    let stride = per_dim(by.stride, rank, "stride", "conv_transpose")?;
    let padding = per_dim(by.padding, rank, "padding", "conv_transpose")?;
    let extra = per_dim(by.output_padding, rank, "output_padding", "conv_transpose")?;
    let dilation = per_dim(by.dilation, rank, "dilation", "conv_transpose")?;
    let mut out = Dims::from_slice(&[xd[0], channels]);
    for d in 0..rank {
        ensure!(
            extra[d] < stride[d].max(dilation[d]),
            Runtime,
            "output padding must be smaller than either stride or dilation, but got output_padding {} stride {} dilation {}",
            shape::show(&extra),
            shape::show(&stride),
            shape::show(&dilation)
        );
        let before_last = xd[d + 2].saturating_sub(1).saturating_mul(stride[d]);
        let whole =
            before_last.saturating_add(reach(wd[d + 2], dilation[d])).saturating_add(extra[d]);
        ensure!(
            whole > padding[d].saturating_mul(2),
            Runtime,
            "Given input size per channel: ({}). Calculated output size per channel is too small",
            joined(xd[2..].iter().copied())
        );
        out.push(whole - 2 * padding[d]);
    }
    let geometry = ConvGeometry { stride, padding, dilation, groups };
    let form = Arc::new(Form { geometry, x: out, weight: wd, out: xd });
    map(&form, Part::Input, [weight, x], bias, "ConvolutionBackward0")
}

/// Convolution over time: `(T, B, in)` with `(k, in, out)`.
fn conv_tbc(x: &Tensor, weight: &Tensor, bias: &Tensor, pad: i64) -> Result<Tensor> {
    ensure!(x.rank() == 3, Runtime, "Input must have 3 dims: time, batch, in_channel");
    ensure!(
        weight.rank() == 3,
        Runtime,
        "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
    );
    let x = view::permute(x, &[1, 2, 0])?;
    let weight = view::permute(weight, &[2, 1, 0])?;
    let by = Settings {
        rank: 1,
        stride: &[1],
        padding: Padding::Sizes(&[pad]),
        dilation: &[1],
        groups: 1,
    };
    crate::create::contiguous(&view::permute(
        &convolution(&x, &weight, Some(bias), by)?,
        &[2, 0, 1],
    )?)
}

crate::ops! {
    /// Convolutions.
    CONVOLUTIONS:
    /// Convolution of `(N, C, L)`.
    f lower "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] dilation=1, int groups=1) -> Tensor" => |x, w, b, stride, padding, dilation, groups| convolution(x, w, b, Settings { rank: 1, stride, padding: Padding::Sizes(padding), dilation, groups });
    /// Convolution of `(N, C, L)`, padding "same" or "valid".
    f lower "conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, str padding='valid', int[1] dilation=1, int groups=1) -> Tensor" => |x, w, b, stride, padding, dilation, groups| convolution(x, w, b, Settings { rank: 1, stride, padding: Padding::Word(padding), dilation, groups });
    /// Convolution of `(N, C, H, W)`.
    f lower "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor" => |x, w, b, stride, padding, dilation, groups| convolution(x, w, b, Settings { rank: 2, stride, padding: Padding::Sizes(padding), dilation, groups });
    /// Convolution of `(N, C, H, W)`, padding "same" or "valid".
    f lower "conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, str padding='valid', int[2] dilation=1, int groups=1) -> Tensor" => |x, w, b, stride, padding, dilation, groups| convolution(x, w, b, Settings { rank: 2, stride, padding: Padding::Word(padding), dilation, groups });
    /// Convolution of `(N, C, D, H, W)`.
    f lower "conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, int[3] padding=0, int[3] dilation=1, int groups=1) -> Tensor" => |x, w, b, stride, padding, dilation, groups| convolution(x, w, b, Settings { rank: 3, stride, padding: Padding::Sizes(padding), dilation, groups });
    /// Convolution of `(N, C, D, H, W)`, padding "same" or "valid".
    f lower "conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, str padding='valid', int[3] dilation=1, int groups=1) -> Tensor" => |x, w, b, stride, padding, dilation, groups| convolution(x, w, b, Settings { rank: 3, stride, padding: Padding::Word(padding), dilation, groups });
    /// The adjoint of `conv1d`.
    f lower "conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] output_padding=0, int groups=1, int[1] dilation=1) -> Tensor" => |x, w, b, stride, padding, output_padding, groups, dilation| transposed(x, w, b, Transposed { rank: 1, stride, padding, output_padding, dilation, groups });
    /// The adjoint of `conv2d`.
    f lower "conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] output_padding=0, int groups=1, int[2] dilation=1) -> Tensor" => |x, w, b, stride, padding, output_padding, groups, dilation| transposed(x, w, b, Transposed { rank: 2, stride, padding, output_padding, dilation, groups });
    /// The adjoint of `conv3d`.
    f lower "conv_transpose3d(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, int[3] padding=0, int[3] output_padding=0, int groups=1, int[3] dilation=1) -> Tensor" => |x, w, b, stride, padding, output_padding, groups, dilation| transposed(x, w, b, Transposed { rank: 3, stride, padding, output_padding, dilation, groups });
    /// Convolution over the first dimension of `(T, B, C)`.
    f lower "conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor" => |x, w, b, pad| conv_tbc(x, w, b, pad);
}
