//! Optimizer updates: one pass over a parameter, its gradient and its state.
//!
//! Hyper-parameters are f64; step sizes and bias corrections are computed in f64 and rounded once
//! to the compute type (f32 for f16, bf16 and f32), in which the elements are updated line by line
//! as PyTorch's single-tensor code does. Complex parameters are pairs of reals. Any strides;
//! tensors of one dense layout are updated in place in memory order.

mod adam;
mod adaptive;
mod averaged;
mod sign;

pub use adam::{Adam, Adamax, Nadam, Radam, adam, adamax, nadam, radam};
pub use adaptive::{Adadelta, Adagrad, Rmsprop, adadelta, adagrad, rmsprop};
pub use averaged::{Asgd, Sgd, asgd, sgd};
pub use sign::{Rprop, rprop};

use crate::float::Float;
use crate::stage::{Input, Out, Output};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, Dims, Layout, Result, Strides, ensure};

/// Elements a task updates.
const CHUNK: usize = 1 << 14;

/// A parameter and its state (to be updated), and its gradient, as arrays.
struct Arrays<'a> {
    targets: Vec<Output<'a>>,
    grad: Input<'a>,
}

impl Arrays<'_> {
    /// Target `i` from `first` to `last`.
    fn part<T: Float>(&self, i: usize, [first, last]: [usize; 2]) -> Out<'_, T> {
        self.targets[i].values::<T>().part(first, last - first)
    }

    /// Target `i`, where there is one.
    fn part_or_none<T: Float>(&self, i: Option<usize>, range: [usize; 2]) -> Option<Out<'_, T>> {
        i.map(|i| self.part(i, range))
    }

    /// Type of the elements.
    fn dtype(&self) -> DType {
        self.grad.dtype()
    }

    /// Calls `f` with ranges that cover all elements, in parallel.
    fn each_chunk(&self, f: &(dyn Fn([usize; 2]) + Sync)) {
        let count = self.targets[0].len();
        parallel_chunks(count, CHUNK, &|first, last| f([first, last]));
    }
}

/// Runs `update` on the arrays of `targets` and `grad`, all of one shape and dtype, then stores
/// them.
fn drive(
    targets: &[ViewMut<'_>],
    grad: View<'_>,
    update: &dyn Fn(&Arrays<'_>) -> Result<()>,
) -> Result<()> {
    let fits = targets.iter().all(|t| t.dims() == grad.dims() && t.dtype() == grad.dtype());
    ensure!(fits, Runtime, "internal error: optimizer state does not match its gradient");
    let parts = Geometry::of(grad, targets);
    let dtype = grad.dtype().to_real();
    let real = |strides: &Strides| -> Strides { parts.strides(strides) };
    let strides: Vec<Strides> =
        targets.iter().map(|t| real(&Strides::from_slice(t.strides()))).collect();
    let grad_strides = real(&Strides::from_slice(grad.strides()));
    let mut outputs = Vec::with_capacity(targets.len());
    for (target, strides) in targets.iter().zip(&strides) {
        // SAFETY: the same elements as `target`, seen flat or as pairs of reals.
        let view = unsafe { ViewMut::from_raw(target.bytes(), dtype, &parts.dims, strides) };
        outputs.push(Output::update(view, dtype.compute())?);
    }
    // SAFETY: the same elements as `grad`, seen flat or as pairs of reals.
    let grad = unsafe { View::from_raw(grad.bytes(), dtype, &parts.dims, &grad_strides) };
    let arrays = Arrays { targets: outputs, grad: Input::new(grad)? };
    update(&arrays)?;
    arrays.targets.into_iter().try_for_each(Output::finish)
}

/// How the operands are seen: flat where all lie in memory alike, complex numbers as pairs.
struct Geometry {
    dims: Dims,
    flat: bool,
    complex: bool,
}

impl Geometry {
    fn of(grad: View<'_>, targets: &[ViewMut<'_>]) -> Geometry {
        let layout = Layout {
            dims: Dims::from_slice(grad.dims()),
            strides: Strides::from_slice(grad.strides()),
            offset: 0,
        };
        let alike = targets.iter().all(|t| t.strides() == grad.strides());
        let flat = alike && layout.is_dense();
        let complex = grad.dtype().is_complex();
        let mut dims = if flat { Dims::from_slice(&[grad.numel()]) } else { layout.dims };
        if complex {
            dims.push(2);
        }
        Geometry { dims, flat, complex }
    }

    fn strides(&self, strides: &Strides) -> Strides {
        let mut strides = if self.flat { Strides::from_slice(&[1]) } else { strides.clone() };
        if self.complex {
            strides.iter_mut().for_each(|s| *s *= 2);
            strides.push(1);
        }
        strides
    }
}

/// The gradient as an update starts from it: negated to maximize, with weight decay added.
#[derive(Clone, Copy)]
struct Descent<T> {
    sign: T,
    decay: Option<T>,
}

impl<T: Float> Descent<T> {
    fn new(maximize: bool, weight_decay: f64) -> Self {
        let decay = (weight_decay != 0.0).then(|| T::of(weight_decay));
        Descent { sign: T::of(if maximize { -1.0 } else { 1.0 }), decay }
    }

    #[inline(always)]
    fn at(&self, g: T, p: T) -> T {
        let g = g * self.sign;
        match self.decay {
            Some(decay) => g + decay * p,
            None => g,
        }
    }
}

/// Moves `from` towards `to` by `weight`, from the nearer end.
#[inline(always)]
fn lerp<T: Float>(from: T, to: T, weight: T) -> T {
    if weight < T::of(0.5) {
        from + weight * (to - from)
    } else {
        to - (to - from) * (T::ONE - weight)
    }
}
