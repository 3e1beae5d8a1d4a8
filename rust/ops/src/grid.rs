//! Sampling of images at the points of a grid: affine grids, and lookup with interpolation.
//!
//! Coordinates run from -1 to 1 over an image, last dimension (x, y[, z]). A sample is a sum over the
//! corners around its point of weight times pixel, written in tensor algebra; its gradients follow.

use crate::{Var, cast, fused, join, matmul, range, scatter, view};
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// The coordinates of `n` positions along a dimension, in [-1, 1].
fn positions(n: usize, align_corners: bool, like: &Tensor) -> Var {
    let steps =
        Var::from(range::indices(n, like.device())).then(|t| cast::to_dtype(t, like.dtype()));
    match (align_corners, n) {
        (true, 1) => steps * 0.0,
        (true, n) => steps * (2.0 / (n - 1) as f64) - Var::from(1.0),
        (false, n) => (steps * 2.0 + 1.0) / Var::from(n as f64) - Var::from(1.0),
    }
}

/// The grid of an affine map: `theta` is `(N, 2, 3)` for `(N, C, H, W)`, `(N, 3, 4)` for volumes.
fn affine_grid(theta: &Tensor, size: &[i64], align_corners: bool) -> Result<Tensor> {
    ensure!(
        size.len() == 4 || size.len() == 5,
        Runtime,
        "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs."
    );
    let size = shape::sizes(size)?;
    let (spatial, rank) = (&size[2..], size.len() - 2);
    ensure!(
        *theta.dims() == [size[0], rank, rank + 1],
        Runtime,
        "Expected a batch of {rank}D affine matrices of shape {rank}x{} for size {}. Got {}.",
        rank + 1,
        shape::show(&size),
        shape::show(&theta.dims())
    );
    let mut columns = Vec::with_capacity(rank + 1);
    for d in (0..rank).rev() {
        let mut lined = Dims::filled(1, rank + 1);
        lined[d] = spatial[d];
        let mut whole = Dims::from_slice(spatial);
        whole.push(1);
        let along = positions(spatial[d], align_corners, theta)
            .then(|p| view::reshape_to(p, &lined))
            .tensor()?;
        columns.push(view::expand_to(&along, &whole));
    }
    let mut ones = Dims::from_slice(spatial);
    ones.push(1);
    columns.push(crate::create::full(&ones, Scalar::Int(1), theta.dtype(), theta.device())?);
    let count: usize = spatial.iter().product();
    let base = view::reshape_to(&join::cat(&columns, -1)?, &[count, rank + 1])?;
    let points = matmul::matmul(&base, &view::transpose(theta, 1, 2)?)?;
    let mut out = Dims::from_slice(&[size[0]]);
    for &n in spatial {
        out.push(n);
    }
    out.push(rank);
    view::reshape_to(&points, &out)
}

/// What lies outside the image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// How pixels around a point are combined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Linear,
    Nearest,
    Cubic,
}

/// How a grid is read.
#[derive(Clone, Copy)]
struct Reading {
    between: Between,
    outside: Outside,
    align_corners: bool,
}

fn clamp(x: Var, low: f64, high: f64) -> Var {
    match x.tensor() {
        Ok(t) => {
            crate::activation::with(&crate::activation::hardtanh::OP, &t, [low, high, 0.0, 0.0])
                .into()
        }
        Err(error) => Var::Bad(error),
    }
}

fn floor(x: &Var) -> Var {
    x.clone().then(|t| crate::map::apply(&crate::unary::floor::OP, &[t.into()], crate::map::NONE))
}

fn detached(x: &Var) -> Var {
    x.clone().then(|t| Ok(t.detach()))
}

/// Folds a coordinate back between two mirrors.
fn reflected(x: Var, low: f64, span: f64) -> Var {
    if span <= 0.0 {
        return x * 0.0;
    }
    let distance = (x - Var::from(low)).abs();
    let flips = floor(&detached(&(&distance / &Var::from(span))));
    let rest = distance - &flips * &Var::from(span);
    let odd = (&flips - &(floor(&(&flips / &Var::from(2.0))) * 2.0)).eq(1.0);
    (span - &rest).where_(odd, rest) + low
}

impl Reading {
    /// From [-1, 1] to pixel coordinates of a dimension of `n`.
    fn pixel(self, x: Var, n: usize) -> Var {
        let n = n as f64;
        if self.align_corners {
            (x + 1.0) * ((n - 1.0) / 2.0)
        } else {
            ((x + 1.0) * n - Var::from(1.0)) / Var::from(2.0)
        }
    }

    /// A pixel coordinate brought inside, where the reading says so.
    fn inside(self, x: Var, n: usize) -> Var {
        let last = n as f64 - 1.0;
        match self.outside {
            Outside::Zeros => x,
            Outside::Border => clamp(x, 0.0, last),
            Outside::Reflection => {
                let (low, span) = if self.align_corners { (0.0, last) } else { (-0.5, n as f64) };
                clamp(reflected(x, low, span), 0.0, last)
            }
        }
    }

    /// The pixels a coordinate reads along a dimension and their weights.
    fn taps(self, x: Var, n: usize) -> Vec<(Var, Var)> {
        match self.between {
            Between::Nearest => {
                let x = self.inside(self.pixel(x, n), n);
                let at = x.clone().then(|t| {
                    crate::map::apply(&crate::unary::round::OP, &[t.into()], crate::map::NONE)
                });
                vec![(detached(&at), x * 0.0 + 1.0)]
            }
            Between::Linear => {
                let x = self.inside(self.pixel(x, n), n);
                let low = floor(&detached(&x));
                let high = &low + &Var::from(1.0);
                vec![(low.clone(), &high - &x), (high, x - low)]
            }
            Between::Cubic => {
                let x = self.pixel(x, n);
                let low = floor(&detached(&x));
                let t = &x - &low;
                (0..4)
                    .map(|k| {
                        let at = &low + &Var::from(f64::from(k) - 1.0);
                        (detached(&self.inside(at, n)), cubic_weight(&t, k))
                    })
                    .collect()
            }
        }
    }
}

/// Keys' cubic kernel with a = -0.75, for tap `k` of 4 at distance `t` after tap 1.
fn cubic_weight(t: &Var, k: i32) -> Var {
    const A: f64 = -0.75;
    let near = |x: Var| ((A + 2.0) * &x - Var::from(A + 3.0)) * &x * &x + 1.0;
    let far = |x: Var| ((A * &x - Var::from(5.0 * A)) * &x + 8.0 * A) * &x - Var::from(4.0 * A);
    match k {
        0 => far(t + &Var::from(1.0)),
        1 => near(t.clone()),
        2 => near(1.0 - t),
        _ => far(2.0 - t),
    }
}

/// Images `(N, C, ..)` read at the points `(N, .., rank)` of a grid.
fn sample(x: &Tensor, grid: &Tensor, by: Reading) -> Result<Tensor> {
    let (dims, points) = (x.dims(), grid.dims());
    let rank = dims.len() - 2;
    let count: usize = points[1..=rank].iter().product();
    let plane: usize = dims[2..].iter().product();
    let flat = view::reshape_to(x, &[dims[0], dims[1], plane])?;
    let mut along = Vec::with_capacity(rank);
    for d in 0..rank {
        let axis = view::select(grid, -1, (rank - 1 - d) as i64)?;
        let axis = view::reshape_to(&axis, &[dims[0], count])?;
        along.push(by.taps(Var::from(axis), dims[d + 2]));
    }
    let mut total: Option<Var> = None;
    let corners = along.iter().map(Vec::len).product::<usize>();
    for corner in 0..corners {
        let mut rest = corner;
        let (mut at, mut weight, mut seen) = (Var::from(0.0), Var::from(1.0), None::<Var>);
        for (d, taps) in along.iter().enumerate() {
            let (place, share) = &taps[rest % taps.len()];
            rest /= taps.len();
            let last = dims[d + 2] as f64 - 1.0;
            let visible = place.clone().ge(0.0).logical_and(place.clone().le(last));
            seen = Some(match seen {
                Some(seen) => seen.logical_and(visible),
                None => visible,
            });
            at = at * (last + 1.0) + clamp(place.clone(), 0.0, last);
            weight = weight * share;
        }
        let Some(seen) = seen else { bail!(Runtime, "internal error: a grid without dimensions") };
        let weight = weight.where_(seen, 0.0);
        let places = at.then(|t| cast::to_dtype(&t.detach(), DType::I64)).tensor()?;
        let wide = view::expand_to(&view::unsqueeze(&places, 1)?, &[dims[0], dims[1], count]);
        let pixels = Var::from(scatter::gather(&flat, 2, &wide)?);
        let term = pixels * weight.then(|w| view::unsqueeze(w, 1));
        total = Some(match total {
            Some(total) => total + term,
            None => term,
        });
    }
    let Some(total) = total else { bail!(Runtime, "internal error: a grid without corners") };
    let out: Dims = dims[..2].iter().chain(&points[1..=rank]).copied().collect();
    total.then(|t| view::reshape_to(t, &out)).tensor()
}

fn grid_sampler(
    x: &Tensor,
    grid: &Tensor,
    mode: i64,
    padding: i64,
    align_corners: bool,
) -> Result<Tensor> {
    let (dims, points) = (x.dims(), grid.dims());
    ensure!(
        (dims.len() == 4 || dims.len() == 5) && dims.len() == points.len(),
        Runtime,
        "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {} and grid with sizes {}",
        shape::show(&dims),
        shape::show(&points)
    );
    ensure!(
        dims[0] == points[0],
        Runtime,
        "grid_sampler(): expected grid and input to have same batch size, but got input with sizes {} and grid with sizes {}",
        shape::show(&dims),
        shape::show(&points)
    );
    ensure!(
        points[points.len() - 1] == dims.len() - 2,
        Runtime,
        "grid_sampler(): expected grid to have size {} in last dimension, but got grid with sizes {}",
        dims.len() - 2,
        shape::show(&points)
    );
    let by = Reading {
        between: match mode {
            0 => Between::Linear,
            1 => Between::Nearest,
            _ => Between::Cubic,
        },
        outside: match padding {
            0 => Outside::Zeros,
            1 => Outside::Border,
            _ => Outside::Reflection,
        },
        align_corners,
    };
    ensure!(
        by.between != Between::Cubic || dims.len() == 4,
        Runtime,
        "grid_sampler(): bicubic interpolation only supports 4D input"
    );
    let name = if dims.len() == 4 { "GridSampler2DBackward0" } else { "GridSampler3DBackward0" };
    fused::composite(name, &[x, grid], move |inputs| sample(&inputs[0], &inputs[1], by))
}

crate::ops! {
    /// Grids.
    GRIDS:
    /// The grid of a batch of affine maps.
    f "affine_grid_generator(Tensor theta, int[] size, bool align_corners) -> Tensor" => |theta, size, corners| affine_grid(theta, size, corners);
    /// Images read at the points of a grid.
    f f32 "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor" => |x, grid, mode, padding, corners| grid_sampler(x, grid, mode, padding, corners);
    /// Values at places of volumes.
    f f32 "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor" => |x, grid, mode, padding, corners| grid_sampler(x, grid, mode, padding, corners);
    /// Values at places of images or volumes.
    f f32 "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor" => |x, grid, mode, padding, corners| grid_sampler(x, grid, mode, padding, corners);
}
