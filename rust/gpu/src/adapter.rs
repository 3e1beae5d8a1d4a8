//! The adapters of this machine: which there are, and why some are not used.

use crate::coop::FEATURES;
use wgpu::{AdapterInfo, DeviceType, Features, Limits};

/// Why an adapter is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A processor that plays a GPU; shown with `PYRITE_SOFTWARE_GPU=1`.
    Software,
    /// It cannot pass parameters as immediates.
    Immediates,
    /// Too few bindings or too little shared memory for the kernels.
    Limits,
    /// `PYRITE_VISIBLE_DEVICES` or `CUDA_VISIBLE_DEVICES` leaves it out.
    Hidden,
}

impl Refusal {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::Software => {
                "a software adapter; set PYRITE_SOFTWARE_GPU=1 to use it (slow, for tests)"
            }
            Refusal::Immediates => "the driver has no immediates (push constants) of 128 bytes",
            Refusal::Limits => "the driver allows too few storage buffers or threads a workgroup",
            Refusal::Hidden => "not listed in PYRITE_VISIBLE_DEVICES or CUDA_VISIBLE_DEVICES",
        }
    }
}

/// Bytes of parameters that a launch can carry.
pub const PARAMETER_BYTES: u32 = 128;

/// Storage buffers that a kernel may bind.
pub const MAX_BINDINGS: u32 = 8;

/// Threads of a workgroup.
pub const WORKGROUP: u32 = 256;

/// One adapter that was tried.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub(crate) raw: wgpu::Adapter,
    info: AdapterInfo,
    /// Why it is not used; `None` for devices.
    pub refusal: Option<Refusal>,
}

impl Adapter {
    pub(crate) fn new(raw: wgpu::Adapter, software: bool) -> Adapter {
        let info = raw.get_info();
        let refusal = refusal(&info, raw.features(), &raw.limits(), software);
        Adapter { raw, info, refusal }
    }

    /// The product's name.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// The graphics interface it is driven through, and the driver.
    pub fn driver(&self) -> String {
        let i = &self.info;
        format!("{} {} {}", i.backend, i.driver, i.driver_info).trim_end().to_string()
    }

    /// Discrete, integrated, virtual or a processor.
    pub fn kind(&self) -> &'static str {
        match self.info.device_type {
            DeviceType::DiscreteGpu => "discrete",
            DeviceType::IntegratedGpu => "integrated",
            DeviceType::VirtualGpu => "virtual",
            DeviceType::Cpu => "software",
            DeviceType::Other => "other",
        }
    }

    /// What kernels may use there, by name.
    pub fn abilities(&self) -> Vec<(&'static str, bool)> {
        let have = self.raw.features();
        OPTIONAL.iter().map(|&(name, feature)| (name, have.contains(feature))).collect()
    }

    /// Bytes of memory next to it, where its driver tells: Vulkan's does.
    pub fn total_memory(&self) -> Option<u64> {
        #[cfg(target_vendor = "apple")]
        return None;
        #[cfg(not(target_vendor = "apple"))]
        {
            const DEVICE_LOCAL: u32 = 1;
            // SAFETY: the adapter behind it is only asked questions, and lives as long as `self`.
            let vulkan = unsafe { self.raw.as_hal::<wgpu::hal::api::Vulkan>() }?;
            let instance = vulkan.shared_instance().raw_instance();
            let device = vulkan.raw_physical_device();
            // SAFETY: the physical device belongs to the instance.
            let memory = unsafe { instance.get_physical_device_memory_properties(device) };
            let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
            Some(heaps.filter(|h| h.flags.as_raw() & DEVICE_LOCAL != 0).map(|h| h.size).sum())
        }
    }

    /// Limits that decide what fits, by name.
    pub fn limits(&self) -> Vec<(&'static str, u64)> {
        let l = self.raw.limits();
        vec![
            ("largest buffer (bytes)", l.max_buffer_size),
            ("largest binding (bytes)", l.max_storage_buffer_binding_size),
            ("threads a workgroup", l.max_compute_invocations_per_workgroup.into()),
            ("shared memory (bytes)", l.max_compute_workgroup_storage_size.into()),
            ("immediates (bytes)", l.max_immediate_size.into()),
        ]
    }
}

/// Features that are used where an adapter has them.
const OPTIONAL: &[(&str, Features)] = &[
    ("int64", Features::SHADER_INT64),
    ("float16", Features::SHADER_F16),
    ("subgroups", Features::SUBGROUP),
    ("timestamps", Features::TIMESTAMP_QUERY),
    ("pipeline cache", Features::PIPELINE_CACHE),
    ("cooperative matrices", Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
];

/// What notes the time between kernels.
pub const TIMESTAMPS: Features =
    Features::TIMESTAMP_QUERY.union(Features::TIMESTAMP_QUERY_INSIDE_ENCODERS);

/// What is asked of a device: what kernels need; 64-bit integers, timestamps and cooperative matrices
/// where there are any.
pub fn wanted(have: Features) -> Features {
    let whole = |group: Features| if have.contains(group) { group } else { Features::empty() };
    Features::IMMEDIATES | whole(TIMESTAMPS) | whole(FEATURES) | (have & Features::SHADER_INT64)
}

fn refusal(
    info: &AdapterInfo,
    features: Features,
    limits: &Limits,
    software: bool,
) -> Option<Refusal> {
    if info.device_type == DeviceType::Cpu && !software {
        return Some(Refusal::Software);
    }
    if !features.contains(Features::IMMEDIATES) || limits.max_immediate_size < PARAMETER_BYTES {
        return Some(Refusal::Immediates);
    }
    let few = limits.max_storage_buffers_per_shader_stage < MAX_BINDINGS
        || limits.max_compute_invocations_per_workgroup < WORKGROUP;
    few.then_some(Refusal::Limits)
}
