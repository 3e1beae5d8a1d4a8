//! Files: the door from Python to the `io` crate. Python decides what a name means; which names a
//! pickle may use, and every byte of a file's structure, is checked below.

use crate::dtype::{PyDType, dtype_object};
use crate::storage::PyStorage;
use array::Storage;
use cpu::Buffer;
use io::pickle::{Slot, Step};
use io::{Error, Mapping, Source};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyDict, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};
use pyo3::{IntoPyObjectExt, import_exception};
use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

import_exception!(pickle, UnpicklingError);

fn to_python(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Os { error, path } => match os_error(py, &error, path) {
            Ok(error) | Err(error) => error,
        },
        Error::Corrupt(text) => PyRuntimeError::new_err(text),
        Error::Pickle(text) => UnpicklingError::new_err(text),
    }
}

/// `OSError(errno, text, filename)`, of the subclass its number asks for. An exception a Python
/// writer raised comes back as it was.
fn os_error(py: Python<'_>, error: &std::io::Error, path: Option<PathBuf>) -> PyResult<PyErr> {
    if let Some(raised) = error.get_ref().and_then(|inner| inner.downcast_ref::<PyErr>()) {
        return Ok(raised.clone_ref(py));
    }
    let Some(number) = error.raw_os_error() else {
        return Ok(PyRuntimeError::new_err(
            Error::Os { error: error.kind().into(), path }.to_string(),
        ));
    };
    let text = py.import("os")?.call_method1("strerror", (number,))?;
    let class = py.get_type::<pyo3::exceptions::PyOSError>();
    Ok(PyErr::from_value(class.call1((number, text, path))?))
}

/// An open `.pt` archive.
#[pyclass(module = "pyrite._C", frozen)]
struct Archive(io::zip::Archive);

#[pymethods]
impl Archive {
    /// Opens a file, mapped or read by position.
    #[staticmethod]
    #[pyo3(signature = (path, mmap=false))]
    fn open(py: Python<'_>, path: PathBuf, mmap: bool) -> PyResult<Archive> {
        let opened = py.detach(|| io::checkpoint::open(Source::open(&path, mmap)?));
        opened.map(Archive).map_err(|e| to_python(py, e))
    }

    /// Opens an archive in memory.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Archive> {
        let opened = io::checkpoint::open(Source::memory(data.to_vec()));
        opened.map(Archive).map_err(|e| to_python(py, e))
    }

    /// The names of all records.
    fn names(&self) -> Vec<&str> {
        self.0.names().collect()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// A record's bytes, their checksum verified.
    fn read<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.0.read(name)).map_err(|e| to_python(py, e))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// A record as memory for tensors: the mapped file itself, or a verified copy.
    fn storage(&self, py: Python<'_>, name: &str) -> PyResult<PyStorage> {
        let storage = py.detach(|| {
            if let Some((mapping, range)) = self.0.map(name)?
                && let Some(storage) = mapped(&mapping, range)
            {
                return Ok(Ok(storage));
            }
            let size = self.0.size(name)? as usize;
            let buffer = match Buffer::zeroed(size) {
                Ok(buffer) => buffer,
                Err(error) => return Ok(Err(error)),
            };
            if size > 0 {
                // SAFETY: the buffer is zeroed, `size` bytes long, and nobody else has it yet.
                let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.ptr(), size) };
                self.0.read_into(name, bytes)?;
            }
            Ok(Ok(Storage::from_buffer(buffer)))
        });
        let storage = storage.map_err(|e| to_python(py, e))?;
        Ok(PyStorage(Arc::new(storage.map_err(|e| crate::error::to_python(&e))?)))
    }
}

/// The widest alignment an element asks for; archives of other writers may not keep it.
const WIDEST: usize = 16;

fn mapped(mapping: &Mapping, range: Range<usize>) -> Option<Storage> {
    if range.is_empty() || !range.start.is_multiple_of(WIDEST) {
        return None;
    }
    let keep = Box::new(mapping.clone());
    // SAFETY: the archive checked that the range lies inside the mapping, which `keep` holds alive;
    // it is a private copy, so it may be written.
    let buffer =
        unsafe { Buffer::foreign(mapping.as_mut_ptr().add(range.start), range.len(), keep, true) };
    Some(Storage::from_buffer(buffer))
}

/// Writes a checkpoint to a path (atomically) or to an object with a `write` method.
#[pyfunction]
fn _write_checkpoint(
    py: Python<'_>,
    target: &Bound<'_, PyAny>,
    folder: &str,
    pickle: &[u8],
    storages: Vec<Bound<'_, PyStorage>>,
) -> PyResult<()> {
    let bytes: PyResult<Vec<&[u8]>> = storages.iter().map(|s| s.get().bytes()).collect();
    let bytes = bytes?;
    write_to(py, target, &|out| io::checkpoint::write(out, folder, pickle, &bytes))
}

type Work<'a> = &'a (dyn Fn(&mut dyn Write) -> io::Result<()> + Sync);

fn write_to(py: Python<'_>, target: &Bound<'_, PyAny>, work: Work<'_>) -> PyResult<()> {
    let result = match target.extract::<PathBuf>() {
        Ok(path) => py.detach(|| io::atomic::write(&path, |out| work(out))),
        Err(_) => {
            let mut out = std::io::BufWriter::with_capacity(1 << 16, PythonWriter(target));
            work(&mut out).and_then(|()| Ok(out.flush()?))
        }
    };
    result.map_err(|e| to_python(py, e))
}

/// A Python object with a `write` method.
struct PythonWriter<'a, 'py>(&'a Bound<'py, PyAny>);

impl Write for PythonWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let chunk = PyBytes::new(self.0.py(), bytes);
        let written = self.0.call_method1("write", (chunk,)).map_err(std::io::Error::other)?;
        // Raw streams may take less than they were given; others return None or the length.
        let count =
            if written.is_none() { bytes.len() } else { written.extract().unwrap_or(bytes.len()) };
        Ok(count.min(bytes.len()))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Rebuilds the pickle at `start`: (value, offset behind it). `names` maps the dotted names of all
/// allowed globals to their objects, `load` answers persistent ids, `build` gives an object its state.
#[pyfunction]
fn _unpickle<'py>(
    data: &[u8],
    start: usize,
    names: &Bound<'py, PyAny>,
    load: &Bound<'py, PyAny>,
    build: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let py = names.py();
    let data = data.get(start..).unwrap_or_default();
    let allowed = |path: &str| names.contains(path).unwrap_or(false);
    let plan = io::pickle::read(data, &allowed).map_err(|e| to_python(py, e))?;
    let mut replay = Replay { names, load, build, values: Vec::with_capacity(plan.steps.len()) };
    for (at, step) in plan.steps.iter().enumerate() {
        if at % (1 << 16) == 0 {
            py.check_signals()?;
        }
        let value = replay.step(step)?;
        replay.values.push(value);
    }
    Ok((replay.values.swap_remove(plan.root as usize), start + plan.end))
}

/// The values of the steps so far; a step that makes none holds None.
struct Replay<'a, 'py> {
    names: &'a Bound<'py, PyAny>,
    load: &'a Bound<'py, PyAny>,
    build: &'a Bound<'py, PyAny>,
    values: Vec<Bound<'py, PyAny>>,
}

impl<'py> Replay<'_, 'py> {
    fn at(&self, slot: Slot) -> &Bound<'py, PyAny> {
        &self.values[slot as usize]
    }

    fn all(&self, slots: &[Slot]) -> impl ExactSizeIterator<Item = &Bound<'py, PyAny>> {
        slots.iter().map(|&slot| self.at(slot))
    }

    fn step(&self, step: &Step<'_>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.names.py();
        match step {
            Step::None => py.None().into_bound_py_any(py),
            Step::Bool(value) => value.into_bound_py_any(py),
            Step::Int(value) => value.into_bound_py_any(py),
            Step::BigInt(bytes) => big_int(py, bytes),
            Step::Float(value) => value.into_bound_py_any(py),
            Step::Str(text) => Ok(PyString::new(py, text).into_any()),
            Step::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
            Step::ByteArray(bytes) => Ok(PyByteArray::new(py, bytes).into_any()),
            Step::List => Ok(PyList::empty(py).into_any()),
            Step::Dict => Ok(PyDict::new(py).into_any()),
            Step::Set => Ok(PySet::empty(py)?.into_any()),
            Step::FrozenSet(items) => Ok(PyFrozenSet::new(py, self.all(items))?.into_any()),
            Step::Tuple(items) => Ok(PyTuple::new(py, self.all(items))?.into_any()),
            Step::Global { module, name } => self.names.get_item(format!("{module}.{name}")),
            Step::Persistent(id) => self.load.call1((self.at(*id),)),
            Step::Call { function, args } => {
                self.at(*function).call1(self.at(*args).cast::<PyTuple>()?)
            }
            Step::New { class, args, kwargs } => self.new_object(*class, *args, *kwargs),
            _ => {
                self.change(step)?;
                py.None().into_bound_py_any(py)
            }
        }
    }

    fn new_object(
        &self,
        class: Slot,
        args: Slot,
        kwargs: Option<Slot>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = self.at(class);
        if !class.is_instance_of::<PyType>() {
            return Err(UnpicklingError::new_err(format!(
                "NEWOBJ class argument must be a type, not {}",
                class.get_type().name()?
            )));
        }
        let args = self.at(args).cast::<PyTuple>()?;
        let all = std::iter::once(class.clone()).chain(args.iter());
        let all = PyTuple::new(class.py(), all.collect::<Vec<_>>())?;
        let kwargs = kwargs.map(|slot| self.at(slot).cast::<PyDict>()).transpose()?;
        class.getattr("__new__")?.call(all, kwargs)
    }

    fn change(&self, step: &Step<'_>) -> PyResult<()> {
        match step {
            Step::Append { list, items } => {
                let list = self.at(*list);
                for item in self.all(items) {
                    match list.cast_exact::<PyList>() {
                        Ok(list) => list.append(item)?,
                        Err(_) => list.call_method1("append", (item,)).map(drop)?,
                    }
                }
            }
            Step::SetItems { target, pairs } => {
                let target = self.at(*target);
                for pair in pairs.chunks_exact(2) {
                    target.set_item(self.at(pair[0]), self.at(pair[1]))?;
                }
            }
            Step::AddItems { set, items } => {
                let set = self.at(*set).cast::<PySet>()?;
                for item in self.all(items) {
                    set.add(item)?;
                }
            }
            Step::Build { object, state } => {
                self.build.call1((self.at(*object), self.at(*state)))?;
            }
            other => return Err(PyTypeError::new_err(format!("no such change: {other:?}"))),
        }
        Ok(())
    }
}

fn big_int<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let signed = PyDict::new(py);
    signed.set_item("signed", true)?;
    let class = py.get_type::<PyInt>();
    class.getattr("from_bytes")?.call((PyBytes::new(py, bytes), "little"), Some(&signed))
}

type Name = (String, String);

/// The pickle with its globals `(module, name)` renamed by the table.
#[pyfunction]
fn _rename_globals<'py>(
    py: Python<'py>,
    data: &[u8],
    names: HashMap<Name, Name>,
) -> PyResult<Bound<'py, PyBytes>> {
    let rename =
        |module: &str, name: &str| names.get(&(module.to_string(), name.to_string())).cloned();
    let renamed = io::pickle::rename_globals(data, &rename).map_err(|e| to_python(py, e))?;
    Ok(PyBytes::new(py, &renamed))
}

type Entry = (String, Py<PyDType>, Vec<usize>, PyStorage);

/// The tensors of a safetensors file, each with memory of its own, and the header's metadata.
#[pyfunction]
fn _read_safetensors(
    py: Python<'_>,
    path: PathBuf,
) -> PyResult<(Vec<Entry>, HashMap<String, String>)> {
    let read = || -> io::Result<_> {
        let source = Source::open(&path, false)?;
        let bytes = source.read_vec(0, source.len())?;
        let contents = io::safetensors::read(&bytes)?;
        Ok((bytes, contents))
    };
    let (bytes, contents) = py.detach(read).map_err(|e| to_python(py, e))?;
    let mut entries = Vec::with_capacity(contents.entries.len());
    for entry in contents.entries {
        let storage = PyStorage::from_slice(&bytes[entry.range])?;
        entries.push((entry.name, dtype_object(py, entry.dtype)?, entry.shape, storage));
    }
    Ok((entries, contents.metadata))
}

type Item<'py> = (String, Bound<'py, PyDType>, Vec<usize>, Bound<'py, PyStorage>, usize);

/// Writes contiguous tensors, given as (name, dtype, shape, storage, byte offset).
#[pyfunction]
#[pyo3(signature = (target, tensors, metadata=None))]
fn _write_safetensors(
    py: Python<'_>,
    target: &Bound<'_, PyAny>,
    tensors: Vec<Item<'_>>,
    metadata: Option<HashMap<String, String>>,
) -> PyResult<()> {
    let mut items: Vec<io::safetensors::Item<'_>> = Vec::with_capacity(tensors.len());
    for (name, dtype, shape, storage, offset) in &tensors {
        let dtype = dtype.get().0;
        let size = base::layout::checked_bytes(shape, dtype.size())
            .map_err(|e| crate::error::to_python(&e))?;
        let all = storage.get().bytes()?;
        let end = offset.checked_add(size).filter(|&end| end <= all.len());
        let Some(bytes) = end.map(|end| &all[*offset..end]) else {
            return Err(PyRuntimeError::new_err(format!(
                "tensor '{name}' lies outside its storage of {} bytes",
                all.len()
            )));
        };
        items.push((name, dtype, shape, bytes));
    }
    write_to(py, target, &|out| io::safetensors::write(out, &items, metadata.clone()))
}

/// Adds the class and the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Archive>()?;
    module.add_function(wrap_pyfunction!(_write_checkpoint, module)?)?;
    module.add_function(wrap_pyfunction!(_unpickle, module)?)?;
    module.add_function(wrap_pyfunction!(_rename_globals, module)?)?;
    module.add_function(wrap_pyfunction!(_read_safetensors, module)?)?;
    module.add_function(wrap_pyfunction!(_write_safetensors, module)?)
}
