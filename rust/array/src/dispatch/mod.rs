//! The device dispatch: the only match on the device. Each function takes arrays whose shapes and
//! dtypes the rules in `base` have settled, and calls the kernel of the device they lie on.

mod attention;
mod conv;
pub mod ctc;
mod embedding;
mod fft;
mod fractional;
mod host;
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
mod transfer;

pub use attention::{Attention, attention, attention_backward};
pub use conv::{ConvGeometry, conv, conv_input, conv_weight};
pub use embedding::{embedding, embedding_backward};
pub use fft::{fft, irfft, rfft};
pub use fractional::fractional_max_pool;
pub use interpolate::{Interpolation, interpolate, interpolate_backward, is_sum_of_taps, taps};
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
pub use transfer::copy;

pub(crate) use host::{Host, ask_host, not_on_gpu, on_cpu, on_device};

use crate::storage::Memory;
use crate::{Array, overlap};
use base::{Device, Result, Scalar, bail, ensure};
use cpu::Params;
use host::host_view;

/// An elementwise op: one kernel per compute dtype, and the same in shader text.
pub struct MapOp {
    /// PyTorch's name.
    pub name: &'static str,
    /// CPU kernels by compute dtype; `None` where the op is not defined.
    pub cpu: cpu::Table,
    /// The expression of the shader.
    pub wgsl: &'static str,
}

impl MapOp {
    fn expression(&self, compute: base::DType) -> gpu::map::Expression {
        let truth = |dtype: base::DType| {
            self.cpu[dtype as usize].is_some_and(|kernel| kernel.output() == base::DType::Bool)
        };
        gpu::map::Expression {
            name: self.name,
            wgsl: self.wgsl,
            compute: compute.compute(),
            truth: truth(base::DType::F32) || truth(base::DType::I64),
        }
    }

    /// Checks the shader that computes in `compute`, without a GPU; an error shows its text.
    pub fn check_shader(&self, compute: base::DType) -> std::result::Result<(), String> {
        let Some(kernel) = self.cpu[compute as usize] else { return Ok(()) };
        if self.wgsl.is_empty() || gpu::check_dtype(self.name, compute).is_err() {
            return Ok(());
        }
        let operands = kernel.inputs();
        gpu::translate(&gpu::map::sample(&self.expression(compute), kernel.output(), operands))
    }
}

/// An input of an elementwise op.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// An array that broadcasts to the output.
    Array(&'a Array),
    /// A number.
    Scalar(Scalar),
}

impl Operand<'_> {
    /// Fails where `out` cannot hold the number that is written into it.
    fn check_fits(&self, out: &Array) -> Result<()> {
        match self {
            Operand::Array(_) => Ok(()),
            Operand::Scalar(value) => value.check_fits(out.dtype()),
        }
    }
}

/// The devices a kernel runs on.
enum Place<'a> {
    Cpu(&'a cpu::Buffer),
    Gpu(&'a gpu::Buffer),
    Meta,
}

fn place(array: &Array) -> Place<'_> {
    match array.storage().memory() {
        Memory::Cpu(buffer) => Place::Cpu(buffer),
        Memory::Gpu(buffer) => Place::Gpu(buffer),
        Memory::Meta { .. } => Place::Meta,
    }
}

/// Fails for dtypes that the device has no arithmetic for.
#[inline]
pub fn check_dtype(dtype: base::DType, device: Device) -> Result<()> {
    if device.kind == base::DeviceKind::Gpu { gpu::check_dtype("empty", dtype) } else { Ok(()) }
}

/// The GPU's view of an input or output.
pub(crate) fn gpu_view(array: &Array) -> Result<gpu::View<'_>> {
    match place(array) {
        Place::Gpu(buffer) => {
            let view = gpu::View::new(buffer, array.dtype(), array.layout());
            Ok(gpu::View { fresh: array.holders() == 1, ..view })
        }
        Place::Cpu(_) => elsewhere(array, Device::parse("gpu")?.indexed()),
        Place::Meta => bail!(NotImplemented, "Cannot copy out of meta tensor; no data!"),
    }
}

#[cold]
fn elsewhere<T>(array: &Array, wanted: Device) -> Result<T> {
    bail!(
        Device,
        "Expected all tensors to be on the same device, but found at least two devices, {wanted} and {}!",
        array.device()
    )
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
    if ins.iter().any(|input| meets(out, input)) {
        return map_copies(op, compute, out, ins, params);
    }
    let Some(kernel) = &op.cpu[compute.compute() as usize] else {
        bail!(NotImplemented, "\"{}\" not implemented for '{}'", op.name, compute.type_name());
    };
    on_device(
        out,
        |host, target| {
            let mut list = [cpu::Operand::Scalar(Scalar::Int(0)); 4];
            ensure!(ins.len() <= list.len(), Runtime, "{}: too many operands", op.name);
            for (slot, input) in list.iter_mut().zip(ins) {
                *slot = match input {
                    Operand::Array(array) => cpu::Operand::View(host.view(array)?),
                    Operand::Scalar(scalar) => cpu::Operand::Scalar(*scalar),
                };
            }
            cpu::map(kernel, target, &list[..ins.len()], params)
        },
        |target| map_on_gpu(op, compute, target, ins, params),
    )
}

/// Whether an input may share some memory with the output without being the same elements.
fn meets(out: &Array, input: &Operand<'_>) -> bool {
    matches!(input, Operand::Array(array) if overlap::partial(out, array))
}

/// `map` of inputs in memory that is written to: each is read before the first write.
#[cold]
fn map_copies(
    op: &MapOp,
    compute: base::DType,
    out: &Array,
    ins: &[Operand<'_>],
    params: &Params,
) -> Result<()> {
    let mut copies = Vec::with_capacity(ins.len());
    for input in ins {
        copies.push(match input {
            Operand::Array(array) if overlap::partial(out, array) => {
                overlap::check_input(out, array)?;
                Some(array.copied()?)
            }
            _ => None,
        });
    }
    let apart: Vec<Operand<'_>> = ins
        .iter()
        .zip(&copies)
        .map(|(&own, copy)| copy.as_ref().map_or(own, Operand::Array))
        .collect();
    map(op, compute, out, &apart, params)
}

#[cold]
fn map_on_gpu(
    op: &MapOp,
    compute: base::DType,
    target: gpu::View<'_>,
    ins: &[Operand<'_>],
    params: &Params,
) -> Result<()> {
    let expression = op.expression(compute);
    let mut operands = Vec::with_capacity(ins.len());
    for input in ins {
        operands.push(gpu_operand(*input)?);
    }
    gpu::map::map(&expression, target, &operands, *params)
}

/// An operand for a GPU kernel: a single number in host memory goes along as a parameter.
pub(crate) fn gpu_operand(operand: Operand<'_>) -> Result<gpu::map::Operand<'_>> {
    Ok(match operand {
        Operand::Scalar(scalar) => gpu::map::Operand::Scalar(scalar),
        Operand::Array(array) => match place(array) {
            Place::Cpu(_) if array.dims().is_empty() => gpu::map::Operand::Scalar(item(array)?),
            _ => gpu::map::Operand::View(gpu_view(array)?),
        },
    })
}

/// Every element becomes `value`.
pub fn fill(out: &Array, value: Scalar) -> Result<()> {
    overlap::check_output(out)?;
    on_device(
        out,
        |_, target| cpu::copy(target, cpu::Operand::Scalar(value)),
        |target| gpu::map::fill(target, value),
    )
}

/// `out[i] = a[i]` where the condition holds, else `b[i]`.
pub fn where_(out: &Array, condition: &Array, a: Operand<'_>, b: Operand<'_>) -> Result<()> {
    for operand in [a, b] {
        if let Operand::Scalar(number) = operand {
            number.check_rounds(out.dtype())?;
        }
    }
    overlap::check_output(out)?;
    on_device(
        out,
        |host, target| {
            cpu::where_(target, host.view(condition)?, host.operand(a)?, host.operand(b)?)
        },
        |target| gpu::map::where_(target, gpu_view(condition)?, gpu_operand(a)?, gpu_operand(b)?),
    )
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
    if let Place::Gpu(_) = place(array) {
        return scalars(&transfer::download(array)?);
    }
    let dense = array.contiguous()?;
    cpu::scalars(host_view(&dense)?)
}

/// `out[i] = start + i * step`.
pub fn arange(out: &Array, start: Scalar, step: Scalar) -> Result<()> {
    on_device(
        out,
        |_, target| cpu::range::arange(target, start, step),
        |target| gpu::range::arange(target, start, step),
    )
}

/// Evenly spaced numbers from `start` to `end`.
pub fn linspace(out: &Array, start: Scalar, end: Scalar) -> Result<()> {
    on_device(
        out,
        |_, target| cpu::range::linspace(target, start, end),
        |target| {
            if out.dtype().is_float() {
                return gpu::range::linspace(target, start, end);
            }
            from_host(out, |host| linspace(host, start, end))
        },
    )
}

/// Fails when the elements lie at addresses that their dtype cannot have.
pub fn check_alignment(array: &Array) -> Result<()> {
    on_device(array, |_, _| host_view(array).map(drop), |_| Ok(()))
}

/// `base` to the power of evenly spaced exponents.
pub fn logspace(out: &Array, start: Scalar, end: Scalar, base: f64) -> Result<()> {
    on_device(
        out,
        |_, target| cpu::range::logspace(target, start, end, base),
        |_| from_host(out, |host| logspace(host, start, end, base)),
    )
}

/// Row and column numbers of a triangle of a matrix.
pub fn triangle(out: &Array, size: (usize, usize), offset: i64, lower: bool) -> Result<()> {
    on_device(
        out,
        |_, target| cpu::range::triangle(target, size, offset, lower),
        |_| from_host(out, |host| triangle(host, size, offset, lower)),
    )
}

/// Numbers made from no array (which may need the precision of doubles) come from the host.
fn from_host(out: &Array, make: impl FnOnce(&Array) -> Result<()>) -> Result<()> {
    let host = Array::empty_contiguous(out.dims(), out.dtype(), Device::CPU)?;
    make(&host)?;
    copy(out, &host)
}

/// The dtype in which convolutions and pools of whole numbers are exact on a device: doubles are up
/// to 2^53, and the GPU's kernels take integers.
pub fn exact_dtype(device: Device) -> base::DType {
    if device.kind == base::DeviceKind::Gpu { base::DType::I64 } else { base::DType::F64 }
}

/// Matrix products with equal batch dimensions.
pub fn matmul(out: &Array, a: &Array, b: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| {
            cpu::matmul::matmul(target, host.view(a)?, host.view(b)?, Scalar::Int(1), None)
        },
        |target| gpu::matmul::matmul(target, gpu_view(a)?, gpu_view(b)?, None),
    )
}

/// `beta * addend + alpha * a @ b`, the addend of the result's dimensions (a bias is a row repeated).
pub fn matmul_add(
    out: &Array,
    a: &Array,
    b: &Array,
    addend: &Array,
    [beta, alpha]: [Scalar; 2],
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            let addend = cpu::matmul::Addend { view: host.view(addend)?, beta };
            cpu::matmul::matmul(target, host.view(a)?, host.view(b)?, alpha, Some(addend))
        },
        |target| {
            let addend = gpu::matmul::Addend { view: gpu_view(addend)?, beta, alpha };
            gpu::matmul::matmul(target, gpu_view(a)?, gpu_view(b)?, Some(addend))
        },
    )
}

/// Stores numbers, in order, into a row-major host array.
pub fn store(out: &Array, values: &[Scalar]) -> Result<()> {
    on_device(
        out,
        |_, target| cpu::scalar::store(target, values),
        |_| from_host(out, |host| store(host, values)),
    )
}
