//! What the name `cuda` means where the user has not got a GPU: numbered places on the CPU, asked
//! for by `PYRITE_CUDA_ALIAS=cpu:N` before the package is imported.

use base::device::{cuda_on_cpu, set_cuda_on_cpu};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How many places on the CPU the name `cuda` stands for; 0 where it means the GPU.
#[pyfunction]
fn _cuda_on_cpu() -> u8 {
    cuda_on_cpu()
}

fn read_environment() -> PyResult<()> {
    let alias = std::env::var("PYRITE_CUDA_ALIAS").unwrap_or_default();
    let Some(count) = alias.strip_prefix("cpu") else {
        return Ok(());
    };
    match count.strip_prefix(':').unwrap_or("1").parse() {
        Ok(count) if count > 0 => set_cuda_on_cpu(count),
        _ => {
            return Err(PyValueError::new_err(format!(
                "PYRITE_CUDA_ALIAS={alias}: expected 1 (the GPUs) or cpu:N (N places on the CPU)"
            )));
        }
    }
    Ok(())
}

/// Adds the functions, and reads what the user asked for.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    read_environment()?;
    module.add_function(wrap_pyfunction!(_cuda_on_cpu, module)?)
}
