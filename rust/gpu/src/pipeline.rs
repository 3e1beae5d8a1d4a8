//! Caches of what is costly to make: pipelines by variant, layouts by number of bindings, bind
//! groups by buffers.

use crate::adapter::PARAMETER_BYTES;
use crate::shader::Variant;
use crate::window::{ALIGNMENT, Window};
use base::{Error, Kind, Result};
use rustc_hash::FxHasher;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor,
    BindGroupLayoutEntry, BindingResource, BindingType, BufferBinding, BufferBindingType,
    ComputePipeline, ComputePipelineDescriptor, PipelineCompilationOptions, PipelineLayout,
    PipelineLayoutDescriptor, ShaderModuleDescriptor, ShaderRuntimeChecks, ShaderSource,
    ShaderStages,
};

/// Keys are our own, so their hash need not resist attacks.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<FxHasher>>;

/// How many storage buffers a kernel reads and writes.
pub(crate) type Arity = (u8, u8);

/// Buffers of one launch, reads first.
type Bound = [u64; crate::adapter::MAX_BINDINGS as usize];

/// Bind groups kept before the cache starts anew.
const MAX_GROUPS: usize = 4096;

#[derive(Default)]
pub(crate) struct Pipelines {
    layouts: Map<Arity, Arc<(BindGroupLayout, PipelineLayout)>>,
    compiled: Map<Variant, Arc<ComputePipeline>>,
    groups: Map<(Arity, Bound), BindGroup>,
}

impl Pipelines {
    /// The pipeline of a variant, compiled on first use.
    pub fn pipeline(
        &mut self,
        device: &wgpu::Device,
        variant: &Variant,
        arity: Arity,
    ) -> Result<Arc<ComputePipeline>> {
        if let Some(pipeline) = self.compiled.get(variant) {
            return Ok(pipeline.clone());
        }
        let layout = self.layout(device, arity);
        let pipeline = Arc::new(compile(device, variant, &layout.1)?);
        self.compiled.insert(*variant, pipeline.clone());
        Ok(pipeline)
    }

    /// The bind group of these buffers; those of parts of buffers are not kept.
    pub fn group(
        &mut self,
        device: &wgpu::Device,
        arity: Arity,
        windows: &[Window<'_>],
    ) -> BindGroup {
        if !windows.iter().all(Window::is_whole) {
            let layout = self.layout(device, arity);
            return bind(device, &layout.0, windows);
        }
        let mut bound = Bound::default();
        for (slot, window) in bound.iter_mut().zip(windows) {
            *slot = window.buffer.block().id;
        }
        let key = (arity, bound);
        if let Some(group) = self.groups.get(&key) {
            return group.clone();
        }
        if self.groups.len() >= MAX_GROUPS {
            self.groups.clear();
        }
        let layout = self.layout(device, arity);
        let group = bind(device, &layout.0, windows);
        self.groups.insert(key, group.clone());
        group
    }

    /// Forgets bind groups, which keep their buffers alive.
    pub fn forget_groups(&mut self) {
        self.groups.clear();
    }

    fn layout(
        &mut self,
        device: &wgpu::Device,
        arity: Arity,
    ) -> Arc<(BindGroupLayout, PipelineLayout)> {
        let (reads, writes) = arity;
        let make = || {
            let entries: Vec<BindGroupLayoutEntry> = (0..reads + writes)
                .map(|i| BindGroupLayoutEntry {
                    binding: i.into(),
                    visibility: ShaderStages::COMPUTE,
                    ty: BindingType::Buffer {
                        ty: BufferBindingType::Storage { read_only: i < reads },
                        has_dynamic_offset: false,
                        // With a size, wgpu need not compare those of buffers and shaders each time.
                        min_binding_size: NonZero::new(ALIGNMENT),
                    },
                    count: None,
                })
                .collect();
            let group = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
                label: None,
                entries: &entries,
            });
            let pipeline = device.create_pipeline_layout(&PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&group)],
                immediate_size: PARAMETER_BYTES,
            });
            Arc::new((group, pipeline))
        };
        self.layouts.entry(arity).or_insert_with(make).clone()
    }
}

fn bind(device: &wgpu::Device, layout: &BindGroupLayout, windows: &[Window<'_>]) -> BindGroup {
    let entries: Vec<BindGroupEntry<'_>> = windows
        .iter()
        .enumerate()
        .map(|(i, window)| BindGroupEntry {
            binding: i as u32,
            resource: BindingResource::Buffer(BufferBinding {
                buffer: &window.buffer.block().raw,
                offset: window.start,
                size: NonZero::new(window.size),
            }),
        })
        .collect();
    device.create_bind_group(&BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// Compiles a variant. naga may panic on text it should refuse; that too becomes an error.
fn compile(
    device: &wgpu::Device,
    variant: &Variant,
    layout: &PipelineLayout,
) -> Result<ComputePipeline> {
    let text = variant.text();
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let made = catch_unwind(AssertUnwindSafe(|| {
        let descriptor = ShaderModuleDescriptor {
            label: Some(variant.file),
            source: ShaderSource::Wgsl(text.into()),
        };
        let mut checks = ShaderRuntimeChecks::unchecked();
        checks.int_div_checks = true;
        // SAFETY: the shaders are this crate's own: loops end, and every index is below the number
        // of elements of its view, which the array layer has checked against the buffer.
        let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
        device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(variant.file),
            layout: Some(layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    }));
    let error = pollster::block_on(scope.pop());
    match (made, error) {
        (Ok(pipeline), None) => Ok(pipeline),
        (_, error) => {
            let why = error.map_or_else(|| "the compiler panicked".to_string(), |e| e.to_string());
            let file = variant.file;
            Err(Error::new(
                Kind::Runtime,
                format!("gpu: the shader {file} does not compile on this driver\n  {why}"),
            ))
        }
    }
}
