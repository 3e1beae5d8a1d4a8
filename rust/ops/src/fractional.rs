//! Fractional max pooling: the maxima of windows whose spacing is random (Graham 2014).

use crate::{create, join, scatter, view};
use array::{Array, dispatch};
use base::{DType, Dims, Result, ensure, shape};
use tape::Tensor;

/// What is pooled: (T, H, W), or (H, W) as planes of one T.
struct Windows {
    rank: usize,
    size: [usize; 3],
    window: [usize; 3],
    count: [usize; 3],
}

const NAMES: [&str; 3] = ["time", "height", "width"];

impl Windows {
    fn new(x: &Tensor, rank: usize, kernel: &[i64], output: &[i64]) -> Result<Windows> {
        let op = format!("fractional_max_pool{rank}d()");
        let dims = x.dims();
        let batched = dims.len() == rank + 2;
        ensure!(
            (batched || dims.len() == rank + 1)
                && dims[usize::from(batched)..].iter().all(|&n| n > 0),
            Runtime,
            "{op}: Expected {}D or {}D tensor with non-zero non-batch dims, but got: {}",
            rank + 1,
            rank + 2,
            shape::show(&dims)
        );
        let last = |list: &[usize], ones: usize| -> [usize; 3] {
            std::array::from_fn(|d| if d < ones { 1 } else { list[list.len() - (3 - d)] })
        };
        let list = |v: &[i64]| -> Result<Vec<usize>> {
            let v = shape::sizes(v)?;
            let all: Vec<usize> = v.iter().copied().collect();
            ensure!(
                all.len() == rank,
                Runtime,
                "{op}: expected {rank} sizes, but got {}",
                all.len()
            );
            Ok(all)
        };
        let ones = 3 - rank;
        // Like PyTorch, volumes must be larger than their windows need.
        let spare = usize::from(rank == 2);
        let (size, window) = (last(&dims, ones), last(&list(kernel)?, ones));
        let count = last(&list(output)?, ones);
        for d in ones..3 {
            let name = NAMES[d];
            ensure!(
                window[d] >= 1 && count[d] >= 1 && count[d] + window[d] <= size[d] + spare,
                Runtime,
                "{op}: pool {name} {} too large relative to input {name} {}",
                window[d],
                size[d]
            );
        }
        Ok(Windows { rank, size, window, count })
    }

    /// Phases for each plane in the order T, H, W. Of planes they come as W, H.
    fn phases(&self, samples: &Tensor, planes: usize) -> Result<Tensor> {
        let flat = view::reshape_to(samples, &[planes, self.rank])?;
        if self.rank == 3 {
            return Ok(flat);
        }
        let zero = create::zeros(&[planes, 1], flat.dtype(), flat.device())?;
        join::cat(&[zero, crate::rearrange::flip(&flat, &[1])?], 1)
    }
}

fn pool(
    x: &Tensor,
    rank: usize,
    kernel: &[i64],
    output: &[i64],
    samples: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let by = Windows::new(x, rank, kernel, output)?;
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"fractional_max_pool{rank}d_out_frame\" not implemented for '{}'",
        x.dtype().type_name()
    );
    ensure!(
        samples.dtype() == x.dtype(),
        Runtime,
        "Expect _random_samples to have the same dtype as input"
    );
    let own = x.dims();
    let lead = own.len() - rank;
    let planes: usize = own[..lead].iter().product();
    ensure!(
        samples.numel() == planes * rank,
        Runtime,
        "Expect _random_samples to have {} numbers, but got {}",
        planes * rank,
        samples.numel()
    );
    let positions = {
        let _off = tape::set_grad_enabled(false);
        let [a, b, c] = by.size;
        let flat = view::reshape_to(&x.detach(), &[planes, a, b, c])?;
        let [na, nb, nc] = by.count;
        let out = Array::empty_contiguous(&[planes, na, nb, nc], DType::I64, x.device())?;
        let phases = by.phases(&samples.detach(), planes)?;
        dispatch::fractional_max_pool(&out, &flat.array(), &phases.array(), by.window)?;
        Tensor::new(out)
    };
    let total: usize = by.count.iter().product();
    let area: usize = by.size.iter().product();
    let joined = |n: usize| -> Dims { own[..lead].iter().copied().chain([n]).collect() };
    let shaped: Dims = own[..lead].iter().chain(&by.count[3 - rank..]).copied().collect();
    let at = view::reshape_to(&positions, &joined(total))?;
    let values = scatter::gather(&view::reshape_to(x, &joined(area))?, -1, &at)?;
    Ok((view::reshape_to(&values, &shaped)?, view::reshape_to(&at, &shaped)?))
}

crate::ops! {
    /// Fractional max pooling.
    FRACTIONAL:
    /// Maxima of randomly spaced windows of `(N, C, H, W)`, and their positions.
    fo "fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)" => |x, kernel, output, samples| pool(x, 2, kernel, output, samples);
    /// Maxima of randomly spaced windows of `(N, C, T, H, W)`, and their positions.
    fo "fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)" => |x, kernel, output, samples| pool(x, 3, kernel, output, samples);
}
