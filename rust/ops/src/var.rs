//! What derivative formulas compute with: a tensor, a number, or an error on its way out. Operators
//! work on it, so that formulas read like the textbook and contain no `?`.

use crate::{binary, reduce, unary, view};
use base::{Error, Result, Scalar};
use std::ops::{Add, Div, Mul, Neg, Sub};
use tape::Tensor;

/// A value in a formula.
#[derive(Clone)]
pub enum Var {
    /// A tensor.
    T(Tensor),
    /// A number.
    S(Scalar),
    /// A failure; it swallows everything that follows.
    Bad(Error),
}

impl From<Result<Tensor>> for Var {
    fn from(result: Result<Tensor>) -> Var {
        result.map_or_else(Var::Bad, Var::T)
    }
}

impl From<Tensor> for Var {
    fn from(tensor: Tensor) -> Var {
        Var::T(tensor)
    }
}

impl From<&Tensor> for Var {
    fn from(tensor: &Tensor) -> Var {
        Var::T(tensor.clone())
    }
}

impl From<Scalar> for Var {
    fn from(scalar: Scalar) -> Var {
        Var::S(scalar)
    }
}

impl From<f64> for Var {
    fn from(value: f64) -> Var {
        Var::S(Scalar::Float(value))
    }
}

impl From<i64> for Var {
    fn from(value: i64) -> Var {
        Var::S(Scalar::Int(value))
    }
}

impl Var {
    /// The gradient of a node's only output.
    pub(crate) fn grad(grads: &[Option<Tensor>]) -> Var {
        grads[0].clone().map_or_else(crate::node::absent, Ok).into()
    }

    /// The tensor at the end of a formula.
    pub fn tensor(self) -> Result<Tensor> {
        match self {
            Var::T(tensor) => Ok(tensor),
            Var::S(scalar) => crate::create::scalar_tensor(scalar),
            Var::Bad(error) => Err(error),
        }
    }

    /// Applies a function on tensors.
    pub fn then(self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Var {
        match self.tensor() {
            Ok(tensor) => f(&tensor).into(),
            Err(error) => Var::Bad(error),
        }
    }

    /// Zeros of its shape and dtype, whatever it holds.
    pub fn zeros_like(self) -> Var {
        self.then(|t| crate::create::full_like(t, Scalar::Int(0), None, None, None))
    }

    /// The sum over all elements.
    pub fn sum(self) -> Var {
        self.then(|t| reduce::sum(t, None, false, None))
    }

    /// The sum over some dimensions, which stay as size 1.
    pub fn sum_keep(self, dims: &[i64]) -> Var {
        self.then(|t| reduce::sum(t, Some(dims), true, None))
    }

    /// The matrix transpose of the last two dimensions.
    pub fn mt(self) -> Var {
        self.then(|t| view::transpose(t, -2, -1))
    }
}

macro_rules! methods {
    ($($name:ident)*) => {$(
        impl Var {
            #[doc = concat!("Elementwise `", stringify!($name), "`.")]
            pub fn $name(self) -> Var {
                match self {
                    Var::Bad(error) => Var::Bad(error),
                    other => crate::map::apply(&unary::$name::OP, &[other], crate::map::NONE).into(),
                }
            }
        }
    )*};
}

methods! { relu log_sigmoid abs sgn sign square sqrt rsqrt reciprocal exp log sin cos tan sinh cosh tanh sigmoid erf lgamma digamma isnan }

impl Var {
    /// `self` to the power of `exponent`.
    pub fn pow(self, exponent: impl Into<Var>) -> Var {
        crate::map::of2(&binary::pow::OP, self, exponent.into())
    }

    /// 1 where the condition holds, else 0, in the dtype of `like`.
    pub fn mask_of(condition: Var, like: &Var) -> Var {
        let dtype = match like {
            Var::T(t) => t.dtype(),
            Var::S(s) => s.dtype(),
            Var::Bad(e) => return Var::Bad(e.clone()),
        };
        condition.then(|t| crate::cast::to_dtype(t, dtype))
    }

    /// `self` where the condition holds, else `other`.
    pub fn where_(self, condition: Var, other: impl Into<Var>) -> Var {
        crate::select::where_vars(condition, self, other.into())
    }
}

macro_rules! comparisons {
    ($($name:ident)*) => {$(
        impl Var {
            #[doc = concat!("Elementwise `", stringify!($name), "`, a bool tensor.")]
            pub fn $name(self, other: impl Into<Var>) -> Var {
                crate::map::of2(&crate::compare::$name::OP, self, other.into())
            }
        }
    )*};
}

comparisons! { eq ne lt le gt ge logical_and logical_or }

macro_rules! operators {
    ($($trait:ident $method:ident $row:ident;)*) => {$(
        impl $trait for Var {
            type Output = Var;
            fn $method(self, other: Var) -> Var {
                crate::map::of2(&binary::$row::OP, self, other)
            }
        }
        impl $trait<&Var> for Var {
            type Output = Var;
            fn $method(self, other: &Var) -> Var {
                crate::map::of2(&binary::$row::OP, self, other.clone())
            }
        }
        impl $trait<Var> for &Var {
            type Output = Var;
            fn $method(self, other: Var) -> Var {
                crate::map::of2(&binary::$row::OP, self.clone(), other)
            }
        }
        impl $trait<&Var> for &Var {
            type Output = Var;
            fn $method(self, other: &Var) -> Var {
                crate::map::of2(&binary::$row::OP, self.clone(), other.clone())
            }
        }
        impl $trait<f64> for Var {
            type Output = Var;
            fn $method(self, other: f64) -> Var {
                crate::map::of2(&binary::$row::OP, self, other.into())
            }
        }
        impl $trait<Var> for f64 {
            type Output = Var;
            fn $method(self, other: Var) -> Var {
                crate::map::of2(&binary::$row::OP, self.into(), other)
            }
        }
        impl $trait<&Var> for f64 {
            type Output = Var;
            fn $method(self, other: &Var) -> Var {
                crate::map::of2(&binary::$row::OP, self.into(), other.clone())
            }
        }
    )*};
}

operators! {
    Add add add;
    Sub sub sub;
    Mul mul mul;
    Div div div;
}

impl Neg for Var {
    type Output = Var;
    fn neg(self) -> Var {
        match self {
            Var::Bad(error) => Var::Bad(error),
            other => crate::map::apply(&unary::neg::OP, &[other], crate::map::NONE).into(),
        }
    }
}
