//! Storage: the memory that arrays share, on whatever device it lies.
//!
//! The memory can change under the arrays (resized, released and restored, moved to where other
//! processes see it): they stay valid, and find the new memory by the storage. What is superseded
//! gives its pages back at once but keeps its addresses until the storage goes, since a kernel on
//! another thread may be reading there.

use base::{Device, DeviceKind, Result, bail, ensure};
use cpu::Buffer;
use std::any::Any;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Who shares the memory with other processes.
pub type Owner = Box<dyn Any + Send + Sync>;

/// Memory of one device. A meta storage has a size and nothing else.
pub struct Storage {
    device: Device,
    memory: Memory,
    moved: OnceLock<Box<Moved>>,
}

/// Where the bytes of a storage went.
struct Moved {
    to: Storage,
    owner: Option<Owner>,
}

pub(crate) enum Memory {
    Cpu(Buffer),
    Gpu(gpu::Buffer),
    Meta { nbytes: AtomicUsize },
}

impl Storage {
    fn new(device: Device, memory: Memory) -> Storage {
        Storage { device, memory, moved: OnceLock::new() }
    }

    /// Uninitialised memory.
    pub fn uninit(nbytes: usize, device: Device) -> Result<Storage> {
        let device = device.indexed();
        let memory = match device.kind {
            DeviceKind::Cpu => Memory::Cpu(Buffer::uninit(nbytes)?),
            DeviceKind::Meta => Memory::Meta { nbytes: nbytes.into() },
            DeviceKind::Gpu => Memory::Gpu(gpu::device(device.number())?.allocate(nbytes, false)?),
        };
        Ok(Self::new(device, memory))
    }

    /// Memory filled with zero bytes.
    pub fn zeroed(nbytes: usize, device: Device) -> Result<Storage> {
        let device = device.indexed();
        let memory = match device.kind {
            DeviceKind::Cpu => Memory::Cpu(Buffer::zeroed(nbytes)?),
            DeviceKind::Meta => Memory::Meta { nbytes: nbytes.into() },
            DeviceKind::Gpu => Memory::Gpu(gpu::device(device.number())?.zeros(nbytes)?),
        };
        Ok(Self::new(device, memory))
    }

    /// Takes over host memory (of numpy, DLPack, a file).
    pub fn from_buffer(buffer: Buffer) -> Storage {
        Self::new(Device::CPU, Memory::Cpu(buffer))
    }

    /// Takes over memory of a GPU.
    pub(crate) fn from_gpu(buffer: gpu::Buffer, device: Device) -> Storage {
        Self::new(device, Memory::Gpu(buffer))
    }

    /// Where it lies.
    #[inline]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Size in bytes.
    pub fn nbytes(&self) -> usize {
        match self.memory() {
            Memory::Cpu(buffer) => buffer.len(),
            Memory::Gpu(buffer) => buffer.nbytes(),
            Memory::Meta { nbytes } => nbytes.load(Relaxed),
        }
    }

    /// The address of its first byte; 0 when empty or without memory.
    pub fn address(&self) -> usize {
        match self.memory() {
            Memory::Cpu(buffer) if buffer.is_empty() => 0,
            Memory::Cpu(buffer) => buffer.ptr() as usize,
            Memory::Gpu(buffer) => buffer.address(),
            Memory::Meta { .. } => 0,
        }
    }

    /// The host memory, where it is host memory.
    pub fn buffer(&self) -> Option<&Buffer> {
        match self.memory() {
            Memory::Cpu(buffer) => Some(buffer),
            Memory::Gpu(_) | Memory::Meta { .. } => None,
        }
    }

    #[inline]
    pub(crate) fn memory(&self) -> &Memory {
        &self.last().memory
    }

    /// The storage that holds the bytes now.
    #[inline]
    fn last(&self) -> &Storage {
        let mut storage = self;
        while let Some(moved) = storage.moved.get() {
            storage = &moved.to;
        }
        storage
    }

    /// Who shares the memory with other processes, if it has been moved to such memory.
    pub fn owner(&self) -> Option<&Owner> {
        let moved = self.moved.get()?;
        moved.to.owner().or(moved.owner.as_ref())
    }

    /// Changes the size. The bytes that fit stay; new ones have unspecified contents. Size 0 gives
    /// the memory back: reading a tensor on it fails until it is resized again.
    pub fn resize(&self, nbytes: usize) -> Result<()> {
        match self.memory() {
            Memory::Cpu(buffer) => {
                ensure!(
                    buffer.is_own() || nbytes == buffer.len(),
                    Runtime,
                    "Trying to resize storage that is not resizable\n  resize_: the memory is shared with NumPy, a file or another process; got {nbytes} bytes for {}",
                    buffer.len()
                );
                if buffer.resize(nbytes) {
                    Ok(())
                } else {
                    self.move_to(Buffer::uninit(nbytes)?, None)
                }
            }
            Memory::Meta { nbytes: size } => {
                size.store(nbytes, Relaxed);
                Ok(())
            }
            Memory::Gpu(_) => bail!(
                NotImplemented,
                "resize_: not available for storages on a GPU; got {nbytes} bytes for {}",
                self.nbytes()
            ),
        }
    }

    /// Moves the bytes to other host memory, which `owner` shares with other processes.
    pub fn move_to(&self, to: Buffer, owner: Option<Owner>) -> Result<()> {
        let last = self.last();
        let Memory::Cpu(from) = &last.memory else {
            bail!(Runtime, "only storages in host memory can be moved; got device {}", self.device)
        };
        to.write_bytes(&from.read_bytes(0, from.len().min(to.len()))?)?;
        let moved = Moved { to: Storage::from_buffer(to), owner };
        ensure!(
            last.moved.set(Box::new(moved)).is_ok(),
            Runtime,
            "another thread moved the storage at the same time"
        );
        from.resize(0);
        Ok(())
    }
}
