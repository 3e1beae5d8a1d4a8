//! Adagrad, `RMSprop` and Adadelta: steps scaled by the size of past gradients.

use super::{Arrays, Descent, drive, lerp};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::Float;
use crate::stage::{In, Out};
use crate::{View, ViewMut};
use base::Result;

/// Hyper-parameters of [`adagrad`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Adagrad {
    pub lr: f64,
    pub lr_decay: f64,
    pub weight_decay: f64,
    pub eps: f64,
    pub maximize: bool,
    /// Number of this step, from 1.
    pub step: f64,
}

/// One step of Adagrad; `sum` is the sum of squared gradients.
pub fn adagrad(p: ViewMut<'_>, grad: View<'_>, sum: ViewMut<'_>, by: &Adagrad) -> Result<()> {
    drive(&[p, sum], grad, &|arrays: &Arrays<'_>| {
        dispatch!("adagrad", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                // SAFETY: the arrays are bounds-checked.
                unsafe { adagrad_run::<T>(arrays.part(0, range), g, arrays.part(1, range), by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn adagrad_run[T: Float](p: Out<'_, T>, g: In<'_, T>, sum: Out<'_, T>, by: &Adagrad) {
        let n = p.len();
        assert!(g.len() == n && sum.len() == n);
        let descent = Descent::<T>::new(by.maximize, by.weight_decay);
        let (rate, eps) = (T::of(-(by.lr / (1.0 + (by.step - 1.0) * by.lr_decay))), T::of(by.eps));
        for i in 0..n {
            let old = p.at(i);
            let g = descent.at(g.at(i), old);
            let total = sum.at(i) + g * g;
            sum.set(i, total);
            p.set(i, old + (rate * g) / (total.sqrt() + eps));
        }
    }
}

/// Hyper-parameters of [`rmsprop`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Rmsprop {
    pub lr: f64,
    pub alpha: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub momentum: f64,
    pub maximize: bool,
}

/// One step of `RMSprop`; state: mean of squares, for the centred form the mean of gradients, and
/// with momentum the running sum of steps.
pub fn rmsprop(
    p: ViewMut<'_>,
    grad: View<'_>,
    square: ViewMut<'_>,
    [mean, buffer]: [Option<ViewMut<'_>>; 2],
    by: &Rmsprop,
) -> Result<()> {
    let targets: Vec<ViewMut<'_>> =
        [Some(p), Some(square), mean, buffer].into_iter().flatten().collect();
    let (center, steps) = (mean.map(|_| 2), buffer.map(|_| targets.len() - 1));
    drive(&targets, grad, &|arrays: &Arrays<'_>| {
        dispatch!("rmsprop", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [center, steps].map(|i| arrays.part_or_none(i, range));
                let (p, square) = (arrays.part(0, range), arrays.part(1, range));
                // SAFETY: the arrays are bounds-checked.
                unsafe { rmsprop_run::<T>(p, g, square, state, by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn rmsprop_run[T: Float](
        p: Out<'_, T>, g: In<'_, T>, square: Out<'_, T>, state: [Option<Out<'_, T>>; 2],
        by: &Rmsprop
    ) {
        let (n, [mean, buffer]) = (p.len(), state);
        assert!(g.len() == n && square.len() == n);
        let descent = Descent::<T>::new(by.maximize, by.weight_decay);
        let (keep, weight, eps) = (T::of(by.alpha), T::of(1.0 - by.alpha), T::of(by.eps));
        let (momentum, rate) = (T::of(by.momentum), T::of(-by.lr));
        for i in 0..n {
            let old = p.at(i);
            let g = descent.at(g.at(i), old);
            let v = square.at(i) * keep + (weight * g) * g;
            square.set(i, v);
            let spread = match mean {
                None => v,
                Some(mean) => {
                    let m = lerp(mean.at(i), g, weight);
                    mean.set(i, m);
                    v - m * m
                }
            };
            let size = spread.sqrt() + eps;
            p.set(i, match buffer {
                None => old + (rate * g) / size,
                Some(buffer) => {
                    let step = buffer.at(i) * momentum + g / size;
                    buffer.set(i, step);
                    old + rate * step
                }
            });
        }
    }
}

/// Hyper-parameters of [`adadelta`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Adadelta {
    pub lr: f64,
    pub rho: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub maximize: bool,
}

/// One step of Adadelta; state: means of squared gradients and of squared steps.
pub fn adadelta(
    p: ViewMut<'_>,
    grad: View<'_>,
    [square, delta]: [ViewMut<'_>; 2],
    by: &Adadelta,
) -> Result<()> {
    drive(&[p, square, delta], grad, &|arrays: &Arrays<'_>| {
        dispatch!("adadelta", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [arrays.part(1, range), arrays.part(2, range)];
                // SAFETY: the arrays are bounds-checked.
                unsafe { adadelta_run::<T>(arrays.part(0, range), g, state, by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn adadelta_run[T: Float](
        p: Out<'_, T>, g: In<'_, T>, state: [Out<'_, T>; 2], by: &Adadelta
    ) {
        let (n, [square, delta]) = (p.len(), state);
        assert!(g.len() == n && square.len() == n && delta.len() == n);
        let descent = Descent::<T>::new(by.maximize, by.weight_decay);
        let (keep, weight, eps) = (T::of(by.rho), T::of(1.0 - by.rho), T::of(by.eps));
        let rate = T::of(-by.lr);
        for i in 0..n {
            let old = p.at(i);
            let g = descent.at(g.at(i), old);
            let v = square.at(i) * keep + (weight * g) * g;
            let past = delta.at(i);
            let step = (past + eps).sqrt() / (v + eps).sqrt() * g;
            square.set(i, v);
            delta.set(i, past * keep + (weight * step) * step);
            p.set(i, old + rate * step);
        }
    }
}
