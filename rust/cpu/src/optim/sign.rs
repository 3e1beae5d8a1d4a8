//! Resilient propagation: step sizes that grow while the gradient keeps its sign.

use super::{Arrays, drive};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::Float;
use crate::stage::{In, Out};
use crate::{View, ViewMut};
use base::Result;

/// Hyper-parameters of [`rprop`].
#[derive(Clone, Copy, Debug)]
pub struct Rprop {
    /// Factors of the step size after a change of sign and after none.
    pub etas: [f64; 2],
    /// Smallest and largest step size.
    pub step_sizes: [f64; 2],
    /// Ascend.
    pub maximize: bool,
}

/// One step of Rprop; state: the last gradient and the step sizes.
pub fn rprop(
    p: ViewMut<'_>,
    grad: View<'_>,
    [previous, size]: [ViewMut<'_>; 2],
    by: &Rprop,
) -> Result<()> {
    drive(&[p, previous, size], grad, &|arrays: &Arrays<'_>| {
        dispatch!("rprop", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [arrays.part(1, range), arrays.part(2, range)];
                // SAFETY: the arrays are bounds-checked.
                unsafe { rprop_run::<T>(arrays.part(0, range), g, state, by) }
            });
        });
        Ok(())
    })
}

/// -1, 0 or 1; NaN stays NaN.
#[inline(always)]
fn sign<T: Float>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

simd! {
    unsafe fn rprop_run[T: Float](p: Out<'_, T>, g: In<'_, T>, state: [Out<'_, T>; 2], by: &Rprop) {
        let (n, [previous, size]) = (p.len(), state);
        assert!(g.len() == n && previous.len() == n && size.len() == n);
        let up = T::of(if by.maximize { -1.0 } else { 1.0 });
        let [shrink, grow] = by.etas.map(T::of);
        let [low, high] = by.step_sizes.map(T::of);
        for i in 0..n {
            let g = g.at(i) * up;
            let agreement = g * previous.at(i);
            let factor = if agreement > T::ZERO {
                grow
            } else if agreement < T::ZERO {
                shrink
            } else if agreement.is_nan() {
                agreement
            } else {
                T::ONE
            };
            let step = size.at(i) * factor;
            let step = if step < low { low } else { step };
            let step = if step > high { high } else { step };
            let g = if agreement < T::ZERO { T::ZERO } else { g };
            size.set(i, step);
            previous.set(i, g);
            p.set(i, p.at(i) - sign(g) * step);
        }
    }
}
