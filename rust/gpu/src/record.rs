//! Recordings of launches, so that shaders can be checked in another host: the text, the parameters
//! and the bytes of every bound buffer before and after. For tests; each launch is waited for.

use crate::Device;
use crate::launch::Launch;
use crate::window::Window;
use base::{DType, Result};

/// One launch.
pub struct Recorded {
    /// The shader's file.
    pub file: &'static str,
    /// Its whole text.
    pub text: String,
    /// The bytes of its parameters.
    pub params: Vec<u8>,
    /// Workgroups in each dimension.
    pub groups: [usize; 3],
    /// Bound buffers, those that are only read first.
    pub before: Vec<Vec<u8>>,
    /// The buffers that are written, with the type of their elements.
    pub after: Vec<(DType, Vec<u8>)>,
}

impl Device {
    /// From now on launches are recorded; [`Device::recorded`] ends it.
    pub fn record(&self) {
        self.recording().get_or_insert_default();
    }

    /// The launches since [`Device::record`].
    pub fn recorded(&self) -> Result<Vec<Recorded>> {
        self.settle()?;
        Ok(self.recording().take().unwrap_or_default())
    }

    /// Runs a launch and records it.
    #[cold]
    pub(crate) fn dispatch_recorded(&'static self, launch: &Launch<'_>) -> Result<()> {
        let bytes = |window: &Window<'_>| {
            let size = window.buffer.block().size as usize;
            self.copy_out(window.buffer, 0..size, None).map(|(bytes, _)| bytes)
        };
        let bound = launch.reads.iter().chain(launch.writes);
        let before = bound.map(bytes).collect::<Result<Vec<_>>>()?;
        self.dispatch_now(launch)?;
        let variant = launch.variant;
        let first = if variant.file == "map" { 0 } else { launch.reads.len() };
        let dtypes = variant.slots[first..].iter().flatten().map(|slot| slot.0);
        let after = launch.writes.iter().map(bytes).collect::<Result<Vec<_>>>()?;
        let recorded = Recorded {
            file: variant.file,
            text: variant.text(),
            params: launch.params.iter().flat_map(|word| word.to_le_bytes()).collect(),
            groups: launch.groups,
            before,
            after: dtypes.zip(after).collect(),
        };
        if let Some(list) = &mut *self.recording() {
            list.push(recorded);
        }
        Ok(())
    }
}
