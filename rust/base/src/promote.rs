//! Dtype promotion: what type an op computes in, given tensors, 0-d tensors and Python scalars.
//!
//! Operands fall in three classes: tensors with dimensions, 0-d tensors, Python scalars. A lower
//! class only changes the result when its category (bool < int < float < complex) is higher.

use crate::{Category, DType, Scalar};
use std::cmp::Ordering;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

static DEFAULT_DTYPE: AtomicU8 = AtomicU8::new(DType::F32 as u8);

/// The dtype of new floating-point tensors (`set_default_dtype`).
pub fn default_dtype() -> DType {
    DType::ALL[DEFAULT_DTYPE.load(Relaxed) as usize]
}

/// Changes [`default_dtype`]; the caller has checked that it is a real float.
pub fn set_default_dtype(dtype: DType) {
    DEFAULT_DTYPE.store(dtype as u8, Relaxed);
}

/// How much say an operand has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A tensor with at least one dimension.
    Dim,
    /// A 0-d tensor.
    ZeroDim,
    /// A Python number.
    Scalar,
}

/// The smallest dtype both convert to without changing category.
pub fn promote_types(a: DType, b: DType) -> DType {
    use Category as C;
    if a == b {
        return a;
    }
    match (a.category(), b.category()) {
        (C::Bool, _) => b,
        (_, C::Bool) => a,
        (C::Complex, C::Complex) => larger(a, b),
        (C::Complex, _) => complex_with(a, b),
        (_, C::Complex) => complex_with(b, a),
        (C::Float, C::Float) => wider_float(a, b),
        (C::Float, _) => a,
        (_, C::Float) => b,
        (C::Int, C::Int) => wider_int(a, b),
    }
}

fn complex_with(complex: DType, other: DType) -> DType {
    if other.is_float() { larger(complex, other.to_complex()) } else { complex }
}

fn larger(a: DType, b: DType) -> DType {
    if a.size() > b.size() { a } else { b }
}

fn wider_float(a: DType, b: DType) -> DType {
    match a.size().cmp(&b.size()) {
        Ordering::Equal => DType::F32,
        Ordering::Greater => a,
        Ordering::Less => b,
    }
}

fn wider_int(a: DType, b: DType) -> DType {
    match (a, b) {
        (DType::U8, DType::I8) | (DType::I8, DType::U8) => DType::I16,
        _ => larger(a, b),
    }
}

/// The dtype a Python number has by itself: bool, int64, the default float, its complex.
pub fn scalar_dtype(scalar: Scalar) -> DType {
    match scalar.category() {
        Category::Bool => DType::Bool,
        Category::Int => DType::I64,
        Category::Float => default_dtype(),
        Category::Complex => default_dtype().to_complex(),
    }
}

/// Accumulates operands, then names the common dtype.
#[derive(Clone, Copy, Default, Debug)]
pub struct Promotion {
    dim: Option<DType>,
    zero_dim: Option<DType>,
    scalar: Option<DType>,
}

impl Promotion {
    /// No operand yet.
    pub const fn new() -> Self {
        Promotion { dim: None, zero_dim: None, scalar: None }
    }

    /// Adds an operand.
    #[inline]
    pub fn with(mut self, dtype: DType, class: Class) -> Self {
        let slot = match class {
            Class::Dim => &mut self.dim,
            Class::ZeroDim => &mut self.zero_dim,
            Class::Scalar => &mut self.scalar,
        };
        *slot = Some(slot.map_or(dtype, |have| promote_types(have, dtype)));
        self
    }

    /// Adds a Python number.
    pub fn with_scalar(self, scalar: Scalar) -> Self {
        self.with(scalar_dtype(scalar), Class::Scalar)
    }

    /// The dtype the op computes in (the default dtype when there was no operand).
    #[inline]
    pub fn result(self) -> DType {
        combine(self.dim, combine(self.zero_dim, self.scalar)).unwrap_or_else(default_dtype)
    }
}

#[inline]
fn combine(higher: Option<DType>, lower: Option<DType>) -> Option<DType> {
    let (Some(high), Some(low)) = (higher, lower) else {
        return higher.or(lower);
    };
    Some(match high.category() {
        Category::Float if low.is_complex() => high.to_complex(),
        Category::Bool => promote_types(high, low),
        Category::Int if low.is_differentiable() => promote_types(high, low),
        Category::Complex | Category::Float | Category::Int => high,
    })
}

/// Whether a value of `from` may be written into a tensor of `to` by an op's result.
pub fn can_cast(from: DType, to: DType) -> bool {
    match (from.category(), to.category()) {
        (Category::Complex, to) => to == Category::Complex,
        (Category::Float, to) => to >= Category::Float,
        (Category::Int, to) => to != Category::Bool,
        (Category::Bool, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_scalars_lift_the_category_only() {
        let int = Promotion::new().with(DType::U8, Class::Dim);
        assert_eq!(int.with_scalar(Scalar::Int(3)).result(), DType::U8);
        assert_eq!(int.with_scalar(Scalar::Float(0.5)).result(), DType::F32);
        let half = Promotion::new().with(DType::F16, Class::Dim);
        assert_eq!(half.with(DType::F64, Class::ZeroDim).result(), DType::F16);
        assert_eq!(half.with(DType::C128, Class::ZeroDim).result(), DType::C32);
    }

    #[test]
    fn mixed_small_types() {
        assert_eq!(promote_types(DType::U8, DType::I8), DType::I16);
        assert_eq!(promote_types(DType::F16, DType::BF16), DType::F32);
        assert_eq!(promote_types(DType::C64, DType::F64), DType::C128);
        assert_eq!(promote_types(DType::C32, DType::F16), DType::C32);
        assert_eq!(promote_types(DType::C32, DType::BF16), DType::C64);
        assert_eq!(promote_types(DType::I64, DType::C32), DType::C32);
    }
}
