//! Pooling over windows: maxima and means.
//!
//! A mean is linear and its gradient is the adjoint map; the gradient of a maximum goes to the
//! position that won, and its own gradient reads that position again.

use crate::node::Linear;
use crate::{Dest, Var, cast, fused, scatter, view};
use array::Array;
use array::dispatch::{self, Divisor, PoolGeometry, Windows};
use base::{DType, Dims, Layout, Result, ensure, shape};
use std::sync::Arc;
use tape::{Tensor, record, record_many};

/// What a pool of fixed windows is told.
#[derive(Clone, Copy)]
struct Settings<'a> {
    rank: usize,
    kernel: &'a [i64],
    stride: Option<&'a [i64]>,
    padding: &'a [i64],
    dilation: &'a [i64],
    ceil: bool,
}

fn list(values: &[i64], rank: usize, op: &str, what: &str) -> Result<Vec<i64>> {
    ensure!(
        values.len() == 1 || values.len() == rank,
        Runtime,
        "{op}: {what} must either be a single int, or a tuple of {} ints",
        if rank == 2 { "two" } else { "three" }
    );
    ensure!(values.iter().all(|&v| i32::try_from(v).is_ok()), Runtime, "integer out of range");
    Ok((0..rank).map(|d| values[if values.len() == 1 { 0 } else { d }]).collect())
}

/// The settings as sizes, refused in PyTorch's order.
fn checked([kernel, stride, padding, dilation]: [&[i64]; 4], rank: usize) -> Result<PoolGeometry> {
    let positive = |list: &[i64], plain: &str, planar: &str| -> Result<Dims> {
        let what = if rank == 1 { plain } else { planar };
        ensure!(
            list.iter().all(|&v| v > 0),
            Runtime,
            "{what} greater than zero, but got {}",
            list.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
        );
        Ok(list.iter().map(|&v| v as usize).collect())
    };
    ensure!(rank == 1 || stride.iter().all(|&s| s != 0), Runtime, "stride should not be zero");
    for d in 0..rank {
        let window = (kernel[d] - 1) * dilation[d] + 1;
        ensure!(padding[d] >= 0, Runtime, "pad must be non-negative, but got pad: {}", padding[d]);
        ensure!(
            window < 1 || padding[d] <= window / 2,
            Runtime,
            "pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}",
            padding[d],
            kernel[d],
            dilation[d]
        );
    }
    Ok(PoolGeometry {
        kernel: positive(kernel, "kernel_size must be", "kernel size should be")?,
        stride: positive(stride, "stride must be", "stride should be")?,
        padding: padding.iter().map(|&p| p as usize).collect(),
        dilation: positive(dilation, "dilation must be", "dilation should be")?,
    })
}

fn geometry(by: Settings<'_>, op: &str) -> Result<PoolGeometry> {
    let kernel = list(by.kernel, by.rank, op, "kernel_size")?;
    let stride = match by.stride {
        None | Some([]) => kernel.clone(),
        Some(stride) => list(stride, by.rank, op, "stride")?,
    };
    let padding = list(by.padding, by.rank, op, "padding")?;
    let dilation = list(by.dilation, by.rank, op, "dilation")?;
    checked([&kernel, &stride, &padding, &dilation], by.rank)
}

/// The number of windows along a dimension of `n`; with `ceil` a last window may stick out, if it
/// starts inside the input or its left padding.
fn count(n: usize, d: usize, by: &PoolGeometry, ceil: bool) -> i64 {
    let (stride, pad) = (by.stride[d] as i64, by.padding[d] as i64);
    let window = ((by.kernel[d] - 1) * by.dilation[d] + 1) as i64;
    let free = n as i64 + 2 * pad - window;
    let mut count = (free + if ceil { stride - 1 } else { 0 }).div_euclid(stride) + 1;
    if ceil && (count - 1) * stride >= n as i64 + pad {
        count -= 1;
    }
    count
}

fn pooled_dims(x: &Tensor, by: &PoolGeometry, ceil: bool) -> Result<Dims> {
    let (dims, rank) = (x.dims(), by.kernel.len());
    let lead = dims.len() - rank;
    let mut out = Dims::from_slice(&dims[..lead]);
    let mut counts = Vec::with_capacity(rank);
    for d in 0..rank {
        let n = count(dims[lead + d], d, by, ceil);
        ensure!(rank > 1 || n > 0, Runtime, "Invalid computed output size: {n}");
        counts.push(n);
    }
    ensure!(
        counts.iter().all(|&n| n > 0),
        Runtime,
        "Given input size: ({}). Calculated output size: ({}x{}). Output size is too small",
        sizes(&dims[lead - 1..]),
        dims[lead - 1],
        sizes(&counts)
    );
    for &n in &counts {
        out.push(n as usize);
    }
    Ok(out)
}

fn sizes<T: ToString>(dims: &[T]) -> String {
    dims.iter().map(T::to_string).collect::<Vec<_>>().join("x")
}

fn check_rank(x: &Tensor, rank: usize, op: &str) -> Result<()> {
    let dims = x.dims();
    let fits = dims.len() == rank + 1 || dims.len() == rank + 2;
    ensure!(
        fits || rank == 1,
        Runtime,
        "non-empty {}D or {}D (batch mode) tensor expected for input\n  {op}: got {}",
        rank + 1,
        rank + 2,
        shape::show(&dims)
    );
    ensure!(fits, Runtime, "{}", wanted(x, rank, op));
    Ok(())
}

fn wanted(x: &Tensor, rank: usize, op: &str) -> String {
    format!(
        "{op}: Expected {}D or {}D (batch mode) tensor with optional 0 dim batch size for input, but got: {}",
        rank + 1,
        rank + 2,
        shape::show(&x.dims())
    )
}

/// Only the batch may be empty.
fn check_some(x: &Tensor, rank: usize, op: &str) -> Result<()> {
    let dims = x.dims();
    let from = usize::from(dims.len() == rank + 2);
    let some = dims[from..].iter().all(|&n| n > 0);
    ensure!(some || rank == 3, Runtime, "{}", wanted(x, rank, op));
    ensure!(
        some,
        Runtime,
        "{op}: Expected input's non-batch dimensions to have positive length, but got input of shape {}",
        shape::show(&dims)
    );
    Ok(())
}

pub(crate) fn check_float(x: &Tensor, op: &str) -> Result<()> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"{op}\" not implemented for '{}'",
        x.dtype().type_name()
    );
    Ok(())
}

/// Memory of an image in the format of `x`.
fn image(dims: &[usize], x: &Tensor, dtype: DType) -> Result<Array> {
    let layout = Layout::in_format(dims, x.layout().suggested_format())?;
    Array::empty(layout, dtype, x.device())
}

/// Maxima and their positions, recorded as `name`.
pub(crate) fn max_of(
    x: &Tensor,
    windows: &Windows,
    dims: &[usize],
    name: &'static str,
) -> Result<(Tensor, Tensor)> {
    let rank = windows.rank();
    let out = image(dims, x, x.dtype())?;
    let indices = image(dims, x, DType::I64)?;
    dispatch::max_pool(&out, Some(&indices), &x.array(), windows)?;
    let (whole, at) = (x.dims(), indices.clone());
    let mut results = record_many(vec![out, indices], &[x], |_| {
        Ok(Linear::piecewise(name, move |g: Var| g.then(|g| placed(g, &at, &whole, rank))))
    })?;
    let indices = results.remove(1);
    Ok((results.remove(0), indices))
}

/// Zeros of shape `whole` with each element of `g` added where `at` says.
fn placed(g: &Tensor, at: &Array, whole: &Dims, rank: usize) -> Result<Tensor> {
    let out = Array::empty_contiguous(whole, g.dtype(), g.device())?;
    dispatch::max_pool_backward(&out, &g.array(), at, rank)?;
    let (at, dims) = (at.clone(), g.dims());
    record(out, &[g], |_| {
        Ok(Linear::new("MaxPoolBackwardBackward0", move |g: Var| {
            g.then(|g| picked(g, &at, &dims, rank))
        }))
    })
}

/// The adjoint of [`placed`]: the elements of `x` at the positions `at`.
fn picked(x: &Tensor, at: &Array, dims: &Dims, rank: usize) -> Result<Tensor> {
    let whole = x.dims();
    let lead = whole.len() - rank;
    let mut flat = Dims::from_slice(&whole[..lead]);
    flat.push(whole[lead..].iter().product());
    let mut count = Dims::from_slice(&whole[..lead]);
    count.push(dims[lead..].iter().product());
    let places = Tensor::new(at.contiguous()?.view(Layout::contiguous(&count)));
    let plane = view::reshape_to(x, &flat)?;
    let picked = scatter::gather(&plane, lead as i64, &places)?;
    view::reshape_to(&picked, dims)
}

fn max_pool(x: &Tensor, by: Settings<'_>) -> Result<(Tensor, Tensor)> {
    let (op, name) = match by.rank {
        1 => ("max_pool1d", "MaxPool2DWithIndicesBackward0"),
        2 => ("max_pool2d", "MaxPool2DWithIndicesBackward0"),
        _ => ("max_pool3d", "MaxPool3DWithIndicesBackward0"),
    };
    check_rank(x, by.rank, op)?;
    let geometry = geometry(by, op)?;
    check_some(x, by.rank, op)?;
    let dims = pooled_dims(x, &geometry, by.ceil)?;
    if by.rank == 1 {
        let windows = Windows::Fixed(planar(&geometry));
        return lowered(max_of(&raised(x)?, &windows, &planar_dims(&dims), name)?);
    }
    max_of(x, &Windows::Fixed(geometry), &dims, name)
}

/// Lines as planes of height 1, which is how they are pooled.
pub(crate) fn raised(x: &Tensor) -> Result<Tensor> {
    view::unsqueeze(x, -2)
}

pub(crate) fn flattened(x: &Tensor) -> Result<Tensor> {
    view::squeeze(x, Some(&[-2]))
}

pub(crate) fn lowered((values, indices): (Tensor, Tensor)) -> Result<(Tensor, Tensor)> {
    Ok((flattened(&values)?, flattened(&indices)?))
}

pub(crate) fn planar_dims(dims: &Dims) -> Dims {
    let mut planar = dims.clone();
    planar.insert(dims.len() - 1, 1);
    planar
}

fn planar(line: &PoolGeometry) -> PoolGeometry {
    let with = |lead: usize, list: &Dims| Dims::from_slice(&[lead, list[0]]);
    PoolGeometry {
        kernel: with(1, &line.kernel),
        stride: with(1, &line.stride),
        padding: with(0, &line.padding),
        dilation: with(1, &line.dilation),
    }
}

/// A mean over windows.
pub(crate) struct Mean {
    pub(crate) windows: Windows,
    pub(crate) divisor: Divisor,
    pub(crate) whole: Dims,
    pub(crate) dims: Dims,
    pub(crate) name: &'static str,
}

pub(crate) fn mean_of(x: &Tensor, by: &Arc<Mean>) -> Result<Tensor> {
    let out = image(&by.dims, x, x.dtype())?;
    dispatch::avg_pool(&out, &x.array(), &by.windows, by.divisor)?;
    let by = by.clone();
    record(out, &[x], |_| Ok(Linear::piecewise(by.name, move |g: Var| g.then(|g| spread(g, &by)))))
}

/// The adjoint of [`mean_of`].
fn spread(g: &Tensor, by: &Arc<Mean>) -> Result<Tensor> {
    let out = image(&by.whole, g, g.dtype())?;
    dispatch::avg_pool_backward(&out, &g.array(), &by.windows, by.divisor)?;
    let by = by.clone();
    record(out, &[g], |_| {
        Ok(Linear::new("AvgPoolBackwardBackward0", move |g: Var| g.then(|g| mean_of(g, &by))))
    })
}

/// What a mean over fixed windows divides by.
fn divisor_of(padded: bool, fixed: Option<i64>) -> Result<Divisor> {
    ensure!(fixed != Some(0), Runtime, "divisor must be not zero");
    Ok(match fixed {
        Some(number) => Divisor::Fixed(number as f64),
        None if padded => Divisor::Padded,
        None => Divisor::Inside,
    })
}

fn avg_pool(x: &Tensor, by: Settings<'_>, padded: bool, fixed: Option<i64>) -> Result<Tensor> {
    let (op, name) = match by.rank {
        1 => ("avg_pool1d", "AvgPool2DBackward0"),
        2 => ("avg_pool2d", "AvgPool2DBackward0"),
        _ => ("avg_pool3d", "AvgPool3DBackward0"),
    };
    check_rank(x, by.rank, op)?;
    let exact = array::dispatch::exact_dtype(x.device());
    if x.dtype().is_integral() && x.dtype() != DType::Bool && x.dtype() != exact {
        // The cast back drops the fraction as the division does.
        let wide = cast::to_dtype(x, exact)?;
        return cast::to_dtype(&avg_pool(&wide, by, padded, fixed)?, x.dtype());
    }
    if x.dtype() != exact {
        check_float(x, op)?;
    }
    let geometry = geometry(by, op)?;
    check_some(x, by.rank, op)?;
    let dims = pooled_dims(x, &geometry, by.ceil)?;
    let divisor = divisor_of(padded, fixed)?;
    if by.rank == 1 {
        let (x, windows) = (raised(x)?, Windows::Fixed(planar(&geometry)));
        let (whole, dims) = (x.dims(), planar_dims(&dims));
        return flattened(&mean_of(&x, &Arc::new(Mean { windows, divisor, whole, dims, name }))?);
    }
    let (whole, windows) = (x.dims(), Windows::Fixed(geometry));
    mean_of(x, &Arc::new(Mean { windows, divisor, whole, dims, name }))
}

/// Values put back where `indices` says, into planes of `size`; zeros elsewhere.
fn max_unpool(x: &Tensor, indices: &Tensor, size: &[i64]) -> Result<Tensor> {
    let (dims, rank) = (x.dims(), size.len());
    ensure!(
        indices.dtype() == DType::I64,
        Runtime,
        "elements in indices should be type int64 but got: {}",
        indices.dtype().type_name()
    );
    ensure!(
        dims == indices.dims(),
        Runtime,
        "Expected shape of indices to be same as that of the input tensor ({}) but got indices tensor with shape: {}",
        shape::show(&dims),
        shape::show(&indices.dims())
    );
    ensure!(
        dims.len() == rank + 1 || dims.len() == rank + 2,
        Runtime,
        "Input to max_unpooling{rank}d should be a {}d or {}d Tensor, but got a tensor with {} dimensions.",
        rank + 1,
        rank + 2,
        dims.len()
    );
    let lead = dims.len() - rank;
    let flat = |spatial: usize| -> Dims {
        dims[..lead].iter().copied().chain(std::iter::once(spatial)).collect()
    };
    let places = view::reshape_to(indices, &flat(dims[lead..].iter().product()))?;
    let sizes = shape::sizes(size)?;
    base::layout::checked_bytes(&sizes, 1)?;
    let whole: Dims = dims[..lead].iter().chain(sizes.iter()).copied().collect();
    let plane = flat(sizes.iter().product());
    let name = if rank == 2 { "MaxUnpool2DBackward0" } else { "MaxUnpool3DBackward0" };
    fused::composite(name, &[x], move |inputs| {
        let values = Var::from(view::reshape_to(&inputs[0], &places.dims())?);
        let zeros = crate::create::zeros(&plane, inputs[0].dtype(), inputs[0].device())?;
        let filled = scatter::scatter(Dest::New, &zeros, lead as i64, &places, &values)?;
        view::reshape_to(&filled, &whole)
    })
}

/// Stride and padding must be those of a pool; the sizes already follow from them.
fn unpool_3d(
    x: &Tensor,
    indices: &Tensor,
    size: &[i64],
    [stride, padding]: [&[i64]; 2],
) -> Result<Tensor> {
    ensure!(
        stride.len() == 3 && padding.len() == 3 && stride.iter().all(|&s| s > 0),
        Runtime,
        "strides should be greater than zero, but got stride: {} padding: {}",
        shape::show(stride),
        shape::show(padding)
    );
    max_unpool(x, indices, size)
}

fn first(pair: Result<(Tensor, Tensor)>) -> Result<Tensor> {
    pair.map(|(values, _)| values)
}

const ONE: &[i64] = &[1];

crate::ops! {
    /// Pooling.
    POOLS:
    /// Maxima of windows of `(N, C, L)`.
    f "max_pool1d(Tensor self, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> Tensor" => |x, kernel, stride, padding, dilation, ceil| first(max_pool(x, Settings { rank: 1, kernel, stride, padding, dilation, ceil }));
    /// Maxima of windows and their positions.
    f "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)" => |x, kernel, stride, padding, dilation, ceil| max_pool(x, Settings { rank: 1, kernel, stride, padding, dilation, ceil });
    /// Maxima of windows of `(N, C, H, W)`.
    f "max_pool2d(Tensor self, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor" => |x, kernel, stride, padding, dilation, ceil| first(max_pool(x, Settings { rank: 2, kernel, stride, padding, dilation, ceil }));
    /// Maxima of windows and their positions.
    fo "max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)" => |x, kernel, stride, padding, dilation, ceil| max_pool(x, Settings { rank: 2, kernel, stride, padding, dilation, ceil });
    /// Maxima of windows of `(N, C, D, H, W)`.
    f f32 "max_pool3d(Tensor self, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor" => |x, kernel, stride, padding, dilation, ceil| first(max_pool(x, Settings { rank: 3, kernel, stride, padding, dilation, ceil }));
    /// Maxima of windows and their positions.
    fo "max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)" => |x, kernel, stride, padding, dilation, ceil| max_pool(x, Settings { rank: 3, kernel, stride, padding, dilation, ceil });
    /// Means of windows of `(N, C, L)`.
    f "avg_pool1d(Tensor self, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor" => |x, kernel, stride, padding, ceil, padded| avg_pool(x, Settings { rank: 1, kernel, stride, padding, dilation: ONE, ceil }, padded, None);
    /// Means of windows of `(N, C, H, W)`.
    fo "avg_pool2d(Tensor self, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor" => |x, kernel, stride, padding, ceil, padded, divisor| avg_pool(x, Settings { rank: 2, kernel, stride, padding, dilation: ONE, ceil }, padded, divisor);
    /// Means of windows of `(N, C, D, H, W)`.
    fo f32 "avg_pool3d(Tensor self, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor" => |x, kernel, stride, padding, ceil, padded, divisor| avg_pool(x, Settings { rank: 3, kernel, stride, padding, dilation: ONE, ceil }, padded, divisor);
    /// Values put back where they were maxima.
    fo f32 "max_unpool2d(Tensor self, Tensor indices, int[2] output_size) -> Tensor" => |x, indices, size| max_unpool(x, indices, size);
    /// Values put back where they were maxima.
    f f32 "max_unpool3d(Tensor self, Tensor indices, int[3] output_size, int[3] stride, int[3] padding) -> Tensor" => |x, indices, size, stride, padding| unpool_3d(x, indices, size, [stride, padding]);
}
