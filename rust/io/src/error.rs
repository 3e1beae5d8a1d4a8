//! What can go wrong with a file, in terms of the exception a Python user sees.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error of reading or writing a file.
#[derive(Debug)]
pub enum Error {
    /// The operating system refused: `OSError` with its errno and file name.
    Os {
        /// What the system said.
        error: std::io::Error,
        /// The file it said it about.
        path: Option<PathBuf>,
    },
    /// The container is damaged or not what it should be: `RuntimeError`.
    Corrupt(String),
    /// The pickle is damaged or names something not allowed: `pickle.UnpicklingError`.
    Pickle(String),
}

/// The result of anything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Adapts a system error about `path`; for use in `map_err`.
    pub(crate) fn at(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
        |error| Error::Os { error, path: Some(path.to_path_buf()) }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Os { error, path: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Os { error, path: Some(path) } => write!(f, "{error}: '{}'", path.display()),
            Error::Os { error, path: None } => write!(f, "{error}"),
            Error::Corrupt(text) | Error::Pickle(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

/// Returns `Error::$kind` with a formatted text.
macro_rules! bail {
    ($kind:ident, $($arg:tt)+) => {
        return Err($crate::Error::$kind(format!($($arg)+)))
    };
}
pub(crate) use bail;
