//! Adam and its kin: a running mean of gradients over a running scale.

use super::{Arrays, Descent, drive, lerp};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::Float;
use crate::stage::{In, Out};
use crate::{View, ViewMut};
use base::Result;

/// Hyper-parameters of [`adam`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Adam {
    pub lr: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    pub weight_decay: f64,
    /// Weight decay acts on the parameter, not on the gradient (`AdamW`).
    pub decoupled: bool,
    pub maximize: bool,
    /// Number of this step, from 1.
    pub step: f64,
}

/// One step of Adam or `AdamW`; state: mean of gradients, mean of squares, and with `AMSGrad` the
/// largest mean of squares so far.
pub fn adam(
    p: ViewMut<'_>,
    grad: View<'_>,
    [mean, square]: [ViewMut<'_>; 2],
    largest: Option<ViewMut<'_>>,
    by: &Adam,
) -> Result<()> {
    let targets: Vec<ViewMut<'_>> =
        [Some(p), Some(mean), Some(square), largest].into_iter().flatten().collect();
    let extra = largest.map(|_| 3);
    drive(&targets, grad, &|arrays: &Arrays<'_>| {
        dispatch!("adam", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [arrays.part(1, range), arrays.part(2, range)];
                let (p, largest) = (arrays.part(0, range), arrays.part_or_none(extra, range));
                // SAFETY: the arrays are bounds-checked.
                unsafe { adam_run::<T>(p, g, state, largest, by) }
            });
        });
        Ok(())
    })
}

/// The weight decay that acts on the parameter: its factor, 1 for none.
fn shrink(decoupled: bool, lr: f64, weight_decay: f64) -> f64 {
    if decoupled { 1.0 - lr * weight_decay } else { 1.0 }
}

/// The weight decay that acts on the gradient.
fn coupled(decoupled: bool, weight_decay: f64) -> f64 {
    if decoupled { 0.0 } else { weight_decay }
}

/// `1 - beta^step`.
fn correction(beta: f64, step: f64) -> f64 {
    1.0 - beta.powf(step)
}

/// The moments that Adam, `NAdam` and `RAdam` keep.
struct Moments<T> {
    descent: Descent<T>,
    shrink: T,
    new: [T; 2],
    keep: T,
}

impl<T: Float> Moments<T> {
    fn new(maximize: bool, decoupled: bool, lr: f64, weight_decay: f64, betas: [f64; 2]) -> Self {
        Moments {
            descent: Descent::new(maximize, coupled(decoupled, weight_decay)),
            shrink: T::of(shrink(decoupled, lr, weight_decay)),
            new: betas.map(|beta| T::of(1.0 - beta)),
            keep: T::of(betas[1]),
        }
    }

    /// Moves element `i` on: the decayed parameter, the gradient, and its new mean and mean square.
    #[inline(always)]
    fn advance(
        &self,
        i: usize,
        p: Out<'_, T>,
        g: In<'_, T>,
        [mean, square]: [Out<'_, T>; 2],
    ) -> [T; 4] {
        let old = p.at(i) * self.shrink;
        let g = self.descent.at(g.at(i), old);
        let m = lerp(mean.at(i), g, self.new[0]);
        let v = square.at(i) * self.keep + (self.new[1] * g) * g;
        mean.set(i, m);
        square.set(i, v);
        [old, g, m, v]
    }
}

simd! {
    unsafe fn adam_run[T: Float](
        p: Out<'_, T>, g: In<'_, T>, state: [Out<'_, T>; 2], largest: Option<Out<'_, T>>, by: &Adam
    ) {
        let (n, [beta1, beta2]) = (p.len(), by.betas);
        assert!(g.len() == n && state.iter().all(|s| s.len() == n));
        let moments =
            Moments::<T>::new(by.maximize, by.decoupled, by.lr, by.weight_decay, by.betas);
        let rate = T::of(-(by.lr / correction(beta1, by.step)));
        let scale = T::of(correction(beta2, by.step).powf(0.5));
        let eps = T::of(by.eps);
        for i in 0..n {
            let [old, _, m, v] = moments.advance(i, p, g, state);
            let top = match largest {
                None => v,
                Some(largest) => {
                    let top = largest.at(i).max_or_nan(v);
                    largest.set(i, top);
                    top
                }
            };
            p.set(i, old + (rate * m) / (top.sqrt() / scale + eps));
        }
    }
}

/// Hyper-parameters of [`adamax`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Adamax {
    pub lr: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    pub weight_decay: f64,
    pub maximize: bool,
    /// Number of this step, from 1.
    pub step: f64,
}

/// One step of Adamax; state: mean of gradients, and their decaying largest magnitude.
pub fn adamax(
    p: ViewMut<'_>,
    grad: View<'_>,
    [mean, largest]: [ViewMut<'_>; 2],
    by: &Adamax,
) -> Result<()> {
    drive(&[p, mean, largest], grad, &|arrays: &Arrays<'_>| {
        dispatch!("adamax", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [arrays.part(1, range), arrays.part(2, range)];
                // SAFETY: the arrays are bounds-checked.
                unsafe { adamax_run::<T>(arrays.part(0, range), g, state, by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn adamax_run[T: Float](
        p: Out<'_, T>, g: In<'_, T>, state: [Out<'_, T>; 2], by: &Adamax
    ) {
        let (n, [mean, largest], [beta1, beta2]) = (p.len(), state, by.betas);
        assert!(g.len() == n && mean.len() == n && largest.len() == n);
        let descent = Descent::<T>::new(by.maximize, by.weight_decay);
        let (weight, keep, eps) = (T::of(1.0 - beta1), T::of(beta2), T::of(by.eps));
        let rate = T::of(-(by.lr / correction(beta1, by.step)));
        for i in 0..n {
            let old = p.at(i);
            let g = descent.at(g.at(i), old);
            let m = lerp(mean.at(i), g, weight);
            let top = (largest.at(i) * keep).max_or_nan(g.abs() + eps);
            mean.set(i, m);
            largest.set(i, top);
            p.set(i, old + (rate * m) / top);
        }
    }
}

/// Hyper-parameters of [`nadam`], with the momentum schedule's values of this step.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Nadam {
    pub lr: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    pub weight_decay: f64,
    pub decoupled: bool,
    pub maximize: bool,
    /// Number of this step, from 1.
    pub step: f64,
    /// Momentum of this step and of the next.
    pub mu: [f64; 2],
    /// Product of the momenta up to this step.
    pub mu_product: f64,
}

impl Nadam {
    /// Momentum of step `step`.
    pub fn momentum(beta1: f64, momentum_decay: f64, step: f64) -> f64 {
        beta1 * (1.0 - 0.5 * 0.96f64.powf(step * momentum_decay))
    }
}

/// One step of `NAdam`; state: mean of gradients, mean of squares.
pub fn nadam(
    p: ViewMut<'_>,
    grad: View<'_>,
    [mean, square]: [ViewMut<'_>; 2],
    by: &Nadam,
) -> Result<()> {
    drive(&[p, mean, square], grad, &|arrays: &Arrays<'_>| {
        dispatch!("nadam", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [arrays.part(1, range), arrays.part(2, range)];
                // SAFETY: the arrays are bounds-checked.
                unsafe { nadam_run::<T>(arrays.part(0, range), g, state, by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn nadam_run[T: Float](p: Out<'_, T>, g: In<'_, T>, state: [Out<'_, T>; 2], by: &Nadam) {
        let (n, [_, beta2]) = (p.len(), by.betas);
        assert!(g.len() == n && state.iter().all(|s| s.len() == n));
        let moments =
            Moments::<T>::new(by.maximize, by.decoupled, by.lr, by.weight_decay, by.betas);
        let (scale, eps) = (T::of(correction(beta2, by.step)), T::of(by.eps));
        let [mu, next] = by.mu;
        let rate = T::of(-by.lr * (1.0 - mu) / (1.0 - by.mu_product));
        let mean_rate = T::of((-by.lr * next) / (1.0 - by.mu_product * next));
        for i in 0..n {
            let [old, g, m, v] = moments.advance(i, p, g, state);
            let denominator = (v / scale).sqrt() + eps;
            let moved = old + (rate * g) / denominator;
            p.set(i, moved + (mean_rate * m) / denominator);
        }
    }
}

/// Hyper-parameters of [`radam`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Radam {
    pub lr: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    pub weight_decay: f64,
    pub decoupled: bool,
    pub maximize: bool,
    /// Number of this step, from 1.
    pub step: f64,
}

impl Radam {
    /// The rectification of the adaptive rate; `None` while its variance is not tractable.
    pub fn rectification(&self) -> Option<f64> {
        let (beta2, step) = (self.betas[1], self.step);
        let limit = 2.0 / (1.0 - beta2) - 1.0;
        let rho = limit - 2.0 * step * beta2.powf(step) / correction(beta2, step);
        let ratio = |rho: f64| (rho - 4.0) * (rho - 2.0);
        (rho > 5.0).then(|| (ratio(rho) * limit / (ratio(limit) * rho)).powf(0.5))
    }
}

/// One step of `RAdam`; state: mean of gradients, mean of squares.
pub fn radam(
    p: ViewMut<'_>,
    grad: View<'_>,
    [mean, square]: [ViewMut<'_>; 2],
    by: &Radam,
) -> Result<()> {
    drive(&[p, mean, square], grad, &|arrays: &Arrays<'_>| {
        dispatch!("radam", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let state = [arrays.part(1, range), arrays.part(2, range)];
                // SAFETY: the arrays are bounds-checked.
                unsafe { radam_run::<T>(arrays.part(0, range), g, state, by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn radam_run[T: Float](p: Out<'_, T>, g: In<'_, T>, state: [Out<'_, T>; 2], by: &Radam) {
        let (n, [beta1, beta2]) = (p.len(), by.betas);
        assert!(g.len() == n && state.iter().all(|s| s.len() == n));
        let moments =
            Moments::<T>::new(by.maximize, by.decoupled, by.lr, by.weight_decay, by.betas);
        let (scale1, lr) = (T::of(correction(beta1, by.step)), T::of(by.lr));
        let (scale2, eps) = (T::of(correction(beta2, by.step).powf(0.5)), T::of(by.eps));
        let rectification = by.rectification().map(T::of);
        for i in 0..n {
            let [old, _, m, v] = moments.advance(i, p, g, state);
            let step = (m / scale1) * lr;
            let step = match rectification {
                Some(factor) => step * (scale2 / (v.sqrt() + eps)) * factor,
                None => step,
            };
            p.set(i, old - step);
        }
    }
}
