//! The device dispatch: the only match on the device. Each function takes arrays whose shapes and
//! dtypes the rules in `base` have settled, and calls the kernel of the device they lie on.

mod attention;
mod conv;
pub mod ctc;
mod embedding;
mod fft;
mod fractional;
pub mod index;
mod interpolate;
pub mod linalg;
mod loss;
mod norm;
pub mod optim;
mod pool;
pub mod random;
pub mod recurrent;
mod reduce;
mod scan;
mod softmax;
pub mod sort;

pub use attention::{Attention, attention, attention_backward};
pub use conv::{ConvGeometry, conv, conv_input, conv_weight};
pub use embedding::{embedding, embedding_backward};
pub use fft::fft;
pub use fractional::fractional_max_pool;
pub use interpolate::{Interpolation, interpolate, interpolate_backward};
pub use loss::{LossReduction, NllLoss, nll_loss, nll_loss_backward};
pub use norm::{
    Affine, BatchNorm, Moments, NormGradients, batch_norm, batch_norm_backward, group_norm,
    group_norm_backward, layer_norm, layer_norm_backward, rms_norm, rms_norm_backward,
};
pub use pool::{
    Divisor, PoolGeometry, Windows, avg_pool, avg_pool_backward, max_pool, max_pool_backward,
};
pub use reduce::{Extreme, Reduction, Statistic, arg_extreme, extreme, reduce, statistic};
pub use scan::{Scan, running_extreme, scan};
pub use softmax::{Softmax, softmax, softmax_backward};

use crate::storage::Memory;
use crate::{Array, overlap};
use base::{Result, Scalar, bail, ensure};
use cpu::{Params, View, ViewMut};

/// An elementwise op: one kernel per compute dtype, and the same in shader text.
pub struct MapOp {
    /// PyTorch's name.
    pub name: &'static str,
    /// CPU kernels by compute dtype; `None` where the op is not defined.
    pub cpu: cpu::Table,
    /// The expression of the shader.
    pub wgsl: &'static str,
}

/// An input of an elementwise op.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// An array that broadcasts to the output.
    Array(&'a Array),
    /// A number.
    Scalar(Scalar),
}

/// The devices a kernel runs on.
enum Place<'a> {
    Cpu(&'a cpu::Buffer),
    Meta,
}

fn place(array: &Array) -> Place<'_> {
    match array.storage().memory() {
        Memory::Cpu(buffer) => Place::Cpu(buffer),
        Memory::Meta { .. } => Place::Meta,
    }
}

/// The host view of an input.
pub(crate) fn view(array: &Array) -> Result<View<'_>> {
    match place(array) {
        Place::Cpu(buffer) => buffer.view(array.dtype(), array.layout()),
        Place::Meta => bail!(NotImplemented, "Cannot copy out of meta tensor; no data!"),
    }
}

/// The host view of an output.
pub(crate) fn view_mut(array: &Array) -> Result<ViewMut<'_>> {
    match place(array) {
        Place::Cpu(buffer) => buffer.view_mut(array.dtype(), array.layout()),
        Place::Meta => bail!(NotImplemented, "Cannot copy into meta tensor; no data!"),
    }
}

/// Runs `kernel` when the output has memory: a meta output needs none.
pub(crate) fn on_cpu(out: &Array, kernel: impl FnOnce(ViewMut<'_>) -> Result<()>) -> Result<()> {
    match place(out) {
        Place::Cpu(_) => kernel(view_mut(out)?),
        Place::Meta => Ok(()),
    }
}

/// `out[i] = op(ins[i]..)`, broadcasting, computing in `compute`.
pub fn map(
    op: &MapOp,
    compute: base::DType,
    out: &Array,
    ins: &[Operand<'_>],
    params: &Params,
) -> Result<()> {
    overlap::check_output(out)?;
    let Some(kernel) = &op.cpu[compute.compute() as usize] else {
        bail!(NotImplemented, "\"{}\" not implemented for '{}'", op.name, compute.type_name());
    };
    on_cpu(out, |target| {
        let mut list = [cpu::Operand::Scalar(Scalar::Int(0)); 4];
        ensure!(ins.len() <= list.len(), Runtime, "{}: too many operands", op.name);
        for (slot, input) in list.iter_mut().zip(ins) {
            *slot = match input {
                Operand::Array(array) => {
                    overlap::check_input(out, array)?;
                    cpu::Operand::View(view(array)?)
                }
                Operand::Scalar(scalar) => cpu::Operand::Scalar(*scalar),
            };
        }
        cpu::map(kernel, target, &list[..ins.len()], params)
    })
}

/// Every element becomes `value`.
pub fn fill(out: &Array, value: Scalar) -> Result<()> {
    overlap::check_output(out)?;
    on_cpu(out, |target| cpu::copy(target, cpu::Operand::Scalar(value)))
}

/// Copies with cast and broadcast. Source and target may overlap in any way.
pub fn copy(out: &Array, source: &Array) -> Result<()> {
    overlap::check_output(out)?;
    on_cpu(out, |target| {
        if overlap::partial(out, source) {
            let apart = source.copied()?;
            cpu::copy(target, cpu::Operand::View(view(&apart)?))
        } else if overlap::is_same(out, source) {
            Ok(())
        } else {
            cpu::copy(target, cpu::Operand::View(view(source)?))
        }
    })
}

/// `out[i] = a[i]` where the condition holds, else `b[i]`.
pub fn where_(out: &Array, condition: &Array, a: Operand<'_>, b: Operand<'_>) -> Result<()> {
    overlap::check_output(out)?;
    on_cpu(out, |target| cpu::where_(target, view(condition)?, host(a)?, host(b)?))
}

fn host(operand: Operand<'_>) -> Result<cpu::Operand<'_>> {
    Ok(match operand {
        Operand::Array(array) => cpu::Operand::View(view(array)?),
        Operand::Scalar(scalar) => cpu::Operand::Scalar(scalar),
    })
}

/// The only element of an array as a number.
pub fn item(array: &Array) -> Result<Scalar> {
    ensure!(
        array.numel() == 1,
        Runtime,
        "a Tensor with {} elements cannot be converted to Scalar",
        array.numel()
    );
    Ok(scalars(array)?[0])
}

/// All elements in order, as numbers.
pub fn scalars(array: &Array) -> Result<Vec<Scalar>> {
    let dense = array.contiguous()?;
    cpu::scalars(view(&dense)?)
}

/// `out[i] = start + i * step`.
pub fn arange(out: &Array, start: Scalar, step: Scalar) -> Result<()> {
    on_cpu(out, |target| cpu::range::arange(target, start, step))
}

/// Evenly spaced numbers from `start` to `end`.
pub fn linspace(out: &Array, start: Scalar, end: Scalar) -> Result<()> {
    on_cpu(out, |target| cpu::range::linspace(target, start, end))
}

/// Fails when the elements lie at addresses that their dtype cannot have.
pub fn check_alignment(array: &Array) -> Result<()> {
    on_cpu(array, |_| view(array).map(drop))
}

/// `base` to the power of evenly spaced exponents.
pub fn logspace(out: &Array, start: Scalar, end: Scalar, base: f64) -> Result<()> {
    on_cpu(out, |target| cpu::range::logspace(target, start, end, base))
}

/// Row and column numbers of a triangle of a matrix.
pub fn triangle(out: &Array, size: (usize, usize), offset: i64, lower: bool) -> Result<()> {
    on_cpu(out, |target| cpu::range::triangle(target, size, offset, lower))
}

/// Matrix products with equal batch dimensions.
pub fn matmul(out: &Array, a: &Array, b: &Array) -> Result<()> {
    on_cpu(out, |target| cpu::matmul::matmul(target, view(a)?, view(b)?, Scalar::Int(1), None))
}

/// `beta * addend + alpha * a @ b`, the addend of the result's dimensions (a bias is a row repeated).
pub fn matmul_add(
    out: &Array,
    a: &Array,
    b: &Array,
    addend: &Array,
    [beta, alpha]: [Scalar; 2],
) -> Result<()> {
    on_cpu(out, |target| {
        let addend = cpu::matmul::Addend { view: view(addend)?, beta };
        cpu::matmul::matmul(target, view(a)?, view(b)?, alpha, Some(addend))
    })
}

/// Stores numbers, in order, into a row-major host array.
pub fn store(out: &Array, values: &[Scalar]) -> Result<()> {
    on_cpu(out, |target| cpu::scalar::store(target, values))
}
