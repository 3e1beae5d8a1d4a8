//! Window functions of signal processing: sums of cosines, and a triangle.

use crate::options::Options;
use crate::{Var, cast, create};
use base::{DType, Device, Result, Scalar, ensure};
use std::f64::consts::PI;
use tape::Tensor;

/// What all windows are told: how long, whether the next period starts where it ends, and what the
/// result is to be.
struct Window {
    op: &'static str,
    length: i64,
    periodic: bool,
    options: Options,
}

impl Window {
    /// `at` of the positions from 0 on, given also the length of a period; 1 for a length of 1.
    fn make(&self, at: impl FnOnce(Var, f64) -> Var) -> Result<Tensor> {
        let (dtype, device) = (self.options.float(), self.options.place());
        let (op, n) = (self.op, self.length);
        ensure!(
            dtype.is_float(),
            Runtime,
            "{op}() expects floating point dtypes, got: {}",
            dtype.type_name()
        );
        ensure!(n >= 0, Runtime, "{op} requires non-negative window_length, got window_length={n}");
        if n <= 1 {
            return create::full(&[n as usize], Scalar::Int(1), dtype, device);
        }
        let _off = tape::set_grad_enabled(false);
        let period = if self.periodic { n } else { n - 1 } as f64;
        let places = cast::to_dtype(&create::arange(0, n, Device::CPU)?, DType::F64)?;
        create::to(&at(Var::T(places), period).tensor()?, Some(dtype), Some(device), false, None)
    }

    /// `c[0] - c[1] cos(2 pi k / n) + c[2] cos(4 pi k / n)`.
    fn cosines(&self, c: [f64; 3]) -> Result<Tensor> {
        self.make(|k, n| {
            let turn = (2.0 * PI / n) * k;
            c[0] - c[1] * turn.clone().cos() + c[2] * (2.0 * turn).cos()
        })
    }

    fn triangle(&self) -> Result<Tensor> {
        self.make(|k, n| 1.0 - ((2.0 / n) * k - 1.0).abs())
    }
}

crate::ops! {
    /// Windows.
    TAPERS:
    /// Half a cosine above 0.
    f "hann_window(int window_length, bool periodic=True, *, TensorOptions options={}) -> Tensor" => |length, periodic, options| Window { op: "hann_window", length, periodic, options }.cosines([0.5, 0.5, 0.0]);
    /// A cosine on a pedestal.
    f "hamming_window(int window_length, bool periodic=True, float alpha=0.54, float beta=0.46, *, TensorOptions options={}) -> Tensor" => |length, periodic, alpha, beta, options| Window { op: "hamming_window", length, periodic, options }.cosines([alpha, beta, 0.0]);
    /// Two cosines.
    f "blackman_window(int window_length, bool periodic=True, *, TensorOptions options={}) -> Tensor" => |length, periodic, options| Window { op: "blackman_window", length, periodic, options }.cosines([0.42, 0.5, 0.08]);
    /// A triangle.
    f "bartlett_window(int window_length, bool periodic=True, *, TensorOptions options={}) -> Tensor" => |length, periodic, options| Window { op: "bartlett_window", length, periodic, options }.triangle();
}
