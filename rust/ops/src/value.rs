//! Arguments and results of ops in one common form, so that every op has one calling convention
//! and everything that wraps ops (binding, modes, tracing) is written once.

use crate::Var;
use base::rng::Generator;
use base::{DType, Device, Error, Kind, MemoryFormat, Result, Scalar};
use tape::Tensor;

/// One argument or result.
#[derive(Clone)]
#[allow(missing_docs)]
pub enum Value {
    None,
    Tensor(Tensor),
    Tensors(Vec<Tensor>),
    /// Index lists: `None` stands for a full slice.
    OptTensors(Vec<Option<Tensor>>),
    Scalar(Scalar),
    Ints(Vec<i64>),
    Scalars(Vec<Scalar>),
    Str(String),
    DType(DType),
    Device(Device),
    MemoryFormat(MemoryFormat),
    Generator(Generator),
    /// Several results of different kinds.
    Tuple(Vec<Value>),
}

/// A Rust type an op can take.
pub trait Arg<'a>: Sized {
    /// The value as this type. Argument parsing has checked types, so failing is a bug of a row.
    fn from_value(value: &'a Value) -> Result<Self>;

    /// Takes the values it stands for from a call's arguments: one, unless it says otherwise.
    fn take(values: &mut std::slice::Iter<'a, Value>) -> Result<Self> {
        match values.next() {
            Some(value) => Self::from_value(value),
            None => mismatch("another argument"),
        }
    }
}

#[cold]
pub(crate) fn mismatch<T>(want: &str) -> Result<T> {
    Err(Error::new(Kind::Type, format!("internal error: an op's row expects {want} here")))
}

macro_rules! arg {
    ($($ty:ty, $want:literal, $pattern:pat => $out:expr;)*) => {$(
        impl<'a> Arg<'a> for $ty {
            fn from_value(value: &'a Value) -> Result<Self> {
                match value {
                    $pattern => Ok($out),
                    _ => mismatch($want),
                }
            }
        }
    )*};
}

arg! {
    &'a Tensor, "a tensor", Value::Tensor(t) => t;
    &'a [Tensor], "a list of tensors", Value::Tensors(t) => t;
    &'a [Option<Tensor>], "a list of index tensors", Value::OptTensors(t) => t;
    Scalar, "a number", Value::Scalar(s) => *s;
    i64, "an int", Value::Scalar(s) => s.to_i64();
    f64, "a float", Value::Scalar(s) => s.to_f64();
    bool, "a bool", Value::Scalar(s) => s.to_bool();
    &'a str, "a string", Value::Str(s) => s;
    &'a [i64], "a list of ints", Value::Ints(v) => v;
    &'a [Scalar], "a list of numbers", Value::Scalars(v) => v;
    DType, "a dtype", Value::DType(d) => *d;
    Device, "a device", Value::Device(d) => *d;
    MemoryFormat, "a memory format", Value::MemoryFormat(m) => *m;
    &'a Generator, "a generator", Value::Generator(g) => g;
}

impl<'a> Arg<'a> for Var {
    fn from_value(value: &'a Value) -> Result<Self> {
        match value {
            Value::Tensor(t) => Ok(Var::T(t.clone())),
            Value::Scalar(s) => Ok(Var::S(*s)),
            _ => mismatch("a tensor or a number"),
        }
    }
}

impl<'a> Arg<'a> for &'a Value {
    fn from_value(value: &'a Value) -> Result<Self> {
        Ok(value)
    }
}

impl<'a, T: Arg<'a>> Arg<'a> for Option<T> {
    fn from_value(value: &'a Value) -> Result<Self> {
        match value {
            Value::None => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

macro_rules! result {
    ($($ty:ty => |$v:ident| $out:expr;)*) => {$(
        impl From<$ty> for Value {
            fn from($v: $ty) -> Value {
                $out
            }
        }
    )*};
}

result! {
    () => |_v| Value::None;
    Tensor => |v| Value::Tensor(v);
    Vec<Tensor> => |v| Value::Tensors(v);
    Scalar => |v| Value::Scalar(v);
    bool => |v| Value::Scalar(Scalar::Bool(v));
    i64 => |v| Value::Scalar(Scalar::Int(v));
    f64 => |v| Value::Scalar(Scalar::Float(v));
    Vec<i64> => |v| Value::Ints(v);
    DType => |v| Value::DType(v);
    (Tensor, Vec<Tensor>) => |v| Value::Tuple(vec![v.0.into(), v.1.into()]);
    (Tensor, Tensor) => |v| Value::Tuple(vec![v.0.into(), v.1.into()]);
    (Tensor, Tensor, Tensor) => |v| Value::Tuple(vec![v.0.into(), v.1.into(), v.2.into()]);
    (Tensor, Tensor, Tensor, Tensor) => |v| Value::Tuple(vec![v.0.into(), v.1.into(), v.2.into(), v.3.into()]);
}
