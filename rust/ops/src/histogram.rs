//! Counts of elements in bins.

use crate::{Var, create, range, reduce, scatter, search, view};
use array::dispatch;
use base::{Result, Scalar, bail, ensure};
use tape::Tensor;

/// The smallest and largest element, as numbers.
fn extent(x: &Tensor) -> Result<(f64, f64)> {
    let values = dispatch::scalars(&x.array())?;
    let numbers = values.iter().map(|v| v.to_f64());
    Ok(numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v))))
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
        "{op}: range of [{low}, {high}] is not finite"
    );
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    ensure!(low < high, Runtime, "{op}: max must be larger than min");
    Ok((low, high))
}

/// Counts in bins of one width; elements outside are left out.
fn histc(x: &Tensor, bins: i64, low: f64, high: f64) -> Result<Tensor> {
    ensure!(
        bins > 0,
        Runtime,
        "torch.histogram(): bins must be > 0, but got {bins} for dimension 0"
    );
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"histogram_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let (low, high) = ends(x, low, high, "torch.histc")?;
    let edges = edges(x, bins, low, high)?;
    counted(x, &edges, None)
}

/// Evenly spaced edges of bins.
fn edges(x: &Tensor, bins: i64, low: f64, high: f64) -> Result<Tensor> {
    range::evenly(low, high, bins + 1, x.dtype(), x.device())
}

/// The sums of weights (1 without) of the elements between neighbouring edges; the last bin has its
/// upper edge too.
fn counted(x: &Tensor, edges: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    let (bins, flat) = (edges.numel() - 1, view::reshape_to(x, &[x.numel()])?);
    let last = view::select(edges, 0, -1)?;
    let first = view::select(edges, 0, 0)?;
    let v = Var::from(&flat);
    let inside = v.clone().ge(Var::from(&first)).logical_and(v.clone().le(Var::from(&last)));
    let place = Var::from(search::places(edges, &flat)?) - Var::from(1i64);
    let place = Var::from(bins as i64 - 1).where_(v.eq(Var::from(&last)), place);
    let place = Var::from(0i64).where_(inside.clone().then(not), place).tensor()?;
    let amount = match weight {
        Some(w) => Var::from(view::reshape_to(w, &[w.numel()])?),
        None => Var::from(create::full(&flat.dims(), Scalar::Int(1), x.dtype(), x.device())?),
    };
    let amount = amount.where_(inside, 0.0).tensor()?;
    scatter::scatter_add(&create::zeros(&[bins], x.dtype(), x.device())?, 0, &place, &amount)
}

fn not(x: &Tensor) -> Result<Tensor> {
    crate::map::apply(&crate::unary::logical_not::OP, &[x.into()], crate::map::NONE)
}

/// Counts (or densities) between edges, and the edges.
fn histogram(
    x: &Tensor,
    edges: Tensor,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<(Tensor, Tensor)> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"histogramdd\" not implemented for '{}'",
        x.dtype().type_name()
    );
    if let Some(weight) = weight {
        ensure!(
            weight.dims() == x.dims(),
            Runtime,
            "histogramdd(): if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension"
        );
        ensure!(
            weight.dtype() == x.dtype(),
            Runtime,
            "histogramdd(): if weight tensor is provided, input tensor and weight tensor should have the same dtype"
        );
    }
    let counts = counted(x, &edges, weight)?;
    if !density {
        return Ok((counts, edges));
    }
    let _off = tape::set_grad_enabled(false);
    let widths = Var::from(view::narrow(&edges, 0, 1, counts.numel() as i64)?)
        - Var::from(view::narrow(&edges, 0, 0, counts.numel() as i64)?);
    let total = Var::from(reduce::sum(&counts, None, false, None)?);
    Ok(((Var::from(counts) / total / widths).tensor()?, edges))
}

fn histogram_at(
    x: &Tensor,
    bins: &Tensor,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<(Tensor, Tensor)> {
    ensure!(
        bins.rank() == 1 && bins.numel() > 0,
        Runtime,
        "histogramdd(): bins tensor should be one-dimensional and non-empty"
    );
    ensure!(
        bins.dtype() == x.dtype(),
        Runtime,
        "torch.histogramdd(): input tensor and bins tensors should have the same dtype"
    );
    histogram(x, create::clone(&bins.detach(), None)?, weight, density)
}

fn histogram_even(
    x: &Tensor,
    bins: i64,
    range: Option<&[Scalar]>,
    weight: Option<&Tensor>,
    density: bool,
) -> Result<(Tensor, Tensor)> {
    ensure!(bins > 0, Runtime, "torch.histogramdd(): bins {bins} must be > 0");
    let (low, high) = match range {
        None if x.numel() == 0 => (0.0, 1.0),
        None => {
            let (low, high) = extent(x)?;
            if low == high { (low - 0.5, high + 0.5) } else { (low, high) }
        }
        Some([low, high]) => {
            let (low, high) = (low.to_f64(), high.to_f64());
            ensure!(
                low <= high,
                Runtime,
                "torch.histogramdd(): min should not exceed max, but got min {low} max {high} for dimension 0"
            );
            if low == high { (low - 0.5, high + 0.5) } else { (low, high) }
        }
        Some(other) => bail!(
            Runtime,
            "torch.histogramdd(): for a 1-dimensional histogram range should have 2 elements, but got {}",
            other.len()
        ),
    };
    let edges = edges(x, bins, low, high)?;
    histogram(x, edges, weight, density)
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
}

fn counts(x: &Tensor, bins: i64, low: Scalar, high: Scalar) -> Result<Tensor> {
    histc(x, bins, low.to_f64(), high.to_f64())
}
