//! Convolution in one, two and three dimensions and its gradients, direct.

use crate::launch::{GROUP, Kernel};
use crate::shader::{Access, Variant};
use crate::{View, dense};
use base::{DType, Dims, Result};

/// How filters move over the input; one entry per spatial dim.
#[derive(Clone, Copy)]
pub struct Geometry<'a> {
    /// Steps between windows.
    pub stride: &'a Dims,
    /// Zeros before (and after) the input.
    pub padding: &'a Dims,
    /// Steps between the taps of a filter.
    pub dilation: &'a Dims,
    /// Groups of channels that see each other.
    pub groups: usize,
}

impl Geometry<'_> {
    /// Groups, channels of a group, then sizes, steps and margins in three dims.
    fn numbers(&self, x: &[usize], w: &[usize], y: &[usize]) -> Vec<usize> {
        let mut list = vec![self.groups, w[1], w[0] / self.groups];
        let sizes = [&x[2..], &w[2..], &y[2..]];
        list.extend(sizes.iter().flat_map(|dims| spatial(dims, 1)));
        list.extend(spatial(self.stride, 1));
        list.extend(spatial(self.padding, 0));
        list.extend(spatial(self.dilation, 1));
        list
    }
}

/// The last three dims, with `fill` before them.
fn spatial(dims: &[usize], fill: usize) -> [usize; 3] {
    let mut all = [fill; 3];
    all[3 - dims.len()..].copy_from_slice(dims);
    all
}

/// `out` = the convolution of `x` with `w`, plus a bias per output channel.
pub fn conv(
    out: View<'_>,
    x: View<'_>,
    w: View<'_>,
    bias: Option<View<'_>>,
    geometry: Geometry<'_>,
) -> Result<()> {
    let numbers = geometry.numbers(x.dims(), w.dims(), out.dims());
    product("conv", out, (x, w), bias, numbers)
}

/// The gradient of [`conv`] in its input: the transposed convolution, plus a bias per channel.
pub fn conv_input(
    out: View<'_>,
    grad: View<'_>,
    w: View<'_>,
    bias: Option<View<'_>>,
    geometry: Geometry<'_>,
) -> Result<()> {
    let numbers = geometry.numbers(out.dims(), w.dims(), grad.dims());
    product("conv_input", out, (grad, w), bias, numbers)
}

fn product(
    file: &'static str,
    out: View<'_>,
    (x, w): (View<'_>, View<'_>),
    bias: Option<View<'_>>,
    numbers: Vec<usize>,
) -> Result<()> {
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    dense::input(x, |x| {
        dense::input(w, |w| {
            dense::input(bias.unwrap_or(w), |add| {
                dense::output(out, |out| {
                    let kernel = Kernel::new(file).with(&[u32::from(bias.is_some())]);
                    kernel.read(x).read(w).read(add).write(out).numbers(numbers).threads(n)
                })
            })
        })
    })
}

/// The gradient of [`conv`] in its weight.
pub fn conv_weight(
    out: View<'_>,
    grad: View<'_>,
    x: View<'_>,
    geometry: Geometry<'_>,
) -> Result<()> {
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    let samples = x.dims()[0];
    let numbers = geometry.numbers(x.dims(), out.dims(), grad.dims());
    dense::input(x, |x| {
        dense::input(grad, |grad| {
            dense::output(out, |out| {
                let kernel = Kernel::new("conv_weight").read(grad).read(x).write(out);
                kernel.numbers([samples]).numbers(numbers).rows(n, GROUP)
            })
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    let (read, write) = (Access::Read, Access::Write);
    for &d in dtypes.iter().filter(|&&d| d != DType::Bool) {
        for file in ["conv", "conv_input"] {
            for biased in [0, 1] {
                let slots = [(d, read), (d, read), (d, read), (d, write)];
                list.push(Variant::new(file, &slots).with(&[biased]));
            }
        }
        list.push(Variant::new("conv_weight", &[(d, read), (d, read), (d, write)]));
    }
    list
}
