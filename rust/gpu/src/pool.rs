//! Pooling over fixed or adaptive windows in one, two and three dimensions, and its gradients.

use crate::index::{Action, Walk, indexed};
use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, dense, map};
use base::{DType, Dims, IndexRule, Layout, Result, Scalar, Strides};

/// The windows of a pool: one entry per spatial dim.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Windows<'a> {
    Fixed { kernel: &'a Dims, stride: &'a Dims, padding: &'a Dims, dilation: &'a Dims },
    Adaptive { rank: usize },
}

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug)]
pub enum Divisor {
    /// The window's positions inside the input.
    Inside,
    /// The window's positions, padding included.
    Padded,
    /// This number.
    Fixed(f64),
}

impl Divisor {
    fn parts(self) -> (u32, f64) {
        match self {
            Divisor::Inside => (0, 0.0),
            Divisor::Padded => (1, 0.0),
            Divisor::Fixed(number) => (2, number),
        }
    }
}

fn spatial(dims: &[usize], fill: usize) -> [usize; 3] {
    let mut all = [fill; 3];
    all[3 - dims.len()..].copy_from_slice(dims);
    all
}

impl Windows<'_> {
    fn rank(&self) -> usize {
        match self {
            Windows::Fixed { kernel, .. } => kernel.len(),
            Windows::Adaptive { rank } => *rank,
        }
    }

    fn is_adaptive(&self) -> u32 {
        u32::from(matches!(self, Windows::Adaptive { .. }))
    }

    /// Sizes of input and output, then kernel, stride and padding.
    fn numbers(&self, x: &[usize], y: &[usize]) -> Vec<usize> {
        let rank = self.rank();
        let mut list = Vec::with_capacity(18);
        list.extend(spatial(&x[x.len() - rank..], 1));
        list.extend(spatial(&y[y.len() - rank..], 1));
        match self {
            Windows::Fixed { kernel, stride, padding, .. } => {
                list.extend(spatial(kernel, 1));
                list.extend(spatial(stride, 1));
                list.extend(spatial(padding, 0));
            }
            Windows::Adaptive { .. } => list.extend([1, 1, 1, 1, 1, 1, 0, 0, 0]),
        }
        list
    }

    fn dilation(&self) -> [usize; 3] {
        match self {
            Windows::Fixed { dilation, .. } => spatial(dilation, 1),
            Windows::Adaptive { .. } => [1; 3],
        }
    }
}

/// Largest elements of windows and where they are in their planes.
pub fn max_pool(
    out: View<'_>,
    indices: Option<View<'_>>,
    x: View<'_>,
    windows: &Windows<'_>,
) -> Result<()> {
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    let Some(indices) = indices else {
        let layout = Layout::contiguous(out.dims());
        let buffer = x.device().allocate(n * DType::I64.size(), false)?;
        return max_pool(out, Some(View::new(&buffer, DType::I64, &layout)), x, windows);
    };
    let numbers = windows.numbers(x.dims(), out.dims());
    dense::input(x, |x| {
        dense::output(out, |out| {
            dense::output(indices, |indices| {
                let kernel = Kernel::new("max_pool").with(&[windows.is_adaptive()]).read(x);
                let kernel = kernel.write(out).write(indices).numbers(numbers);
                kernel.numbers(windows.dilation()).threads(n)
            })
        })
    })
}

/// Adds each element of `grad` to the position of the plane that `indices` names.
pub fn max_pool_backward(
    out: View<'_>,
    grad: View<'_>,
    indices: View<'_>,
    rank: usize,
) -> Result<()> {
    map::fill(out, Scalar::Int(0))?;
    let from = |dims: &[usize]| dims[dims.len() - rank..].iter().product::<usize>();
    let (bound, count) = (from(out.dims()), from(grad.dims()));
    if grad.numel() == 0 {
        return Ok(());
    }
    let planes = grad.numel() / count;
    let near = Strides::from_slice(&[count as isize, 1]);
    let walk = Walk {
        dims: Dims::from_slice(&[planes, count]),
        index: near.clone(),
        near,
        far: Strides::from_slice(&[bound as isize, 0]),
        step: 1,
        bound,
        rule: IndexRule::ALONG,
        dim: 0,
        skipped: None,
    };
    dense::input(grad, |grad| {
        dense::input(indices, |indices| {
            dense::output_kept(out, |out| {
                indexed("max_pool_backward", Action::Add, out, grad, (indices, &walk))
            })
        })
    })
}

/// Means of windows.
pub fn avg_pool(out: View<'_>, x: View<'_>, windows: &Windows<'_>, divisor: Divisor) -> Result<()> {
    average(out, x, windows.numbers(x.dims(), out.dims()), (windows, divisor, 0))
}

/// The gradient of [`avg_pool`].
pub fn avg_pool_backward(
    out: View<'_>,
    grad: View<'_>,
    windows: &Windows<'_>,
    divisor: Divisor,
) -> Result<()> {
    average(out, grad, windows.numbers(out.dims(), grad.dims()), (windows, divisor, 1))
}

fn average(
    out: View<'_>,
    x: View<'_>,
    numbers: Vec<usize>,
    (windows, divisor, backward): (&Windows<'_>, Divisor, u32),
) -> Result<()> {
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    let (kind, number) = divisor.parts();
    dense::input(x, |x| {
        dense::output(out, |out| {
            Kernel::new("avg_pool")
                .with(&[windows.is_adaptive(), kind, backward])
                .read(x)
                .write(out)
                .numbers(numbers)
                .floats(&[number])
                .threads(n)
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|&&d| d != DType::Bool) {
        for adaptive in [0, 1] {
            let slots = [(d, read), (d, write), (DType::I64, write)];
            list.push(Variant::new("max_pool", &slots).with(&[adaptive]));
            for (divisor, backward) in [(0, 0), (1, 1), (2, 0)] {
                if d.is_float() || d == DType::I64 {
                    let slots = [(d, read), (d, write)];
                    let consts = [adaptive, divisor, backward];
                    list.push(Variant::new("avg_pool", &slots).with(&consts));
                }
            }
        }
    }
    list
}
