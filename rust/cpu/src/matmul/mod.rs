//! Matrix multiplication: `out = alpha * a @ b + beta * addend`, batched, operands of any strides.
//!
//! f32 and f64 run on compiled register tiles (`tile`, `driver`), 16-bit floats pass through f32,
//! complex numbers are four real products of their parts, integers a plain wrapping loop.
//! Results do not depend on the number of threads.

mod complex;
mod driver;
mod pack;
mod plain;
mod tile;
#[cfg(target_arch = "x86_64")]
mod transpose;
mod vector;

pub(crate) use driver::{Product, Start};
pub(crate) use pack::Matrix;
pub(crate) use tile::Multiply;

use crate::Operand;
use crate::dispatch::dispatch;
use crate::{Buffer, View, ViewMut, num_threads, parallel_chunks};
use base::iter::Nest;
use base::{DType, Layout, Result, Scalar, bail, ensure};

/// What a product is added to: `beta * view`. With `beta` 0 the view is not read.
#[derive(Clone, Copy)]
pub struct Addend<'a> {
    /// Elements, of the result's dims (steps of 0 repeat: a bias is a row repeated); may be the
    /// result itself.
    pub view: View<'a>,
    /// Its factor.
    pub beta: Scalar,
}

/// `out[.., m, n] = alpha * a[.., m, k] @ b[.., k, n] + addend`, all of one dtype, with equal batch
/// dims (expanded by the caller). `out` overlaps neither `a` nor `b`. Bool is not implemented.
pub fn matmul(
    out: ViewMut<'_>,
    a: View<'_>,
    b: View<'_>,
    alpha: Scalar,
    addend: Option<Addend<'_>>,
) -> Result<()> {
    let addend = addend.filter(|add| !add.beta.is_zero());
    check(out, a, b, addend.as_ref())?;
    match out.dtype() {
        DType::F32 => real::<f32>(out, a, b, alpha, addend),
        DType::F64 => real::<f64>(out, a, b, alpha, addend),
        DType::F16 | DType::BF16 | DType::C32 => widened(out, a, b, alpha, addend),
        DType::C64 => complex::multiply::<f32>(out, a, b, alpha, addend),
        DType::C128 => complex::multiply::<f64>(out, a, b, alpha, addend),
        DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64 => {
            dispatch!("matmul", out.dtype(), [int], T => {
                plain::multiply::<T>(out, a, b, alpha, addend);
            });
            Ok(())
        }
        DType::Bool => bail!(NotImplemented, "\"addmm_impl_cpu_\" not implemented for 'Bool'"),
    }
}

fn check(out: ViewMut<'_>, a: View<'_>, b: View<'_>, addend: Option<&Addend<'_>>) -> Result<()> {
    let rank = out.rank();
    let dims = |d: &[usize]| d.to_vec();
    let fits = rank >= 2
        && a.rank() == rank
        && b.rank() == rank
        && a.dims()[..rank - 2] == out.dims()[..rank - 2]
        && b.dims()[..rank - 2] == out.dims()[..rank - 2]
        && a.dims()[rank - 2] == out.dims()[rank - 2]
        && b.dims()[rank - 1] == out.dims()[rank - 1]
        && a.dims()[rank - 1] == b.dims()[rank - 2]
        && addend.is_none_or(|add| add.view.dims() == out.dims());
    ensure!(
        fits,
        Runtime,
        "internal error: matmul of {:?} and {:?} into {:?}",
        dims(a.dims()),
        dims(b.dims()),
        dims(out.dims())
    );
    let same = a.dtype() == out.dtype()
        && b.dtype() == out.dtype()
        && addend.is_none_or(|add| add.view.dtype() == out.dtype());
    ensure!(
        same,
        Runtime,
        "expected m1 and m2 to have the same dtype, but got: {} != {}",
        a.dtype(),
        b.dtype()
    );
    Ok(())
}

/// The walk over the batch dims: offsets of out, a, b and the addend.
fn batches(out: ViewMut<'_>, a: View<'_>, b: View<'_>, addend: View<'_>) -> Nest<4> {
    let lead = out.rank() - 2;
    let (dims, strides) = out.geometry();
    let rest = [strides, a.geometry().1, b.geometry().1, addend.geometry().1];
    Nest::in_order(&dims[..lead], rest.map(|s| &s[..lead]))
}

/// The last two dims of a view, a size of 1 counting as contiguous.
fn matrix<T: base::Element>(view: View<'_>) -> Matrix<T> {
    let (dims, strides) = view.geometry();
    let rank = dims.len();
    let col = if dims[rank - 1] == 1 { 1 } else { strides[rank - 1] };
    Matrix { ptr: view.ptr(), row: strides[rank - 2], col }
}

fn real<T: Multiply>(
    out: ViewMut<'_>,
    a: View<'_>,
    b: View<'_>,
    alpha: Scalar,
    addend: Option<Addend<'_>>,
) -> Result<()> {
    let rank = out.rank();
    let (m, n, k) = (out.dims()[rank - 2], out.dims()[rank - 1], a.dims()[rank - 1]);
    let c = matrix::<T>(out.as_view());
    let by_cols = c.col != 1 && (c.row == 1 || m == 1);
    if c.col != 1 && !by_cols {
        return through_copy(out, a, b, alpha, addend);
    }
    let add = addend.map_or(out.as_view(), |add| add.view);
    let walk = batches(out, a, b, add);
    let (left, right, start) = (matrix::<T>(a), matrix::<T>(b), matrix::<T>(add));
    let beta = addend.map(|add| T::from_scalar(add.beta));
    let alpha = T::from_scalar(alpha);
    run_batches(&walk, m * n * k, &|at| {
        let [oc, oa, ob, os] = walk.offsets(at);
        let moved = |x: Matrix<T>, by: isize| Matrix { ptr: x.ptr.wrapping_offset(by), ..x };
        let (a, b, from) = (moved(left, oa), moved(right, ob), moved(start, os));
        let c_ptr = moved(c, oc).ptr.cast_mut();
        let start = |from| beta.map_or(Start::Zero, |beta| Start::Scaled(beta, from));
        if by_cols {
            let (a, b) = (b.transposed(), a.transposed());
            let start = start(from.transposed());
            Product { m: n, n: m, k, a, b, c: c_ptr, c_row: c.col, alpha, start }
        } else {
            Product { m, n, k, a, b, c: c_ptr, c_row: c.row, alpha, start: start(from) }
        }
    });
    Ok(())
}

/// Multiply-adds of one product from which its own threads beat one thread per product.
const LARGE: usize = 16 << 20;

fn run_batches<T: Multiply>(
    walk: &Nest<4>,
    work: usize,
    product: &(dyn Fn(usize) -> Product<T> + Sync),
) {
    let count = walk.numel();
    if count < 2 || (work >= LARGE && count < 4 * num_threads()) {
        for at in 0..count {
            // SAFETY: the views' geometry was checked when they were made, and dims by `check`.
            unsafe { product(at).run() }
        }
        return;
    }
    let chunk = (LARGE / 64).div_ceil(work.max(1));
    parallel_chunks(count, chunk, &|from, to| {
        for at in from..to {
            // SAFETY: as above; products of different batches write different parts of `out`.
            unsafe { product(at).serial() }
        }
    });
}

/// A result with gaps in both directions is computed contiguously and copied.
fn through_copy(
    out: ViewMut<'_>,
    a: View<'_>,
    b: View<'_>,
    alpha: Scalar,
    addend: Option<Addend<'_>>,
) -> Result<()> {
    let layout = Layout::contiguous(out.dims());
    let copy = Buffer::uninit(out.numel() * out.dtype().size())?;
    matmul(copy.view_mut(out.dtype(), &layout)?, a, b, alpha, addend)?;
    crate::copy(out, Operand::View(copy.view(out.dtype(), &layout)?))?;
    Ok(())
}

/// 16-bit parts: operands widened to the compute dtype, one rounding at the end.
fn widened(
    out: ViewMut<'_>,
    a: View<'_>,
    b: View<'_>,
    alpha: Scalar,
    addend: Option<Addend<'_>>,
) -> Result<()> {
    let compute = out.dtype().compute();
    let wide = |view: View<'_>| -> Result<(Buffer, Layout)> {
        let layout = base::layout::preserved_layout(&geometry(view));
        let buffer = Buffer::uninit(layout.end() * compute.size())?;
        crate::copy(buffer.view_mut(compute, &layout)?, Operand::View(view))?;
        Ok((buffer, layout))
    };
    let ((wide_a, layout_a), (wide_b, layout_b)) = (wide(a)?, wide(b)?);
    let layout = Layout::contiguous(out.dims());
    let copy = Buffer::uninit(out.numel() * compute.size())?;
    let target = copy.view_mut(compute, &layout)?;
    let addend = match addend {
        None => None,
        Some(add) => {
            crate::copy(target, Operand::View(add.view))?;
            Some(Addend { view: target.as_view(), beta: add.beta })
        }
    };
    let (a, b) = (wide_a.view(compute, &layout_a)?, wide_b.view(compute, &layout_b)?);
    matmul(target, a, b, alpha, addend)?;
    crate::copy(out, Operand::View(target.as_view()))?;
    Ok(())
}

fn geometry(view: View<'_>) -> Layout {
    Layout {
        dims: base::Dims::from_slice(view.dims()),
        strides: base::Strides::from_slice(view.strides()),
        offset: 0,
    }
}
