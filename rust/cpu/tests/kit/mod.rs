//! What the kernel tests share: tensors over a buffer, filled from and read back to `f64`.
//!
//! Values are small multiples of 1/8, so that sums and products are exact in f32 and mistakes show
//! as wrong numbers, not as rounding; `close` is for kernels whose arithmetic rounds.
#![allow(dead_code, clippy::unwrap_used)]

use base::{DType, Element, Layout, Scalar, dtype::B8};
use cpu::{Buffer, View, ViewMut};

/// A tensor of a test.
pub struct Tensor {
    pub buffer: Buffer,
    pub layout: Layout,
    pub dtype: DType,
}

macro_rules! by_dtype {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            DType::Bool => {
                type $t = B8;
                $body
            }
            DType::U8 => {
                type $t = u8;
                $body
            }
            DType::I8 => {
                type $t = i8;
                $body
            }
            DType::I16 => {
                type $t = i16;
                $body
            }
            DType::I32 => {
                type $t = i32;
                $body
            }
            DType::I64 => {
                type $t = i64;
                $body
            }
            DType::F16 => {
                type $t = base::f16;
                $body
            }
            DType::BF16 => {
                type $t = base::bf16;
                $body
            }
            DType::F32 => {
                type $t = f32;
                $body
            }
            DType::F64 => {
                type $t = f64;
                $body
            }
            DType::C32 => {
                type $t = base::ComplexHalf;
                $body
            }
            DType::C64 => {
                type $t = base::Complex32;
                $body
            }
            DType::C128 => {
                type $t = base::Complex64;
                $body
            }
        }
    };
}

fn read<T: Element>(at: *const u8) -> Scalar {
    // SAFETY: callers pass the address of an element inside the buffer.
    unsafe { at.cast::<T>().read() }.to_scalar()
}

fn write<T: Element>(at: *mut u8, value: Scalar) {
    // SAFETY: callers pass the address of an element inside the buffer.
    unsafe { at.cast::<T>().write(T::from_scalar(value)) }
}

impl Tensor {
    /// Row-major, full of a value that a kernel must overwrite.
    pub fn stale(dtype: DType, dims: &[usize]) -> Tensor {
        Self::with_layout(dtype, Layout::contiguous(dims))
    }

    /// Of any dense or gapped layout, full of a value that a kernel must overwrite.
    pub fn with_layout(dtype: DType, layout: Layout) -> Tensor {
        let count = layout.end();
        let buffer = Buffer::uninit(count * dtype.size()).unwrap();
        for i in 0..count {
            let at = buffer.ptr().wrapping_add(i * dtype.size());
            by_dtype!(dtype, T => write::<T>(at, Scalar::Float(77.0)));
        }
        Tensor { buffer, layout, dtype }
    }

    /// Row-major, with these elements.
    pub fn new(dtype: DType, dims: &[usize], values: &[f64]) -> Tensor {
        let out = Self::stale(dtype, dims);
        out.fill(values);
        out
    }

    /// The same elements in a layout whose dims lie in memory in `order`, with a gap of `gap`.
    pub fn arranged(
        dtype: DType,
        dims: &[usize],
        values: &[f64],
        order: &[usize],
        gap: usize,
    ) -> Tensor {
        let mut padded = dims.to_vec();
        if let Some(&last) = order.last() {
            padded[last] += gap;
        }
        let mut layout = Layout::dense_in_order(&padded, order);
        layout.dims = base::Dims::from_slice(dims);
        let out = Self::with_layout(dtype, layout);
        out.fill(values);
        out
    }

    fn address(&self, mut index: usize) -> *mut u8 {
        let mut at = self.layout.offset as isize;
        for d in (0..self.layout.rank()).rev() {
            at += (index % self.layout.dims[d]) as isize * self.layout.strides[d];
            index /= self.layout.dims[d];
        }
        self.buffer.ptr().wrapping_offset(at * self.dtype.size() as isize)
    }

    /// Writes the elements in row-major order.
    pub fn fill(&self, values: &[f64]) {
        assert_eq!(values.len(), self.layout.numel());
        for (i, &v) in values.iter().enumerate() {
            by_dtype!(self.dtype, T => write::<T>(self.address(i), Scalar::Float(v)));
        }
    }

    /// Writes the elements in row-major order.
    pub fn fill_scalars(&self, values: &[Scalar]) {
        for (i, &v) in values.iter().enumerate() {
            by_dtype!(self.dtype, T => write::<T>(self.address(i), v));
        }
    }

    /// The elements in row-major order.
    pub fn scalars(&self) -> Vec<Scalar> {
        let get = |i| by_dtype!(self.dtype, T => read::<T>(self.address(i)));
        (0..self.layout.numel()).map(get).collect()
    }

    /// The elements in row-major order (real parts).
    pub fn values(&self) -> Vec<f64> {
        self.scalars().into_iter().map(Scalar::to_f64).collect()
    }

    pub fn view(&self) -> View<'_> {
        self.buffer.view(self.dtype, &self.layout).unwrap()
    }

    pub fn view_mut(&self) -> ViewMut<'_> {
        self.buffer.view_mut(self.dtype, &self.layout).unwrap()
    }
}

/// A reproducible stream of test values.
pub struct Values(u64);

impl Values {
    pub fn new(seed: u64) -> Values {
        Values(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// `count` multiples of 1/8 from -2 to 2.
    pub fn eighths(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| (self.below(33) as f64 - 16.0) / 8.0).collect()
    }

    /// `count` integers from -3 to 3.
    pub fn integers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.below(7) as f64 - 3.0).collect()
    }
}

/// Relative tolerance of one kernel in a dtype.
pub fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F16 | DType::C32 => 2e-3,
        DType::BF16 => 1.6e-2,
        DType::F32 | DType::C64 => 2e-5,
        _ => 1e-10,
    }
}

/// Fails unless all values agree within `tol` of their own size or of 1.
#[track_caller]
pub fn close(ours: &[f64], theirs: &[f64], tol: f64) {
    assert_eq!(ours.len(), theirs.len());
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tol * b.abs().max(1.0);
        assert!(same, "element {i}: {a} instead of {b}");
    }
}

/// All dims from outermost to innermost: row-major.
pub fn in_order(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

/// Gradient of `sum(weights * f(x))` by central differences.
pub fn numeric_gradient(x: &[f64], weights: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let step = 1e-4;
    let mut at = x.to_vec();
    let mut value = |i: usize, v: f64| {
        let old = std::mem::replace(&mut at[i], v);
        let total: f64 = f(&at).iter().zip(weights).map(|(y, w)| y * w).sum();
        at[i] = old;
        total
    };
    (0..x.len()).map(|i| (value(i, x[i] + step) - value(i, x[i] - step)) / (2.0 * step)).collect()
}
