//! Maxima of randomly spaced windows (Graham 2014): where they lie.

use crate::stage::{Input, Output};
use crate::{View, ViewMut};
use base::{DType, Result, ensure};

/// Where the windows of one dimension start: evenly spaced up to a random phase, the last one at
/// the end. Numbers are rounded to the precision of the samples.
fn starts(sample: f64, size: usize, count: usize, window: usize, single: bool) -> Vec<usize> {
    let round = |v: f64| if single { f64::from(v as f32) } else { v };
    let last = size - window;
    let step = round(last as f64 / (count as f64 - 1.0));
    let at = |i: usize| round(round(i as f64 + sample) * step) as usize;
    let origin = round(sample * step) as usize;
    let mut starts: Vec<usize> = (0..count).map(|i| (at(i) - origin).min(last)).collect();
    if let Some(end) = starts.last_mut() {
        *end = last;
    }
    starts
}

/// The position (in the flattened plane, int64) of the largest element of each window. `x` and
/// `out` are `[plane, d, h, w]`, `samples` `[plane, 3]`.
pub fn fractional_max_pool(
    out: ViewMut<'_>,
    x: View<'_>,
    samples: View<'_>,
    window: [usize; 3],
) -> Result<()> {
    let (&[planes, a, b, c], &[count, na, nb, nc]) = (x.dims(), out.dims()) else {
        base::bail!(Runtime, "internal error: fractional pooling of {:?}", x.dims());
    };
    let (size, counts) = ([a, b, c], [na, nb, nc]);
    let fits = planes == count
        && samples.numel() == 3 * planes
        && (0..3).all(|d| window[d] >= 1 && window[d] <= size[d] && counts[d] >= 1);
    ensure!(fits, Runtime, "internal error: fractional pooling into {:?}", out.dims());
    let single = samples.dtype() != DType::F64;
    let (input, samples) = (Input::cast(x, DType::F64)?, Input::cast(samples, DType::F64)?);
    let output = Output::cast(out, DType::I64)?;
    let (values, phases) = (input.values::<f64>(), samples.values::<f64>());
    let positions = output.values::<i64>();
    crate::parallel_chunks(planes, 1, &|first, last| {
        for plane in first..last {
            let places: [Vec<usize>; 3] = std::array::from_fn(|d| {
                starts(phases.at(3 * plane + d), size[d], counts[d], window[d], single)
            });
            let inside = values.part(plane * a * b * c, a * b * c);
            for flat in 0..na * nb * nc {
                let (i, j, k) = (flat / (nb * nc), flat / nc % nb, flat % nc);
                let start = [places[0][i], places[1][j], places[2][k]];
                let best = largest(&|p| inside.at(p), start, window, size);
                positions.set(plane * na * nb * nc + flat, best as i64);
            }
        }
    });
    output.finish()
}

/// The flat position of the first largest element of a window; a NaN is larger than all.
fn largest(
    value: &dyn Fn(usize) -> f64,
    start: [usize; 3],
    window: [usize; 3],
    size: [usize; 3],
) -> usize {
    let flat = |i: usize, j: usize, k: usize| (i * size[1] + j) * size[2] + k;
    let (mut best, mut at) = (f64::NEG_INFINITY, flat(start[0], start[1], start[2]));
    for i in start[0]..start[0] + window[0] {
        for j in start[1]..start[1] + window[1] {
            for k in start[2]..start[2] + window[2] {
                let v = value(flat(i, j, k));
                if v > best || v.is_nan() {
                    (best, at) = (v, flat(i, j, k));
                }
            }
        }
    }
    at
}
