//! The backward pass of attention: a task is a head, walked by blocks of queries whose weights are
//! made again from the scores and the saved logarithms of sums.

use super::{Attention, BLOCK, Heads, Mask, Sizes, head_of, multiply, rows, transpose};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, sum};
use crate::scratch::Scratch;
use crate::stage::{In, Input, Out, Output};
use crate::{View, ViewMut, parallel};
use base::{Result, ensure};

/// Gradients of [`attention`] in q, k and v, from the output's gradient, the output and the saved
/// `logsumexp`. The mask gets none.
pub fn attention_backward(
    [grad_q, grad_k, grad_v]: [ViewMut<'_>; 3],
    [grad, output, logsumexp]: [View<'_>; 3],
    [q, k, v]: [View<'_>; 3],
    by: &Attention<'_>,
) -> Result<()> {
    let sizes = Sizes::of(q, k, v, by.mask)?;
    let fits = grad_q.dims() == q.dims()
        && grad_k.dims() == k.dims()
        && grad_v.dims() == v.dims()
        && grad.dims() == output.dims()
        && grad.numel() == sizes.heads * sizes.queries * sizes.value_width
        && logsumexp.numel() == sizes.heads * sizes.queries;
    ensure!(fits, Runtime, "internal error: attention_backward of {:?}", grad.dims());
    let q = Input::new(q)?;
    let dtype = q.dtype();
    let (k, v) = (Input::cast(k, dtype)?, Input::cast(v, dtype)?);
    let (g, y) = (Input::cast(grad, dtype)?, Input::cast(output, dtype)?);
    let lse = Input::cast(logsumexp, dtype)?;
    let (gq, gk) = (Output::cast(grad_q, dtype)?, Output::cast(grad_k, dtype)?);
    let gv = Output::cast(grad_v, dtype)?;
    let mask = Mask::new(by.mask, dtype)?;
    dispatch!("scaled_dot_product_attention_backward", dtype, [float], T => {
        let heads = Heads::<T> {
            sizes,
            q: q.values(),
            k: k.values(),
            v: v.values(),
            mask: &mask,
            causal: by.causal,
            scale: T::of(by.scale),
        };
        let saved = [g.values::<T>(), y.values(), lse.values()];
        let to = [gq.values::<T>(), gk.values(), gv.values()];
        parallel(sizes.heads, &|head| heads.backward(head, saved, to));
    });
    gq.finish()?;
    gk.finish()?;
    gv.finish()
}

impl<T: Float> Heads<'_, T> {
    fn backward(&self, head: usize, [g, y, lse]: [In<'_, T>; 3], [gq, gk, gv]: [Out<'_, T>; 3]) {
        let Sizes { queries, keys, width, value_width, .. } = self.sizes;
        let lengths = [keys * width, keys * value_width, BLOCK * keys, BLOCK * keys];
        let total = lengths.iter().sum();
        let mut memory = Scratch::new::<T>(total);
        let mut used = 0;
        let [kt, vt, p, ds] = lengths.map(|len| {
            used += len;
            // SAFETY: consecutive parts of the scratch just made.
            unsafe { Out::from_raw(memory.ptr::<T>(), total).part(used - len, len) }
        });
        let (q, k) =
            (head_of(self.q, head, [queries, width]), head_of(self.k, head, [keys, width]));
        transpose(k, [keys, width], kt);
        transpose(head_of(self.v, head, [keys, value_width]), [keys, value_width], vt);
        let gk = gk.part(head * keys * width, keys * width);
        let gv = gv.part(head * keys * value_width, keys * value_width);
        let gq = gq.part(head * queries * width, queries * width);
        gk.fill(T::ZERO);
        gv.fill(T::ZERO);
        for from in (0..queries).step_by(BLOCK) {
            let to = queries.min(from + BLOCK);
            let (count, seen) = (to - from, self.sizes.visible(self.causal, to));
            let (p, ds) = (p.part(0, count * seen), ds.part(0, count * seen));
            self.scores(head, [from, to], seen, kt.read(), p);
            let at = (head * queries + from) * value_width;
            let (g, y) = (g.part(at, count * value_width), y.part(at, count * value_width));
            let turned = |x: Out<'_, T>| rows(x.read(), seen).transposed();
            let q = rows(q.part(from * width, count * width), width);
            let (g_rows, v) = (rows(g, value_width), rows(vt.read(), keys));
            // SAFETY: p and ds are [count, seen], g [count, value_width], q [count, width], kt and
            // vt have a row of all keys per feature; gk and gv have at least `seen` rows.
            unsafe {
                multiply(ds, [count, seen, value_width, seen], [g_rows, v], T::ONE, false);
                for i in 0..count {
                    let at = i * value_width;
                    let (g, y) = (g.part(at, value_width), y.part(at, value_width));
                    let (p, ds) = (p.part(i * seen, seen), ds.part(i * seen, seen));
                    score_gradient(p, ds, g, y, lse.at(head * queries + from + i));
                }
                let by_key = [seen, value_width, count, value_width];
                multiply(gv, by_key, [turned(p), g_rows], T::ONE, true);
                let target = gq.part(from * width, count * width);
                let factors = [rows(ds.read(), seen), rows(k, width)];
                multiply(target, [count, width, seen, width], factors, self.scale, false);
                multiply(gk, [seen, width, count, width], [turned(ds), q], self.scale, true);
            }
        }
    }
}

simd! {
    /// From scores and the gradient of the weights to weights and the gradient of the scores.
    unsafe fn score_gradient[T: Float](
        p: Out<'_, T>, ds: Out<'_, T>, g: In<'_, T>, y: In<'_, T>, lse: T
    ) {
        let n = p.len();
        assert!(ds.len() == n);
        let mean = T::of(sum([g, y], |[g, y]| g * y));
        let empty = lse == T::NEG_INFINITY;
        for i in 0..n {
            let weight = if empty { T::ZERO } else { (p.at(i) - lse).exp() };
            p.set(i, weight);
            ds.set(i, weight * (ds.at(i) - mean));
        }
    }
}
