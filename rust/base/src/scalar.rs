//! One number without a tensor: what a Python `bool`, `int`, `float` or `complex` becomes.

use crate::{Category, DType, Result, ensure};
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

    /// Fails where a tensor of `dtype` cannot hold the number, fractions aside: it is written to one.
    /// As in PyTorch, unsigned integers take negative ones down to minus their largest, floats
    /// take infinities, and bool takes everything.
    pub fn check_fits(self, dtype: DType) -> Result<()> {
        let wide = self.to_complex();
        let fits = match (dtype.float_max(), dtype.int_range()) {
            (Some(max), _) => [wide.re, wide.im].iter().all(|v| v.abs() <= max || !v.is_finite()),
            (None, Some(_)) if dtype == DType::Bool => true,
            (None, Some((low, high))) => match self {
                Scalar::Bool(_) => true,
                Scalar::Int(v) => v <= high && v >= if low == 0 { -high } else { low },
                // 2^63 is the float next to the largest i64, which it does not hold.
                _ => wide.re >= low as f64 && wide.re <= high as f64 && wide.re < i64::MAX as f64,
            },
            (None, None) => true,
        };
        ensure!(
            fits && (dtype.is_complex() || dtype == DType::Bool || wide.im == 0.0),
            Runtime,
            "value cannot be converted to type {} without overflow\n  got {self} for {dtype}",
            dtype.number_name()
        );
        Ok(())
    }

    /// [`Scalar::check_fits`] for a number that becomes a tensor before it is used: to 16-bit floats
    /// it is rounded, to infinity if need be.
    pub fn check_rounds(self, dtype: DType) -> Result<()> {
        self.check_fits(match dtype {
            DType::F16 | DType::BF16 => DType::F64,
            DType::C32 => DType::C128,
            other => other,
        })
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
