//! Where ranks find each other: a group's secret, the store's server and its client.

use crate::comm_error::{IntoPy, pause};
use comm::secret::Secret;
use comm::store::{Client, Request, Server};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;
use std::time::Duration;

/// A timeout in seconds; one that is too long for a clock is a year.
pub fn seconds(timeout: f64) -> Duration {
    const YEAR: f64 = 3.2e7;
    Duration::from_secs_f64(timeout.clamp(0.0, YEAR))
}

/// What the processes of a group share: a text of the user's, or a file in a folder of theirs.
#[pyclass(name = "_Secret", module = "pyrite._C", frozen)]
pub struct PySecret(pub Secret);

#[pymethods]
impl PySecret {
    #[new]
    fn new(py: Python<'_>, key: Option<&str>, folder: PathBuf) -> PyResult<PySecret> {
        let secret = match key {
            Some(key) => Secret::given(key),
            None => py.detach(|| Secret::of_user(&folder)),
        };
        secret.py(py).map(PySecret)
    }
}

/// The server of a store, on a thread of its own.
#[pyclass(name = "_StoreServer", module = "pyrite._C", frozen, weakref)]
struct PyServer(Server);

#[pymethods]
impl PyServer {
    #[new]
    fn new(py: Python<'_>, host: &str, port: u16, secret: &PySecret) -> PyResult<PyServer> {
        let secret = secret.0.clone();
        py.detach(|| Server::start(host, port, secret)).py(py).map(PyServer)
    }

    #[getter]
    fn port(&self) -> u16 {
        self.0.address().port()
    }

    /// Connections that did not prove that they belong here.
    #[getter]
    fn refused(&self) -> usize {
        self.0.refused()
    }

    /// In a forked child: gives up the copies of the sockets.
    fn abandon(&self) {
        #[cfg(unix)]
        self.0.abandon();
    }
}

/// A connection to a store's server.
#[pyclass(name = "_StoreClient", module = "pyrite._C", frozen, weakref)]
struct PyClient(Client);

impl PyClient {
    fn ask(&self, py: Python<'_>, request: &Request, timeout: f64) -> PyResult<Vec<u8>> {
        py.detach(|| self.0.ask(request, seconds(timeout), &mut pause)).py(py)
    }

    fn number(&self, py: Python<'_>, request: &Request, timeout: f64) -> PyResult<i64> {
        let reply = self.ask(py, request, timeout)?;
        let number = std::str::from_utf8(&reply).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| {
            crate::comm_error::DistStoreError::new_err("the store answered with no number")
        })
    }
}

#[pymethods]
impl PyClient {
    #[new]
    fn new(
        py: Python<'_>,
        host: &str,
        port: u16,
        secret: &PySecret,
        timeout: f64,
    ) -> PyResult<PyClient> {
        let secret = &secret.0;
        py.detach(|| Client::connect(host, port, secret, seconds(timeout), &mut pause))
            .py(py)
            .map(PyClient)
    }

    /// The address at which others reach this host, as seen from the server.
    #[getter]
    fn local_host(&self) -> String {
        self.0.local().ip().to_string()
    }

    fn set(&self, py: Python<'_>, key: String, value: Vec<u8>, timeout: f64) -> PyResult<()> {
        self.ask(py, &Request::Set(key, value), timeout).map(|_| ())
    }

    fn get<'py>(
        &self,
        py: Python<'py>,
        key: String,
        timeout: f64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.ask(py, &Request::Get(key), timeout).map(|value| PyBytes::new(py, &value))
    }

    fn add(&self, py: Python<'_>, key: String, amount: i64, timeout: f64) -> PyResult<i64> {
        self.number(py, &Request::Add(key, amount), timeout)
    }

    fn compare_set<'py>(
        &self,
        py: Python<'py>,
        key: String,
        expected: Vec<u8>,
        desired: Vec<u8>,
        timeout: f64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let request = Request::CompareSet(key, expected, desired);
        self.ask(py, &request, timeout).map(|value| PyBytes::new(py, &value))
    }

    fn append(&self, py: Python<'_>, key: String, value: Vec<u8>, timeout: f64) -> PyResult<()> {
        self.ask(py, &Request::Append(key, value), timeout).map(|_| ())
    }

    fn check(&self, py: Python<'_>, keys: Vec<String>, timeout: f64) -> PyResult<bool> {
        self.ask(py, &Request::Check(keys), timeout).map(|reply| reply == [1])
    }

    fn delete(&self, py: Python<'_>, key: String, timeout: f64) -> PyResult<bool> {
        self.ask(py, &Request::Delete(key), timeout).map(|reply| reply == [1])
    }

    fn count(&self, py: Python<'_>, timeout: f64) -> PyResult<i64> {
        self.number(py, &Request::Count, timeout)
    }

    fn wait(&self, py: Python<'_>, keys: Vec<String>, timeout: f64) -> PyResult<()> {
        self.ask(py, &Request::Wait(keys), timeout).map(|_| ())
    }

    /// In a forked child: gives up the copies of the connections.
    fn abandon(&self) {
        #[cfg(unix)]
        self.0.abandon();
    }
}

/// Adds the classes.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PySecret>()?;
    module.add_class::<PyServer>()?;
    module.add_class::<PyClient>()
}
