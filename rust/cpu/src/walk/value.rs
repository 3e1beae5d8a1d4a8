//! One element of any dtype.

use base::{B8, Complex32, Complex64, ComplexHalf, DType, Element, Scalar, bf16, f16};

/// An element, aligned for every dtype.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Value([u8; 16]);

impl Value {
    /// The scalar as an element of `dtype`.
    pub fn of(scalar: Scalar, dtype: DType) -> Value {
        match dtype {
            DType::Bool => Self::new::<B8>(scalar),
            DType::U8 => Self::new::<u8>(scalar),
            DType::I8 => Self::new::<i8>(scalar),
            DType::I16 => Self::new::<i16>(scalar),
            DType::I32 => Self::new::<i32>(scalar),
            DType::I64 => Self::new::<i64>(scalar),
            DType::F16 => Self::new::<f16>(scalar),
            DType::BF16 => Self::new::<bf16>(scalar),
            DType::F32 => Self::new::<f32>(scalar),
            DType::F64 => Self::new::<f64>(scalar),
            DType::C32 => Self::new::<ComplexHalf>(scalar),
            DType::C64 => Self::new::<Complex32>(scalar),
            DType::C128 => Self::new::<Complex64>(scalar),
        }
    }

    /// All bits zero.
    pub const fn zero() -> Value {
        Value([0; 16])
    }

    fn new<T: Element>(scalar: Scalar) -> Value {
        let mut value = Value::zero();
        // SAFETY: every element type is plain data of at most 16 bytes and alignment.
        unsafe { value.0.as_mut_ptr().cast::<T>().write(T::from_scalar(scalar)) };
        value
    }

    /// Its address.
    pub fn ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// Its address, for writing an element.
    pub fn ptr_mut(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
}
