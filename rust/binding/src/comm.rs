//! Process groups: a tensor's bytes go in and come out where they lie, without a copy and without the
//! interpreter. `pyrite.distributed` checks arguments and gives all this its public names.

use crate::comm_error::{IntoPy, pause};
use crate::comm_store::{PySecret, seconds};
use crate::tensor::PyTensor;
use array::Array;
use base::DType;
use comm::call::{Call, Op};
use comm::control::Watch;
use comm::group::{Formation, Group, Job};
use comm::mesh::Members;
use comm::message::Post;
use comm::reduce::Reduce;
use comm::view::View;
use comm::work::Work;
use comm::{Error, address};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rank's address before the group is formed.
#[pyclass(name = "_Listener", module = "pyrite._C", frozen)]
struct PyListener {
    listener: Mutex<Option<TcpListener>>,
    address: SocketAddr,
}

#[pymethods]
impl PyListener {
    #[new]
    fn new(py: Python<'_>, host: &str) -> PyResult<PyListener> {
        let listener = address::listen(host, 0).py(py)?;
        let address = listener.local_addr().map_err(address::broken).py(py)?;
        Ok(PyListener { listener: Mutex::new(Some(listener)), address })
    }

    /// `host:port`.
    #[getter]
    fn address(&self) -> String {
        self.address.to_string()
    }
}

/// A collective that was called with `async_op=True`.
#[pyclass(name = "_Work", module = "pyrite._C", frozen)]
struct PyWork(Arc<Work>);

#[pymethods]
impl PyWork {
    /// Whether it is over, well or not.
    fn is_completed(&self) -> bool {
        self.0.outcome().is_some()
    }

    /// Raises the error it ended with, if it did.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.0.outcome().unwrap_or(Ok(())).py(py)
    }

    /// Which rank a message came from.
    #[getter]
    fn source(&self) -> usize {
        self.0.source()
    }

    /// Waits for its end; `timeout` in seconds.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        py.detach(|| self.0.wait(timeout.map(seconds), &mut pause)).py(py)
    }
}

/// What a call reads and writes, kept alive until it is over.
struct Memory {
    inputs: Vec<Array>,
    outputs: Vec<Array>,
}

impl Memory {
    fn of(inputs: &[Bound<'_, PyTensor>], outputs: &[Bound<'_, PyTensor>]) -> PyResult<Memory> {
        for tensor in inputs.iter().chain(outputs) {
            crate::sparse::refuse(&tensor.get().tensor, "a collective")?;
        }
        let arrays = |tensors: &[Bound<'_, PyTensor>]| {
            tensors.iter().map(|t| t.get().tensor.array()).collect::<Vec<Array>>()
        };
        let memory = Memory { inputs: arrays(inputs), outputs: arrays(outputs) };
        let mut all = memory.inputs.iter().chain(&memory.outputs);
        if let Some(strange) = all.find(|a| !a.layout().is_contiguous()) {
            let strides = &strange.layout().strides;
            return Err(PyValueError::new_err(format!(
                "Tensors must be contiguous\n  got strides {strides:?}"
            )));
        }
        let read_only = |a: &&Array| !a.storage().buffer().is_some_and(cpu::Buffer::writable);
        if memory.outputs.iter().any(|a| read_only(&a)) {
            return Err(PyRuntimeError::new_err(
                "a collective cannot write to read-only or non-host memory",
            ));
        }
        if memory.inputs.iter().any(|a| a.storage().buffer().is_none()) {
            return Err(PyRuntimeError::new_err("a collective can only read host memory"));
        }
        for tensor in outputs {
            tensor.get().tensor.bump_version();
        }
        Ok(memory)
    }

    fn first(&self) -> Option<&Array> {
        self.outputs.first().filter(|_| self.inputs.is_empty()).or(self.inputs.first())
    }

    fn dtype(&self) -> PyResult<DType> {
        let mut dtypes = self.inputs.iter().chain(&self.outputs).map(Array::dtype);
        let Some(first) = dtypes.next() else {
            return Ok(DType::U8);
        };
        match dtypes.find(|&other| other != first) {
            None => Ok(first),
            Some(other) => Err(PyValueError::new_err(format!(
                "Invalid usage of tensors with different dtypes\n  got {first} and {other}"
            ))),
        }
    }

    /// A message in the one tensor that this holds.
    fn post(self, peer: Option<usize>, tag: u32, timeout: f64) -> Post {
        let dtype = self.first().map_or(DType::U8, Array::dtype);
        let views =
            Memory::views(if self.inputs.is_empty() { &self.outputs } else { &self.inputs });
        let view = views.first().copied().unwrap_or(View::EMPTY);
        let deadline = Instant::now() + seconds(timeout);
        // SAFETY: the view is of an array in `self`, which is kept.
        unsafe { Post::new(peer, tag, dtype, view, deadline, Box::new(self)) }
    }

    fn views(arrays: &[Array]) -> Vec<View> {
        arrays
            .iter()
            .map(|array| {
                let length = array.numel() * array.dtype().size();
                // SAFETY: a contiguous array's elements lie at its address one after the other,
                // inside its storage, which the job keeps alive together with the array.
                unsafe { View::new(array.address() as *mut u8, length) }
            })
            .collect()
    }
}

/// How a collective is called: the op's name, the reduction, the special rank, the timeout.
type Options = (String, usize, u32, f64);

/// One rank's side of a process group.
#[pyclass(name = "_Communicator", module = "pyrite._C", frozen, weakref)]
struct PyCommunicator(Group);

impl PyCommunicator {
    fn job(
        inputs: &[Bound<'_, PyTensor>],
        outputs: &[Bound<'_, PyTensor>],
        (op, reduce, root, timeout): &Options,
    ) -> PyResult<Job> {
        let memory = Memory::of(inputs, outputs)?;
        let op = Op::from_name(op)
            .ok_or_else(|| PyValueError::new_err(format!("no collective {op:?}")))?;
        let reduce = Reduce::from_number(*reduce)
            .ok_or_else(|| PyValueError::new_err(format!("no reduction {reduce}")))?;
        let (count, dims) =
            memory.first().map_or((0, vec![]), |first| (first.numel(), first.dims().to_vec()));
        let call = Call::new(op, memory.dtype()?, count, &dims).with(reduce, *root);
        let (reads, writes) = (Memory::views(&memory.inputs), Memory::views(&memory.outputs));
        // SAFETY: the views are of arrays in `memory`, which is kept.
        Ok(unsafe { Job::new(call, reads, writes, seconds(*timeout), Box::new(memory)) })
    }
}

#[pymethods]
impl PyCommunicator {
    /// Runs a collective on contiguous host tensors and waits for it.
    fn run(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyTensor>>,
        outputs: Vec<Bound<'_, PyTensor>>,
        options: Options,
    ) -> PyResult<()> {
        let job = PyCommunicator::job(&inputs, &outputs, &options)?;
        py.detach(|| self.0.run(job, &mut pause)).py(py)
    }

    /// Starts a collective on contiguous host tensors.
    fn start(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyTensor>>,
        outputs: Vec<Bound<'_, PyTensor>>,
        options: Options,
    ) -> PyResult<PyWork> {
        let job = PyCommunicator::job(&inputs, &outputs, &options)?;
        py.detach(|| self.0.submit(job)).py(py).map(PyWork)
    }

    /// Starts sending a contiguous host tensor to a rank.
    fn send(
        &self,
        py: Python<'_>,
        tensor: Bound<'_, PyTensor>,
        peer: usize,
        tag: u32,
        timeout: f64,
    ) -> PyResult<PyWork> {
        let memory = Memory::of(&[tensor], &[])?;
        let post = memory.post(Some(peer), tag, timeout);
        py.detach(|| self.0.send(post)).py(py).map(PyWork)
    }

    /// Starts receiving into a contiguous host tensor, from a rank or from anybody.
    fn receive(
        &self,
        py: Python<'_>,
        tensor: Bound<'_, PyTensor>,
        peer: Option<usize>,
        tag: u32,
        timeout: f64,
    ) -> PyResult<PyWork> {
        let memory = Memory::of(&[], &[tensor])?;
        let post = memory.post(peer, tag, timeout);
        py.detach(|| self.0.receive(post)).py(py).map(PyWork)
    }

    /// Leaves the group.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// In a forked child: gives up the copies of the connections.
    fn abandon(&self) {
        #[cfg(unix)]
        self.0.abandon();
    }
}

/// Where everybody is, when a collective takes too long: every thread's Python stack.
fn show_stacks() {
    let dump = || {
        Python::try_attach(|py| -> PyResult<()> {
            let stderr = py.import("sys")?.getattr("__stderr__")?;
            let text = "pyrite.distributed: a collective timed out; the stacks of this rank:\n";
            stderr.call_method1("write", (text,))?;
            stderr.call_method0("flush")?;
            py.import("faulthandler")?.call_method1("dump_traceback", (stderr,))?;
            Ok(())
        })
    };
    // A thread of its own: whoever noticed must not wait for the interpreter. Without a thread or a
    // standard error there is nobody to tell.
    let _ = std::thread::Builder::new().spawn(dump);
}

/// A group's shape: what `_form_group` needs beside the connection of this rank.
#[derive(FromPyObject)]
struct Shape {
    rank: usize,
    addresses: Vec<String>,
    hosts: Vec<String>,
    name: String,
    /// Silence after which a rank counts as lost, in seconds.
    silence: f64,
    spin: bool,
    shared_memory: bool,
    timeout: f64,
}

/// Connects all ranks of a group; every one of them calls this.
#[pyfunction]
fn _form_group(
    py: Python<'_>,
    listener: &PyListener,
    secret: &PySecret,
    shape: Shape,
) -> PyResult<PyCommunicator> {
    let taken = listener.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(listener) = taken else {
        return Err(PyRuntimeError::new_err("a listener serves one group"));
    };
    let addresses = shape
        .addresses
        .iter()
        .map(|text| text.parse().map_err(|_| Error::Network(format!("{text}: no address"))))
        .collect::<comm::Result<Vec<SocketAddr>>>()
        .py(py)?;
    let members =
        Members { rank: shape.rank, addresses: &addresses, name: &shape.name, secret: &secret.0 };
    let watch = Watch { silence: seconds(shape.silence), on_timeout: show_stacks };
    let timeout: Duration = seconds(shape.timeout);
    let Shape { hosts, spin, shared_memory, .. } = shape;
    let formation = Formation { members, hosts, watch, spin, shared_memory };
    py.detach(|| Group::form(formation, listener, timeout, &mut pause)).py(py).map(PyCommunicator)
}

/// Adds the classes.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    crate::comm_error::fill(module)?;
    crate::comm_store::fill(module)?;
    module.add_class::<PyListener>()?;
    module.add_class::<PyWork>()?;
    module.add_class::<PyCommunicator>()?;
    module.add_function(wrap_pyfunction!(_form_group, module)?)
}
