//! Autocast as Python sees it: per-thread switches. The casts themselves are not built yet, so
//! turning it on is refused; everything that only asks, or turns it off, works.

use crate::dtype::{PyDType, dtype_object};
use base::DType;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use std::cell::Cell;

thread_local! {
    static HOST: Cell<DType> = const { Cell::new(DType::BF16) };
    static GPU: Cell<DType> = const { Cell::new(DType::F16) };
}

fn slot<R>(device_type: &str, look: impl FnOnce(&Cell<DType>) -> R) -> R {
    if device_type == "cpu" { HOST.with(look) } else { GPU.with(look) }
}

/// Whether ops cast their inputs on this device; never yet.
#[pyfunction]
fn is_autocast_enabled(device_type: &str) -> bool {
    let _ = device_type;
    false
}

/// Turns casting off; on is not available yet.
#[pyfunction]
fn set_autocast_enabled(device_type: &str, enabled: bool) -> PyResult<()> {
    if enabled {
        return Err(PyNotImplementedError::new_err(format!(
            "autocast on '{device_type}' is not available in Pyrite yet; use enabled=False"
        )));
    }
    Ok(())
}

/// The dtype autocast would cast to.
#[pyfunction]
fn get_autocast_dtype(py: Python<'_>, device_type: &str) -> PyResult<Py<PyDType>> {
    dtype_object(py, slot(device_type, Cell::get))
}

/// Changes the dtype autocast would cast to.
#[pyfunction]
fn set_autocast_dtype(device_type: &str, dtype: &Bound<'_, PyDType>) {
    slot(device_type, |cell| cell.set(dtype.get().0));
}

/// The instruction set kernels use: "DEFAULT", "AVX2" or "AVX512".
#[pyfunction]
fn _get_cpu_capability() -> &'static str {
    match cpu::arch::level() {
        cpu::arch::Level::Baseline => "DEFAULT",
        cpu::arch::Level::Avx2 => "AVX2",
        cpu::arch::Level::Avx512 => "AVX512",
    }
}

/// The instruction sets of this processor that kernels may use, lowest first.
#[pyfunction]
fn _cpu_features() -> Vec<&'static str> {
    let has = cpu::arch::detect();
    let named = [("avx2", cpu::arch::Level::Avx2), ("avx512", cpu::arch::Level::Avx512)];
    named.into_iter().filter(|(_, level)| *level <= has).map(|(name, _)| name).collect()
}

/// Adds these functions to the module.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(is_autocast_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(get_autocast_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(_get_cpu_capability, module)?)?;
    module.add_function(wrap_pyfunction!(_cpu_features, module)?)
}
