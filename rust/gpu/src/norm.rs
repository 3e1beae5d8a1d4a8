//! Layer, RMS, group and batch norm with learnt factors and offsets, and their gradients.

use crate::dense::{self, Room};
use crate::launch::{GROUP, Kernel};
use crate::shader::{Access, Variant};
use crate::{Device, View, map};
use base::{DType, Result, Scalar};

/// Runs `kernel` with a parameter row-major; an absent one is stood in for by `other`.
fn parameter<R>(
    given: Option<View<'_>>,
    other: View<'_>,
    kernel: impl FnOnce(View<'_>) -> Result<R>,
) -> Result<R> {
    match given {
        Some(view) => dense::input(view, kernel),
        None => kernel(other),
    }
}

/// Learnt factors and offsets, where present.
#[derive(Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct Affine<'a> {
    pub weight: Option<View<'a>>,
    pub bias: Option<View<'a>>,
}

/// Gradients to fill, where wanted.
#[derive(Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct Gradients<'a> {
    pub input: Option<View<'a>>,
    pub weight: Option<View<'a>>,
    pub bias: Option<View<'a>>,
}

/// Mean and reciprocal standard deviation (or variance).
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Moments<'a> {
    pub mean: View<'a>,
    pub scale: View<'a>,
}

/// What rows are and which channels their elements belong to.
#[derive(Clone, Copy)]
pub struct Rows {
    /// Elements of a row.
    pub width: usize,
    /// Rows of a sample.
    pub groups: usize,
    /// Elements of a row that share a channel.
    pub spatial: usize,
    /// The mean is taken away; without that the scale is that of the root mean square.
    pub centred: bool,
}

impl Rows {
    fn numbers(self) -> [usize; 4] {
        [self.width, self.groups, self.width / self.spatial, self.spatial]
    }

    fn lanes(self) -> usize {
        if self.width >= 64 { GROUP } else { 1 }
    }
}

fn flag(view: Option<View<'_>>) -> u32 {
    u32::from(view.is_some())
}

/// Normalises rows; fills `moments`.
pub fn row_norm(
    out: View<'_>,
    moments: Moments<'_>,
    x: View<'_>,
    affine: Affine<'_>,
    (rows, eps): (Rows, f64),
) -> Result<()> {
    if x.numel() == 0 {
        return Ok(());
    }
    let lanes = rows.lanes();
    let consts = [lanes as u32, flag(affine.weight), flag(affine.bias), u32::from(rows.centred)];
    dense::input(x, |x| {
        parameter(affine.weight, x, |weight| {
            parameter(affine.bias, x, |bias| {
                dense::output(out, |out| {
                    Kernel::new("norm")
                        .with(&consts)
                        .read(x)
                        .read(weight)
                        .read(bias)
                        .write(out)
                        .write(moments.mean)
                        .write(moments.scale)
                        .numbers(rows.numbers())
                        .floats(&[eps])
                        .rows(x.numel() / rows.width, lanes)
                })
            })
        })
    })
}

/// Gradients of [`row_norm`].
pub fn row_norm_backward(
    to: &Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    moments: Moments<'_>,
    (weight, rows): (Option<View<'_>>, Rows),
) -> Result<()> {
    let lanes = rows.lanes();
    let count = x.numel() / rows.width.max(1);
    dense::input(grad, |grad| {
        dense::input(x, |x| {
            if let Some(input) = to.input.filter(|g| g.numel() > 0) {
                let consts = [lanes as u32, flag(weight), u32::from(rows.centred)];
                parameter(weight, x, |weight| {
                    dense::output(input, |input| {
                        Kernel::new("norm_backward")
                            .with(&consts)
                            .read(grad)
                            .read(x)
                            .read(moments.mean)
                            .read(moments.scale)
                            .read(weight)
                            .write(input)
                            .numbers(rows.numbers())
                            .rows(count, lanes)
                    })
                })?;
            }
            affine_gradients(to, x.device(), |weight, bias, channels| {
                Kernel::new("norm_affine")
                    .read(grad)
                    .read(x)
                    .read(moments.mean)
                    .read(moments.scale)
                    .write(weight)
                    .write(bias)
                    .numbers(rows.numbers())
                    .numbers([count])
                    .rows(channels, GROUP)
            })
        })
    })
}

/// Divides rows by their root mean square; fills `rstd`, its reciprocal.
pub fn rms_norm(
    out: View<'_>,
    rstd: View<'_>,
    x: View<'_>,
    weight: Option<View<'_>>,
    (width, eps): (usize, f64),
) -> Result<()> {
    let mean = spare(x.device(), rstd)?;
    let moments = Moments { mean: mean.view(), scale: rstd };
    row_norm(out, moments, x, Affine { weight, bias: None }, (uncentred(width), eps))
}

/// Gradients of [`rms_norm`].
pub fn rms_norm_backward(
    to: &Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    rstd: View<'_>,
    (weight, width): (Option<View<'_>>, usize),
) -> Result<()> {
    let mean = spare(x.device(), rstd)?;
    map::fill(mean.view(), Scalar::Int(0))?;
    let moments = Moments { mean: mean.view(), scale: rstd };
    row_norm_backward(to, grad, x, moments, (weight, uncentred(width)))
}

fn uncentred(width: usize) -> Rows {
    Rows { width, groups: 1, spatial: 1, centred: false }
}

/// Runs a kernel that fills the gradients of factors and offsets, if one is wanted; what is not
/// wanted goes to memory of its own.
fn affine_gradients(
    to: &Gradients<'_>,
    device: &'static Device,
    kernel: impl FnOnce(View<'_>, View<'_>, usize) -> Result<()>,
) -> Result<()> {
    let Some(like) = to.weight.or(to.bias).filter(|g| g.numel() > 0) else { return Ok(()) };
    let room = spare(device, like)?;
    let extra = room.view();
    match (to.weight, to.bias) {
        (Some(weight), Some(bias)) => kernel(weight, bias, like.numel()),
        (Some(weight), None) => kernel(weight, extra, like.numel()),
        (_, bias) => kernel(extra, bias.unwrap_or(extra), like.numel()),
    }
}

/// Memory for results that nobody wants.
fn spare(device: &'static Device, like: View<'_>) -> Result<Room> {
    Room::new(device, &[like.numel()], like.dtype)
}

/// What batch norm is given beside its input.
#[derive(Clone, Copy)]
pub struct BatchNorm<'a> {
    /// Factors and offsets of each channel.
    pub affine: Affine<'a>,
    /// Running mean and variance.
    pub running: Option<Moments<'a>>,
    /// Use the statistics of this input.
    pub training: bool,
    /// Weight of this input in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

/// Samples, channels and positions.
fn sizes(dims: &[usize]) -> [usize; 3] {
    [dims[0], dims[1], dims[2..].iter().product()]
}

/// Batch norm; fills `saved` with the mean and reciprocal standard deviation used.
pub fn batch_norm(
    out: View<'_>,
    saved: Moments<'_>,
    x: View<'_>,
    norm: &BatchNorm<'_>,
) -> Result<()> {
    if x.numel() == 0 {
        return Ok(());
    }
    let [samples, channels, spatial] = sizes(x.dims());
    let affine = norm.affine;
    let consts = [
        u32::from(norm.training),
        flag(affine.weight),
        flag(affine.bias),
        u32::from(norm.running.is_some()),
    ];
    let rooms = [spare(x.device(), saved.mean)?, spare(x.device(), saved.mean)?];
    let running = norm.running.unwrap_or(Moments { mean: rooms[0].view(), scale: rooms[1].view() });
    let kernel = |[x, weight, bias]: [View<'_>; 3], [out, mean, scale]: [View<'_>; 3]| {
        Kernel::new("batch_norm")
            .with(&consts)
            .read(x)
            .read(weight)
            .read(bias)
            .write(out)
            .write(saved.mean)
            .write(saved.scale)
            .write(mean)
            .write(scale)
            .numbers([samples, spatial])
            .floats(&[norm.eps, norm.momentum])
            .rows(channels, GROUP)
    };
    dense::input(x, |x| {
        parameter(affine.weight, x, |weight| {
            parameter(affine.bias, x, |bias| {
                dense::output(out, |out| {
                    dense::output_kept(running.mean, |mean| {
                        dense::output_kept(running.scale, |scale| {
                            kernel([x, weight, bias], [out, mean, scale])
                        })
                    })
                })
            })
        })
    })
}

/// Gradients of [`batch_norm`].
pub fn batch_norm_backward(
    to: &Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    saved: Moments<'_>,
    (weight, training): (Option<View<'_>>, bool),
) -> Result<()> {
    if x.numel() == 0 {
        return Ok(());
    }
    let [samples, channels, spatial] = sizes(x.dims());
    let device = x.device();
    let rooms = [spare(device, x)?, spare(device, saved.mean)?, spare(device, saved.mean)?];
    let [input, factor, offset] = [
        to.input.unwrap_or(rooms[0].view()),
        to.weight.unwrap_or(rooms[1].view()),
        to.bias.unwrap_or(rooms[2].view()),
    ];
    dense::input(grad, |grad| {
        dense::input(x, |x| {
            parameter(weight, x, |factors| {
                dense::output(input, |input| {
                    Kernel::new("batch_norm_backward")
                        .with(&[u32::from(training), flag(weight)])
                        .read(grad)
                        .read(x)
                        .read(saved.mean)
                        .read(saved.scale)
                        .read(factors)
                        .write(input)
                        .write(factor)
                        .write(offset)
                        .numbers([samples, spatial])
                        .rows(channels, GROUP)
                })
            })
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|d| d.is_float()) {
        let slots = |reads: usize, writes: usize| {
            let mut slots = vec![(d, Access::Read); reads];
            slots.resize(reads + writes, (d, Access::Write));
            slots
        };
        for on in [0, 1] {
            for lanes in [1, GROUP as u32] {
                list.push(Variant::new("norm", &slots(3, 3)).with(&[lanes, on, on, on]));
                list.push(Variant::new("norm_backward", &slots(5, 1)).with(&[lanes, on, on]));
            }
            for training in [0, 1] {
                let consts = [training, on, on, on];
                list.push(Variant::new("batch_norm", &slots(3, 5)).with(&consts));
                let backward = Variant::new("batch_norm_backward", &slots(5, 3));
                list.push(backward.with(&[training, on]));
            }
        }
        list.push(Variant::new("norm_affine", &slots(4, 2)));
    }
    list
}
