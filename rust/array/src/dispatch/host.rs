//! Where CPU kernels find their operands. Arrays in host memory are used as they are. An op without
//! a kernel for the GPU falls back: row-major copies in host memory stand in for its arrays, and
//! those that were written are brought back once the CPU kernel has succeeded.
//!
//! A fall-back is never silent: it is counted by name, warned of once, and refused on request.

use super::{Place, elsewhere, gpu_view, place, transfer};
use crate::{Array, Operand, accelerator, overlap};
use base::{Device, Error, Result, bail};
use cpu::{View, ViewMut};
use std::cell::{Cell, OnceCell};

/// The host's side of one call.
pub(crate) struct Host {
    /// Where the op's arrays lie.
    device: Device,
    copies: OnceCell<Box<Copied>>,
}

/// A link of the list of stand-ins; links never move, so kernels may borrow from them.
struct Copied {
    of: Array,
    copy: Array,
    written: Cell<bool>,
    next: OnceCell<Box<Copied>>,
}

impl Host {
    /// For arrays in host memory.
    fn new() -> Host {
        Host { device: Device::CPU, copies: OnceCell::new() }
    }

    /// The view of an input.
    pub fn view<'a>(&'a self, array: &'a Array) -> Result<View<'a>> {
        match place(array) {
            Place::Cpu(buffer) if self.takes(array) => buffer.view(array.dtype(), array.layout()),
            Place::Gpu(_) if self.device == array.device() => {
                let copied = self.stand_in(array)?;
                host_view(&copied.copy)
            }
            Place::Cpu(_) | Place::Gpu(_) => elsewhere(array, self.device),
            Place::Meta => bail!(NotImplemented, "Cannot copy out of meta tensor; no data!"),
        }
    }

    /// The view of an output.
    pub fn view_mut<'a>(&'a self, array: &'a Array) -> Result<ViewMut<'a>> {
        match place(array) {
            Place::Cpu(buffer) if self.device == Device::CPU => {
                buffer.view_mut(array.dtype(), array.layout())
            }
            Place::Gpu(_) if self.device == array.device() => {
                let copied = self.stand_in(array)?;
                copied.written.set(true);
                host_view_mut(&copied.copy)
            }
            Place::Cpu(_) | Place::Gpu(_) => elsewhere(array, self.device),
            Place::Meta => bail!(NotImplemented, "Cannot copy into meta tensor; no data!"),
        }
    }

    /// An input that may be a number.
    pub fn operand<'a>(&'a self, operand: Operand<'a>) -> Result<cpu::Operand<'a>> {
        Ok(match operand {
            Operand::Array(array) => cpu::Operand::View(self.view(array)?),
            Operand::Scalar(scalar) => cpu::Operand::Scalar(scalar),
        })
    }

    /// Beside arrays of a GPU only a single number may lie in host memory.
    fn takes(&self, array: &Array) -> bool {
        self.device == Device::CPU || array.dims().is_empty()
    }

    /// The copy of an array; views of the same elements have the same one.
    fn stand_in(&self, array: &Array) -> Result<&Copied> {
        let mut slot = &self.copies;
        while let Some(copied) = slot.get() {
            if overlap::is_same(&copied.of, array) {
                return Ok(copied);
            }
            slot = &copied.next;
        }
        let (of, copy) = (array.clone(), transfer::download(array)?);
        let (written, next) = (Cell::new(false), OnceCell::new());
        Ok(slot.get_or_init(|| Box::new(Copied { of, copy, written, next })))
    }

    /// Brings what was written to the device.
    fn bring_back(&self) -> Result<()> {
        let mut slot = &self.copies;
        while let Some(copied) = slot.get() {
            if copied.written.get() {
                transfer::copy(&copied.of, &copied.copy)?;
            }
            slot = &copied.next;
        }
        Ok(())
    }
}

/// The view of an array that must lie in host memory.
pub(super) fn host_view(array: &Array) -> Result<View<'_>> {
    match place(array) {
        Place::Cpu(buffer) => buffer.view(array.dtype(), array.layout()),
        Place::Gpu(_) => elsewhere(array, Device::CPU),
        Place::Meta => bail!(NotImplemented, "Cannot copy out of meta tensor; no data!"),
    }
}

/// [`host_view`] for writing.
pub(super) fn host_view_mut(array: &Array) -> Result<ViewMut<'_>> {
    match place(array) {
        Place::Cpu(buffer) => buffer.view_mut(array.dtype(), array.layout()),
        Place::Gpu(_) => elsewhere(array, Device::CPU),
        Place::Meta => bail!(NotImplemented, "Cannot copy into meta tensor; no data!"),
    }
}

/// Runs the kernel of an op that only the host has; a meta output needs none.
pub(crate) fn on_cpu(
    op: &'static str,
    out: &Array,
    kernel: impl for<'a> FnOnce(&'a Host, ViewMut<'a>) -> Result<()>,
) -> Result<()> {
    on_device(out, kernel, |_| not_on_gpu(op, out.device()))
}

/// Runs the kernel of the device the output lies on; a meta output needs none.
pub(crate) fn on_device(
    out: &Array,
    on_cpu: impl for<'a> FnOnce(&'a Host, ViewMut<'a>) -> Result<()>,
    on_gpu: impl FnOnce(gpu::View<'_>) -> Result<()>,
) -> Result<()> {
    match place(out) {
        Place::Cpu(_) => {
            let host = Host::new();
            on_cpu(&host, host_view_mut(out)?)
        }
        Place::Gpu(_) => on_gpu(gpu_view(out)?).or_else(|error| {
            fall_back(out.device(), error, |host| on_cpu(host, host.view_mut(out)?))
        }),
        Place::Meta => Ok(()),
    }
}

/// Asks a question about arrays that only the host can answer.
pub(crate) fn ask_host<R>(
    op: &'static str,
    of: &Array,
    question: impl FnOnce(&Host) -> Result<R>,
) -> Result<R> {
    match place(of) {
        Place::Gpu(_) => fall_back(of.device(), gpu::no_kernel(op, of.device()), question),
        Place::Cpu(_) | Place::Meta => question(&Host::new()),
    }
}

/// Runs `kernel` over copies in host memory, if the error is that of a missing kernel.
#[cold]
fn fall_back<R>(
    device: Device,
    error: Error,
    kernel: impl FnOnce(&Host) -> Result<R>,
) -> Result<R> {
    accelerator::allow_fallback(device, error)?;
    let host = Host { device, ..Host::new() };
    let result = kernel(&host)?;
    host.bring_back()?;
    Ok(result)
}

#[cold]
pub(crate) fn not_on_gpu<T>(op: &'static str, device: Device) -> Result<T> {
    Err(gpu::no_kernel(op, format_args!("on {device}")))
}
