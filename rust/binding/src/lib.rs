//! Layer 5: the extension module `pyrite._C`. Converts arguments and results, releases the
//! interpreter for long work and maps errors; no mathematics is done here.

// The extension's name is `_C`, and PyO3 dictates receivers and names of methods.
#![allow(
    non_snake_case,
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    clippy::wrong_self_convention,
    clippy::used_underscore_items,
    clippy::elidable_lifetime_names,
    clippy::ref_option
)]
// Tables of cases stay tables, also where two rows agree.
#![allow(clippy::match_bool, clippy::match_same_arms, clippy::format_push_string)]

mod anomaly;
mod attributes;
mod autocast;
mod capability;
mod casts;
mod comm;
mod comm_error;
mod comm_store;
mod construct;
mod convert;
mod cuda;
mod deprecated;
mod dlpack;
mod dtype;
mod error;
mod function;
mod generator;
mod gpu;
mod grad;
mod hooks;
mod indexing;
mod introspect;
mod io;
mod legacy;
mod lifetime;
mod module;
mod nested;
mod node;
mod numbers;
mod numpy;
mod operators;
mod outputs;
mod overrides;
mod parse;
mod rebuild;
mod returns;
mod saved;
mod sparse;
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
    capability::fill(module)?;
    comm::fill(module)?;
    cuda::fill(module)?;
    gpu::fill(module)?;
    io::fill(module)?;
    rebuild::fill(module)?;
    storage::fill(module)
}
