//! The process's one `Instance` and its devices, opened on first use.
//!
//! Two instances in a process alias each other's resources silently, hence the static.

use crate::adapter::{Adapter, Refusal};
use crate::device::Random;
use crate::{Device, fork};
use base::{Result, bail};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use wgpu::{Backends, Instance, InstanceDescriptor};

struct Runtime {
    adapters: Vec<Adapter>,
    /// Positions in `adapters` of the devices, in the user's order.
    order: Vec<usize>,
    devices: Vec<OnceLock<Result<Device>>>,
    _instance: Instance,
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

fn runtime() -> &'static Runtime {
    RUNTIME.get_or_init(|| {
        let instance = Instance::new(InstanceDescriptor {
            backends: Backends::PRIMARY,
            ..InstanceDescriptor::new_without_display_handle()
        });
        let software = std::env::var("PYRITE_SOFTWARE_GPU").is_ok_and(|v| v == "1");
        let mut adapters: Vec<Adapter> =
            pollster::block_on(instance.enumerate_adapters(Backends::PRIMARY))
                .into_iter()
                .map(|raw| Adapter::new(raw, software))
                .collect();
        let order = visible(&mut adapters);
        let devices = order.iter().map(|_| OnceLock::new()).collect();
        Runtime { adapters, order, devices, _instance: instance }
    })
}

/// The user's choice of devices, by number among those that can be used.
fn visible(adapters: &mut [Adapter]) -> Vec<usize> {
    let usable: Vec<usize> =
        (0..adapters.len()).filter(|&i| adapters[i].refusal.is_none()).collect();
    let chosen = ["PYRITE_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let order = match chosen {
        None => return usable,
        Some(list) => choose(&list, usable.len()),
    };
    let order: Vec<usize> = order.into_iter().map(|n| usable[n]).collect();
    for &i in usable.iter().filter(|i| !order.contains(i)) {
        adapters[i].refusal = Some(Refusal::Hidden);
    }
    order
}

/// Numbers up to the first that is no number of a device, as CUDA reads its list.
fn choose(list: &str, count: usize) -> Vec<usize> {
    let mut order = Vec::new();
    for word in list.split(',') {
        match word.trim().parse::<usize>() {
            Ok(n) if n < count && !order.contains(&n) => order.push(n),
            _ => break,
        }
    }
    order
}

/// All adapters that were found, with the reasons for those that are not used.
pub fn adapters() -> &'static [Adapter] {
    &runtime().adapters
}

/// How many devices there are.
pub fn device_count() -> usize {
    runtime().order.len()
}

/// Whether device `index` has been opened.
pub fn is_open(index: usize) -> bool {
    RUNTIME
        .get()
        .and_then(|r| r.devices.get(index))
        .is_some_and(|slot| matches!(slot.get(), Some(Ok(_))))
}

/// The devices that have been opened.
pub fn opened() -> Vec<usize> {
    let count = RUNTIME.get().map_or(0, |runtime| runtime.devices.len());
    (0..count).filter(|&index| is_open(index)).collect()
}

/// The seed of devices that are opened later.
static SEED: AtomicU64 = AtomicU64::new(base::rng::DEFAULT_SEED);

pub(crate) fn seed() -> u64 {
    SEED.load(Ordering::Relaxed)
}

/// Starts the random streams of all devices anew, also of those not opened yet.
pub fn seed_all(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
    let opened = RUNTIME.get().map_or(&[][..], |r| &r.devices);
    for device in opened.iter().filter_map(|slot| slot.get()?.as_ref().ok()) {
        *device.random().lock() = Random { seed, offset: 0 };
    }
}

/// Device `index`, opened on first use.
pub fn device(index: usize) -> Result<&'static Device> {
    if fork::happened() {
        bail!(
            Runtime,
            "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' start method\n  gpu: the device was opened before fork(); drivers do not survive it"
        );
    }
    let runtime = runtime();
    let Some(slot) = runtime.devices.get(index) else {
        return Err(absent(runtime, index));
    };
    let opened = slot.get_or_init(|| {
        fork::watch();
        Device::open(&runtime.adapters[runtime.order[index]], index)
    });
    opened.as_ref().map_err(Clone::clone)
}

fn absent(runtime: &Runtime, index: usize) -> base::Error {
    let count = runtime.order.len();
    if count > 0 {
        return base::Error::new(
            base::Kind::Device,
            format!(
                "CUDA error: invalid device ordinal\n  gpu:{index}: there are {count} devices, numbered from 0"
            ),
        );
    }
    let mut error = base::Error::new(
        base::Kind::Device,
        "No CUDA GPUs are available\n  gpu: no adapter can be used on this machine",
    );
    for adapter in &runtime.adapters {
        let reason = adapter.refusal.map_or("", Refusal::reason);
        error =
            error.with_detail(format!("tried {} ({}): {reason}", adapter.name(), adapter.driver()));
    }
    if runtime.adapters.is_empty() {
        error = error.with_detail(
            "tried Vulkan, Metal and Direct3D 12: no driver answered; install the vendor's driver (on Linux with Vulkan)",
        );
    }
    error.with_detail("hint: use device=\"cpu\", or see `pyrite gpu`")
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn a_list_selects_and_orders() {
        assert_eq!(choose("1,0", 2), [1, 0]);
        assert_eq!(choose("1", 2), [1]);
    }

    #[test]
    fn a_list_ends_at_the_first_invalid_number() {
        assert_eq!(choose("0,7,1", 2), [0]);
        assert_eq!(choose("", 2), [0usize; 0]);
        assert_eq!(choose("-1,0", 2), [0usize; 0]);
        assert_eq!(choose("1,1,0", 2), [1]);
    }
}
