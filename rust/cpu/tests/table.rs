//! Kernels in `static` tables of a crate that allows no unsafe code, as the op rows have them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)] // A test may end where its expectation does not hold.

use base::{DType, Element, Layout, Scalar};
use cpu::math::{Field, Number, Real};
use cpu::{Buffer, Operand, Table, binary, map, scalars, unary};

/// What a row's macro expands to: a table of one closure, generic over the element type.
macro_rules! table {
    ($($dtype:ident)*; |$x:ident| $body:expr) => {{
        let mut table: Table = [None; DType::COUNT];
        $(table[DType::$dtype as usize] = Some(unary(|$x: rust_type!($dtype)| $body));)*
        table
    }};
    ($($dtype:ident)*; |$x:ident, $y:ident| $body:expr) => {{
        let mut table: Table = [None; DType::COUNT];
        $(table[DType::$dtype as usize] =
            Some(binary(|$x: rust_type!($dtype), $y: rust_type!($dtype)| $body));)*
        table
    }};
}

macro_rules! rust_type {
    (U8) => {
        u8
    };
    (I64) => {
        i64
    };
    (F32) => {
        f32
    };
    (F64) => {
        f64
    };
    (C64) => {
        base::Complex32
    };
    (C128) => {
        base::Complex64
    };
}

static GELU: Table = table! { F32 F64; |x|
    Number::mul(Real::from_f64(0.5), Number::mul(x, Real::erfc(Number::mul(x, Real::from_f64(-0.5f64.sqrt())))))
};
static EXP: Table = table! { F32 F64 C64 C128; |x| Field::exp(x) };
static SUB: Table = table! { U8 I64 F32; |a, b| Number::sub(a, b) };

fn run(table: &Table, dtype: DType, ins: &[Scalar]) -> Scalar {
    let layout = Layout::contiguous(&[3]);
    let out = Buffer::uninit(3 * dtype.size()).unwrap();
    let kernel = table[dtype.compute() as usize].as_ref().unwrap();
    let ins: Vec<Operand> = ins.iter().map(|&s| s.into()).collect();
    map(kernel, out.view_mut(dtype, &layout).unwrap(), &ins, &[0.0; 4]).unwrap();
    let results = scalars(out.view(dtype, &layout).unwrap()).unwrap();
    assert!(results.iter().all(|r| *r == results[0]));
    results[0]
}

#[test]
fn tables_of_closures_run() {
    let one = Scalar::Float(1.0);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let tol = if dtype.size() == 2 { 4e-3 } else { 1e-6 };
        let gelu = run(&GELU, dtype, &[one]).to_f64();
        assert!((gelu - 0.841_344_746).abs() < tol, "{dtype}: {gelu}");
    }
    for dtype in [DType::F32, DType::C64, DType::C128] {
        assert!((run(&EXP, dtype, &[one]).to_f64() - 1f64.exp()).abs() < 1e-6);
    }
    let (a, b) = (Scalar::Int(3), Scalar::Int(5));
    assert_eq!(run(&SUB, DType::U8, &[a, b]), Scalar::Int(254));
    assert_eq!(run(&SUB, DType::I64, &[a, b]), Scalar::Int(-2));
    assert_eq!(run(&SUB, DType::BF16, &[a, b]), Scalar::Float(-2.0));
    assert!(SUB[DType::Bool as usize].is_none());
    assert_eq!(f32::DTYPE.compute(), DType::F32);
}
