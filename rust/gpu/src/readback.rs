//! Reading results: submission, waiting and the checks that wait for it.
//!
//! Waiting goes on in slices outside of every lock; the hook around a slice lets the interpreter's
//! lock go and looks for signals.

use crate::{Buffer, Device};
use base::{IndexRule, Result, bail};
use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;
use wgpu::{BufferDescriptor, BufferUsages, MapMode, PollError, PollType};

const SLICE: Duration = Duration::from_millis(50);

/// Runs a piece of waiting; an error ends the wait.
pub type WaitHook = fn(&mut (dyn FnMut() + Send)) -> Result<()>;

static HOOK: OnceLock<WaitHook> = OnceLock::new();

/// Installs what is done around waiting. Only the first one counts.
pub fn set_wait_hook(hook: WaitHook) {
    HOOK.get_or_init(|| hook);
}

/// Runs work that may take long, with the hook around it.
pub(crate) fn blocking(work: &mut (dyn FnMut() + Send)) -> Result<()> {
    match HOOK.get() {
        Some(hook) => hook(work),
        None => {
            work();
            Ok(())
        }
    }
}

impl Device {
    /// Waits for everything recorded and reports what failed.
    pub fn synchronize(&'static self) -> Result<()> {
        self.check()?;
        self.settle()?;
        let Pending { flag, asked } = std::mem::take(&mut *self.checks());
        match flag.filter(|_| !asked.is_empty()) {
            Some(flag) => self
                .copy_out(&flag, 0..FLAG_BYTES, None)
                .and_then(|(words, _)| self.judge(&words, &asked)),
            None => {
                blocking(&mut || self.state().submit(self.queue()))?;
                self.wait()
            }
        }
    }

    /// Waits for what is submitted.
    pub(crate) fn wait(&self) -> Result<()> {
        let mut outcome = Ok(());
        loop {
            blocking(&mut || {
                let poll = PollType::Wait { submission_index: None, timeout: Some(SLICE) };
                outcome = self.raw().poll(poll).map(drop);
            })?;
            match &outcome {
                Err(PollError::Timeout) => {}
                Err(error) => bail!(Runtime, "gpu:{}: waiting failed: {error}", self.index()),
                Ok(()) => return self.check(),
            }
        }
    }

    /// Some bytes of a buffer. Indices that kernels checked since the last wait travel along.
    pub fn read(&'static self, buffer: &Buffer, range: Range<usize>) -> Result<Vec<u8>> {
        self.settle()?;
        let Pending { flag, asked } = std::mem::take(&mut *self.checks());
        let Some(flag) = flag.filter(|_| !asked.is_empty()) else {
            return self.copy_out(buffer, range, None).map(|(bytes, _)| bytes);
        };
        let (bytes, words) = self.copy_out(buffer, range, Some(&flag))?;
        self.judge(&words, &asked)?;
        self.checks().flag.get_or_insert(flag);
        Ok(bytes)
    }

    /// Some bytes of a buffer, and those of the flag.
    pub(crate) fn copy_out(
        &'static self,
        buffer: &Buffer,
        range: Range<usize>,
        flag: Option<&Buffer>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        self.check()?;
        // Copies begin and end at whole words; an empty view may lie behind the end.
        let first = range.start % 4;
        let used = if range.is_empty() { 0 } else { first + range.len() };
        let size = (used as u64).next_multiple_of(4);
        let all = size + flag.map_or(0, |_| FLAG_BYTES as u64);
        if all == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        let staging = self.raw().create_buffer(&BufferDescriptor {
            label: None,
            size: all,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        {
            let mut state = self.state();
            let encoder = state.encoder(self.raw());
            if size > 0 {
                let from = (range.start - first) as u64;
                encoder.copy_buffer_to_buffer(&buffer.block().raw, from, &staging, 0, size);
            }
            if let Some(flag) = flag {
                encoder.copy_buffer_to_buffer(
                    &flag.block().raw,
                    0,
                    &staging,
                    size,
                    FLAG_BYTES as u64,
                );
            }
        }
        blocking(&mut || {
            self.state().submit(self.queue());
            staging.map_async(MapMode::Read, .., |_| {});
        })?;
        self.wait()?;
        match staging.get_mapped_range(..) {
            Ok(mapped) => {
                let bytes = mapped.get(first..used).unwrap_or_default();
                Ok((bytes.to_vec(), mapped[size as usize..].to_vec()))
            }
            Err(error) => bail!(Device, "gpu:{}: reading failed: {error}", self.index()),
        }
    }
}

/// Bytes of the flag: code, position, and the index in two words.
const FLAG_BYTES: usize = 16;

/// Index checks that kernels run and the host looks at when it waits next.
#[derive(Default)]
pub(crate) struct Pending {
    /// Where kernels leave the first offence.
    flag: Option<Buffer>,
    /// What each code stands for.
    asked: Vec<Check>,
}

/// What is known of indices that a kernel checks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    pub op: &'static str,
    pub rule: IndexRule,
    pub dim: usize,
    /// The number of valid indices.
    pub bound: usize,
}

impl Device {
    /// Runs `launch` with the flag's buffer and the code it is to leave there.
    pub(crate) fn checked(
        &'static self,
        asked: Check,
        launch: impl FnOnce(&Buffer, u32) -> Result<()>,
    ) -> Result<()> {
        let mut checks = self.checks();
        if checks.flag.is_none() {
            checks.flag = Some(self.upload(&[0; FLAG_BYTES])?);
        }
        let code = match checks.asked.iter().position(|a| *a == asked) {
            Some(at) => at + 1,
            None => {
                checks.asked.push(asked);
                checks.asked.len()
            }
        };
        match &checks.flag {
            Some(flag) => launch(flag, code as u32),
            None => Ok(()),
        }
    }

    fn judge(&self, flag: &[u8], asked: &[Check]) -> Result<()> {
        let word = |i: usize| {
            flag.get(4 * i..4 * i + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        };
        let Some(check) = (word(0) as usize).checked_sub(1).and_then(|at| asked.get(at)) else {
            return Ok(());
        };
        let Check { op, rule, dim, bound } = check;
        let index = (u64::from(word(2)) | u64::from(word(3)) << 32) as i64;
        bail!(
            Index,
            "{}\n  {op}: index {index} at position {} of the indices is not below {bound}; found by gpu:{} after the call",
            rule.text(index, *dim, *bound),
            word(1),
            self.index()
        )
    }
}
