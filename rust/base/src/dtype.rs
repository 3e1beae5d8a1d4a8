//! Element types: their names, sizes, categories, and the Rust type that holds each.

use crate::Scalar;
use half::{bf16, f16};
use num_complex::{Complex, Complex32, Complex64};
use std::fmt;

/// The element type of a tensor. `Bool` is one byte holding 0 or 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum DType {
    Bool = 0,
    U8,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
    C32,
    C64,
    C128,
}

/// Kinds of number, in order of promotion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum Category {
    Bool,
    Int,
    Float,
    Complex,
}

impl DType {
    /// How many dtypes there are: the length of a kernel table.
    pub const COUNT: usize = 13;

    /// Every dtype, in table order.
    pub const ALL: [DType; Self::COUNT] = [
        DType::Bool,
        DType::U8,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::C32,
        DType::C64,
        DType::C128,
    ];

    /// Bytes of one element.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 | DType::I8 => 1,
            DType::I16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::F32 | DType::C32 => 4,
            DType::I64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// The kind of number it holds.
    #[inline]
    pub const fn category(self) -> Category {
        match self {
            DType::Bool => Category::Bool,
            DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64 => Category::Int,
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Category::Float,
            DType::C32 | DType::C64 | DType::C128 => Category::Complex,
        }
    }

    /// True for the four real floating-point types.
    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self.category(), Category::Float)
    }

    /// True for complex types.
    #[inline]
    pub const fn is_complex(self) -> bool {
        matches!(self.category(), Category::Complex)
    }

    /// True for bool and integers.
    #[inline]
    pub const fn is_integral(self) -> bool {
        matches!(self.category(), Category::Bool | Category::Int)
    }

    /// True where a gradient can exist.
    #[inline]
    pub const fn is_differentiable(self) -> bool {
        matches!(self.category(), Category::Float | Category::Complex)
    }

    /// The type of the real and imaginary parts; itself for real types.
    pub const fn to_real(self) -> DType {
        match self {
            DType::C32 => DType::F16,
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            other => other,
        }
    }

    /// The complex type whose parts hold this float (`BF16` widens to `C64`).
    pub const fn to_complex(self) -> DType {
        match self {
            DType::F16 | DType::C32 => DType::C32,
            DType::F64 | DType::C128 => DType::C128,
            _ => DType::C64,
        }
    }

    /// The type arithmetic is carried out in: 16-bit floats compute in `F32`, `C32` in `C64`.
    #[inline]
    pub const fn compute(self) -> DType {
        match self {
            DType::F16 | DType::BF16 => DType::F32,
            DType::C32 => DType::C64,
            other => other,
        }
    }

    /// The name Python shows: `float32`, `int64`, ...
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C32 => "complex32",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
        }
    }

    /// The scalar type's name in error messages: `Float`, `Long`, `ComplexDouble`, ...
    pub const fn type_name(self) -> &'static str {
        match self {
            DType::Bool => "Bool",
            DType::U8 => "Byte",
            DType::I8 => "Char",
            DType::I16 => "Short",
            DType::I32 => "Int",
            DType::I64 => "Long",
            DType::F16 => "Half",
            DType::BF16 => "BFloat16",
            DType::F32 => "Float",
            DType::F64 => "Double",
            DType::C32 => "ComplexHalf",
            DType::C64 => "ComplexFloat",
            DType::C128 => "ComplexDouble",
        }
    }

    /// The type's name in C++, as some of PyTorch's messages print it.
    pub const fn c_name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "unsigned char",
            DType::I8 => "signed char",
            DType::I16 => "short",
            DType::I32 => "int",
            DType::I64 => "long",
            DType::F16 => "c10::Half",
            DType::BF16 => "c10::BFloat16",
            DType::F32 => "float",
            DType::F64 => "double",
            DType::C32 => "c10::complex<c10::Half>",
            DType::C64 => "c10::complex<float>",
            DType::C128 => "c10::complex<double>",
        }
    }

    /// What PyTorch calls the type where it converts a number to it: `int64_t`, `c10::Half`, ...
    pub const fn number_name(self) -> &'static str {
        match self {
            DType::U8 => "uint8_t",
            DType::I8 => "int8_t",
            DType::I16 => "int16_t",
            DType::I64 => "int64_t",
            other => other.c_name(),
        }
    }

    /// Largest finite value of a float type or of the parts of a complex one; `None` for others.
    pub const fn float_max(self) -> Option<f64> {
        match self.to_real() {
            DType::F16 => Some(65504.0),
            DType::BF16 => Some(f32::from_bits(0x7f7f_0000) as f64),
            DType::F32 => Some(f32::MAX as f64),
            DType::F64 => Some(f64::MAX),
            _ => None,
        }
    }

    /// The dtype of that Python name, aliases (`float`, `long`, `half`, ...) included.
    pub fn from_name(name: &str) -> Option<DType> {
        let alias = match name {
            "float" => DType::F32,
            "double" => DType::F64,
            "half" => DType::F16,
            "long" => DType::I64,
            "int" => DType::I32,
            "short" => DType::I16,
            "chalf" => DType::C32,
            "cfloat" => DType::C64,
            "cdouble" => DType::C128,
            _ => return DType::ALL.into_iter().find(|d| d.name() == name),
        };
        Some(alias)
    }

    /// Smallest and largest value of an integer type (0 and 1 for bool); `None` for others.
    pub const fn int_range(self) -> Option<(i64, i64)> {
        match self {
            DType::Bool => Some((0, 1)),
            DType::U8 => Some((0, 255)),
            DType::I8 => Some((i8::MIN as i64, i8::MAX as i64)),
            DType::I16 => Some((i16::MIN as i64, i16::MAX as i64)),
            DType::I32 => Some((i32::MIN as i64, i32::MAX as i64)),
            DType::I64 => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One byte of a `bool` tensor. Any non-zero byte is true, so foreign memory can never be invalid.
#[derive(Clone, Copy, Default, Debug)]
#[repr(transparent)]
pub struct B8(pub u8);

impl B8 {
    /// Its truth value.
    #[inline(always)]
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for B8 {
    #[inline(always)]
    fn from(v: bool) -> B8 {
        B8(v as u8)
    }
}

impl PartialEq for B8 {
    #[inline(always)]
    fn eq(&self, other: &B8) -> bool {
        self.get() == other.get()
    }
}

/// One element of a `complex32` tensor: two float16 parts, without arithmetic of its own.
pub type ComplexHalf = Complex<f16>;

fn half_complex(value: Complex64) -> ComplexHalf {
    ComplexHalf::new(f16::from_f32(value.re as f32), f16::from_f32(value.im as f32))
}

/// A Rust type that can sit in a tensor.
pub trait Element: Copy + Default + Send + Sync + PartialEq + 'static {
    /// Its dtype.
    const DTYPE: DType;
    /// Converts by the rules of a cast: truncation towards zero, wrap-around, real part.
    fn from_scalar(value: Scalar) -> Self;
    /// The value, widened.
    fn to_scalar(self) -> Scalar;
}

macro_rules! element {
    ($($ty:ty, $dtype:ident, $from:expr, $to:expr;)*) => {$(
        impl Element for $ty {
            const DTYPE: DType = DType::$dtype;
            #[inline]
            fn from_scalar(value: Scalar) -> $ty {
                let from: fn(Scalar) -> $ty = $from;
                from(value)
            }
            #[inline]
            fn to_scalar(self) -> Scalar {
                let to: fn($ty) -> Scalar = $to;
                to(self)
            }
        }
    )*};
}

element! {
    B8, Bool, |s| s.to_bool().into(), |v| Scalar::Bool(v.get());
    u8, U8, |s| s.to_i64() as u8, |v| Scalar::Int(v.into());
    i8, I8, |s| s.to_i64() as i8, |v| Scalar::Int(v.into());
    i16, I16, |s| s.to_i64() as i16, |v| Scalar::Int(v.into());
    i32, I32, |s| s.to_i64() as i32, |v| Scalar::Int(v.into());
    i64, I64, |s| s.to_i64(), Scalar::Int;
    f16, F16, |s| f16::from_f32(s.to_f64() as f32), |v| Scalar::Float(v.to_f64());
    bf16, BF16, |s| bf16::from_f32(s.to_f64() as f32), |v| Scalar::Float(v.to_f64());
    f32, F32, |s| s.to_f64() as f32, |v| Scalar::Float(v.into());
    f64, F64, |s| s.to_f64(), Scalar::Float;
    ComplexHalf, C32, |s| half_complex(s.to_complex()),
        |v| Scalar::Complex(Complex64::new(v.re.to_f64(), v.im.to_f64()));
    Complex32, C64, |s| { let c = s.to_complex(); Complex32::new(c.re as f32, c.im as f32) },
        |v| Scalar::Complex(Complex64::new(v.re.into(), v.im.into()));
    Complex64, C128, |s| s.to_complex(), Scalar::Complex;
}
