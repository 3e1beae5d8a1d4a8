//! Stochastic gradient descent, with momentum, and averaged.

use super::{Arrays, Descent, drive};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::Float;
use crate::stage::{In, Out};
use crate::{View, ViewMut};
use base::Result;

/// Hyper-parameters of [`sgd`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Sgd {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    pub maximize: bool,
    /// The momentum buffer holds nothing yet: it becomes the gradient.
    pub first_step: bool,
}

/// One step of gradient descent; `buffer` (with momentum only) is the running sum of gradients.
pub fn sgd(p: ViewMut<'_>, grad: View<'_>, buffer: Option<ViewMut<'_>>, by: &Sgd) -> Result<()> {
    let targets: Vec<ViewMut<'_>> = [Some(p), buffer].into_iter().flatten().collect();
    let state = buffer.map(|_| 1);
    drive(&targets, grad, &|arrays: &Arrays<'_>| {
        dispatch!("sgd", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                let (p, buffer) = (arrays.part(0, range), arrays.part_or_none(state, range));
                // SAFETY: the arrays are bounds-checked.
                unsafe { sgd_run::<T>(p, g, buffer, by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn sgd_run[T: Float](p: Out<'_, T>, g: In<'_, T>, buffer: Option<Out<'_, T>>, by: &Sgd) {
        let n = p.len();
        assert!(g.len() == n);
        let descent = Descent::<T>::new(by.maximize, by.weight_decay);
        let [rate, momentum, fresh] = [-by.lr, by.momentum, 1.0 - by.dampening].map(T::of);
        let Some(buffer) = buffer else {
            for i in 0..n {
                let old = p.at(i);
                p.set(i, old + rate * descent.at(g.at(i), old));
            }
            return;
        };
        assert!(buffer.len() == n);
        for i in 0..n {
            let old = p.at(i);
            let g = descent.at(g.at(i), old);
            let sum = if by.first_step { g } else { buffer.at(i) * momentum + fresh * g };
            buffer.set(i, sum);
            let step = if by.nesterov { g + momentum * sum } else { sum };
            p.set(i, old + rate * step);
        }
    }
}

/// Hyper-parameters of [`asgd`], with the step size and averaging weight now in force.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Asgd {
    pub lambd: f64,
    pub weight_decay: f64,
    pub maximize: bool,
    /// Step size of this step.
    pub eta: f64,
    /// Weight of this step's parameter in the average.
    pub mu: f64,
}

/// One step of averaged gradient descent; `average` is the mean parameter. The caller moves `eta`
/// and `mu` on.
pub fn asgd(p: ViewMut<'_>, grad: View<'_>, average: ViewMut<'_>, by: &Asgd) -> Result<()> {
    drive(&[p, average], grad, &|arrays: &Arrays<'_>| {
        dispatch!("asgd", arrays.dtype(), [float], T => {
            let grads = arrays.grad.values::<T>();
            arrays.each_chunk(&|range| {
                let g = grads.part(range[0], range[1] - range[0]);
                // SAFETY: the arrays are bounds-checked.
                unsafe { asgd_run::<T>(arrays.part(0, range), g, arrays.part(1, range), by) }
            });
        });
        Ok(())
    })
}

simd! {
    unsafe fn asgd_run[T: Float](p: Out<'_, T>, g: In<'_, T>, average: Out<'_, T>, by: &Asgd) {
        let n = p.len();
        assert!(g.len() == n && average.len() == n);
        let descent = Descent::<T>::new(by.maximize, by.weight_decay);
        let (shrink, rate) = (T::of(1.0 - by.lambd * by.eta), T::of(-by.eta));
        let (mu, replace) = (T::of(by.mu), by.mu == 1.0);
        for i in 0..n {
            let old = p.at(i);
            let g = descent.at(g.at(i), old);
            let new = old * shrink + rate * g;
            p.set(i, new);
            let mean = average.at(i);
            average.set(i, if replace { new } else { mean + (new - mean) * mu });
        }
    }
}
