//! Softmax and log-softmax along one dimension.

use crate::launch::{GROUP, Kernel};
use crate::shader::{Access, Variant};
use crate::{View, dense, window};
use base::{DType, Result};

const FORWARD: [&str; 2] = ["exp(x - acc.x) / acc.y", "(x - acc.x) - shift"];
const BACKWARD: [&str; 2] = ["g * y#(g - sum) * y", "g#g - exp(y) * sum"];

/// Rows from this length on are shared by a workgroup.
const SHARED_FROM: usize = 64;

/// Sizes `[rows, length, inner]` and threads a row.
fn sizes(dims: &[usize], dim: usize) -> ([usize; 3], usize) {
    let len = dims[dim];
    let inner: usize = dims[dim + 1..].iter().product();
    let outer: usize = dims[..dim].iter().product();
    ([outer * inner, len, inner], if len >= SHARED_FROM { GROUP } else { 1 })
}

/// `out` = softmax of `x` along `dim`, or its logarithm.
pub fn softmax(log: bool, out: View<'_>, x: View<'_>, dim: usize) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    window::in_parts([out, x], dim, &|[out, x]| {
        let ([rows, len, inner], lanes) = sizes(x.dims(), dim);
        dense::input(x, |x| {
            dense::output(out, |out| {
                let kernel = Kernel::new("softmax").of(FORWARD[usize::from(log)]);
                let kernel = kernel.with(&[lanes as u32]).read(x).write(out);
                kernel.numbers([len, inner]).rows(rows, lanes)
            })
        })
    })
}

/// The gradient of [`softmax`] from the gradient of its output and the output.
pub fn softmax_backward(
    log: bool,
    out: View<'_>,
    grad: View<'_>,
    y: View<'_>,
    dim: usize,
) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    window::in_parts([out, grad, y], dim, &|[out, grad, y]| {
        let ([rows, len, inner], lanes) = sizes(y.dims(), dim);
        dense::input(grad, |grad| {
            dense::input(y, |y| {
                dense::output(out, |out| {
                    let kernel = Kernel::new("softmax_backward").of(BACKWARD[usize::from(log)]);
                    let kernel = kernel.with(&[lanes as u32]).read(grad).read(y).write(out);
                    kernel.numbers([len, inner]).rows(rows, lanes)
                })
            })
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|d| d.is_float()) {
        for form in [0, 1] {
            for lanes in [1, GROUP as u32] {
                let slots = [(d, read), (d, write)];
                list.push(Variant::new("softmax", &slots).of(FORWARD[form]).with(&[lanes]));
                let slots = [(d, read), (d, read), (d, write)];
                let backward = Variant::new("softmax_backward", &slots);
                list.push(backward.of(BACKWARD[form]).with(&[lanes]));
            }
        }
    }
    list
}
