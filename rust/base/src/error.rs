//! The one error type. Its kind decides the Python exception; its first line is PyTorch's text where
//! PyTorch has one, and detail lines follow: `op: rule; got values; hint`.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What went wrong, in terms of the exception a Python user sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    Runtime,
    Shape,
    DType,
    Device,
    Index,
    Value,
    Type,
    NotImplemented,
    OutOfMemory,
    Overflow,
    Attribute,
    Key,
    Assertion,
    Stop,
    LinAlg,
}

/// An error on its way to the user. One pointer wide, so that results stay small.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    message: String,
    foreign: Option<Arc<dyn Any + Send + Sync>>,
    missing_kernel: Option<Cow<'static, str>>,
}

/// The result of anything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its whole text.
    #[cold]
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            foreign: None,
            missing_kernel: None,
        }))
    }

    /// Carries an exception of a layer above through this one (a Python error raised in a hook).
    #[cold]
    pub fn foreign(exception: Arc<dyn Any + Send + Sync>) -> Error {
        let message = "exception raised by a callback".to_string();
        let mut error = Error::new(Kind::Runtime, message);
        error.0.foreign = Some(exception);
        error
    }

    /// The device has no kernel for what `op` was asked; another device may have one.
    #[cold]
    pub fn no_kernel(op: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        let mut error = Error::new(Kind::NotImplemented, message);
        error.0.missing_kernel = Some(op.into());
        error
    }

    /// The op given to [`Error::no_kernel`].
    pub fn missing_kernel(&self) -> Option<&Cow<'static, str>> {
        self.0.missing_kernel.as_ref()
    }

    /// The exception given to [`Error::foreign`].
    pub fn as_foreign(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.0.foreign.as_ref()
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The text shown to the user.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Adds a detail line below the text.
    #[cold]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Error {
        self.0.message = format!("{}\n  {detail}", self.0.message);
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

/// Returns an error of `Kind::$kind` with a formatted text.
#[macro_export]
macro_rules! bail {
    ($kind:ident, $($arg:tt)+) => {
        return Err($crate::Error::new($crate::Kind::$kind, format!($($arg)+)))
    };
}

/// Returns an error of `Kind::$kind` unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($cond:expr, $kind:ident, $($arg:tt)+) => {
        if $cond {
        } else {
            $crate::bail!($kind, $($arg)+);
        }
    };
}
