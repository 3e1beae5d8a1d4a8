//! Complex products as four real products of the parts, read in place with doubled steps.

use super::{Addend, Matrix, Multiply, Product, Start, batches, matrix, run_batches};
use crate::{Buffer, View, ViewMut, parallel_chunks};
use base::{Element, Result, Scalar};
use num_complex::Complex;
use num_traits::Num;

/// `out = alpha * a @ b + addend` over complex numbers with parts of type `T`.
pub(super) fn multiply<T: Multiply + Num + std::ops::Neg<Output = T>>(
    out: ViewMut<'_>,
    a: View<'_>,
    b: View<'_>,
    alpha: Scalar,
    addend: Option<Addend<'_>>,
) -> Result<()>
where
    Complex<T>: Element,
{
    let rank = out.rank();
    let (m, n, k) = (out.dims()[rank - 2], out.dims()[rank - 1], a.dims()[rank - 1]);
    let numel = out.numel();
    let planes = [Buffer::uninit(numel * size_of::<T>())?, Buffer::uninit(numel * size_of::<T>())?];
    let add = addend.map_or(out.as_view(), |add| add.view);
    let walk = batches(out, a, b, add);
    let (left, right) = (matrix::<Complex<T>>(a), matrix::<Complex<T>>(b));
    let plane = |which: usize, at: usize| planes[which].ptr().cast::<T>().wrapping_add(at * m * n);
    // re = re re - im im, im = re im + im re: each plane is written, then added to.
    let terms =
        [(0, 0, 0, T::one()), (0, 1, 1, -T::one()), (1, 0, 1, T::one()), (1, 1, 0, T::one())];
    for (target, left_part, right_part, sign) in terms {
        run_batches(&walk, m * n * k, &|at| {
            let [_, oa, ob, _] = walk.offsets(at);
            let c = plane(target, at);
            let here = Matrix { ptr: c.cast_const(), row: n as isize, col: 1 };
            let first = left_part == 0;
            let start = if first { Start::Zero } else { Start::Scaled(T::ONE, here) };
            let (a, b) = (part(left, oa, left_part), part(right, ob, right_part));
            Product { m, n, k, a, b, c, c_row: n as isize, alpha: sign, start }
        });
    }
    let alpha = Complex::<T>::from_scalar(alpha);
    let beta = addend.map(|add| Complex::<T>::from_scalar(add.beta));
    let (target, from) = (matrix::<Complex<T>>(out.as_view()), matrix::<Complex<T>>(add));
    let view = (out, add);
    parallel_chunks(walk.numel() * m, 64.max((1 << 14) / n.max(1)), &|first, last| {
        // The views are captured whole: they, not their pointers, may be shared between
        // threads.
        let _ = &view;
        for row in first..last {
            let (at, i) = (row / m, row % m);
            let [oc, _, _, os] = walk.offsets(at);
            for j in 0..n {
                // SAFETY: (at, i, j) lies in `out`, the addend and the planes; rows are
                // disjoint.
                unsafe {
                    let (re, im) = (*plane(0, at).add(i * n + j), *plane(1, at).add(i * n + j));
                    let mut value = alpha * Complex::new(re, im);
                    if let Some(beta) = beta {
                        value = value + beta * *from.from(i, j).ptr.offset(os);
                    }
                    target.from(i, j).ptr.cast_mut().offset(oc).write(value);
                }
            }
        }
    });
    Ok(())
}

/// Real (0) or imaginary (1) parts of a matrix of complex numbers.
fn part<T: Copy>(x: Matrix<Complex<T>>, offset: isize, which: usize) -> Matrix<T> {
    let ptr = x.ptr.wrapping_offset(offset).cast::<T>().wrapping_add(which);
    Matrix { ptr, row: 2 * x.row, col: 2 * x.col }
}
