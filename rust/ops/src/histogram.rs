//! Counts of elements in bins. A histogram over several dimensions is the general one: its points are
//! the rows of a matrix, and plain histograms have points of one coordinate.

use crate::{Var, create, range, reduce, scatter, search, view};
use array::dispatch;
use base::{Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// Counts (or densities) by bin, and the edges of the bins of each dimension.
type Histogram = (Tensor, Vec<Tensor>);

/// The smallest and largest element, as numbers; NaN where one of them is.
fn extent(x: &Tensor) -> Result<(f64, f64)> {
    if x.device() == base::Device::META {
        return Ok((0.0, 1.0));
    }
    let values = dispatch::scalars(&x.array())?;
    let mut numbers = values.iter().map(|v| v.to_f64());
    Ok(numbers
        .try_fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
            if v.is_nan() { Err((v, v)) } else { Ok((a.min(v), b.max(v))) }
        })
        .unwrap_or_else(|nan| nan))
}

/// Both ends of the bins: those given, or those of the elements; never the same.
fn ends(x: &Tensor, low: f64, high: f64, op: &str) -> Result<(f64, f64)> {
    let (mut low, mut high) = (low, high);
    if low == high && x.numel() > 0 {
        (low, high) = extent(x)?;
    }
    ensure!(
        low.is_finite() && high.is_finite(),
        Runtime,
        "{op}: range of [{}, {}] is not finite",
        c_number(low),
        c_number(high)
    );
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    ensure!(low < high, Runtime, "{op}: max must be larger than min");
    Ok((low, high))
}

/// A number as C++ writes it.
fn c_number(x: f64) -> String {
    x.to_string().to_lowercase()
}

/// Counts in bins of one width; elements outside are left out.
fn histc(x: &Tensor, bins: i64, low: f64, high: f64) -> Result<Tensor> {
    check_bins(bins, 0)?;
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"histogram_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let (low, high) = ends(x, low, high, "torch.histc")?;
    let edges = range::evenly(low, high, bins + 1, x.dtype(), x.device())?;
    counted(&column(x)?, &[edges], None)
}

fn check_bins(bins: i64, dim: usize) -> Result<()> {
    ensure!(
        bins > 0,
        Runtime,
        "torch.histogram(): bins must be > 0, but got {bins} for dimension {dim}"
    );
    Ok(())
}

/// The elements as points of one coordinate.
fn column(x: &Tensor) -> Result<Tensor> {
    view::reshape_to(x, &[x.numel(), 1])
}

/// The sums of weights (1 without) of the points between neighbouring edges; the last bins have their
/// upper edges too. `points` is a matrix with a row for each.
fn counted(points: &Tensor, edges: &[Tensor], weight: Option<&Tensor>) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    let (dtype, device) = (points.dtype(), points.device());
    let sizes: Dims = edges.iter().map(|e| e.numel() - 1).collect();
    let number = points.dims()[0];
    let mut amount = match weight {
        Some(w) => Var::from(view::reshape_to(w, &[w.numel()])?),
        None => Var::from(create::full(&[number], Scalar::Int(1), dtype, device)?),
    };
    let mut place = Var::from(create::full(&[number], Scalar::Int(0), base::DType::I64, device)?);
    for (d, edges) in edges.iter().enumerate() {
        let v = view::select(points, 1, d as i64)?;
        let (first, last) = (view::select(edges, 0, 0)?, view::select(edges, 0, -1)?);
        let nearest = Var::from(search::places(edges, &v)?) - Var::from(1i64);
        let v = Var::from(v);
        let inside = v.clone().ge(Var::from(&first)).logical_and(v.clone().le(Var::from(&last)));
        let nearest = Var::from(sizes[d] as i64 - 1).where_(v.eq(Var::from(&last)), nearest);
        let nearest = Var::from(0i64).where_(inside.clone().then(not), nearest);
        place = place * Var::from(sizes[d] as i64) + nearest;
        amount = amount.where_(inside, 0.0);
    }
    let bins = create::zeros(&[sizes.iter().product()], dtype, device)?;
    let counts = scatter::scatter_add(&bins, 0, &place.tensor()?, &amount.tensor()?)?;
    view::reshape_to(&counts, &sizes)
}

fn not(x: &Tensor) -> Result<Tensor> {
    crate::map::apply(&crate::unary::logical_not::OP, &[x.into()], crate::map::NONE)
}

fn check_weight(x: &Tensor, weight: &Tensor) -> Result<()> {
    let (own, whole) = (weight.dims(), x.dims());
    ensure!(
        own[..] == whole[..whole.len() - 1],
        Runtime,
        "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got input with shape {} and weight with shape {}",
        shape::show(&x.dims()),
        shape::show(&own)
    );
    ensure!(
        weight.dtype() == x.dtype(),
        Runtime,
        "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input({}), and weight({})",
        x.dtype().c_name(),
        weight.dtype().c_name()
    );
    Ok(())
}

/// Points of as many coordinates as the last dimension has, between given edges.
fn between(
    x: &Tensor,
    edges: Vec<Tensor>,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<Histogram> {
    if let Some(weight) = weight {
        check_weight(x, weight)?;
    }
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"histogramdd\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let coordinates = edges.len();
    let number = x.dims().iter().take(x.rank() - 1).product();
    let counts = counted(&view::reshape_to(x, &[number, coordinates])?, &edges, weight)?;
    let counts = if density { densities(&counts, &edges)? } else { counts };
    Ok((counts, edges))
}

/// Shares of the whole by volume.
fn densities(counts: &Tensor, edges: &[Tensor]) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    let mut found = Var::from(counts) / Var::from(reduce::sum(counts, None, false, None)?);
    for (d, edges) in edges.iter().enumerate() {
        let bins = counts.dims()[d];
        let widths = Var::from(view::narrow(edges, 0, 1, bins as i64)?)
            - Var::from(view::narrow(edges, 0, 0, bins as i64)?);
        let mut along = Dims::filled(1, edges.rank().max(counts.rank()));
        along[d] = bins;
        found = found / widths.then(|w| view::reshape_to(w, &along));
    }
    found.tensor()
}

/// Copies of given edges, checked.
fn given_edges(x: &Tensor, bins: &[Tensor]) -> Result<Vec<Tensor>> {
    check_points(x, bins.len())?;
    let checked = bins.iter().enumerate().map(|(d, edges)| {
        ensure!(
            edges.rank() == 1,
            Runtime,
            "torch.histogramdd: bins tensor should have one dimension, but got {} dimensions in the bins tensor for dimension {d}",
            edges.rank()
        );
        ensure!(
            edges.numel() > 0,
            Runtime,
            "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension {d}"
        );
        ensure!(
            edges.dtype() == x.dtype(),
            Runtime,
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {} and bins for dimension {d} with dtype {}",
            x.dtype().c_name(),
            edges.dtype().c_name()
        );
        create::clone(&edges.detach(), None)
    });
    checked.collect()
}

fn check_points(x: &Tensor, bins: usize) -> Result<()> {
    ensure!(
        x.rank() >= 2,
        Runtime,
        "torch.histogramdd: input tensor should have at least 2 dimensions"
    );
    ensure!(
        x.dims()[x.rank() - 1] == bins,
        Runtime,
        "histogramdd: The size of bins must be equal to the innermost dimension of the input."
    );
    Ok(())
}

/// Edges of bins of one width in each dimension.
fn even_edges(x: &Tensor, bins: &[i64], range: Option<&[Scalar]>) -> Result<Vec<Tensor>> {
    check_points(x, bins.len())?;
    if let Some(range) = range {
        ensure!(
            range.len() == 2 * bins.len(),
            Runtime,
            "torch.histogramdd: for a {}-dimensional histogram range should have {} elements, but got {}",
            bins.len(),
            2 * bins.len(),
            range.len()
        );
    }
    let pair = |d: usize| range.map(|r| (r[2 * d].to_f64(), r[2 * d + 1].to_f64()));
    let edges = bins.iter().enumerate().map(|(d, &bins)| {
        check_bins(bins, d)?;
        let (low, high) = outer_edges(x, d, pair(d))?;
        range::evenly(low, high, bins + 1, x.dtype(), x.device())
    });
    edges.collect()
}

fn outer_edges(x: &Tensor, d: usize, given: Option<(f64, f64)>) -> Result<(f64, f64)> {
    let (low, high) = match given {
        Some(pair) => pair,
        None if x.numel() == 0 => (0.0, 1.0),
        None => extent(&view::select(&x.detach(), -1, d as i64)?)?,
    };
    ensure!(
        low.is_finite() && high.is_finite(),
        Runtime,
        "torch.histogramdd: dimension {d}'s range [{}, {}] is not finite",
        c_number(low),
        c_number(high)
    );
    ensure!(
        low <= high,
        Runtime,
        "torch.histogramdd: min should not exceed max, but got min {low} max {high} for dimension {d}"
    );
    Ok(if low == high { (low - 0.5, high + 0.5) } else { (low, high) })
}

/// One coordinate for each element, and its weight.
fn plain(x: &Tensor, weight: Option<&Tensor>) -> Result<(Tensor, Option<Tensor>)> {
    let flat = |w: &Tensor| view::reshape_to(w, &[w.numel()]);
    Ok((column(x)?, weight.map(flat).transpose()?))
}

fn histogram_of(
    points: &Tensor,
    edges: Vec<Tensor>,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<(Tensor, Tensor)> {
    let (counts, mut edges) = between(points, edges, weight, density)?;
    match edges.pop() {
        Some(edges) => Ok((counts, edges)),
        None => bail!(Runtime, "internal error: a histogram without edges"),
    }
}

crate::ops! {
    /// Histograms.
    HISTOGRAMS:
    /// Counts in bins of one width.
    fmo "histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor" => |x, bins, low, high| counts(x, bins, low, high);
    /// Counts between given edges, and the edges.
    fmo "histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)" => |x, bins, weight, density| histogram_at(x, bins, weight, density);
    /// Counts in bins of one width, and their edges.
    fmo "histogram(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)" => |x, bins, range, weight, density| histogram_even(x, bins, range, weight, density);
    /// Counts of points of several coordinates, and the edges of each.
    f "histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)" => |x, bins, range, weight, density| histogram_each(x, bins, range, weight, density);
    /// Counts of points of several coordinates, and the edges of each.
    f "histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)" => |x, bins, range, weight, density| even_edges(x, bins, range).and_then(|edges| between(x, edges, weight, density));
    /// Counts of points of several coordinates between given edges, and the edges.
    f "histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)" => |x, bins, range, weight, density| histogram_between(x, bins, range, weight, density);
}

fn counts(x: &Tensor, bins: i64, low: Scalar, high: Scalar) -> Result<Tensor> {
    histc(x, bins, low.to_f64(), high.to_f64())
}

fn histogram_at(
    x: &Tensor,
    bins: &Tensor,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<(Tensor, Tensor)> {
    let (points, weight) = plain(x, weight)?;
    let edges = given_edges(&points, std::slice::from_ref(bins))?;
    histogram_of(&points, edges, weight.as_ref(), density)
}

fn histogram_even(
    x: &Tensor,
    bins: i64,
    range: Option<&[Scalar]>,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<(Tensor, Tensor)> {
    let (points, weight) = plain(x, weight)?;
    let edges = even_edges(&points, &[bins], range)?;
    histogram_of(&points, edges, weight.as_ref(), density)
}

fn histogram_each(
    x: &Tensor,
    bins: i64,
    range: Option<&[Scalar]>,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<Histogram> {
    let coordinates = x.dims().last().copied().unwrap_or(0);
    let edges = even_edges(x, &vec![bins; coordinates], range)?;
    between(x, edges, weight, density)
}

/// The range says nothing beside edges; PyTorch takes it there, too.
fn histogram_between(
    x: &Tensor,
    bins: &[Tensor],
    _range: Option<&[Scalar]>,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<Histogram> {
    between(x, given_edges(x, bins)?, weight, density)
}
