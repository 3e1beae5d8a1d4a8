//! Sliding windows of images as columns (`unfold`) and columns added back into images (`fold`).
//!
//! The two maps are linear and each other's adjoint.

use crate::node::Linear;
use crate::{Var, pad, strided, view};
use base::{Dims, Layout, Result, ensure, shape};
use std::sync::Arc;
use tape::Tensor;

/// Windows over the two last dimensions of `(N, C, H, W)`.
struct Windows {
    kernel: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 2],
    stride: [usize; 2],
    /// Of the padded image.
    padded: Dims,
    /// Windows along each dimension.
    count: [usize; 2],
}

fn pair(values: &[i64], name: &str, smallest: i64) -> Result<[usize; 2]> {
    let (&[a, b] | &[a, b, ..]) = values else {
        let one = values.first().copied().unwrap_or(0);
        return pair(&[one, one], name, smallest);
    };
    ensure!(
        a >= smallest && b >= smallest,
        Runtime,
        "{name} should be {} than zero, but got {name}_height: {a} {name}_width: {b}",
        if smallest > 0 { "greater" } else { "not less" }
    );
    Ok([a as usize, b as usize])
}

impl Windows {
    fn new(image: &[usize], lists: [&[i64]; 4]) -> Result<Windows> {
        let [kernel, dilation, padding, stride] = lists;
        let kernel = pair(kernel, "kernel_size", 1)?;
        let dilation = pair(dilation, "dilation", 1)?;
        let padding = pair(padding, "padding", 0)?;
        let stride = pair(stride, "stride", 1)?;
        let mut padded = Dims::from_slice(image);
        let mut count = [0; 2];
        for d in 0..2 {
            padded[d + 2] += 2 * padding[d];
            let window = dilation[d] * (kernel[d] - 1) + 1;
            ensure!(
                padded[d + 2] >= window,
                Runtime,
                "Given input with spatial size ({}, {}), kernel_size=({}, {}), dilation=({}, {}), padding=({}, {}), calculated shape of the array of sliding blocks is too small, as its components must be at least one.",
                image[2],
                image[3],
                kernel[0],
                kernel[1],
                dilation[0],
                dilation[1],
                padding[0],
                padding[1]
            );
            count[d] = (padded[d + 2] - window) / stride[d] + 1;
        }
        Ok(Windows { kernel, dilation, padding, stride, padded, count })
    }

    /// `(N, C, kh, kw, windows down, windows across)` over a padded row-major image.
    fn layout(&self) -> Layout {
        let whole = Layout::contiguous(&self.padded);
        let s = &whole.strides;
        let step = |d: usize, by: usize| s[d] * by as isize;
        let [n, c] = [self.padded[0], self.padded[1]];
        let dims = [n, c, self.kernel[0], self.kernel[1], self.count[0], self.count[1]];
        let strides = [
            s[0],
            s[1],
            step(2, self.dilation[0]),
            step(3, self.dilation[1]),
            step(2, self.stride[0]),
            step(3, self.stride[1]),
        ];
        Layout { dims: Dims::from_slice(&dims), strides: strides.into_iter().collect(), offset: 0 }
    }

    fn columns(&self) -> [usize; 3] {
        let taps = self.kernel[0] * self.kernel[1];
        [self.padded[0], self.padded[1] * taps, self.count[0] * self.count[1]]
    }

    fn pads(&self, sign: i64) -> [i64; 4] {
        let [h, w] = self.padding.map(|p| sign * p as i64);
        [w, w, h, h]
    }
}

/// The columns of `(N, C, H, W)`.
fn unfold(x: &Tensor, by: &Arc<Windows>) -> Result<Tensor> {
    let silent = tape::set_grad_enabled(false);
    let padded = pad::constant_pad(x, &by.pads(1), 0.0)?.array().contiguous()?;
    drop(silent);
    let windows = padded.view(by.layout()).copied()?;
    let out = windows.view(Layout::contiguous(&by.columns()));
    let by = by.clone();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("Im2ColBackward0", move |g: Var| g.then(|g| fold(g, &by))))
    })
}

/// The adjoint of [`unfold`].
fn fold(g: &Tensor, by: &Arc<Windows>) -> Result<Tensor> {
    let silent = tape::set_grad_enabled(false);
    let to = by.layout();
    let windows = view::reshape_to(g, &to.dims)?;
    let padded = strided::scatter(&windows, &Layout::contiguous(&by.padded), &to)?;
    let image = pad::constant_pad(&padded, &by.pads(-1), 0.0)?;
    drop(silent);
    let by = by.clone();
    tape::record(image.array(), &[g], |_| {
        Ok(Linear::new("Col2ImBackward0", move |g: Var| g.then(|g| unfold(g, &by))))
    })
}

/// Runs `f` on a batch; an unbatched input gets one of size 1.
fn batched(x: &Tensor, rank: usize, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.rank() + 1 == rank {
        return view::squeeze(&f(&view::unsqueeze(x, 0)?)?, Some(&[0]));
    }
    f(x)
}

fn im2col(x: &Tensor, lists: [&[i64]; 4]) -> Result<Tensor> {
    ensure!(
        x.rank() == 3 || x.rank() == 4,
        Runtime,
        "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {}",
        shape::show(&x.dims())
    );
    batched(x, 4, |x| unfold(x, &Arc::new(Windows::new(&x.dims(), lists)?)))
}

fn col2im(x: &Tensor, size: &[i64], lists: [&[i64]; 4]) -> Result<Tensor> {
    ensure!(
        x.rank() == 2 || x.rank() == 3,
        Runtime,
        "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {}",
        shape::show(&x.dims())
    );
    let [h, w] = pair(size, "output_size", 1)?;
    batched(x, 3, |x| {
        let (dims, kernel) = (x.dims(), pair(lists[0], "kernel_size", 1)?);
        let taps = kernel[0] * kernel[1];
        ensure!(
            dims[1].is_multiple_of(taps),
            Runtime,
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={} and kernel_size=({}, {}).",
            dims[1],
            kernel[0],
            kernel[1]
        );
        let windows = Windows::new(&[dims[0], dims[1] / taps, h, w], lists)?;
        let [down, across] = windows.count;
        ensure!(
            dims[2] == down * across,
            Runtime,
            "Given output_size=({h}, {w}), kernel_size=({}, {}), expected size of input's dimension 2 to match the calculated number of sliding blocks {down} * {across} = {}, but got input.size(2)={}.",
            kernel[0],
            kernel[1],
            down * across,
            dims[2]
        );
        fold(x, &Arc::new(windows))
    })
}

crate::ops! {
    /// Sliding windows.
    WINDOWS:
    /// Sliding windows of `(N, C, H, W)` as columns.
    fo "im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor" => |x, kernel, dilation, padding, stride| im2col(x, [kernel, dilation, padding, stride]);
    /// Columns added back into an image.
    fo "col2im(Tensor self, int[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor" => |x, size, kernel, dilation, padding, stride| col2im(x, size, [kernel, dilation, padding, stride]);
}
