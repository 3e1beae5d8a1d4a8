//! Random fills: the streams of `base::rng` written through strided views.
//!
//! Every fill walks the memory order of its output, serially, so the numbers depend on neither the
//! layout's logical order nor the number of threads. Values pass through a block on the stack,
//! since memory that has no value yet is never a slice.

use crate::dispatch::dispatch;
use crate::{Operand, View, ViewMut, copy};
use base::iter::Nest;
use base::rng::{self, BLOCK_MIN, Draw, Sampling, Stream};
use base::{DType, Element, Result, ensure};

/// Elements drawn at a time.
const BLOCK: usize = 512;

/// Fills a real output with the next values of `draw`, whose parameters have been checked.
pub fn fill(out: ViewMut<'_>, stream: &mut Stream, draw: &Draw) -> Result<()> {
    dispatch!("random", out.dtype(), [reals], T => {
        write_runs::<T>(out, |block| draw.fill(stream, block));
        Ok(())
    })
}

/// Normals: by whole blocks where PyTorch does so, else one by one.
pub fn normal(out: ViewMut<'_>, stream: &mut Stream, (mean, std): (f64, f64)) -> Result<()> {
    if out.numel() < BLOCK_MIN || !out.is_contiguous() {
        return fill(out, stream, &Draw::Normal { mean, std });
    }
    dispatch!("normal_kernel_cpu", out.dtype(), [floats], T => {
        let (base, n) = (out.ptr::<T>(), out.numel());
        rng::normal_blocks::<T>(stream, n, (mean, std), transform(), |offset, values| {
            // SAFETY: pieces lie inside `n` elements, which the contiguous view covers; `values` is
            // the generator's own block.
            unsafe {
                std::ptr::copy_nonoverlapping(values.as_ptr(), base.add(offset), values.len());
            }
        });
        Ok(())
    })
}

/// Calls `draw` for one block after another and puts the values into memory order.
fn write_runs<T: Element>(out: ViewMut<'_>, mut draw: impl FnMut(&mut [T])) {
    let nest = Nest::plan(out.dims(), [out.strides()]);
    if nest.numel() == 0 {
        return;
    }
    let (base, step) = (out.ptr::<T>(), nest.inner_stride(0));
    let mut block = [T::default(); BLOCK];
    nest.for_each_run(0..nest.numel(), |[offset], n| {
        for start in (0..n).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(n - start)];
            draw(block);
            for (i, value) in block.iter().enumerate() {
                let at = offset + (start + i) as isize * step;
                // SAFETY: the nest visits offsets of the view's own elements.
                unsafe { base.offset(at).write(*value) };
            }
        }
    });
}

/// The Box-Muller transform compiled for this machine; every variant gives the same bits.
fn transform() -> rng::Transform {
    #[cfg(target_arch = "x86_64")]
    if crate::arch::level() >= crate::arch::Level::Avx2 {
        #[target_feature(enable = "avx2,fma")]
        fn fast(values: &mut [f32], mean: f32, std: f32) {
            rng::box_muller(values, mean, std);
        }
        // SAFETY: the level says that the machine has AVX2 and FMA.
        return |values, mean, std| unsafe { fast(values, mean, std) };
    }
    rng::box_muller
}

/// A distribution with one parameter per element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum PerElement {
    Bernoulli,
    Poisson,
    StandardGamma,
}

/// `out[i]` is drawn with parameter `parameter[i]`, in memory order of `out`. The parameters have
/// the shape of `out` and, except for Bernoulli, its dtype.
pub fn fill_from(
    out: ViewMut<'_>,
    stream: &mut Stream,
    kind: PerElement,
    parameter: View<'_>,
) -> Result<()> {
    ensure!(out.dims() == parameter.dims(), Runtime, "internal error: parameters of another shape");
    dispatch!("random", parameter.dtype(), [floats], P => match kind {
        PerElement::Bernoulli => {
            let size = out.dtype().size();
            ensure!(size <= 16, Runtime, "internal error: element of {size} bytes");
            bernoulli::<P>(out, stream, parameter)
        }
        PerElement::Poisson => map::<P>(out, stream, parameter, |stream, rate| {
            Ok(P::from_scalar(rng::poisson(stream, rate.to_scalar().to_f64())?.into()))
        }),
        PerElement::StandardGamma => map::<P>(out, stream, parameter, |stream, alpha| {
            Ok(rng::standard_gamma(stream, alpha))
        }),
    })
}

fn map<T: Element>(
    out: ViewMut<'_>,
    stream: &mut Stream,
    parameter: View<'_>,
    mut draw: impl FnMut(&mut Stream, T) -> Result<T>,
) -> Result<()> {
    ensure!(out.dtype() == T::DTYPE, Runtime, "internal error: parameters of another dtype");
    let nest = Nest::plan(out.dims(), [out.strides(), parameter.strides()]);
    let (to, from) = (out.ptr::<T>(), parameter.ptr::<T>());
    let (to_step, from_step) = (nest.inner_stride(0), nest.inner_stride(1));
    let mut result = Ok(());
    nest.for_each_run(0..nest.numel(), |[to_at, from_at], n| {
        for i in 0..n as isize {
            if result.is_ok() {
                // SAFETY: the nest visits offsets of both views' own elements.
                result = draw(stream, unsafe { *from.offset(from_at + i * from_step) })
                    // SAFETY: as above.
                    .map(|value| unsafe { to.offset(to_at + i * to_step).write(value) });
            }
        }
    });
    result
}

/// Ones and zeros of any dtype by probabilities of dtype `P`: drawn as bytes, then cast.
fn bernoulli<P: Element>(out: ViewMut<'_>, stream: &mut Stream, p: View<'_>) -> Result<()> {
    let nest = Nest::plan(out.dims(), [out.strides(), p.strides()]);
    let order =
        base::layout::preserved_layout(&base::Layout::as_strided(out.dims(), out.strides(), 0)?);
    let bytes = crate::Buffer::zeroed(order.numel())?;
    let drawn = bytes.view_mut(DType::Bool, &order)?;
    let (from, step) = (p.ptr::<P>(), nest.inner_stride(1));
    let mut outcomes = Vec::with_capacity(nest.numel());
    nest.for_each_run(0..nest.numel(), |[_, at], n| {
        for i in 0..n as isize {
            // SAFETY: the nest visits offsets of the view's own elements.
            outcomes.push(rng::bernoulli(stream, unsafe { *from.offset(at + i * step) }));
        }
    });
    let mut outcomes = outcomes.into_iter();
    write_runs::<base::B8>(drawn, |block| {
        for (slot, outcome) in block.iter_mut().zip(&mut outcomes) {
            *slot = outcome.into();
        }
    });
    copy(out, Operand::View(drawn.as_view()))
}

/// Fails unless every element of a floating-point view is a probability.
pub fn check_probabilities(p: View<'_>) -> Result<()> {
    dispatch!("bernoulli_tensor_cpu_p_", p.dtype(), [floats], P => {
        let nest = Nest::plan(p.dims(), [p.strides()]);
        let (from, step) = (p.ptr::<P>(), nest.inner_stride(0));
        let mut result = Ok(());
        nest.for_each_run(0..nest.numel(), |[at], n| {
            for i in 0..n as isize {
                if result.is_ok() {
                    // SAFETY: the nest visits offsets of the view's own elements.
                    let value = unsafe { *from.offset(at + i * step) };
                    result = rng::check_probability(value.to_scalar().to_f64());
                }
            }
        });
        result
    })
}

/// A contiguous view as a slice copied to the heap.
fn gathered<T: Element>(view: View<'_>) -> Result<Vec<T>> {
    ensure!(view.is_contiguous(), Runtime, "internal error: parameters are not contiguous");
    let from = view.ptr::<T>();
    // SAFETY: a contiguous view covers its `numel` elements from its first one on.
    Ok((0..view.numel()).map(|i| unsafe { *from.add(i) }).collect())
}

/// Draws category numbers from each row of contiguous weights into contiguous int64 rows.
pub fn multinomial(
    out: ViewMut<'_>,
    stream: &mut Stream,
    weights: View<'_>,
    sampling: Sampling,
) -> Result<()> {
    let categories = weights.dims().last().copied().unwrap_or(1);
    let mut chosen = vec![0i64; out.numel()];
    dispatch!("multinomial", weights.dtype(), [floats], T => {
        rng::multinomial(stream, &gathered::<T>(weights)?, categories, sampling, &mut chosen)?;
        crate::range::from_ints(out, &chosen)
    })
}

/// Draws the rows of a contiguous output from Dirichlet distributions with contiguous parameters.
pub fn dirichlet(out: ViewMut<'_>, stream: &mut Stream, alpha: View<'_>) -> Result<()> {
    let width = alpha.dims().last().copied().unwrap_or(1);
    ensure!(out.is_contiguous() && out.dims() == alpha.dims(), Runtime, "internal error: layouts");
    dispatch!("dirichlet", alpha.dtype(), [floats], T => {
        let (rows, to) = (gathered::<T>(alpha)?, out.ptr::<T>());
        let mut row_out = vec![T::default(); width];
        for (r, row) in rows.chunks_exact(width.max(1)).enumerate() {
            rng::dirichlet(stream, row, &mut row_out);
            // SAFETY: row `r` of the contiguous output holds `width` elements.
            unsafe { std::ptr::copy_nonoverlapping(row_out.as_ptr(), to.add(r * width), width) };
        }
        Ok(())
    })
}

/// `out[i]` successes of `count[i]` trials of probability `p[i]`; all of one shape and dtype.
pub fn binomial(out: ViewMut<'_>, stream: &mut Stream, count: View<'_>, p: View<'_>) -> Result<()> {
    dispatch!("binomial_cpu", out.dtype(), [floats], T => {
        let (counts, chances) = (gathered::<T>(count)?, gathered::<T>(p)?);
        ensure!(counts.len() == chances.len(), Runtime, "internal error: shapes differ");
        let number = |v: &T| v.to_scalar().to_f64();
        let mut pairs = counts.iter().zip(&chances);
        write_runs::<T>(out, |block| {
            for (slot, (n, p)) in block.iter_mut().zip(&mut pairs) {
                *slot = T::from_scalar(rng::binomial(stream, number(n), number(p)).into());
            }
        });
        Ok(())
    })
}

/// A random permutation of `0..n` in a vector of any real dtype.
pub fn permutation(out: ViewMut<'_>, stream: &mut Stream) -> Result<()> {
    let mut order = vec![0i64; out.numel()];
    rng::randperm(stream, &mut order);
    crate::range::from_ints(out, &order)
}
