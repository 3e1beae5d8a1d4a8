//! Short-time Fourier transforms: windows of a signal, each transformed; and the signal back.

use crate::call::Dest;
use crate::fft::{Way, complex, half_to_real, real_to_complex};
use crate::index::index_add;
use crate::{Var, create, pad, view};
use array::dispatch;
use base::{DType, Result, Scalar, bail, ensure};
use tape::Tensor;

/// How windows lie on the signal.
struct Frames<'a> {
    size: i64,
    hop: i64,
    window: Option<&'a Tensor>,
    window_size: i64,
    center: bool,
    normalized: bool,
}

impl Frames<'_> {
    fn check(&self, op: &str) -> Result<()> {
        ensure!(
            self.hop > 0,
            Runtime,
            "{op}: expected hop_length > 0, but got hop_length={}",
            self.hop
        );
        ensure!(
            0 < self.window_size && self.window_size <= self.size,
            Runtime,
            "{op}: expected 0 < win_length <= n_fft, but got win_length={}",
            self.window_size
        );
        ensure!(
            self.window.is_none_or(|w| w.rank() == 1 && w.numel() as i64 == self.window_size),
            Runtime,
            "{op}: expected a 1D window tensor of size equal to win_length={}, but got window with size {}",
            self.window_size,
            self.window.map_or_else(String::new, |w| base::shape::show(&w.dims()))
        );
        Ok(())
    }

    /// The window in the middle of `size` numbers, ones where none is given.
    fn padded_window(&self, dtype: DType, like: &Tensor) -> Result<Tensor> {
        let window = match self.window {
            Some(window) => window.clone(),
            None => {
                create::full(&[self.window_size as usize], Scalar::Int(1), dtype, like.device())?
            }
        };
        let missing = self.size - self.window_size;
        if missing == 0 {
            return Ok(window);
        }
        pad::constant_pad(&window, &[missing / 2, missing - missing / 2], 0.0)
    }

    fn scale(&self, usual: f64) -> f64 {
        if self.normalized { 1.0 / (self.size as f64).sqrt() } else { usual }
    }
}

/// Spectra of windows: `(batch, frequencies, frames)`.
fn stft(
    x: &Tensor,
    by: &Frames<'_>,
    pad_mode: &str,
    onesided: Option<bool>,
    return_complex: Option<bool>,
) -> Result<Tensor> {
    let complex_input = x.dtype().is_complex() || by.window.is_some_and(|w| w.dtype().is_complex());
    ensure!(
        return_complex.is_some() || complex_input,
        Runtime,
        "stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True in a future PyTorch release."
    );
    ensure!(
        x.dtype().is_differentiable(),
        Runtime,
        "stft: expected a tensor of floating point or complex values"
    );
    ensure!(x.rank() == 1 || x.rank() == 2, Runtime, "stft: expected a 1D or 2D tensor");
    let onesided = onesided.unwrap_or(!complex_input);
    ensure!(
        !onesided || !complex_input,
        Runtime,
        "Cannot have onesided output if window or input is complex"
    );
    let batched = if x.rank() == 1 { view::unsqueeze(x, 0)? } else { x.clone() };
    let signal = if by.center {
        let side = by.size / 2;
        let wide = pad::pad(&view::unsqueeze(&batched, 0)?, &[side, side], pad_mode, None)?;
        view::squeeze(&wide, Some(&[0]))?
    } else {
        batched
    };
    let length = signal.dims()[1] as i64;
    ensure!(
        0 < by.size && by.size <= length,
        Runtime,
        "stft: expected 0 < n_fft <= {length}, but got n_fft={}",
        by.size
    );
    by.check("stft")?;
    let frames = Var::from(view::unfold(&signal, -1, by.size, by.hop)?);
    let frames = frames * Var::from(by.padded_window(x.dtype().to_real(), x)?);
    let (frames, scale) = (frames.tensor()?, by.scale(1.0));
    let spectra = if frames.dtype().is_complex() {
        complex(&frames, &[2], Way::Forward, scale)?
    } else {
        real_to_complex(&frames, &[2], onesided, scale)?
    };
    let out = view::transpose(&spectra, 1, 2)?;
    let out = if x.rank() == 1 { view::squeeze(&out, Some(&[0]))? } else { out };
    if return_complex.unwrap_or(true) { Ok(out) } else { crate::complex::view_as_real(&out) }
}

/// Which signal is wanted back.
struct Wanted {
    onesided: Option<bool>,
    length: Option<i64>,
    complex: bool,
}

/// The signal whose windows have these spectra, by overlapping and adding them
/// (Griffin and Lim 1984).
fn istft(x: &Tensor, by: &Frames<'_>, wanted: &Wanted) -> Result<Tensor> {
    ensure!(
        x.dtype().is_complex(),
        Runtime,
        "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
    );
    ensure!(x.numel() > 0, Runtime, "istft: input tensor cannot be an empty tensor.");
    ensure!(
        x.rank() == 2 || x.rank() == 3,
        Runtime,
        "istft: expected a tensor with 2 or 3 dimensions, but got {}",
        x.rank()
    );
    let batched = if x.rank() == 2 { view::unsqueeze(x, 0)? } else { x.clone() };
    let (rows, frames) = (batched.dims()[1] as i64, batched.dims()[2] as i64);
    let onesided = wanted.onesided.unwrap_or(rows != by.size);
    let expected = if onesided { by.size / 2 + 1 } else { by.size };
    ensure!(
        rows == expected,
        Runtime,
        "istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft{} when onesided={}, but got {rows}",
        if onesided { " / 2 + 1" } else { "" },
        if onesided { "True" } else { "False" }
    );
    ensure!(
        !(onesided && wanted.complex),
        Runtime,
        "cannot have onesided output if window or input is complex"
    );
    by.check("istft")?;
    let spectra = view::transpose(&batched, 1, 2)?;
    let scale = by.scale(1.0 / by.size as f64);
    let pieces = if wanted.complex {
        complex(&spectra, &[2], Way::Inverse, scale)?
    } else {
        half_to_real(&spectra, 2, by.size as usize, scale)?
    };
    let window = Var::from(by.padded_window(x.dtype().to_real(), x)?);
    let signal = added(&(Var::T(pieces) * &window).tensor()?, by)?;
    let squares = window
        .square()
        .then(|w| added(&view::expand_to(w, &[1, frames as usize, by.size as usize]), by));
    let (signal, weights) = trimmed(&signal, &squares.tensor()?, by, wanted.length)?;
    let out = (Var::T(signal) / Var::T(weights)).tensor()?;
    let out = match wanted.length {
        Some(length) if length > out.dims()[1] as i64 => {
            pad::constant_pad(&out, &[0, length - out.dims()[1] as i64], 0.0)?
        }
        _ => out,
    };
    if x.rank() == 2 { view::squeeze(&out, Some(&[0])) } else { Ok(out) }
}

/// Frames `(batch, frames, size)` added where they lie.
fn added(frames: &Tensor, by: &Frames<'_>) -> Result<Tensor> {
    let dims = frames.dims();
    let (batch, count) = (dims[0], dims[1]);
    let total = by.size as usize + by.hop as usize * (count - 1);
    let starts = Var::from(create::arange(0, count as i64, frames.device())?).unsqueeze(-1)
        * Var::from(by.hop);
    let places = starts + Var::from(create::arange(0, by.size, frames.device())?);
    let places = view::reshape_to(&places.tensor()?, &[count * by.size as usize])?;
    let flat = view::reshape_to(frames, &[batch, count * by.size as usize])?;
    let zeros = create::zeros(&[batch, total], frames.dtype(), frames.device())?;
    index_add(Dest::New, &zeros, 1, &places, &flat, Scalar::Int(1))
}

/// What of the signal is kept, and by what it is divided, which may not be 0.
fn trimmed(
    signal: &Tensor,
    weights: &Tensor,
    by: &Frames<'_>,
    length: Option<i64>,
) -> Result<(Tensor, Tensor)> {
    let total = signal.dims()[1] as i64;
    let start = if by.center { by.size / 2 } else { 0 };
    let end = match length {
        Some(length) => start + length,
        None if by.center => total - by.size / 2,
        None => total,
    };
    let kept = (end.min(total) - start).max(0);
    let (signal, weights) =
        (view::narrow(signal, 1, start, kept)?, view::narrow(weights, 1, start, kept)?);
    let least = Var::from(&weights.detach()).abs().tensor()?;
    let values = dispatch::scalars(&least.array())?;
    let least = values.iter().map(|v| v.to_f64()).fold(f64::INFINITY, f64::min);
    ensure!(least > 1e-11, Runtime, "window overlap add min: 1");
    Ok((signal, weights))
}

/// Sizes with their defaults: a quarter of the transform, and all of it.
fn frames(
    size: i64,
    hop: Option<i64>,
    window_size: Option<i64>,
    window: Option<&Tensor>,
    (center, normalized): (bool, bool),
) -> Frames<'_> {
    let (hop, window_size) = (hop.unwrap_or(size / 4), window_size.unwrap_or(size));
    Frames { size, hop, window, window_size, center, normalized }
}

/// Frames that need not be aligned to their windows are the only ones there are.
fn unaligned(align: Option<bool>, center: bool) -> Result<()> {
    if align == Some(true) && !center {
        bail!(NotImplemented, "stft: align_to_window=True is not implemented");
    }
    ensure!(
        align.is_none() || !center,
        Runtime,
        "stft: align_to_window should only be set when center = false"
    );
    Ok(())
}

crate::ops! {
    /// Short-time transforms.
    SHORT_TIME:
    /// Spectra of overlapping windows of a signal.
    fm f32 "stft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor" => |x, n, hop, length, window, center, mode, normalized, onesided, complex, align| unaligned(align, center).and_then(|()| stft(x, &frames(n, hop, length, window, (center, normalized)), mode, onesided, complex));
    /// The signal of spectra of overlapping windows.
    fm f32 "istft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor" => |x, n, hop, size, window, center, normalized, onesided, length, complex| istft(x, &frames(n, hop, size, window, (center, normalized)), &Wanted { onesided, length, complex });
}
