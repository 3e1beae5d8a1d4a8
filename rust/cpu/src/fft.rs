//! Discrete Fourier transforms of lines, by the crates `rustfft` and `realfft`, in the precision of
//! the operands. A thread keeps the plans it used last; its pool shares them while a call lasts.

use crate::room::Room;
use crate::rows::Rows;
use crate::{Buffer, Operand, View, ViewMut};
use base::{DType, Element, Layout, Result, ensure};
use num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftDirection, FftNum, FftPlanner};
use std::cell::RefCell;
use std::sync::Arc;
use std::thread::LocalKey;

/// Plans of each kind that a thread keeps.
const KEPT: usize = 16;

/// `out[k] = scale * sum_j x[j] exp(sign 2 pi i j k / n)` along `dim`, sign -1 for a forward
/// transform and 1 for an inverse one. Both are complex, of one dtype.
pub fn fft(out: ViewMut<'_>, x: View<'_>, dim: usize, inverse: bool, scale: f64) -> Result<()> {
    check(out, x, x.dtype(), out.dims() == x.dims())?;
    let way = if inverse { FftDirection::Inverse } else { FftDirection::Forward };
    along(out, x, dim, |out, x| match out.dtype() {
        DType::C64 => complex::<f32>(out, x, dim, way, scale as f32),
        _ => complex::<f64>(out, x, dim, way, scale),
    })
}

/// The first `n / 2 + 1` numbers of the forward transform of `n` real ones along `dim`.
pub fn rfft(out: ViewMut<'_>, x: View<'_>, dim: usize, scale: f64) -> Result<()> {
    check(out, x, x.dtype().to_complex(), length(out.as_view(), dim) == length(x, dim) / 2 + 1)?;
    along(out, x, dim, |out, x| match out.dtype() {
        DType::C64 => to_complex::<f32>(out, x, dim, scale as f32),
        _ => to_complex::<f64>(out, x, dim, scale),
    })
}

/// The inverse transform to `n` real numbers of the first `n / 2 + 1` complex ones along `dim`.
pub fn irfft(out: ViewMut<'_>, x: View<'_>, dim: usize, scale: f64) -> Result<()> {
    check(out, x, x.dtype().to_real(), length(x, dim) == length(out.as_view(), dim) / 2 + 1)?;
    along(out, x, dim, |out, x| match out.dtype() {
        DType::F32 => to_real::<f32>(out, x, dim, scale as f32),
        _ => to_real::<f64>(out, x, dim, scale),
    })
}

/// Transforms lines that lie across memory in copies in which they lie along it.
fn along(
    out: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    transform: impl FnOnce(ViewMut<'_>, View<'_>) -> Result<()>,
) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    if x.strides().get(dim).is_none_or(|&step| step == 1) {
        return transform(out, x);
    }
    let turned = |dims: &[usize]| {
        let (mut dims, last) = (dims.to_vec(), dims.len() - 1);
        dims.swap(dim, last);
        Layout::contiguous(&dims).transpose(dim, last)
    };
    let (from, to) = (turned(x.dims()), turned(out.dims()));
    let signal = Buffer::uninit(x.numel() * x.dtype().size())?;
    let spectrum = Buffer::uninit(out.numel() * out.dtype().size())?;
    crate::copy(signal.view_mut(x.dtype(), &from)?, Operand::View(x))?;
    transform(spectrum.view_mut(out.dtype(), &to)?, signal.view(x.dtype(), &from)?)?;
    crate::copy(out, Operand::View(spectrum.view(out.dtype(), &to)?))?;
    Ok(())
}

fn length(x: View<'_>, dim: usize) -> usize {
    x.dims().get(dim).copied().unwrap_or(1)
}

fn check(out: ViewMut<'_>, x: View<'_>, dtype: DType, fits: bool) -> Result<()> {
    let (from, to) = (x.dims(), out.dims());
    ensure!(fits, Runtime, "internal error: fft of {from:?} to {to:?}");
    let known = matches!(dtype.to_complex(), DType::C64 | DType::C128);
    ensure!(known, Runtime, "Unsupported dtype {}", x.dtype().type_name());
    ensure!(out.dtype() == dtype, Runtime, "internal error: fft to {}", out.dtype());
    Ok(())
}

fn complex<T: Part>(
    out: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    way: FftDirection,
    scale: T,
) -> Result<()>
where
    Complex<T>: Element,
{
    let plan = T::complex(length(x, dim), way);
    let scratch = plan.get_inplace_scratch_len();
    Rows::new([x, out.as_view()], dim)?.for_each(
        || (Room::new(), Room::new(), vec![Complex::new(T::zero(), T::zero()); scratch]),
        |(raw, line, scratch), [x, out]| {
            x.read::<Complex<T>>(raw, line);
            plan.process_with_scratch(line, scratch);
            for v in line.iter_mut() {
                *v = v.scale(scale);
            }
            // SAFETY: `out` is a view for writing; each line is visited once.
            unsafe { out.write(line, raw) };
        },
    );
    Ok(())
}

fn to_complex<T: Part>(out: ViewMut<'_>, x: View<'_>, dim: usize, scale: T) -> Result<()>
where
    Complex<T>: Element,
{
    let plan = T::to_complex(length(x, dim));
    Rows::new([x, out.as_view()], dim)?.for_each(
        || (Room::new(), Room::new(), plan.make_output_vec(), plan.make_scratch_vec()),
        |(raw, line, half, scratch), [x, out]| {
            x.read::<T>(raw, line);
            let done = plan.process_with_scratch(line, half, scratch);
            debug_assert!(done.is_ok(), "lengths are the plan's");
            for v in half.iter_mut() {
                *v = v.scale(scale);
            }
            // SAFETY: `out` is a view for writing; each line is visited once.
            unsafe { out.write(half, raw) };
        },
    );
    Ok(())
}

fn to_real<T: Part>(out: ViewMut<'_>, x: View<'_>, dim: usize, scale: T) -> Result<()>
where
    Complex<T>: Element,
{
    let plan = T::to_real(length(out.as_view(), dim));
    let even = length(out.as_view(), dim).is_multiple_of(2);
    Rows::new([x, out.as_view()], dim)?.for_each(
        || (Room::new(), Room::new(), plan.make_output_vec(), plan.make_scratch_vec()),
        |(raw, half, line, scratch), [x, out]| {
            x.read::<Complex<T>>(raw, half);
            // Of a Hermitian spectrum these are real: what else they hold does not count.
            let last = half.len() - 1;
            half[0].im = T::zero();
            if even {
                half[last].im = T::zero();
            }
            let done = plan.process_with_scratch(half, line, scratch);
            debug_assert!(done.is_ok(), "lengths are the plan's");
            for v in line.iter_mut() {
                *v = *v * scale;
            }
            // SAFETY: `out` is a view for writing; each line is visited once.
            unsafe { out.write(line, raw) };
        },
    );
    Ok(())
}

/// The plans used last, newest first, by length and direction.
struct Plans<T: Part> {
    complex: Kept<(usize, FftDirection), dyn Fft<T>>,
    to_complex: Kept<usize, dyn RealToComplex<T>>,
    to_real: Kept<usize, dyn ComplexToReal<T>>,
}

/// Plans by what they are for.
type Kept<K, P> = Vec<(K, Arc<P>)>;

impl<T: Part> Plans<T> {
    const NONE: Plans<T> =
        Plans { complex: Vec::new(), to_complex: Vec::new(), to_real: Vec::new() };
}

/// The plan of `key`, made if it is not among those kept.
fn plan<K: PartialEq, P: Clone>(kept: &mut Vec<(K, P)>, key: K, make: impl FnOnce() -> P) -> P {
    let entry = match kept.iter().position(|(k, _)| *k == key) {
        Some(at) => kept.remove(at),
        None => (key, make()),
    };
    let plan = entry.1.clone();
    kept.insert(0, entry);
    kept.truncate(KEPT);
    plan
}

/// A real number that transforms are computed in.
trait Part: Element + FftNum {
    /// This thread's plans: no lock that a forked child could find held.
    fn plans() -> &'static LocalKey<RefCell<Plans<Self>>>;

    fn complex(n: usize, way: FftDirection) -> Arc<dyn Fft<Self>> {
        let make = || FftPlanner::new().plan_fft(n, way);
        Self::plans().with_borrow_mut(|plans| plan(&mut plans.complex, (n, way), make))
    }

    fn to_complex(n: usize) -> Arc<dyn RealToComplex<Self>> {
        let make = || RealFftPlanner::new().plan_fft_forward(n);
        Self::plans().with_borrow_mut(|plans| plan(&mut plans.to_complex, n, make))
    }

    fn to_real(n: usize) -> Arc<dyn ComplexToReal<Self>> {
        let make = || RealFftPlanner::new().plan_fft_inverse(n);
        Self::plans().with_borrow_mut(|plans| plan(&mut plans.to_real, n, make))
    }
}

macro_rules! part {
    ($T:ty) => {
        impl Part for $T {
            fn plans() -> &'static LocalKey<RefCell<Plans<$T>>> {
                thread_local! {
                    static PLANS: RefCell<Plans<$T>> = const { RefCell::new(Plans::NONE) };
                }
                &PLANS
            }
        }
    };
}
part!(f32);
part!(f64);
