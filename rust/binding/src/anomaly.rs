//! Anomaly mode's Python side: where a node was recorded, and the warning when it fails.

use crate::node::{Held, node_object};
use pyo3::prelude::*;
use std::any::Any;
use std::sync::Arc;
use tape::{NodeRef, Observer};

struct Stacks;

fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("pyrite.autograd.anomaly_mode")
}

impl Observer for Stacks {
    fn place(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Python::attach(|py| {
            let note = module(py).and_then(|m| m.call_method0("_note"));
            match note {
                Ok(note) => Some(Arc::new(Held(note.unbind())) as Arc<dyn Any + Send + Sync>),
                Err(error) => {
                    error.write_unraisable(py, None);
                    None
                }
            }
        })
    }

    fn report(&self, node: &NodeRef) {
        Python::attach(|py| {
            let told = node_object(py, node)
                .and_then(|object| module(py)?.call_method1("_report", (object,)));
            if let Err(error) = told {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Turns anomaly mode on or off.
#[pyfunction]
fn _set_anomaly_mode(on: bool, check_nan: bool) {
    tape::set_anomaly_mode(on, check_nan);
}

/// Whether anomaly mode is on, and whether it searches for NaN.
#[pyfunction]
fn _anomaly_mode() -> (bool, bool) {
    tape::anomaly_mode()
}

/// Adds the functions and starts observing.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    tape::observe_anomalies(&Stacks);
    module.add_function(wrap_pyfunction!(_set_anomaly_mode, module)?)?;
    module.add_function(wrap_pyfunction!(_anomaly_mode, module)?)
}
