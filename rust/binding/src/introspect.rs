//! The op table as Python sees it: what tests and tools need to drive every op without a list of
//! their own.

use ops::call::{OpDef, Spellings};
use ops::map::MapRow;
use ops::table::{Entry, registry, row};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Every public op: `name`, `alias_of` (`None` for an op of its own), `overloads` (each with
/// `schema`, `doc` and `spellings`) and, for elementwise ops, `row` with `dtypes`, `vjps` (whether
/// there is a derivative towards each input) and `sample`, the domain tests draw from.
#[pyfunction]
pub fn _ops(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let described: Vec<Bound<'_, PyDict>> =
        registry().iter().map(|entry| describe(py, entry)).collect::<PyResult<_>>()?;
    PyList::new(py, described)
}

fn describe<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyDict>> {
    let original = entry.overloads.first().map_or(entry.name, |(_, schema)| schema.name);
    let overloads: Vec<Bound<'py, PyDict>> =
        entry.overloads.iter().map(|(op, _)| overload(py, op)).collect::<PyResult<_>>()?;
    let item = PyDict::new(py);
    item.set_item("name", entry.name)?;
    item.set_item("alias_of", (original != entry.name).then_some(original))?;
    item.set_item("overloads", overloads)?;
    item.set_item("row", row(original).map(|row| elementwise(py, row)).transpose()?)?;
    Ok(item)
}

fn overload<'py>(py: Python<'py>, op: &OpDef) -> PyResult<Bound<'py, PyDict>> {
    let item = PyDict::new(py);
    item.set_item("schema", op.schema)?;
    item.set_item("doc", op.doc)?;
    item.set_item("spellings", spellings(op.spellings))?;
    Ok(item)
}

fn spellings(has: Spellings) -> Vec<&'static str> {
    let all = [
        (has.function, "function"),
        (has.method, "method"),
        (has.inplace, "inplace"),
        (has.out, "out"),
    ];
    all.into_iter().filter_map(|(present, name)| present.then_some(name)).collect()
}

fn elementwise<'py>(py: Python<'py>, row: &MapRow) -> PyResult<Bound<'py, PyDict>> {
    let kernels = &row.op.cpu;
    let dtypes: Vec<&str> = base::DType::ALL
        .iter()
        .filter(|dtype| kernels[dtype.compute() as usize].is_some())
        .map(|dtype| dtype.name())
        .collect();
    let item = PyDict::new(py);
    item.set_item("dtypes", dtypes)?;
    item.set_item("vjps", row.vjps.each_ref().map(Option::is_some).to_vec())?;
    item.set_item("sample", row.sample)?;
    Ok(item)
}
