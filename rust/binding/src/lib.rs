//! Layer 5: the extension module `pyrite._C`. Converts arguments and results, releases the
//! interpreter for long work and maps errors; no mathematics is done here.

mod convert;
mod dtype;
mod error;
mod grad;
mod indexing;
mod module;
mod parse;
mod returns;
mod table_methods;
mod tensor;

use pyo3::prelude::*;

#[pymodule]
fn _C(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module::fill(module)
}
