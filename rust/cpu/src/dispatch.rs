//! From a run-time dtype to a compile-time element type: the one macro for it.

/// `dispatch!("cumsum", dtype, [number], T => body)` runs `body` with `T` bound to the Rust type of
/// `dtype`; a dtype outside the group is PyTorch's "not implemented for" error. Groups: `float`
/// (f32, f64: what 16-bit floats compute in is the caller's business), `floats` (with f16, bf16),
/// `field` (float and complex), `int`, `index` (i32, i64), `real` (int and float), `reals` (with
/// f16, bf16 and bool), `number` (real and complex) and `all`.
macro_rules! dispatch {
    ($name:expr, $dtype:expr, [float], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, F32 F64)
    };
    ($name:expr, $dtype:expr, [floats], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, F16 BF16 F32 F64)
    };
    ($name:expr, $dtype:expr, [field], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, F32 F64 C64 C128)
    };
    ($name:expr, $dtype:expr, [int], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, U8 I8 I16 I32 I64)
    };
    ($name:expr, $dtype:expr, [index], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, I32 I64)
    };
    ($name:expr, $dtype:expr, [real], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, U8 I8 I16 I32 I64 F32 F64)
    };
    ($name:expr, $dtype:expr, [reals], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, Bool U8 I8 I16 I32 I64 F16 BF16 F32 F64)
    };
    ($name:expr, $dtype:expr, [number], $t:ident => $body:expr) => {
        $crate::dispatch::arms!($name, $dtype, $t, $body, U8 I8 I16 I32 I64 F32 F64 C64 C128)
    };
    ($name:expr, $dtype:expr, [all], $t:ident => $body:expr) => {
        $crate::dispatch::arms!(
            $name, $dtype, $t, $body, Bool U8 I8 I16 I32 I64 F16 BF16 F32 F64 C32 C64 C128
        )
    };
}

macro_rules! arms {
    ($name:expr, $dtype:expr, $t:ident, $body:expr, $($dt:ident)+) => {
        match $dtype {
            $(base::DType::$dt => {
                type $t = $crate::dispatch::rust_type!($dt);
                $body
            })+
            #[allow(unreachable_patterns)]
            other => {
                base::bail!(
                    NotImplemented,
                    "\"{}\" not implemented for '{}'",
                    $name,
                    other.type_name()
                )
            }
        }
    };
}

macro_rules! rust_type {
    (Bool) => {
        base::B8
    };
    (U8) => {
        u8
    };
    (I8) => {
        i8
    };
    (I16) => {
        i16
    };
    (I32) => {
        i32
    };
    (I64) => {
        i64
    };
    (F16) => {
        base::f16
    };
    (BF16) => {
        base::bf16
    };
    (F32) => {
        f32
    };
    (F64) => {
        f64
    };
    (C32) => {
        base::ComplexHalf
    };
    (C64) => {
        base::Complex32
    };
    (C128) => {
        base::Complex64
    };
}

pub(crate) use {arms, dispatch, rust_type};
