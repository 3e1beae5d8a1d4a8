//! Copies: within a device, and between them by way of the host.

use super::host::{host_view, host_view_mut};
use super::{Place, gpu_view, place};
use crate::{Array, Storage, overlap};
use base::{Device, Layout, Result};
use std::sync::Arc;

/// Copies with cast and broadcast. Source and target may overlap in any way.
pub fn copy(out: &Array, source: &Array) -> Result<()> {
    overlap::check_output(out)?;
    match (place(out), place(source)) {
        (Place::Meta, _) => Ok(()),
        _ if overlap::is_same(out, source) => Ok(()),
        _ if overlap::partial(out, source) => copy(out, &source.copied()?),
        (Place::Cpu(_), Place::Gpu(_)) => copy(out, &download(source)?),
        (Place::Cpu(_), _) => {
            cpu::copy(host_view_mut(out)?, cpu::Operand::View(host_view(source)?))
        }
        (Place::Gpu(a), Place::Gpu(b)) if std::ptr::eq(a.device(), b.device()) => {
            gpu::map::copy(gpu_view(out)?, gpu_view(source)?)
        }
        (Place::Gpu(_), Place::Gpu(_)) => copy(out, &download(source)?),
        (Place::Gpu(buffer), _) => upload(out, buffer, source),
    }
}

/// A row-major copy in host memory of an array on a GPU.
pub(super) fn download(source: &Array) -> Result<Array> {
    let dense = source.contiguous()?;
    let host = Array::empty_contiguous(source.dims(), source.dtype(), Device::CPU)?;
    if let (Place::Gpu(from), Place::Cpu(to)) = (place(&dense), place(&host)) {
        let start = dense.layout().offset * dense.dtype().size();
        to.write_bytes(&from.device().read(from, start..start + to.len())?)?;
    }
    Ok(host)
}

/// Brings an array in host memory to the GPU, cast there or here to the target's dtype.
fn upload(out: &Array, buffer: &gpu::Buffer, source: &Array) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    let source = source.cast(out.dtype())?.contiguous()?;
    let nbytes = source.numel() * source.dtype().size();
    let Place::Cpu(host) = place(&source) else {
        return host_view(&source).map(drop);
    };
    let bytes = host.read_bytes(source.layout().offset * source.dtype().size(), nbytes)?;
    let whole = out.layout().is_contiguous() && out.layout().offset == 0;
    if whole && out.dims() == source.dims() && buffer.nbytes() == nbytes {
        return buffer.device().write(buffer, &bytes);
    }
    let temporary = Storage::from_gpu(buffer.device().upload(&bytes)?, out.device());
    let staged = Array::over(Arc::new(temporary), Layout::contiguous(source.dims()), out.dtype())?;
    gpu::map::copy(gpu_view(out)?, gpu_view(&staged)?)
}
