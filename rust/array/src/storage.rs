//! Storage: the memory that arrays share, on whatever device it lies.

use base::{Device, DeviceKind, Result};
use cpu::Buffer;

/// Memory of one device. A meta storage has a size and nothing else.
pub struct Storage {
    device: Device,
    memory: Memory,
}

pub(crate) enum Memory {
    Cpu(Buffer),
    Gpu(gpu::Buffer),
    Meta { nbytes: usize },
}

impl Storage {
    /// Uninitialised memory.
    pub fn uninit(nbytes: usize, device: Device) -> Result<Storage> {
        let device = device.indexed();
        let memory = match device.kind {
            DeviceKind::Cpu => Memory::Cpu(Buffer::uninit(nbytes)?),
            DeviceKind::Meta => Memory::Meta { nbytes },
            DeviceKind::Gpu => Memory::Gpu(gpu::device(device.number())?.allocate(nbytes, false)?),
        };
        Ok(Storage { device, memory })
    }

    /// Memory filled with zero bytes.
    pub fn zeroed(nbytes: usize, device: Device) -> Result<Storage> {
        let device = device.indexed();
        let memory = match device.kind {
            DeviceKind::Cpu => Memory::Cpu(Buffer::zeroed(nbytes)?),
            DeviceKind::Meta => Memory::Meta { nbytes },
            DeviceKind::Gpu => Memory::Gpu(gpu::device(device.number())?.zeros(nbytes)?),
        };
        Ok(Storage { device, memory })
    }

    /// Takes over host memory (of numpy, DLPack, a file).
    pub fn from_buffer(buffer: Buffer) -> Storage {
        Storage { device: Device::CPU, memory: Memory::Cpu(buffer) }
    }

    /// Takes over memory of a GPU.
    pub(crate) fn from_gpu(buffer: gpu::Buffer, device: Device) -> Storage {
        Storage { device, memory: Memory::Gpu(buffer) }
    }

    /// Where it lies.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Size in bytes.
    pub fn nbytes(&self) -> usize {
        match &self.memory {
            Memory::Cpu(buffer) => buffer.len(),
            Memory::Gpu(buffer) => buffer.nbytes(),
            Memory::Meta { nbytes } => *nbytes,
        }
    }

    /// The address of its first byte; 0 when empty or without memory.
    pub fn address(&self) -> usize {
        match &self.memory {
            Memory::Cpu(buffer) => buffer.ptr() as usize,
            Memory::Gpu(buffer) => buffer.address(),
            Memory::Meta { .. } => 0,
        }
    }

    /// The host memory, where it is host memory.
    pub fn buffer(&self) -> Option<&Buffer> {
        match &self.memory {
            Memory::Cpu(buffer) => Some(buffer),
            Memory::Gpu(_) | Memory::Meta { .. } => None,
        }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }
}
