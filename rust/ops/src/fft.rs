//! Discrete Fourier transforms. Three have kernels: complex numbers, real ones to half their
//! spectrum, and back; all gradients are transforms again.

use crate::node::{Linear, linear};
use crate::options::Options;
use crate::reduce::float_of;
use crate::{Var, cast, create, join, pad, rearrange, view};
use array::{Array, dispatch};
use base::{DType, Device, Dims, Result, bail, ensure, shape};
use tape::Tensor;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Forward,
    Inverse,
}

/// A call: its name in errors, the way, and where the factor stands.
#[derive(Clone, Copy)]
struct Transform<'a> {
    op: &'a str,
    way: Way,
    norm: Option<&'a str>,
}

impl Transform<'_> {
    /// The factor of a transform of `count` numbers.
    fn scale(&self, count: usize) -> Result<f64> {
        let n = count as f64;
        Ok(match (self.norm.unwrap_or("backward"), self.way) {
            ("ortho", _) => 1.0 / n.sqrt(),
            ("backward", Way::Inverse) | ("forward", Way::Forward) => 1.0 / n,
            ("backward" | "forward", _) => 1.0,
            (other, _) => bail!(Runtime, "Invalid normalization mode: \"{other}\""),
        })
    }
}

/// The transform of complex numbers along `dims`, times `scale`.
pub(crate) fn complex(x: &Tensor, dims: &[usize], way: Way, scale: f64) -> Result<Tensor> {
    let Some((&last, rest)) = dims.split_last() else {
        return (Var::from(x) * scale).tensor();
    };
    let mut array = x.array();
    for (i, &d) in rest.iter().chain([&last]).enumerate() {
        let out = Array::empty_contiguous(array.dims(), x.dtype(), x.device())?;
        let scale = if i == rest.len() { scale } else { 1.0 };
        dispatch::fft(&out, &array, d, way == Way::Inverse, scale)?;
        array = out;
    }
    let dims = dims.to_vec();
    let back = if way == Way::Forward { Way::Inverse } else { Way::Forward };
    tape::record(array, &[x], |_| {
        Ok(Linear::new("FftC2CBackward0", move |g: Var| g.then(|g| complex(g, &dims, back, scale))))
    })
}

/// The input as floating-point numbers.
fn floating(x: &Tensor, op: &str, complex: bool) -> Result<Tensor> {
    let x = float_of(x)?;
    ensure!(
        complex || !x.dtype().is_complex(),
        Runtime,
        "{op} expects a real input tensor, but got {}",
        x.dtype().type_name()
    );
    ensure!(
        !matches!(x.dtype(), DType::F16 | DType::BF16 | DType::C32),
        Runtime,
        "Unsupported dtype {}",
        x.dtype().type_name()
    );
    Ok(x)
}

fn complexified(x: &Tensor) -> Result<Tensor> {
    cast::to_dtype(x, x.dtype().to_complex())
}

/// `x` cut or filled up with zeros to `n` along dimension `d`.
fn resized(x: &Tensor, d: usize, n: usize) -> Result<Tensor> {
    let have = x.dims()[d];
    if n <= have {
        return if n == have { Ok(x.clone()) } else { view::narrow(x, d as i64, 0, n as i64) };
    }
    let mut pads = vec![0; 2 * (x.rank() - d)];
    if let Some(end) = pads.last_mut() {
        *end = (n - have) as i64;
    }
    pad::constant_pad(x, &pads, 0.0)
}

fn axis(dim: i64, rank: usize) -> Result<usize> {
    ensure!(rank > 0, Index, "Dimension specified as {dim} but tensor has no dimensions");
    shape::wrap_dim(dim, rank)
}

/// Dimensions and the sizes of the transformed signal along them.
struct Axes {
    dims: Vec<usize>,
    sizes: Vec<usize>,
}

impl Axes {
    fn one(x: &Tensor, n: Option<i64>, dim: i64) -> Result<Axes> {
        let d = axis(dim, x.rank())?;
        let n = n.unwrap_or(x.dims()[d] as i64);
        ensure!(n >= 1, Runtime, "Invalid number of data points ({n}) specified");
        Ok(Axes { dims: vec![d], sizes: vec![n as usize] })
    }

    /// By `s` and `dim` of the n-dimensional forms; -1 in `s` keeps a size.
    fn several(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>) -> Result<Axes> {
        let rank = x.rank();
        if let (Some(s), Some(dim)) = (s, dim) {
            ensure!(
                s.len() == dim.len(),
                Runtime,
                "When given, dim and shape arguments must have the same length"
            );
        }
        let count = s.or(dim).map_or(rank, <[i64]>::len);
        let dims: Vec<usize> = match dim {
            Some(dim) => dim.iter().map(|&d| axis(d, rank)).collect::<Result<_>>()?,
            None => (rank.saturating_sub(count)..rank).collect(),
        };
        ensure!(
            count <= rank,
            Runtime,
            "Got shape with {count} values but input tensor only has {rank} dimensions."
        );
        let mut sorted = dims.clone();
        sorted.sort_unstable();
        ensure!(sorted.windows(2).all(|p| p[0] != p[1]), Runtime, "FFT dims must be unique");
        let own = x.dims();
        let mut sizes = Vec::with_capacity(count);
        for (i, &d) in dims.iter().enumerate() {
            let n = s.map_or(-1, |s| s[i]);
            let n = if n == -1 { own[d] as i64 } else { n };
            ensure!(n >= 1, Runtime, "Invalid number of data points ({n}) specified");
            sizes.push(n as usize);
        }
        Ok(Axes { dims, sizes })
    }

    fn count(&self) -> usize {
        self.sizes.iter().product()
    }

    fn fit(&self, x: &Tensor) -> Result<Tensor> {
        self.dims.iter().zip(&self.sizes).try_fold(x.clone(), |x, (&d, &n)| resized(&x, d, n))
    }
}

/// The transform of real numbers along `dims`, of the last one the half that says all or all.
pub(crate) fn real_to_complex(
    x: &Tensor,
    dims: &[usize],
    half: bool,
    scale: f64,
) -> Result<Tensor> {
    let Some((&last, rest)) = dims.split_last() else {
        return complexified(x);
    };
    let n = x.dims()[last];
    let spectrum = || {
        let sizes = sized(x, last, n / 2 + 1);
        let out = Array::empty_contiguous(&sizes, x.dtype().to_complex(), x.device())?;
        dispatch::rfft(&out, &x.array(), last, scale)?;
        let one = Tensor::new(out);
        let one = if half { one } else { whole(&one, last, n)? };
        if rest.is_empty() { Ok(one) } else { complex(&one, rest, Way::Forward, 1.0) }
    };
    let dims = dims.to_vec();
    linear("FftR2CBackward0", x, spectrum, move |g| {
        g.then(|g| complex(&resized(g, last, n)?, &dims, Way::Inverse, scale)).real()
    })
}

/// The inverse transform of half a Hermitian spectrum (along the last of `dims`) of `n` real numbers.
fn complex_to_real(half: &Tensor, dims: &[usize], n: usize, scale: f64) -> Result<Tensor> {
    let Some((&last, rest)) = dims.split_last() else {
        return Var::from(half).real().tensor();
    };
    let signal = || {
        let half = if rest.is_empty() { half } else { &complex(half, rest, Way::Inverse, 1.0)? };
        let out =
            Array::empty_contiguous(&sized(half, last, n), half.dtype().to_real(), half.device())?;
        dispatch::irfft(&out, &half.array(), last, scale)?;
        Ok(Tensor::new(out))
    };
    let dims = dims.to_vec();
    linear("FftC2RBackward0", half, signal, move |g| {
        g.then(|g| doubled(&real_to_complex(g, &dims, true, scale)?, last, n))
    })
}

/// The sizes of `x` with `n` along dimension `d`.
fn sized(x: &Tensor, d: usize, n: usize) -> Dims {
    x.dims().iter().enumerate().map(|(i, &size)| if i == d { n } else { size }).collect()
}

/// Half a spectrum of `n` numbers along dimension `d`, and the rest: its conjugates in reverse.
fn whole(half: &Tensor, d: usize, n: usize) -> Result<Tensor> {
    let rest = view::narrow(half, d as i64, 1, (n - n / 2 - 1) as i64)?;
    let rest = rearrange::flip(&crate::complex::conj(&rest)?, &[d as i64])?;
    join::cat(&[half.clone(), rest], d as i64)
}

/// Half a spectrum of `n` numbers in which those that stand for two count twice.
fn doubled(half: &Tensor, d: usize, n: usize) -> Result<Tensor> {
    let part = |start: usize, count: usize| -> Result<Tensor> {
        view::narrow(half, d as i64, start as i64, count as i64)
    };
    let twice = n - n / 2 - 1;
    let middle = (Var::from(part(1, twice)?) * 2.0).tensor()?;
    join::cat(&[part(0, 1)?, middle, part(1 + twice, n / 2 - twice)?], d as i64)
}

/// Complex to complex.
fn c2c(x: &Tensor, axes: &Axes, by: Transform<'_>) -> Result<Tensor> {
    let scale = by.scale(axes.count())?;
    complex(&axes.fit(&complexified(x)?)?, &axes.dims, by.way, scale)
}

/// The inverse transform of real numbers is the conjugate of their transform.
fn turned(spectrum: Tensor, way: Way) -> Result<Tensor> {
    if way == Way::Forward { Ok(spectrum) } else { crate::complex::conj(&spectrum) }
}

/// Real to the half of the spectrum (along the last axis) that says all.
fn r2c(x: &Tensor, axes: &Axes, by: Transform<'_>) -> Result<Tensor> {
    let scale = by.scale(axes.count())?;
    let x = axes.fit(x)?;
    let Some((last, rest)) = axes.dims.split_last() else {
        return complexified(&x);
    };
    if by.way == Way::Forward {
        return real_to_complex(&x, &axes.dims, true, scale);
    }
    let half = real_to_complex(&x, &[*last], true, scale)?;
    if rest.is_empty() {
        return turned(half, by.way);
    }
    complex(&Var::from(half).conj().tensor()?, rest, by.way, 1.0)
}

/// Half of a Hermitian spectrum (along the last axis) to real.
fn c2r(x: &Tensor, axes: &Axes, by: Transform<'_>) -> Result<Tensor> {
    let (Some(&last), Some(&n)) = (axes.dims.last(), axes.sizes.last()) else {
        bail!(Runtime, "{} must transform at least one axis", by.op);
    };
    let mut halves = Axes { dims: axes.dims.clone(), sizes: axes.sizes.clone() };
    if let Some(size) = halves.sizes.last_mut() {
        *size = n / 2 + 1;
    }
    let scale = by.scale(axes.count())?;
    let half = halves.fit(&complexified(x)?)?;
    if by.way == Way::Inverse {
        return complex_to_real(&half, &axes.dims, n, scale);
    }
    let rest = &axes.dims[..axes.dims.len() - 1];
    let half = if rest.is_empty() { half } else { complex(&half, rest, by.way, 1.0)? };
    complex_to_real(&crate::complex::conj(&half)?, &[last], n, scale)
}

/// The inverse transform of half a spectrum, times `scale`.
pub(crate) fn half_to_real(x: &Tensor, d: usize, n: usize, scale: f64) -> Result<Tensor> {
    complex_to_real(&resized(x, d, n / 2 + 1)?, &[d], n, scale)
}

/// Sizes of the real signal of a half spectrum: by default the even one.
fn even_last(x: &Tensor, mut axes: Axes, given: bool) -> Result<Axes> {
    if let (Some(&d), Some(n), false) = (axes.dims.last(), axes.sizes.last_mut(), given) {
        let points = 2 * (x.dims()[d] as i64 - 1);
        ensure!(points >= 1, Runtime, "Invalid number of data points ({points}) specified");
        *n = points as usize;
    }
    Ok(axes)
}

/// Where the transform runs: one dimension or several.
enum Place<'a> {
    One(Option<i64>, i64),
    Several(Option<&'a [i64]>, Option<&'a [i64]>),
}

impl Place<'_> {
    fn axes(&self, x: &Tensor) -> Result<Axes> {
        match self {
            Place::One(n, dim) => Axes::one(x, *n, *dim),
            Place::Several(s, dim) => Axes::several(x, *s, *dim),
        }
    }

    /// The size along the last axis was given.
    fn has_last(&self) -> bool {
        match self {
            Place::One(n, _) => n.is_some(),
            Place::Several(s, _) => s.is_some_and(|s| s.last().is_some_and(|&n| n != -1)),
        }
    }
}

fn plain(x: &Tensor, place: &Place<'_>, by: Transform<'_>) -> Result<Tensor> {
    let x = floating(x, by.op, true)?;
    let axes = place.axes(&x)?;
    if matches!(place, Place::One(..)) && !x.dtype().is_complex() {
        let scale = by.scale(axes.count())?;
        return turned(real_to_complex(&axes.fit(&x)?, &axes.dims, false, scale)?, by.way);
    }
    c2c(&x, &axes, by)
}

fn of_real(x: &Tensor, place: &Place<'_>, by: Transform<'_>) -> Result<Tensor> {
    let x = floating(x, by.op, false)?;
    let axes = place.axes(&x)?;
    ensure!(!axes.dims.is_empty(), Runtime, "{} must transform at least one axis", by.op);
    r2c(&x, &axes, by)
}

fn to_real(x: &Tensor, place: &Place<'_>, by: Transform<'_>) -> Result<Tensor> {
    let x = floating(x, by.op, true)?;
    let axes = even_last(&x, place.axes(&x)?, place.has_last())?;
    c2r(&x, &axes, by)
}

/// Frequencies of the transform's outputs: from 0 up, then (unless `half`) the negative ones.
fn frequencies(n: i64, step: f64, half: bool, options: &Options) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    let count = if half { n / 2 + 1 } else { n };
    let order = Var::from(create::arange(0, count, Device::CPU)?);
    let order = if half {
        order
    } else {
        let below = &order - &Var::from(n);
        below.where_(order.clone().ge((n + 1) / 2), order)
    };
    let (dtype, device) = (options.float(), options.place());
    let order = create::to(&order.tensor()?, Some(dtype), Some(device), false, None)?;
    (Var::T(order) * Var::from(1.0 / (n as f64 * step))).tensor()
}

fn shift(x: &Tensor, dim: Option<&[i64]>, inverse: bool) -> Result<Tensor> {
    let dims: Vec<i64> = dim.map_or_else(|| (0..x.rank() as i64).collect(), <[i64]>::to_vec);
    let own = x.dims();
    let amounts = dims
        .iter()
        .map(|&d| {
            let n = own.get(shape::wrap_dim(d, x.rank())?).copied().unwrap_or(1) as i64;
            Ok(if inverse { (n + 1) / 2 } else { n / 2 })
        })
        .collect::<Result<Vec<i64>>>()?;
    if dims.is_empty() { Ok(x.clone()) } else { rearrange::roll(x, &amounts, &dims) }
}

crate::ops! {
    /// Fourier transforms.
    TRANSFORMS:
    /// The discrete Fourier transform along a dimension.
    fo f32 "fft_fft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor" => |x, n, dim, norm| plain(x, &Place::One(n, dim), Transform { op: "fft", way: Way::Forward, norm });
    /// The inverse discrete Fourier transform along a dimension.
    fo f32 "fft_ifft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor" => |x, n, dim, norm| plain(x, &Place::One(n, dim), Transform { op: "ifft", way: Way::Inverse, norm });
    /// Half the spectrum of a real signal along a dimension.
    fo f32 "fft_rfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor" => |x, n, dim, norm| of_real(x, &Place::One(n, dim), Transform { op: "rfft", way: Way::Forward, norm });
    /// The real signal of half a spectrum along a dimension.
    fo f32 "fft_irfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor" => |x, n, dim, norm| to_real(x, &Place::One(n, dim), Transform { op: "irfft", way: Way::Inverse, norm });
    /// The real spectrum of half a Hermitian signal along a dimension.
    fo f32 "fft_hfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor" => |x, n, dim, norm| to_real(x, &Place::One(n, dim), Transform { op: "hfft", way: Way::Forward, norm });
    /// Half the Hermitian signal of a real spectrum along a dimension.
    fo f32 "fft_ihfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor" => |x, n, dim, norm| of_real(x, &Place::One(n, dim), Transform { op: "ihfft", way: Way::Inverse, norm });
    /// The discrete Fourier transform over two dimensions.
    fo f32 "fft_fft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor" => |x, s, dim, norm| plain(x, &Place::Several(s, Some(dim)), Transform { op: "fft2", way: Way::Forward, norm });
    /// The inverse discrete Fourier transform over two dimensions.
    fo f32 "fft_ifft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor" => |x, s, dim, norm| plain(x, &Place::Several(s, Some(dim)), Transform { op: "ifft2", way: Way::Inverse, norm });
    /// Half the spectrum of a real signal over two dimensions.
    fo f32 "fft_rfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor" => |x, s, dim, norm| of_real(x, &Place::Several(s, Some(dim)), Transform { op: "rfft2", way: Way::Forward, norm });
    /// The real signal of half a spectrum over two dimensions.
    fo f32 "fft_irfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor" => |x, s, dim, norm| to_real(x, &Place::Several(s, Some(dim)), Transform { op: "irfft2", way: Way::Inverse, norm });
    /// The real spectrum of half a Hermitian signal over two dimensions.
    fo "fft_hfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor" => |x, s, dim, norm| to_real(x, &Place::Several(s, Some(dim)), Transform { op: "hfft2", way: Way::Forward, norm });
    /// Half the Hermitian signal of a real spectrum over two dimensions.
    fo "fft_ihfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor" => |x, s, dim, norm| of_real(x, &Place::Several(s, Some(dim)), Transform { op: "ihfft2", way: Way::Inverse, norm });
    /// The discrete Fourier transform over several dimensions.
    fo f32 "fft_fftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" => |x, s, dim, norm| plain(x, &Place::Several(s, dim), Transform { op: "fftn", way: Way::Forward, norm });
    /// The inverse discrete Fourier transform over several dimensions.
    fo f32 "fft_ifftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" => |x, s, dim, norm| plain(x, &Place::Several(s, dim), Transform { op: "ifftn", way: Way::Inverse, norm });
    /// Half the spectrum of a real signal over several dimensions.
    fo f32 "fft_rfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" => |x, s, dim, norm| of_real(x, &Place::Several(s, dim), Transform { op: "rfftn", way: Way::Forward, norm });
    /// The real signal of half a spectrum over several dimensions.
    fo f32 "fft_irfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" => |x, s, dim, norm| to_real(x, &Place::Several(s, dim), Transform { op: "irfftn", way: Way::Inverse, norm });
    /// The real spectrum of half a Hermitian signal over several dimensions.
    fo "fft_hfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" => |x, s, dim, norm| to_real(x, &Place::Several(s, dim), Transform { op: "hfftn", way: Way::Forward, norm });
    /// Half the Hermitian signal of a real spectrum over several dimensions.
    fo "fft_ihfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" => |x, s, dim, norm| of_real(x, &Place::Several(s, dim), Transform { op: "ihfftn", way: Way::Inverse, norm });
    /// The frequencies of a transform's outputs.
    f "fft_fftfreq(int n, float d=1.0, *, TensorOptions options={}) -> Tensor" => |n, step, options| frequencies(n, step, false, &options);
    /// The frequencies of the outputs of a real signal's transform.
    f "fft_rfftfreq(int n, float d=1.0, *, TensorOptions options={}) -> Tensor" => |n, step, options| frequencies(n, step, true, &options);
    /// Frequency 0 moved to the middle.
    f "fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor" => |x, dim| shift(x, dim, false);
    /// Frequency 0 moved back to the front.
    f "fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor" => |x, dim| shift(x, dim, true);
}
