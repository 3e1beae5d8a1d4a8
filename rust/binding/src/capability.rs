//! What this processor can do, as Python sees it.

use cpu::arch::{Level, limit_level};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Lowers the instruction set that kernels use, as `ATEN_CPU_CAPABILITY` does in `PyTorch`.
const VARIABLE: &str = "PYRITE_CPU_CAPABILITY";

/// Obeys the environment; what the processor lacks stays unused whatever it asks for.
fn obey_environment() -> PyResult<()> {
    let Some(wish) = std::env::var_os(VARIABLE) else { return Ok(()) };
    let level = match wish.to_string_lossy().as_ref() {
        "default" => Level::Baseline,
        "avx2" => Level::Avx2,
        "avx512" => Level::Avx512,
        other => {
            let rule = format!("{VARIABLE} must be default, avx2 or avx512; got {other:?}");
            return Err(PyValueError::new_err(rule));
        }
    };
    limit_level(level);
    Ok(())
}

/// The instruction set kernels use: "DEFAULT", "AVX2" or "AVX512".
#[pyfunction]
fn _get_cpu_capability() -> &'static str {
    match cpu::arch::level() {
        Level::Baseline => "DEFAULT",
        Level::Avx2 => "AVX2",
        Level::Avx512 => "AVX512",
    }
}

/// The instruction sets of this processor that kernels may use, lowest first.
#[pyfunction]
fn _cpu_features() -> Vec<&'static str> {
    let has = cpu::arch::detect();
    let named = [("avx2", Level::Avx2), ("avx512", Level::Avx512)];
    named.into_iter().filter(|(_, level)| *level <= has).map(|(name, _)| name).collect()
}

/// Adds these functions to the module.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    obey_environment()?;
    module.add_function(wrap_pyfunction!(_get_cpu_capability, module)?)?;
    module.add_function(wrap_pyfunction!(_cpu_features, module)?)
}
