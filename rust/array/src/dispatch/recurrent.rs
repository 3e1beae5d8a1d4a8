//! Cells of recurrent networks.

use super::on_cpu;
use crate::Array;
use base::Result;
use cpu::recurrent as kernels;

/// `[h, c, kept]` of an LSTM from `[input gates, hidden gates]` and the cell before, which may be
/// `c`; `kept` is for the gradient.
pub fn lstm_cell([h, c, kept]: [&Array; 3], gates: [&Array; 2], before: &Array) -> Result<()> {
    on_cpu("lstm_cell", h, |host, h| {
        let gates = [host.view(gates[0])?, host.view(gates[1])?];
        kernels::lstm_cell([h, host.view_mut(c)?, host.view_mut(kept)?], gates, host.view(before)?)
    })
}

/// Gradients of [`lstm_cell`] in the gates and the cell before, which may be that of c.
pub fn lstm_cell_backward(
    [gates, before]: [&Array; 2],
    [grad_h, grad_c]: [&Array; 2],
    kept: &Array,
    c_before: &Array,
) -> Result<()> {
    on_cpu("lstm_cell_backward", gates, |host, gates| {
        let grads = [host.view(grad_h)?, host.view(grad_c)?];
        kernels::lstm_cell_backward(
            [gates, host.view_mut(before)?],
            grads,
            host.view(kept)?,
            host.view(c_before)?,
        )
    })
}

/// `[h, kept]` of a GRU from `[input gates, hidden gates]` and the state before.
pub fn gru_cell([h, kept]: [&Array; 2], gates: [&Array; 2], before: &Array) -> Result<()> {
    on_cpu("gru_cell", h, |host, h| {
        let gates = [host.view(gates[0])?, host.view(gates[1])?];
        kernels::gru_cell([h, host.view_mut(kept)?], gates, host.view(before)?)
    })
}

/// Gradients of [`gru_cell`] in the input gates, the hidden gates and the state before, which may be
/// that of h.
pub fn gru_cell_backward(
    [input, hidden, before]: [&Array; 3],
    grad_h: &Array,
    kept: &Array,
    h_before: &Array,
) -> Result<()> {
    on_cpu("gru_cell_backward", input, |host, input| {
        let to = [input, host.view_mut(hidden)?, host.view_mut(before)?];
        kernels::gru_cell_backward(to, host.view(grad_h)?, host.view(kept)?, host.view(h_before)?)
    })
}

/// The state of an Elman network from its input and hidden sums.
pub fn elman_cell(h: &Array, sums: [&Array; 2], relu: bool) -> Result<()> {
    on_cpu("rnn_cell", h, |host, h| {
        kernels::elman_cell(h, [host.view(sums[0])?, host.view(sums[1])?], relu)
    })
}

/// The gradient of [`elman_cell`] in either sum.
pub fn elman_cell_backward(sum: &Array, grad_h: &Array, h: &Array, relu: bool) -> Result<()> {
    on_cpu("rnn_cell_backward", sum, |host, sum| {
        kernels::elman_cell_backward(sum, host.view(grad_h)?, host.view(h)?, relu)
    })
}
