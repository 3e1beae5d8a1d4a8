//! Gradients of choosing between two values.

use crate::Var;

/// The gradient goes to the winner; equal values share it.
pub(crate) fn winner_vjp(g: Var, wins: Var, ties: Var) -> Var {
    let half = 0.5 * &g;
    let zero = 0.0 * &g;
    half.where_(ties, g.where_(wins, zero))
}

/// The gradient of `copysign` towards the magnitude: 1 or -1, 0 at 0.
pub(crate) fn copysign_vjp(g: Var, a: Var, y: Var) -> Var {
    let ratio = y / &a;
    let zero = 0.0 * &g;
    zero.where_(a.eq(0.0), g * ratio)
}
