//! Questions and orders to the GPUs, under private names; `pyrite.gpu` gives them their public ones.

use crate::error::{IntoPy, from_python};
use array::accelerator;
use base::device::{cuda_on_cpu, current_gpu, set_current_gpu};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::ffi::CString;

/// How many GPUs there are.
#[pyfunction]
fn _gpu_count() -> usize {
    accelerator::count()
}

/// Whether a GPU has been used.
#[pyfunction]
fn _gpu_is_open(index: usize) -> bool {
    accelerator::is_open(index)
}

/// The GPU that a device without a number means on this thread.
#[pyfunction]
fn _gpu_current() -> u8 {
    current_gpu()
}

/// Changes the current GPU, or place called `cuda`; it must exist.
#[pyfunction]
fn _gpu_set_current(index: u8) -> PyResult<()> {
    if cuda_on_cpu() == 0 {
        accelerator::adapter(index.into()).py()?;
    } else {
        base::Device::cuda(Some(index)).py()?;
    }
    set_current_gpu(index);
    Ok(())
}

fn describe<'py>(py: Python<'py>, adapter: &accelerator::Adapter) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("name", adapter.name())?;
    facts.set_item("driver", adapter.driver())?;
    facts.set_item("kind", adapter.kind())?;
    facts.set_item("refusal", adapter.refusal.map(accelerator::Refusal::reason))?;
    facts.set_item("features", adapter.abilities())?;
    facts.set_item("limits", adapter.limits())?;
    facts.set_item("total_memory", adapter.total_memory())?;
    Ok(facts)
}

/// Every adapter that was tried: name, driver, kind, features, limits, and why it is refused.
#[pyfunction]
fn _gpu_adapters(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    accelerator::adapters().iter().map(|adapter| describe(py, adapter)).collect()
}

/// The adapter of a GPU, as `_gpu_adapters` describes it.
#[pyfunction]
fn _gpu_adapter(py: Python<'_>, index: usize) -> PyResult<Bound<'_, PyDict>> {
    describe(py, accelerator::adapter(index).py()?)
}

/// Waits for everything that was asked of a GPU.
#[pyfunction]
fn _gpu_synchronize(index: usize) -> PyResult<()> {
    accelerator::synchronize(index).py()
}

/// Bytes: allocated, most allocated, reserved, most reserved.
#[pyfunction]
fn _gpu_memory(index: usize) -> PyResult<[usize; 4]> {
    let m = accelerator::memory(index).py()?;
    Ok([m.allocated, m.max_allocated, m.reserved, m.max_reserved])
}

/// Starts the peak figures anew.
#[pyfunction]
fn _gpu_reset_peaks(index: usize) -> PyResult<()> {
    accelerator::reset_peaks(index).py()
}

/// Gives memory that no tensor holds back to the driver.
#[pyfunction]
fn _gpu_empty_cache(index: usize) -> PyResult<()> {
    accelerator::empty_cache(index).py()
}

/// The GPUs that have been used.
#[pyfunction]
fn _gpu_opened() -> Vec<usize> {
    accelerator::opened()
}

/// From now on takes no more than so many bytes from the driver.
#[pyfunction]
fn _gpu_limit_memory(index: usize, nbytes: u64) -> PyResult<()> {
    accelerator::limit_memory(index, nbytes).py()
}

/// Brings about a fault, for tests: "lost" gives the device up, "shader" compiles nonsense.
#[pyfunction]
fn _gpu_provoke(index: usize, fault: &str) -> PyResult<()> {
    accelerator::provoke(index, fault).py()
}

/// The shader files there are.
#[pyfunction]
fn _gpu_shaders() -> Vec<&'static str> {
    accelerator::shaders()
}

/// From now on launches are recorded, for tests; `_gpu_recorded` ends it.
#[pyfunction]
fn _gpu_record(index: usize) -> PyResult<()> {
    accelerator::record(index).py()
}

/// The launches since `_gpu_record`: shader, text, parameters, groups, buffers before and after.
#[pyfunction]
fn _gpu_recorded(py: Python<'_>, index: usize) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let launches = accelerator::recorded(index).py()?;
    let bytes = |bytes: &Vec<u8>| PyBytes::new(py, bytes);
    launches
        .iter()
        .map(|launch| {
            let facts = PyDict::new(py);
            facts.set_item("file", launch.file)?;
            facts.set_item("text", &launch.text)?;
            facts.set_item("params", bytes(&launch.params))?;
            facts.set_item("groups", launch.groups)?;
            let before: Vec<_> = launch.before.iter().map(bytes).collect();
            facts.set_item("before", before)?;
            let after: Vec<_> = launch.after.iter().map(|a| (a.0.name(), bytes(&a.1))).collect();
            facts.set_item("after", after)?;
            Ok(facts)
        })
        .collect()
}

/// A mark in the queue of a GPU, behind what was asked so far.
#[pyclass(frozen, module = "pyrite._C")]
struct _Event {
    mark: accelerator::Event,
    device: usize,
}

#[pymethods]
impl _Event {
    #[new]
    fn new(device: usize, timed: bool) -> PyResult<_Event> {
        Ok(_Event { mark: accelerator::mark(device, timed).py()?, device })
    }

    /// The number of the GPU.
    #[getter]
    fn device(&self) -> usize {
        self.device
    }

    /// Whether the work before the mark is done.
    fn query(&self) -> PyResult<bool> {
        self.mark.is_done().py()
    }

    /// Waits for the work before the mark.
    fn synchronize(&self) -> PyResult<()> {
        self.mark.wait().py()
    }

    /// Milliseconds from this mark to a later one.
    fn elapsed(&self, end: &_Event) -> PyResult<f64> {
        self.mark.elapsed(&end.mark).py()
    }
}

/// Dispatches recorded and batches submitted so far.
#[pyfunction]
fn _gpu_counts(index: usize) -> PyResult<(u64, u64)> {
    accelerator::counts(index).py()
}

/// Whether elementwise ops wait to become one kernel.
#[pyfunction]
fn _gpu_fuses(index: usize) -> PyResult<bool> {
    accelerator::fuses(index).py()
}

/// Lets elementwise ops wait to become one kernel or not.
#[pyfunction]
fn _gpu_set_fusion(index: usize, enabled: bool) -> PyResult<()> {
    accelerator::set_fusion(index, enabled).py()
}

/// Seed and position of a GPU's random stream.
#[pyfunction]
fn _gpu_random_state(index: usize) -> PyResult<(u64, u64)> {
    accelerator::random_state(index).py()
}

/// Continues a GPU's random stream from a seed and position.
#[pyfunction]
fn _gpu_set_random_state(index: usize, seed: u64, offset: u64) -> PyResult<()> {
    accelerator::set_random_state(index, (seed, offset)).py()
}

/// Starts the random streams of all GPUs anew, also of those not used yet; negative seeds wrap.
#[pyfunction]
fn _gpu_seed(seed: i128) {
    accelerator::seed_all(seed as u64);
}

/// How often each op without a kernel for the GPU ran on the CPU instead.
#[pyfunction]
fn _gpu_fallbacks(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let counts = PyDict::new(py);
    for (op, count) in accelerator::fallbacks() {
        counts.set_item(op, count)?;
    }
    Ok(counts)
}

fn warn(text: &str) -> base::Result<()> {
    Python::attach(|py| {
        let text = CString::new(text).unwrap_or_default();
        PyErr::warn(py, py.get_type::<PyUserWarning>().as_any(), &text, 1).map_err(from_python)
    })
}

/// A slice of waiting: others may run Python meanwhile, and a signal ends the wait.
fn wait(work: &mut (dyn FnMut() + Send)) -> base::Result<()> {
    Python::attach(|py| {
        py.detach(work);
        py.check_signals().map_err(from_python)
    })
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    accelerator::set_wait_hook(wait);
    accelerator::set_warning_hook(warn);
    module.add_function(wrap_pyfunction!(_gpu_count, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_is_open, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_current, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_set_current, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_adapters, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_adapter, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_synchronize, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_memory, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_reset_peaks, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_empty_cache, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_counts, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_fallbacks, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_fuses, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_set_fusion, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_limit_memory, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_opened, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_provoke, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_record, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_recorded, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_shaders, module)?)?;
    module.add_class::<_Event>()?;
    module.add_function(wrap_pyfunction!(_gpu_random_state, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_seed, module)?)?;
    module.add_function(wrap_pyfunction!(_gpu_set_random_state, module)?)
}
