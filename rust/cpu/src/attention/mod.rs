//! Scaled dot-product attention, `softmax(scale * q k^T + mask) v`, a block of queries at a time.
//!
//! The scores of a block live in working memory only; the logarithm of each row's sum of
//! exponentials is saved, from which the backward pass makes them again. Heads and blocks of
//! queries are tasks. A query that may attend to nothing gives zeros.

mod backward;

pub use backward::attention_backward;

use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, fold, sum};
use crate::matmul::{Matrix, Product, Start};
use crate::scratch::Scratch;
use crate::stage::{In, Input, Out, Output};
use crate::{View, ViewMut, parallel};
use base::{B8, DType, Element, Result, ensure};

/// Queries whose scores are held at a time.
const BLOCK: usize = 48;
/// Queries of a task: keys are transposed once for each.
const TASK: usize = 6 * BLOCK;

/// What attention is given beside its operands.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// `[..., queries, keys]`, any steps: bool (true attends) or numbers added to the scores.
    pub mask: Option<View<'a>>,
    /// Query i attends to keys up to i only.
    pub causal: bool,
    /// Factor of the scores.
    pub scale: f64,
}

/// Sizes: heads (all leading dims), queries, keys, features of a key and of a value.
#[derive(Clone, Copy)]
struct Sizes {
    heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
    value_width: usize,
}

impl Sizes {
    fn of(q: View<'_>, k: View<'_>, v: View<'_>, mask: Option<View<'_>>) -> Result<Sizes> {
        let rank = q.rank();
        let (qd, kd, vd) = (q.dims(), k.dims(), v.dims());
        let fits = rank >= 2
            && k.rank() == rank
            && v.rank() == rank
            && qd[..rank - 2] == kd[..rank - 2]
            && qd[..rank - 2] == vd[..rank - 2]
            && qd[rank - 1] == kd[rank - 1]
            && kd[rank - 2] == vd[rank - 2];
        ensure!(fits, Runtime, "internal error: attention of {qd:?}, {kd:?} and {vd:?}");
        let sizes = Sizes {
            heads: qd[..rank - 2].iter().product(),
            queries: qd[rank - 2],
            keys: kd[rank - 2],
            width: qd[rank - 1],
            value_width: vd[rank - 1],
        };
        let masked = mask.is_none_or(|m| {
            m.rank() == rank
                && m.dims()[..rank - 2] == qd[..rank - 2]
                && m.dims()[rank - 2..] == [sizes.queries, sizes.keys]
        });
        ensure!(masked, Runtime, "internal error: mask of attention does not fit");
        Ok(sizes)
    }

    /// Keys that queries before `end` may attend to.
    fn visible(&self, causal: bool, end: usize) -> usize {
        if causal { self.keys.min(end) } else { self.keys }
    }
}

/// `out[..., queries, value features]` and, for each query, the logarithm of the sum of
/// exponentials of its scores to `logsumexp [..., queries]`. q is `[..., queries, features]`, k and
/// v `[..., keys, features]` with the same leading dims.
pub fn attention(
    out: ViewMut<'_>,
    logsumexp: ViewMut<'_>,
    [q, k, v]: [View<'_>; 3],
    by: &Attention<'_>,
) -> Result<()> {
    let sizes = Sizes::of(q, k, v, by.mask)?;
    let fits = out.numel() == sizes.heads * sizes.queries * sizes.value_width
        && logsumexp.numel() == sizes.heads * sizes.queries;
    ensure!(fits, Runtime, "internal error: attention into {:?}", out.dims());
    let q = Input::new(q)?;
    let dtype = q.dtype();
    let (k, v) = (Input::cast(k, dtype)?, Input::cast(v, dtype)?);
    let (y, lse) = (Output::cast(out, dtype)?, Output::cast(logsumexp, dtype)?);
    let mask = Mask::new(by.mask, dtype)?;
    dispatch!("scaled_dot_product_attention", dtype, [float], T => {
        let heads = Heads::<T> {
            sizes,
            q: q.values(),
            k: k.values(),
            v: v.values(),
            mask: &mask,
            causal: by.causal,
            scale: T::of(by.scale),
        };
        let (y, lse) = (y.values::<T>(), lse.values::<T>());
        let tasks = sizes.queries.div_ceil(TASK);
        parallel(sizes.heads * tasks, &|task| {
            let (head, first) = (task / tasks, task % tasks * TASK);
            heads.forward(head, [first, sizes.queries.min(first + TASK)], y, lse);
        });
    });
    lse.finish()?;
    y.finish()
}

/// The mask, readable by position: a bool or compute-dtype view of any steps.
struct Mask<'a> {
    view: Option<View<'a>>,
    copy: Option<Input<'a>>,
}

impl<'a> Mask<'a> {
    fn new(view: Option<View<'a>>, dtype: DType) -> Result<Mask<'a>> {
        match view {
            Some(mask) if mask.dtype() != DType::Bool && mask.dtype() != dtype => {
                Ok(Mask { view: None, copy: Some(Input::cast(mask, dtype)?) })
            }
            view => Ok(Mask { view, copy: None }),
        }
    }

    /// Adds row `query` of `head` to the scores.
    fn add<T: Float>(
        &self,
        scores: Out<'_, T>,
        [head, query]: [usize; 2],
        [queries, keys]: [usize; 2],
    ) {
        if let Some(copy) = &self.copy {
            let row = copy.values::<T>().part((head * queries + query) * keys, keys);
            for j in 0..scores.len() {
                scores.set(j, scores.at(j) + row.at(j));
            }
        }
        let Some(view) = self.view else { return };
        let (dims, strides) = view.geometry();
        let rank = dims.len();
        let mut offset = query as isize * strides[rank - 2];
        let mut rest = head;
        for d in (0..rank - 2).rev() {
            offset += (rest % dims[d]) as isize * strides[d];
            rest /= dims[d];
        }
        for j in 0..scores.len() {
            let at = offset + j as isize * strides[rank - 1];
            // SAFETY: (head, query, j) lies in the mask, whose geometry was checked when it was
            // made.
            let term = unsafe {
                if view.dtype() == DType::Bool {
                    let open = (*view.ptr::<B8>().offset(at)).get();
                    if open { T::ZERO } else { T::NEG_INFINITY }
                } else {
                    *view.ptr::<T>().offset(at)
                }
            };
            scores.set(j, scores.at(j) + term);
        }
    }
}

/// The operands of all heads.
#[derive(Clone, Copy)]
struct Heads<'a, T> {
    sizes: Sizes,
    q: In<'a, T>,
    k: In<'a, T>,
    v: In<'a, T>,
    mask: &'a Mask<'a>,
    causal: bool,
    scale: T,
}

// SAFETY: the mask is read only; see `stage` for the arrays.
unsafe impl<T: Sync> Sync for Heads<'_, T> {}

/// A row-major matrix of `cols` columns.
fn rows<T: Element>(x: In<'_, T>, cols: usize) -> Matrix<T> {
    Matrix { ptr: x.ptr(), row: cols as isize, col: 1 }
}

/// `c = alpha * a b + start`, `c` row-major `[m, n]` with `cols` columns a row.
unsafe fn multiply<T: Float>(
    c: Out<'_, T>,
    [m, n, k, cols]: [usize; 4],
    [a, b]: [Matrix<T>; 2],
    alpha: T,
    accumulate: bool,
) {
    let here = rows(c.read(), cols);
    let start = if accumulate { Start::Scaled(T::ONE, here) } else { Start::Zero };
    let product = Product { m, n, k, a, b, c: c.ptr(), c_row: cols as isize, alpha, start };
    // SAFETY: the caller's.
    unsafe { product.serial() }
}

/// Matrix `head` of `x [heads, rows, cols]`.
fn head_of<T: Copy>(x: In<'_, T>, head: usize, [rows, cols]: [usize; 2]) -> In<'_, T> {
    x.part(head * rows * cols, rows * cols)
}

/// Writes the transpose of `x [rows, cols]`.
fn transpose<T: Float>(x: In<'_, T>, [rows, cols]: [usize; 2], to: Out<'_, T>) {
    const SIDE: usize = 16;
    for first in (0..rows).step_by(SIDE) {
        for j in 0..cols {
            for i in first..rows.min(first + SIDE) {
                to.set(j * rows + i, x.at(i * cols + j));
            }
        }
    }
}

impl<T: Float> Heads<'_, T> {
    /// Scores of queries `from..to` against keys before `keys`, masked; -inf where hidden.
    fn scores(
        &self,
        head: usize,
        [from, to]: [usize; 2],
        keys: usize,
        kt: In<'_, T>,
        s: Out<'_, T>,
    ) {
        let Sizes { queries, width, .. } = self.sizes;
        let q = head_of(self.q, head, [queries, width]).part(from * width, (to - from) * width);
        // SAFETY: q is [to - from, width], kt [width, all keys], s [to - from, keys].
        unsafe {
            let operands = [rows(q, width), rows(kt, self.sizes.keys)];
            multiply(s, [to - from, keys, width, keys], operands, self.scale, false);
        }
        for i in from..to {
            let row = s.part((i - from) * keys, keys);
            self.mask.add(row, [head, i], [queries, self.sizes.keys]);
            if self.causal {
                for j in (i + 1).min(keys)..keys {
                    row.set(j, T::NEG_INFINITY);
                }
            }
        }
    }

    fn forward(&self, head: usize, [first, last]: [usize; 2], y: Out<'_, T>, lse: Out<'_, T>) {
        let Sizes { queries, keys, width, value_width, .. } = self.sizes;
        let mut memory = Scratch::new::<T>(keys * width + BLOCK * keys);
        // SAFETY: the two parts of the scratch just made.
        let (kt, s) = unsafe {
            let whole = Out::from_raw(memory.ptr::<T>(), keys * width + BLOCK * keys);
            (whole.part(0, keys * width), whole.part(keys * width, BLOCK * keys))
        };
        transpose(head_of(self.k, head, [keys, width]), [keys, width], kt);
        let v = head_of(self.v, head, [keys, value_width]);
        for from in (first..last).step_by(BLOCK) {
            let to = last.min(from + BLOCK);
            let seen = self.sizes.visible(self.causal, to);
            let scores = s.part(0, (to - from) * seen);
            self.scores(head, [from, to], seen, kt.read(), scores);
            for i in from..to {
                let row = scores.part((i - from) * seen, seen);
                // SAFETY: the arrays are bounds-checked.
                lse.set(head * queries + i, unsafe { softmax_row(row) });
            }
            let at = (head * queries + from) * value_width;
            let y = y.part(at, (to - from) * value_width);
            let operands = [rows(scores.read(), seen), rows(v, value_width)];
            // SAFETY: scores are [to - from, seen], v [keys >= seen, value_width].
            unsafe {
                multiply(y, [to - from, value_width, seen, value_width], operands, T::ONE, false);
            }
        }
    }
}

simd! {
    /// Softmax in place; returns the logarithm of the sum of exponentials.
    unsafe fn softmax_row[T: Float](s: Out<'_, T>) -> T {
        let n = s.len();
        let max = fold([s.read()], T::NEG_INFINITY, |m, [v]| m.larger(v), T::larger);
        let hidden = || fold([s.read()], T::ZERO, |n, [v]| n + v, |a, b| a + b) == max;
        if max == T::NEG_INFINITY && hidden() {
            s.fill(T::ZERO);
            return max;
        }
        for i in 0..n {
            s.set(i, (s.at(i) - max).exp());
        }
        let total = sum([s.read()], |[v]| v);
        let scale = T::of(1.0 / total);
        for i in 0..n {
            s.set(i, s.at(i) * scale);
        }
        max + T::of(total).ln()
    }
}
