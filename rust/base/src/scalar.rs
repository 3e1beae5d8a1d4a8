//! One number without a tensor: what a Python `bool`, `int`, `float` or `complex` becomes.

use crate::{Category, DType};
use num_complex::Complex64;
use std::fmt;

/// A number of the widest type of its category.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(Complex64),
}

impl Scalar {
    /// The kind of number.
    pub const fn category(self) -> Category {
        match self {
            Scalar::Bool(_) => Category::Bool,
            Scalar::Int(_) => Category::Int,
            Scalar::Float(_) => Category::Float,
            Scalar::Complex(_) => Category::Complex,
        }
    }

    /// The widest dtype of its category: the type it is stored in here.
    pub const fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => DType::F64,
            Scalar::Complex(_) => DType::C128,
        }
    }

    /// Non-zero (NaN is true, as in Python).
    pub fn to_bool(self) -> bool {
        match self {
            Scalar::Bool(v) => v,
            Scalar::Int(v) => v != 0,
            Scalar::Float(v) => v != 0.0,
            Scalar::Complex(v) => v.re != 0.0 || v.im != 0.0,
        }
    }

    /// Truncated towards zero; the real part of a complex number.
    pub fn to_i64(self) -> i64 {
        match self {
            Scalar::Bool(v) => v.into(),
            Scalar::Int(v) => v,
            Scalar::Float(v) => v as i64,
            Scalar::Complex(v) => v.re as i64,
        }
    }

    /// As a real number; the real part of a complex one.
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(v) => v.into(),
            Scalar::Int(v) => v as f64,
            Scalar::Float(v) => v,
            Scalar::Complex(v) => v.re,
        }
    }

    /// As a complex number.
    pub fn to_complex(self) -> Complex64 {
        match self {
            Scalar::Complex(v) => v,
            other => Complex64::new(other.to_f64(), 0.0),
        }
    }

    /// The number zero of this category equals it.
    pub fn is_zero(self) -> bool {
        !self.to_bool()
    }

    /// Equal in value to the integer `v`.
    pub fn equals_int(self, v: i64) -> bool {
        match self {
            Scalar::Bool(b) => i64::from(b) == v,
            Scalar::Int(i) => i == v,
            Scalar::Float(f) => f == v as f64,
            Scalar::Complex(c) => c.re == v as f64 && c.im == 0.0,
        }
    }
}

impl From<f64> for Scalar {
    fn from(v: f64) -> Self {
        Scalar::Float(v)
    }
}

impl From<i64> for Scalar {
    fn from(v: i64) -> Self {
        Scalar::Int(v)
    }
}

impl From<bool> for Scalar {
    fn from(v: bool) -> Self {
        Scalar::Bool(v)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(v) => write!(f, "{v}"),
            Scalar::Int(v) => write!(f, "{v}"),
            Scalar::Float(v) => write!(f, "{v}"),
            Scalar::Complex(v) => write!(f, "({},{})", v.re, v.im),
        }
    }
}
