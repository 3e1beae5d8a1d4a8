//! Layer 5: the extension module `pyrite._C`. Converts arguments and results, releases the
//! interpreter for long work and maps errors; no mathematics is done here.

mod autocast;
mod anomaly;
mod construct;
mod convert;
mod dlpack;
mod dtype;
mod error;
mod generator;
mod function;
mod grad;
mod hooks;
mod indexing;
mod io;
mod module;
mod numpy;
mod node;
mod outputs;
mod parse;
mod rebuild;
mod returns;
mod saved;
mod storage;
mod table_methods;
mod tensor;

use pyo3::prelude::*;

/// The module's name is the one Python imports.
#[allow(non_snake_case)]
#[pymodule]
fn _C(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module::fill(module)?;
    autocast::fill(module)?;
    io::fill(module)?;
    rebuild::fill(module)?;
    storage::fill(module)
}
