//! Convolution in one, two and three dimensions: the product of the filters with a matrix whose
//! columns are the input's windows, a block of columns at a time.
//!
//! A transposed convolution is the input gradient of an ordinary one, so three kernels serve both.
//! f16 and bf16 compute in f32. Results do not depend on the number of threads.

mod columns;
mod forward;
mod gradient;

pub use forward::conv_forward;
pub use gradient::{conv_bias_gradient, conv_input_gradient, conv_weight_gradient};

use base::{Dims, Result, ensure};

/// How filters move over the input; one entry per spatial dim.
#[derive(Clone, Debug)]
pub struct ConvGeometry {
    /// Steps between windows.
    pub stride: Dims,
    /// Zeros before (and after) the input.
    pub padding: Dims,
    /// Steps between the taps of a filter.
    pub dilation: Dims,
    /// Groups of channels that see each other.
    pub groups: usize,
}

/// All sizes of a convolution, with three spatial dims (leading ones of size 1 where there are
/// fewer).
#[derive(Clone, Copy)]
struct Plan {
    samples: usize,
    groups: usize,
    /// Channels of a group.
    in_channels: usize,
    out_channels: usize,
    input: [usize; 3],
    kernel: [usize; 3],
    output: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
}

impl Plan {
    /// From the dims of the input `[n, c_in, ...]`, the filters `[c_out, c_in / groups, ...]` and
    /// the output `[n, c_out, ...]`.
    fn new(x: &[usize], w: &[usize], y: &[usize], geometry: &ConvGeometry) -> Result<Plan> {
        let rank = x.len();
        let groups = geometry.groups;
        let lists = [&geometry.stride, &geometry.padding, &geometry.dilation];
        let fits = (3..=5).contains(&rank)
            && w.len() == rank
            && y.len() == rank
            && lists.iter().all(|l| l.len() == rank - 2)
            && groups > 0
            && geometry.stride.iter().all(|&s| s > 0)
            && x[0] == y[0]
            && y[1] == w[0]
            && x[1] == w[1] * groups
            && w[0].is_multiple_of(groups);
        ensure!(fits, Runtime, "internal error: convolution of {x:?} with {w:?} to {y:?}");
        Ok(Plan {
            samples: x[0],
            groups,
            in_channels: w[1],
            out_channels: w[0] / groups,
            input: spatial(&x[2..], 1),
            kernel: spatial(&w[2..], 1),
            output: spatial(&y[2..], 1),
            stride: spatial(&geometry.stride, 1),
            padding: spatial(&geometry.padding, 0),
            dilation: spatial(&geometry.dilation, 1),
        })
    }

    /// Positions of the input.
    fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Positions of the output: columns of the window matrix.
    fn output_len(&self) -> usize {
        self.output.iter().product()
    }

    /// Taps of a filter.
    fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Rows of the window matrix of a group.
    fn depth(&self) -> usize {
        self.in_channels * self.taps()
    }

    /// Windows are the input's positions themselves.
    fn is_pointwise(&self) -> bool {
        self.taps() == 1
            && self.stride == [1; 3]
            && self.padding == [0; 3]
            && self.input == self.output
    }

    /// Columns worked on together: about `elements` in `rows` rows, whole cache lines.
    fn block(&self, rows: usize, elements: usize) -> usize {
        let most = (elements / rows.max(1)).max(64);
        let blocks = self.output_len().div_ceil(most).max(1);
        self.output_len().div_ceil(blocks).next_multiple_of(64).max(64)
    }
}

/// The last three dims, with `fill` before them.
fn spatial(dims: &[usize], fill: usize) -> [usize; 3] {
    let mut all = [fill; 3];
    all[3 - dims.len()..].copy_from_slice(dims);
    all
}
