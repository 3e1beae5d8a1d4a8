//! What this processor can do, as Python sees it.

use pyo3::prelude::*;

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
    module.add_function(wrap_pyfunction!(_get_cpu_capability, module)?)?;
    module.add_function(wrap_pyfunction!(_cpu_features, module)?)
}
