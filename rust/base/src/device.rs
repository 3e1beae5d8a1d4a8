//! Where a tensor lives. `cuda` and `mps` are spellings of the GPU device: a device keeps the
//! spelling it was made with, while equality and placement look at kind and index only.
//!
//! On request ([`set_cuda_on_cpu`]) `cuda:0`, `cuda:1`, ... are numbered places on the CPU instead,
//! so that programs for several GPUs run anywhere: the kind is then the CPU's, and with it every
//! kernel, while the number keeps such a device apart from the plain `cpu`.

use crate::{Result, bail, ensure};
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// The kinds of place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum DeviceKind {
    Cpu,
    Meta,
    Gpu,
}

/// A place, with the word the user called it by.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Where.
    pub kind: DeviceKind,
    /// Which one; `None` means the current one of that kind.
    pub index: Option<u8>,
    /// The user's word: `cpu`, `meta`, `gpu`, `cuda` or `mps`.
    pub spelling: &'static str,
}

impl Device {
    /// The host.
    pub const CPU: Device = Device { kind: DeviceKind::Cpu, index: None, spelling: "cpu" };
    /// Shapes without data.
    pub const META: Device = Device { kind: DeviceKind::Meta, index: None, spelling: "meta" };

    /// Reads `cpu`, `cuda:1`, ...
    pub fn parse(text: &str) -> Result<Device> {
        let (name, index) = match text.split_once(':') {
            None => (text, None),
            Some((name, digits)) => match digits.parse::<u8>() {
                Ok(index) => (name, Some(index)),
                Err(_) => bail!(Runtime, "Invalid device string: '{text}'"),
            },
        };
        let (kind, spelling) = match name {
            "cpu" => (DeviceKind::Cpu, "cpu"),
            "meta" => (DeviceKind::Meta, "meta"),
            "gpu" => (DeviceKind::Gpu, "gpu"),
            "cuda" => return Device::cuda(index),
            "mps" => (DeviceKind::Gpu, "mps"),
            _ => bail!(
                Runtime,
                "Expected one of cpu, cuda, mps, gpu, meta device type at start of device string: {name}"
            ),
        };
        Ok(Device { kind, index, spelling })
    }

    /// A device by the name `cuda`.
    pub fn cuda(index: Option<u8>) -> Result<Device> {
        let count = cuda_on_cpu();
        if count == 0 {
            return Ok(Device { kind: DeviceKind::Gpu, index, spelling: "cuda" });
        }
        ensure!(
            index.is_none_or(|index| index < count),
            Runtime,
            "CUDA error: invalid device ordinal\n  cuda:{}: PYRITE_CUDA_ALIAS=cpu:{count} makes {count}",
            index.unwrap_or(0)
        );
        Ok(Device { kind: DeviceKind::Cpu, index, spelling: "cuda" })
    }

    /// Whether it stands for a GPU in the eyes of the program, wherever it is.
    #[inline]
    pub fn is_cuda(self) -> bool {
        self.kind == DeviceKind::Gpu || self.is_cuda_on_cpu()
    }

    #[inline]
    fn is_cuda_on_cpu(self) -> bool {
        cuda_on_cpu() != 0 && self.kind == DeviceKind::Cpu && self.spelling == "cuda"
    }
}

/// How many places on the CPU the name `cuda` stands for; 0 where it means the GPU.
static CUDA_ON_CPU: AtomicU8 = AtomicU8::new(0);

/// How many places on the CPU the name `cuda` stands for; 0 where it means the GPU.
#[inline]
pub fn cuda_on_cpu() -> u8 {
    CUDA_ON_CPU.load(Ordering::Relaxed)
}

/// Changes [`cuda_on_cpu`]; devices made before keep their place.
pub fn set_cuda_on_cpu(count: u8) {
    CUDA_ON_CPU.store(count, Ordering::Relaxed);
}

thread_local! {
    static CURRENT_GPU: Cell<u8> = const { Cell::new(0) };
}

/// The GPU, or the place called `cuda`, that a device without a number means on this thread.
pub fn current_gpu() -> u8 {
    CURRENT_GPU.get()
}

/// Changes [`current_gpu`].
pub fn set_current_gpu(index: u8) {
    CURRENT_GPU.set(index);
}

impl Device {
    /// With its number, where its kind has numbers: what a tensor on it reports.
    #[inline]
    pub fn indexed(self) -> Device {
        match self.index {
            None if self.is_cuda() => Device { index: Some(current_gpu()), ..self },
            _ => self,
        }
    }

    /// Its number among those of its kind.
    pub fn number(self) -> usize {
        self.indexed().index.unwrap_or(0).into()
    }
}

impl PartialEq for Device {
    #[inline]
    fn eq(&self, other: &Device) -> bool {
        self.kind == other.kind
            && self.index == other.index
            && self.is_cuda_on_cpu() == other.is_cuda_on_cpu()
    }
}

impl Eq for Device {}

impl std::hash::Hash for Device {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.index.hash(state);
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => f.write_str(self.spelling),
            Some(index) => write!(f, "{}:{index}", self.spelling),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_is_the_gpu_or_a_numbered_place_on_the_cpu() {
        assert_eq!(Device::parse("cuda:1").unwrap().kind, DeviceKind::Gpu);
        set_cuda_on_cpu(2);
        let second = Device::parse("cuda:1").unwrap();
        assert_eq!((second.kind, second.to_string().as_str()), (DeviceKind::Cpu, "cuda:1"));
        assert!(second.is_cuda() && !Device::CPU.is_cuda());
        assert_ne!(second, Device::CPU);
        assert_ne!(second, Device::parse("cpu:1").unwrap());
        assert_eq!(Device::parse("cuda").unwrap().indexed(), Device::parse("cuda:0").unwrap());
        assert_eq!(Device::CPU.indexed().index, None);
        let error = Device::parse("cuda:2").unwrap_err().to_string();
        assert!(error.starts_with("CUDA error: invalid device ordinal"), "{error}");
        set_cuda_on_cpu(0);
    }
}
