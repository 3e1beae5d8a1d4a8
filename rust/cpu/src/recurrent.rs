//! The pointwise parts of LSTM, GRU and Elman cells, forward and backward; the products with the
//! weights are the caller's.
//!
//! Gates lie side by side, `[n, gates * hidden]`, in PyTorch's order: input, forget, cell, output
//! for an LSTM; reset, update, new for a GRU.

use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task};
use crate::stage::{In, Input, Out, Output};
use crate::{View, ViewMut, parallel_chunks};
use base::{Result, ensure};

/// `[n, hidden]` of a state, when every view of `gates` has its number of gates.
fn sizes(state: View<'_>, gates: &[(View<'_>, usize)]) -> Result<(usize, usize)> {
    let hidden = state.dims().last().copied().unwrap_or(0);
    let fits = gates.iter().all(|(v, count)| v.numel() == count * state.numel());
    ensure!(fits, Runtime, "internal error: gates do not fit a state of {:?}", state.dims());
    Ok((state.numel() / hidden.max(1), hidden))
}

/// Numbers of a row computed at a time, on the stack: the many arrays of a cell may alias as far as
/// the compiler knows, which would keep it from vectorising.
const BLOCK: usize = 32;

/// `count` elements of each array from `start`.
#[inline(always)]
fn load<T: Float, const N: usize>(
    from: [In<'_, T>; N],
    start: usize,
    count: usize,
) -> [[T; BLOCK]; N] {
    let mut blocks = [[T::ZERO; BLOCK]; N];
    for (block, x) in blocks.iter_mut().zip(from) {
        if count == BLOCK {
            *block = x.block(start);
        } else {
            for (l, value) in block.iter_mut().enumerate().take(count) {
                *value = x.at(start + l);
            }
        }
    }
    blocks
}

/// Stores `count` elements to each array from `start`.
#[inline(always)]
fn store<T: Float, const N: usize>(
    blocks: [[T; BLOCK]; N],
    to: [Out<'_, T>; N],
    start: usize,
    count: usize,
) {
    for (block, to) in blocks.into_iter().zip(to) {
        if count == BLOCK {
            to.set_block(start, block);
        } else {
            for (l, value) in block.into_iter().enumerate().take(count) {
                to.set(start + l, value);
            }
        }
    }
}

/// The blocks of a row: where each starts and how many elements it has.
#[inline(always)]
fn blocks(hidden: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..hidden).step_by(BLOCK).map(move |at| (at, BLOCK.min(hidden - at)))
}

/// One step of an LSTM from the sums of its input gates and hidden gates: `c = sigmoid(f) * c_before
/// + sigmoid(i) * tanh(g)`, `h = sigmoid(o) * tanh(c)`. `kept` (of the gates' shape) holds the
/// activated gates for the backward pass. `c` may be `c_before`.
pub fn lstm_cell(
    [h, c, kept]: [ViewMut<'_>; 3],
    [input_gates, hidden_gates]: [View<'_>; 2],
    c_before: View<'_>,
) -> Result<()> {
    let to = [(h.as_view(), 1), (c.as_view(), 1), (kept.as_view(), 4)];
    let views = [to[0], to[1], to[2], (input_gates, 4), (hidden_gates, 4)];
    let (n, hidden) = sizes(c_before, &views)?;
    let from_input = Input::new(input_gates)?;
    let dtype = from_input.dtype();
    let (from_hidden, before) = (Input::cast(hidden_gates, dtype)?, Input::cast(c_before, dtype)?);
    let (h, c) = (Output::cast(h, dtype)?, Output::cast(c, dtype)?);
    let kept = Output::cast(kept, dtype)?;
    dispatch!("lstm_cell", dtype, [float], T => {
        let (gates, before) = ([from_input.values::<T>(), from_hidden.values()], before.values());
        let (states, kept) = ([h.values::<T>(), c.values()], kept.values());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let gates = gates.map(|g| g.part(r * 4 * hidden, 4 * hidden));
                let [h, c] = states.map(|v| v.part(r * hidden, hidden));
                let kept = kept.part(r * 4 * hidden, 4 * hidden);
                // SAFETY: the arrays are bounds-checked.
                unsafe { lstm_row(gates, before.part(r * hidden, hidden), h, c, kept) }
            }
        });
    });
    h.finish()?;
    c.finish()?;
    kept.finish()
}

/// The gates of a row.
#[inline(always)]
fn split<T: Copy, const N: usize>(row: In<'_, T>, hidden: usize) -> [In<'_, T>; N] {
    std::array::from_fn(|i| row.part(i * hidden, hidden))
}

/// The gates of a row, for writing.
#[inline(always)]
fn split_out<T: Copy, const N: usize>(row: Out<'_, T>, hidden: usize) -> [Out<'_, T>; N] {
    std::array::from_fn(|i| row.part(i * hidden, hidden))
}

simd! {
    unsafe fn lstm_row[T: Float](
        gates: [In<'_, T>; 2], before: In<'_, T>, h: Out<'_, T>, c: Out<'_, T>, kept: Out<'_, T>
    ) {
        let hidden = h.len();
        let [inputs, recurrent] = gates.map(|g| split::<T, 4>(g, hidden));
        let [i_kept, f_kept, g_kept, o_kept] = split_out(kept, hidden);
        for (at, count) in blocks(hidden) {
            let [mut i, mut f, mut g, mut o] = load(inputs, at, count);
            let [hi, hf, hg, ho] = load(recurrent, at, count);
            let [mut cell] = load([before], at, count);
            let mut out = [T::ZERO; BLOCK];
            for l in 0..BLOCK {
                i[l] = (i[l] + hi[l]).sigmoid();
                f[l] = (f[l] + hf[l]).sigmoid();
                g[l] = (g[l] + hg[l]).tanh();
                o[l] = (o[l] + ho[l]).sigmoid();
                cell[l] = f[l] * cell[l] + i[l] * g[l];
                out[l] = o[l] * cell[l].tanh();
            }
            let to = [i_kept, f_kept, g_kept, o_kept, c, h];
            store([i, f, g, o, cell, out], to, at, count);
        }
    }
}

/// Gradients of [`lstm_cell`] in the gates' sums and the cell before, from those of h and c, the
/// kept gates and the cell before. `grad_before` may be `grad_c`.
pub fn lstm_cell_backward(
    [grad_gates, grad_before]: [ViewMut<'_>; 2],
    [grad_h, grad_c]: [View<'_>; 2],
    kept: View<'_>,
    c_before: View<'_>,
) -> Result<()> {
    let to = [(grad_gates.as_view(), 4), (grad_before.as_view(), 1)];
    let views = [to[0], to[1], (kept, 4), (grad_h, 1), (grad_c, 1)];
    let (n, hidden) = sizes(c_before, &views)?;
    let kept = Input::new(kept)?;
    let dtype = kept.dtype();
    let before = Input::cast(c_before, dtype)?;
    let (gh, gc) = (Input::cast(grad_h, dtype)?, Input::cast(grad_c, dtype)?);
    let (gates, past) = (Output::cast(grad_gates, dtype)?, Output::cast(grad_before, dtype)?);
    dispatch!("lstm_cell_backward", dtype, [float], T => {
        let (kept, from) = (kept.values::<T>(), [before.values::<T>(), gh.values(), gc.values()]);
        let (gates, past) = (gates.values::<T>(), past.values::<T>());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let at = r * hidden;
                let kept = kept.part(4 * at, 4 * hidden);
                let from = from.map(|x| x.part(at, hidden));
                let to = (gates.part(4 * at, 4 * hidden), past.part(at, hidden));
                // SAFETY: the arrays are bounds-checked.
                unsafe { lstm_row_backward(kept, from, to.0, to.1) }
            }
        });
    });
    gates.finish()?;
    past.finish()
}

simd! {
    unsafe fn lstm_row_backward[T: Float](
        kept: In<'_, T>, from: [In<'_, T>; 3], gates: Out<'_, T>, past: Out<'_, T>
    ) {
        let hidden = past.len();
        let kept = split::<T, 4>(kept, hidden);
        let [i_grad, f_grad, g_grad, o_grad] = split_out(gates, hidden);
        for (at, count) in blocks(hidden) {
            let [mut i, mut f, mut g, mut o] = load(kept, at, count);
            let [before, gh, mut gc] = load(from, at, count);
            for l in 0..BLOCK {
                let slope = |gate: T| gate * (T::ONE - gate);
                let bent = (f[l] * before[l] + i[l] * g[l]).tanh();
                let grad = gc[l] + gh[l] * o[l] * (T::ONE - bent * bent);
                let (input, new) = (i[l], g[l]);
                gc[l] = grad * f[l];
                i[l] = grad * new * slope(input);
                f[l] = grad * before[l] * slope(f[l]);
                g[l] = grad * input * (T::ONE - new * new);
                o[l] = gh[l] * bent * slope(o[l]);
            }
            store([i, f, g, o, gc], [i_grad, f_grad, g_grad, o_grad, past], at, count);
        }
    }
}

/// One step of a GRU from the sums of its input gates and hidden gates: `r = sigmoid(ir + hr)`, `z
/// = sigmoid(iz + hz)`, `n = tanh(in + r * hn)`, `h = (h_before - n) * z + n`. `kept [n, 4 *
/// hidden]` holds r, z, n and hn for the backward pass.
pub fn gru_cell(
    [h, kept]: [ViewMut<'_>; 2],
    [input_gates, hidden_gates]: [View<'_>; 2],
    h_before: View<'_>,
) -> Result<()> {
    let views = [(h.as_view(), 1), (kept.as_view(), 4), (input_gates, 3), (hidden_gates, 3)];
    let (n, hidden) = sizes(h_before, &views)?;
    let from_input = Input::new(input_gates)?;
    let dtype = from_input.dtype();
    let (from_hidden, before) = (Input::cast(hidden_gates, dtype)?, Input::cast(h_before, dtype)?);
    let (h, kept) = (Output::cast(h, dtype)?, Output::cast(kept, dtype)?);
    dispatch!("gru_cell", dtype, [float], T => {
        let gates = [from_input.values::<T>(), from_hidden.values()];
        let (before, h, kept) = (before.values::<T>(), h.values::<T>(), kept.values::<T>());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let gates = gates.map(|g| g.part(r * 3 * hidden, 3 * hidden));
                let kept = kept.part(r * 4 * hidden, 4 * hidden);
                let before = before.part(r * hidden, hidden);
                // SAFETY: the arrays are bounds-checked.
                unsafe { gru_row(gates, before, h.part(r * hidden, hidden), kept) }
            }
        });
    });
    h.finish()?;
    kept.finish()
}

simd! {
    unsafe fn gru_row[T: Float](
        gates: [In<'_, T>; 2], before: In<'_, T>, h: Out<'_, T>, kept: Out<'_, T>
    ) {
        let hidden = h.len();
        let [inputs, recurrent] = gates.map(|g| split::<T, 3>(g, hidden));
        let [r_kept, z_kept, n_kept, hn_kept] = split_out(kept, hidden);
        for (at, count) in blocks(hidden) {
            let [mut r, mut z, mut n] = load(inputs, at, count);
            let [hr, hz, hn] = load(recurrent, at, count);
            let [mut out] = load([before], at, count);
            for l in 0..BLOCK {
                r[l] = (r[l] + hr[l]).sigmoid();
                z[l] = (z[l] + hz[l]).sigmoid();
                n[l] = (n[l] + r[l] * hn[l]).tanh();
                out[l] = (out[l] - n[l]) * z[l] + n[l];
            }
            store([r, z, n, hn, out], [r_kept, z_kept, n_kept, hn_kept, h], at, count);
        }
    }
}

/// Gradients of [`gru_cell`] in the input gates, the hidden gates and the state before, which may be
/// `grad_h`.
pub fn gru_cell_backward(
    [grad_input, grad_hidden, grad_before]: [ViewMut<'_>; 3],
    grad_h: View<'_>,
    kept: View<'_>,
    h_before: View<'_>,
) -> Result<()> {
    let to = [(grad_input.as_view(), 3), (grad_hidden.as_view(), 3), (grad_before.as_view(), 1)];
    let (n, hidden) = sizes(h_before, &[to[0], to[1], to[2], (grad_h, 1), (kept, 4)])?;
    let grad = Input::new(grad_h)?;
    let dtype = grad.dtype();
    let (kept, before) = (Input::cast(kept, dtype)?, Input::cast(h_before, dtype)?);
    let (gi, gh) = (Output::cast(grad_input, dtype)?, Output::cast(grad_hidden, dtype)?);
    let past = Output::cast(grad_before, dtype)?;
    dispatch!("gru_cell_backward", dtype, [float], T => {
        let (grad, kept, before) = (grad.values::<T>(), kept.values::<T>(), before.values::<T>());
        let (gi, gh, past) = (gi.values::<T>(), gh.values::<T>(), past.values::<T>());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let at = r * hidden;
                let gates = [gi, gh].map(|g| g.part(3 * at, 3 * hidden));
                let from = [grad.part(at, hidden), before.part(at, hidden)];
                let (kept, past) = (kept.part(4 * at, 4 * hidden), past.part(at, hidden));
                // SAFETY: the arrays are bounds-checked.
                unsafe { gru_row_backward(kept, from, gates, past) }
            }
        });
    });
    gi.finish()?;
    gh.finish()?;
    past.finish()
}

simd! {
    unsafe fn gru_row_backward[T: Float](
        kept: In<'_, T>, from: [In<'_, T>; 2], gates: [Out<'_, T>; 2], past: Out<'_, T>
    ) {
        let hidden = past.len();
        let kept = split::<T, 4>(kept, hidden);
        let [[i_r, i_z, i_n], [h_r, h_z, h_n]] = gates.map(|g| split_out(g, hidden));
        for (at, count) in blocks(hidden) {
            let [mut r, mut z, mut n, mut hn] = load(kept, at, count);
            let [mut grad, before] = load(from, at, count);
            for l in 0..BLOCK {
                let (g, reset, update, new) = (grad[l], r[l], z[l], n[l]);
                grad[l] = g * update;
                n[l] = g * (T::ONE - update) * (T::ONE - new * new);
                z[l] = g * (before[l] - new) * update * (T::ONE - update);
                r[l] = n[l] * hn[l] * reset * (T::ONE - reset);
                hn[l] = n[l] * reset;
            }
            store([r, z, n, r, z, hn, grad], [i_r, i_z, i_n, h_r, h_z, h_n, past], at, count);
        }
    }
}

/// One step of an Elman network from its input and hidden sums: their sum through tanh, or ReLU.
pub fn elman_cell(h: ViewMut<'_>, [input, hidden]: [View<'_>; 2], relu: bool) -> Result<()> {
    let (n, width) = sizes(h.as_view(), &[(input, 1), (hidden, 1)])?;
    let from_input = Input::new(input)?;
    let dtype = from_input.dtype();
    let from_hidden = Input::cast(hidden, dtype)?;
    let h = Output::cast(h, dtype)?;
    dispatch!("elman_cell", dtype, [float], T => {
        let (sums, h) = ([from_input.values::<T>(), from_hidden.values()], h.values::<T>());
        parallel_chunks(n, rows_per_task(width), &|first, last| {
            let (at, count) = (first * width, (last - first) * width);
            // SAFETY: the arrays are bounds-checked.
            unsafe { elman_rows(sums.map(|s| s.part(at, count)), h.part(at, count), relu) }
        });
    });
    h.finish()
}

simd! {
    unsafe fn elman_rows[T: Float](sums: [In<'_, T>; 2], h: Out<'_, T>, relu: bool) {
        for (at, count) in blocks(h.len()) {
            let [mut out, recurrent] = load(sums, at, count);
            for l in 0..BLOCK {
                let sum = out[l] + recurrent[l];
                out[l] = if relu { sum.max_or_nan(T::ZERO) } else { sum.tanh() };
            }
            store([out], [h], at, count);
        }
    }
}

/// The gradient of [`elman_cell`] in either sum, from that of h and h itself.
pub fn elman_cell_backward(
    grad_sum: ViewMut<'_>,
    grad_h: View<'_>,
    h: View<'_>,
    relu: bool,
) -> Result<()> {
    let (n, width) = sizes(h, &[(grad_sum.as_view(), 1), (grad_h, 1)])?;
    let grad = Input::new(grad_h)?;
    let dtype = grad.dtype();
    let h = Input::cast(h, dtype)?;
    let to = Output::cast(grad_sum, dtype)?;
    dispatch!("elman_cell_backward", dtype, [float], T => {
        let (from, to) = ([grad.values::<T>(), h.values()], to.values::<T>());
        parallel_chunks(n, rows_per_task(width), &|first, last| {
            let (at, count) = (first * width, (last - first) * width);
            // SAFETY: the arrays are bounds-checked.
            unsafe { elman_rows_backward(from.map(|x| x.part(at, count)), to.part(at, count), relu) }
        });
    });
    to.finish()
}

simd! {
    unsafe fn elman_rows_backward[T: Float](from: [In<'_, T>; 2], to: Out<'_, T>, relu: bool) {
        for (at, count) in blocks(to.len()) {
            let [mut grad, h] = load(from, at, count);
            for l in 0..BLOCK {
                let flat = if h[l] <= T::ZERO { T::ZERO } else { grad[l] };
                grad[l] = if relu { flat } else { grad[l] * (T::ONE - h[l] * h[l]) };
            }
            store([grad], [to], at, count);
        }
    }
}
