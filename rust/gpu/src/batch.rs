//! Recording: one open compute pass that kernels are added to, and its submission.
//!
//! A batch ends at a read, at [`MAX_DISPATCHES`] dispatches or at [`MAX_UPLOAD`] bytes of uploads.
//! Dispatches of one pass see each other's results in order.

use crate::buffer::{Block, Pool};
use crate::pipeline::Pipelines;
use crate::window::Window;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wgpu::{CommandEncoder, ComputePass, ComputePipeline};

const MAX_DISPATCHES: u32 = 192;
const MAX_UPLOAD: u64 = 64 << 20;

/// What recording changes; behind the device's lock.
pub(crate) struct State {
    // Declared before the encoder: an open pass ends before its encoder goes.
    pass: Option<ComputePass<'static>>,
    encoder: Option<CommandEncoder>,
    /// What the open pass has set.
    pipeline: Option<Arc<ComputePipeline>>,
    /// Number of the batch being recorded.
    pub batch: u64,
    dispatches: u32,
    uploaded: u64,
    pub pool: Pool,
    pub pipelines: Pipelines,
    pub counts: Counts,
}

/// Counters for tests and benchmarks.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub dispatches: u64,
    pub submissions: u64,
}

impl State {
    pub fn new() -> State {
        State {
            pass: None,
            encoder: None,
            pipeline: None,
            batch: 1,
            dispatches: 0,
            uploaded: 0,
            pool: Pool::default(),
            pipelines: Pipelines::default(),
            counts: Counts::default(),
        }
    }

    /// Adds a dispatch; everything about it has been validated.
    pub fn record(
        &mut self,
        device: &wgpu::Device,
        pipeline: &Arc<ComputePipeline>,
        (arity, bound): (crate::pipeline::Arity, &[Window<'_>]),
        params: &[u8],
        [x, y, z]: [u32; 3],
    ) {
        for window in bound {
            window.buffer.block().stamp.store(self.batch, Ordering::Relaxed);
        }
        let encoder =
            self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        let pass = self.pass.get_or_insert_with(|| {
            encoder.begin_compute_pass(&Default::default()).forget_lifetime()
        });
        if self.pipeline.as_ref().is_none_or(|set| !Arc::ptr_eq(set, pipeline)) {
            pass.set_pipeline(pipeline);
            self.pipeline = Some(pipeline.clone());
        }
        pass.set_bind_group(0, &self.pipelines.group(device, arity, bound), &[]);
        pass.set_immediates(0, params);
        pass.dispatch_workgroups(x, y, z);
        self.dispatches += 1;
        self.counts.dispatches += 1;
    }

    fn end_pass(&mut self) {
        self.pass = None;
        self.pipeline = None;
    }

    /// The encoder between passes, for copies.
    pub fn encoder(&mut self, device: &wgpu::Device) -> &mut CommandEncoder {
        self.end_pass();
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    /// Uploads bytes. A queue's write runs before recorded work that is not submitted yet, so a
    /// block that such work uses is written after a submission.
    pub fn upload(&mut self, queue: &wgpu::Queue, block: &Block, bytes: &[u8]) {
        if block.is_used_in(self.batch) {
            self.submit(queue);
        }
        let whole = bytes.len() & !3;
        if whole > 0 {
            queue.write_buffer(&block.raw, 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            queue.write_buffer(&block.raw, whole as u64, &last);
        }
        self.uploaded += bytes.len() as u64;
    }

    /// The batch has grown long enough to be worth starting.
    pub fn is_full(&self) -> bool {
        self.dispatches >= MAX_DISPATCHES || self.uploaded >= MAX_UPLOAD
    }

    /// Hands what is recorded to the device.
    pub fn submit(&mut self, queue: &wgpu::Queue) {
        self.end_pass();
        queue.submit(self.encoder.take().map(CommandEncoder::finish));
        self.batch += 1;
        self.dispatches = 0;
        self.uploaded = 0;
        self.counts.submissions += 1;
    }
}
