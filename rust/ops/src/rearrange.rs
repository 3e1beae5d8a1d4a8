//! Elements in another order or several times: flips, rolls, rotations, repetitions.

use crate::node::{Linear, linear};
use crate::{Var, create, join, reduce, view};
use array::Array;
use array::dispatch::index as kernels;
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// The order reversed along `dims`.
pub fn flip(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let mut wrapped = Dims::new();
    for &dim in dims {
        let d = shape::wrap_dim(dim, x.rank())?;
        ensure!(
            !wrapped.contains(&d),
            Runtime,
            "dim {d} appears multiple times in the list of dims"
        );
        wrapped.push(d);
    }
    let out = Array::empty(base::layout::preserved_layout(&x.layout()), x.dtype(), x.device())?;
    let moved: Dims = if x.rank() == 0 { Dims::new() } else { wrapped };
    kernels::flip(&out, &x.array(), &moved)?;
    let list: Vec<i64> = moved.iter().map(|&d| d as i64).collect();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("FlipBackward0", move |g: Var| g.then(|g| flip(g, &list))))
    })
}

/// Elements moved by `shifts` along `dims`, those pushed out coming back in.
pub fn roll(x: &Tensor, shifts: &[i64], dims: &[i64]) -> Result<Tensor> {
    ensure!(!shifts.is_empty(), Runtime, "`shifts` required");
    if dims.is_empty() && shifts.len() == 1 {
        let by = shifts[0];
        let rolled = |x: &Tensor, by: i64| {
            let flat = view::reshape_to(x, &[x.numel()])?;
            view::reshape_to(&roll(&flat, &[by], &[0])?, &x.dims())
        };
        let back = move |g: Var| g.then(|g| rolled(g, -by));
        return linear("RollBackward0", x, || rolled(x, by), back);
    }
    ensure!(
        shifts.len() == dims.len(),
        Runtime,
        "shifts and dimensions must align. shifts: {}, dims:{}",
        shifts.len(),
        dims.len()
    );
    ensure!(
        x.rank() > 0,
        Index,
        "Dimension specified as {} but tensor has no dimensions",
        dims.first().copied().unwrap_or(0)
    );
    let wrapped: Dims =
        dims.iter().map(|&d| shape::wrap_dim(d, x.rank())).collect::<Result<_>>()?;
    let layout = base::Layout::in_format(&x.dims(), x.layout().suggested_format())?;
    let out = Array::empty(layout, x.dtype(), x.device())?;
    kernels::roll(&out, &x.array(), shifts, &wrapped)?;
    let back: Vec<i64> = shifts.iter().map(|s| s.wrapping_neg()).collect();
    let dims = dims.to_vec();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("RollBackward0", move |g: Var| g.then(|g| roll(g, &back, &dims))))
    })
}

/// A rotation by `k` quarter turns in the plane of two dimensions.
pub fn rot90(x: &Tensor, k: i64, dims: &[i64]) -> Result<Tensor> {
    ensure!(
        dims.len() == 2,
        Runtime,
        "expected total rotation dims == 2, but got dims = {}",
        dims.len()
    );
    ensure!(x.rank() >= 2, Runtime, "expected total dims >= 2, but got total dims = {}", x.rank());
    ensure!(
        dims[0] != dims[1] && (dims[0] - dims[1]).unsigned_abs() as usize != x.rank(),
        Runtime,
        "expected rotation dims to be different, but got dim0 = {} and dim1 = {}",
        dims[0],
        dims[1]
    );
    for &d in dims {
        shape::wrap_dim(d, x.rank())?;
    }
    let plane = dims.to_vec();
    let back = move |g: Var| g.then(|g| turned(g, -k, &plane));
    linear("Rot90Backward0", x, || turned(x, k, dims), back)
}

fn turned(x: &Tensor, k: i64, dims: &[i64]) -> Result<Tensor> {
    match k.rem_euclid(4) {
        1 => view::transpose(&flip(x, &[dims[1]])?, dims[0], dims[1]),
        2 => flip(x, dims),
        3 => view::transpose(&flip(x, &[dims[0]])?, dims[0], dims[1]),
        _ => create::clone(x, Some(base::MemoryFormat::Contiguous)),
    }
}

/// Copies side by side: `repeats` times along each dimension, new leading ones included.
pub fn repeat(x: &Tensor, repeats: &[i64]) -> Result<Tensor> {
    ensure!(
        repeats.len() >= x.rank(),
        Runtime,
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
    );
    ensure!(
        repeats.iter().all(|&r| r >= 0),
        Runtime,
        "Trying to create tensor with negative dimension {}: {}",
        repeats.iter().min().copied().unwrap_or(0),
        shape::show(repeats)
    );
    let lead = repeats.len() - x.rank();
    let own = x.dims();
    let size = |d: usize| if d < lead { 1 } else { own[d - lead] };
    let (mut split, mut pairs, mut whole) = (Dims::new(), Dims::new(), Dims::new());
    for (d, &r) in repeats.iter().enumerate() {
        split.push(1);
        split.push(size(d));
        pairs.push(r as usize);
        pairs.push(size(d));
        whole.push((r as usize).wrapping_mul(size(d)));
    }
    let signed: Vec<i64> = whole.iter().map(|&n| n as i64).collect();
    shape::sizes(&signed)?;
    let wide = x.array().view(match x.layout().view(&split) {
        Some(to) => to.expand(&pairs),
        None => {
            let dense = Tensor::new(x.array().contiguous()?);
            return repeat_of(x, &dense.array(), &split, &pairs, &whole);
        }
    });
    let out = wide.copied()?.view(base::Layout::contiguous(&whole));
    record_repeat(x, out, &split, &pairs)
}

fn repeat_of(
    x: &Tensor,
    dense: &Array,
    split: &[usize],
    pairs: &[usize],
    whole: &[usize],
) -> Result<Tensor> {
    let wide = dense.view(
        base::Layout { offset: dense.layout().offset, ..base::Layout::contiguous(split) }
            .expand(pairs),
    );
    let out = wide.copied()?.view(base::Layout::contiguous(whole));
    record_repeat(x, out, split, pairs)
}

/// The gradient is the sum over all copies.
fn record_repeat(x: &Tensor, out: Array, split: &[usize], pairs: &[usize]) -> Result<Tensor> {
    let pairs = Dims::from_slice(pairs);
    let back = x.dims();
    let copies: Vec<i64> = (0..split.len() as i64).step_by(2).collect();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("RepeatBackward0", move |g: Var| {
            g.then(|g| {
                let parts = view::reshape_to(g, &pairs)?;
                let summed = if copies.is_empty() {
                    parts
                } else {
                    reduce::sum(&parts, Some(&copies), false, None)?
                };
                view::reshape_to(&summed, &back)
            })
        }))
    })
}

/// Like [`repeat`], missing leading counts being 1.
pub fn tile(x: &Tensor, repeats: &[i64]) -> Result<Tensor> {
    let missing = x.rank().saturating_sub(repeats.len());
    let all: Vec<i64> = std::iter::repeat_n(1, missing).chain(repeats.iter().copied()).collect();
    repeat(x, &all)
}

/// The positions each element's copies come from.
fn copy_positions(counts: &[i64], device: base::Device) -> Result<Tensor> {
    let mut positions = Vec::new();
    for (i, &count) in counts.iter().enumerate() {
        ensure!(count >= 0, Runtime, "repeats can not be negative");
        base::layout::ensure_room::<Scalar>(positions.len().saturating_add(count as usize))?;
        positions.extend(std::iter::repeat_n(Scalar::Int(i as i64), count as usize));
    }
    let out = Array::empty_contiguous(&[positions.len()], DType::I64, device)?;
    array::dispatch::store(&out, &positions)?;
    Ok(Tensor::new(out))
}

/// Each element several times in a row, along `dim` or of the flattened tensor.
pub fn repeat_interleave(
    x: &Tensor,
    repeats: &Tensor,
    dim: Option<i64>,
    output_size: Option<i64>,
) -> Result<Tensor> {
    let (x, d) = match dim {
        Some(dim) => (x.clone(), shape::wrap_dim(dim, x.rank())?),
        None => (view::reshape_to(x, &[x.numel()])?, 0),
    };
    let x = if x.rank() == 0 { view::reshape_to(&x, &[1])? } else { x };
    ensure!(repeats.rank() <= 1, Runtime, "repeat_interleave only accept 1D vector as repeat");
    ensure!(
        matches!(repeats.dtype(), DType::I64 | DType::I32),
        Runtime,
        "repeats has to be Long or Int tensor"
    );
    let n = x.dims()[d];
    let mut counts: Vec<i64> =
        array::dispatch::scalars(&repeats.array())?.into_iter().map(Scalar::to_i64).collect();
    if counts.len() == 1 {
        base::layout::ensure_room::<i64>(n)?;
        counts = vec![counts[0]; n];
    }
    ensure!(
        counts.len() == n,
        Runtime,
        "repeats must have the same size as input along dim, but got repeats.size(0) = {} and input.size({d}) = {n}",
        counts.len()
    );
    let positions = copy_positions(&counts, x.device())?;
    ensure!(
        output_size.is_none_or(|size| size == positions.numel() as i64),
        Runtime,
        "allocated size does not match required size"
    );
    crate::index::index_select(&x, d as i64, &positions)
}

/// How often each index comes: the one-argument form, `[1, 2]` to `[0, 1, 1]`.
fn repeated_indices(repeats: &Tensor, output_size: Option<i64>) -> Result<Tensor> {
    ensure!(repeats.rank() == 1, Runtime, "repeat_interleave only accept 1D vector as repeat");
    ensure!(
        matches!(repeats.dtype(), DType::I64 | DType::I32),
        Runtime,
        "repeats has to be Long or Int tensor"
    );
    let counts: Vec<i64> =
        array::dispatch::scalars(&repeats.array())?.into_iter().map(Scalar::to_i64).collect();
    let out = copy_positions(&counts, repeats.device())?;
    ensure!(
        output_size.is_none_or(|size| size == out.numel() as i64),
        Runtime,
        "allocated size does not match required size"
    );
    crate::cast::to_dtype(&out, repeats.dtype())
}

fn repeat_scalar(x: &Tensor, repeats: i64, dim: Option<i64>, size: Option<i64>) -> Result<Tensor> {
    repeat_interleave(x, &create::scalar_tensor(Scalar::Int(repeats))?, dim, size)
}

fn flip_fixed(x: &Tensor, dim: i64, least: usize, op: &str) -> Result<Tensor> {
    if x.rank() < least {
        bail!(Runtime, "Input must be >= {least}-d.\n  {op}: got {}-d", x.rank());
    }
    flip(x, &[dim])
}

/// All pairs of elements of vectors, as rows.
pub fn cartesian_prod(tensors: &[Tensor]) -> Result<Tensor> {
    for t in tensors {
        ensure!(
            t.rank() == 1,
            Runtime,
            "Expect a 1D vector, but got shape {}",
            shape::show(&t.dims())
        );
    }
    ensure!(!tensors.is_empty(), Runtime, "meshgrid expects a non-empty TensorList");
    if tensors.len() == 1 {
        return Ok(tensors[0].clone());
    }
    let grids = meshgrid(tensors, "ij")?;
    let flat: Vec<Tensor> =
        grids.iter().map(|g| view::reshape_to(g, &[g.numel()])).collect::<Result<_>>()?;
    join::stack(&flat, 1)
}

/// Coordinate tensors of a grid.
pub fn meshgrid(tensors: &[Tensor], indexing: &str) -> Result<Vec<Tensor>> {
    ensure!(!tensors.is_empty(), Runtime, "meshgrid expects a non-empty TensorList");
    for t in tensors {
        ensure!(
            t.rank() <= 1,
            Runtime,
            "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {}",
            shape::show(&t.dims())
        );
        ensure!(
            t.dtype() == tensors[0].dtype(),
            Runtime,
            "torch.meshgrid expects all tensors to have the same dtype"
        );
    }
    let swap = match indexing {
        "ij" => false,
        "xy" => tensors.len() >= 2,
        other => bail!(
            Runtime,
            "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {other}"
        ),
    };
    let mut list: Vec<Tensor> = tensors.to_vec();
    if swap {
        list.swap(0, 1);
    }
    let whole: Dims = list.iter().map(Tensor::numel).collect();
    shape::numel(&whole)?;
    let mut grids = Vec::with_capacity(list.len());
    for (i, t) in list.iter().enumerate() {
        let mut dims = Dims::filled(1, list.len());
        dims[i] = t.numel();
        grids.push(view::expand_to(&view::reshape_to(t, &dims)?, &whole));
    }
    if swap {
        grids.swap(0, 1);
    }
    Ok(grids)
}

/// All ways to choose `r` elements of a vector, as rows.
fn combinations(x: &Tensor, r: i64, replacement: bool) -> Result<Tensor> {
    ensure!(x.rank() == 1, Runtime, "Expect a 1D vector, but got shape {}", shape::show(&x.dims()));
    ensure!(r >= 0, Runtime, "Expect a non-negative number, but got {r}");
    if r == 0 {
        return create::zeros(&[0], x.dtype(), x.device());
    }
    let (n, r) = (x.numel(), r as usize);
    let rows = choices(n, r, replacement)?;
    let count = rows.len() / r;
    let out = Array::empty_contiguous(&[rows.len()], DType::I64, x.device())?;
    array::dispatch::store(&out, &rows)?;
    let flat = crate::index::index_select(x, 0, &Tensor::new(out))?;
    view::reshape_to(&flat, &[count, r])
}

/// Every choice of `r` out of `n` in lexicographic order, one after the other.
fn choices(n: usize, r: usize, again: bool) -> Result<Vec<Scalar>> {
    let mut rows = Vec::new();
    if n == 0 || (!again && r > n) {
        return Ok(rows);
    }
    base::layout::ensure_room::<Scalar>(r)?;
    let mut current: Vec<usize> = if again { vec![0; r] } else { (0..r).collect() };
    let last = |i: usize| if again { n - 1 } else { n - r + i };
    loop {
        base::layout::ensure_room::<Scalar>(rows.len() + r)?;
        rows.extend(current.iter().map(|&i| Scalar::Int(i as i64)));
        let Some(at) = (0..r).rev().find(|&i| current[i] < last(i)) else {
            return Ok(rows);
        };
        current[at] += 1;
        for i in at + 1..r {
            current[i] = current[i - 1] + usize::from(!again);
        }
    }
}

crate::ops! {
    /// Order and repetition.
    REARRANGED:
    /// The order reversed along dimensions.
    fm "flip(Tensor self, int[] dims) -> Tensor" => |x, dims| flip(x, dims);
    /// Columns reversed.
    fm "fliplr(Tensor self) -> Tensor" => |x| flip_fixed(x, 1, 2, "fliplr");
    /// Rows reversed.
    fm "flipud(Tensor self) -> Tensor" => |x| flip_fixed(x, 0, 1, "flipud");
    /// Elements moved around.
    fm "roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor" => |x, shifts, dims| roll(x, shifts, dims);
    /// Quarter turns.
    fm "rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor" => |x, k, dims| rot90(x, k, dims);
    /// Copies side by side.
    m "repeat(Tensor self, int[] repeats) -> Tensor" => |x, repeats| repeat(x, repeats);
    /// Copies side by side.
    fm "tile(Tensor self, int[] dims) -> Tensor" => |x, repeats| tile(x, repeats);
    /// Each element several times.
    fm "repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor" => |x, repeats, dim, size| repeat_scalar(x, repeats, dim, size);
    /// Each element several times.
    fm "repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor" => |x, repeats, dim, size| repeat_interleave(x, repeats, dim, size);
    /// Each index as often as told.
    f "repeat_interleave.Tensor(Tensor repeats, *, int? output_size=None) -> Tensor" => |repeats, size| repeated_indices(repeats, size);
    /// Coordinates of a grid.
    fw "meshgrid(Tensor[] tensors, *, str indexing='ij') -> Tensor[]" => |tensors, indexing| meshgrid(tensors, indexing);
    /// All pairs of elements.
    fw "cartesian_prod(Tensor[] tensors) -> Tensor" => |tensors| cartesian_prod(tensors);
    /// All choices of elements.
    f "combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor" => |x, r, replacement| combinations(x, r, replacement);
}
