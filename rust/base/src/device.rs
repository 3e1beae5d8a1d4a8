//! Where a tensor lives. `cuda` and `mps` are spellings of the GPU device: a device keeps the
//! spelling it was made with, while equality and placement look at kind and index only.

use crate::{Result, bail};
use std::cell::Cell;
use std::fmt;

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
            "cuda" => (DeviceKind::Gpu, "cuda"),
            "mps" => (DeviceKind::Gpu, "mps"),
            _ => bail!(
                Runtime,
                "Expected one of cpu, cuda, mps, gpu, meta device type at start of device string: {name}"
            ),
        };
        Ok(Device { kind, index, spelling })
    }
}

thread_local! {
    static CURRENT_GPU: Cell<u8> = const { Cell::new(0) };
}

/// The GPU that a device without a number means on this thread.
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
        match (self.kind, self.index) {
            (DeviceKind::Gpu, None) => Device { index: Some(current_gpu()), ..self },
            _ => self,
        }
    }

    /// Its number among those of its kind.
    pub fn number(self) -> usize {
        self.indexed().index.unwrap_or(0).into()
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        self.kind == other.kind && self.index == other.index
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
