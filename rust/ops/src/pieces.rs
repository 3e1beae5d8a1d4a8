//! Shapes by example and by name: moving and broadcasting dimensions, splitting and stacking along
//! the first three, writing a part back into the whole.

use crate::node::Formula;
use crate::{Var, cast, create, fused, inplace, join, reduce, view};
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

fn as_ints(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|&d| d as i64).collect()
}

/// Dimensions moved to other places; the others keep their order.
pub fn movedim(x: &Tensor, from: &[i64], to: &[i64]) -> Result<Tensor> {
    ensure!(
        from.len() == to.len(),
        Runtime,
        "movedim: Invalid source or destination dims: source ({} dims) should contain the same number of dims as destination ({} dims)",
        shape::show(from),
        shape::show(to)
    );
    let rank = x.rank();
    let wrapped = |list: &[i64], what: &str| -> Result<Vec<usize>> {
        let dims = list.iter().map(|&d| shape::wrap_dim(d, rank)).collect::<Result<Vec<_>>>()?;
        for (i, d) in dims.iter().enumerate() {
            ensure!(
                !dims[..i].contains(d),
                Runtime,
                "movedim: repeated dim in `{what}` ({})",
                shape::show(list)
            );
        }
        Ok(dims)
    };
    let (source, target) = (wrapped(from, "source")?, wrapped(to, "destination")?);
    if rank == 0 {
        return view::alias(x);
    }
    let mut rest = (0..rank).filter(|d| !source.contains(d));
    let order: Vec<i64> = (0..rank)
        .map(|place| match target.iter().position(|&t| t == place) {
            Some(i) => source[i],
            None => rest.next().unwrap_or(0),
        })
        .map(|d| d as i64)
        .collect();
    view::permute(x, &order)
}

/// Cut points: sections of nearly equal size.
fn equal_sections(n: usize, sections: i64) -> Result<Vec<i64>> {
    ensure!(sections > 0, Runtime, "number of sections must be larger than 0, got {sections}");
    let sections = sections as usize;
    base::layout::ensure_room::<[Tensor; 8]>(sections)?;
    let (least, larger) = (n / sections, n % sections);
    Ok((1..sections).map(|i| (i * least + i.min(larger)) as i64).collect())
}

/// Pieces between indices along a dimension.
fn split_at(x: &Tensor, indices: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    let mut start = 0;
    let mut pieces = Vec::with_capacity(indices.len() + 1);
    for &end in indices {
        pieces.push(view::slice(x, dim, Some(start), Some(end), 1)?);
        start = end;
    }
    pieces.push(view::slice(x, dim, Some(start), None, 1)?);
    Ok(pieces)
}

fn check_splittable(x: &Tensor, dim: i64) -> Result<usize> {
    ensure!(
        x.rank() > 0,
        Runtime,
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
    );
    shape::wrap_dim(dim, x.rank())
}

fn tensor_split(x: &Tensor, sections: i64, dim: i64) -> Result<Vec<Tensor>> {
    let d = check_splittable(x, dim)?;
    split_at(x, &equal_sections(x.dims()[d], sections)?, dim)
}

fn tensor_split_at(x: &Tensor, indices: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    check_splittable(x, dim)?;
    split_at(x, indices, dim)
}

fn tensor_split_by(x: &Tensor, cuts: &Tensor, dim: i64) -> Result<Vec<Tensor>> {
    ensure!(
        cuts.dtype() == DType::I64,
        Runtime,
        "tensor_split expected tensor_indices_or_sections to have dtype of long, but got {}",
        cuts.dtype().type_name()
    );
    let values: Vec<i64> =
        array::dispatch::scalars(&cuts.array())?.into_iter().map(Scalar::to_i64).collect();
    match cuts.rank() {
        0 => tensor_split(x, values[0], dim),
        1 => tensor_split_at(x, &values, dim),
        rank => bail!(
            Runtime,
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with {rank} dims"
        ),
    }
}

/// One of `hsplit`, `vsplit`, `dsplit`: its name, dimension and least rank.
type Named = (&'static str, i64, usize);
const ROWS: Named = ("vsplit", 0, 2);
const COLUMNS: Named = ("hsplit", 1, 1);
const DEPTHS: Named = ("dsplit", 2, 3);

fn named_dim(x: &Tensor, (op, dim, least): Named) -> Result<i64> {
    ensure!(
        x.rank() >= least,
        Runtime,
        "torch.{op} requires a tensor with at least {least} dimension, but got a tensor with {} dimensions!",
        x.rank()
    );
    Ok(if x.rank() == 1 { 0 } else { dim })
}

fn named_split(x: &Tensor, sections: i64, which: Named) -> Result<Vec<Tensor>> {
    let dim = named_dim(x, which)?;
    let n = x.dims()[dim as usize] as i64;
    ensure!(
        sections != 0 && n % sections == 0,
        Runtime,
        "torch.{} attempted to split along dimension {dim}, but the size of the dimension {n} is not divisible by the split_size {sections}!",
        which.0
    );
    tensor_split(x, sections, dim)
}

fn named_split_at(x: &Tensor, indices: &[i64], which: Named) -> Result<Vec<Tensor>> {
    let dim = named_dim(x, which)?;
    split_at(x, indices, dim)
}

/// At least `rank` dimensions, new ones of size 1 where numpy puts them.
fn at_least(x: &Tensor, rank: usize) -> Result<Tensor> {
    match (rank, x.rank()) {
        (1, 0) => view::reshape_to(x, &[1]),
        (2, 0) => view::reshape_to(x, &[1, 1]),
        (2, 1) => view::unsqueeze(x, 0),
        (3, 0) => view::reshape_to(x, &[1, 1, 1]),
        (3, 1) => view::unsqueeze(&view::unsqueeze(x, 0)?, -1),
        (3, 2) => view::unsqueeze(x, -1),
        _ => Ok(x.clone()),
    }
}

fn all_at_least(tensors: &[Tensor], rank: usize) -> Result<Vec<Tensor>> {
    tensors.iter().map(|t| at_least(t, rank)).collect()
}

fn stacked(tensors: &[Tensor], rank: usize, op: &str) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "{op} expects a non-empty TensorList");
    let raised = all_at_least(tensors, rank)?;
    let dim = match op {
        "hstack" if raised[0].rank() == 1 => 0,
        "hstack" => 1,
        "dstack" => 2,
        _ => 0,
    };
    join::cat(&raised, dim)
}

fn column_stack(tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "column_stack expects a non-empty TensorList");
    let columns: Vec<Tensor> = tensors
        .iter()
        .map(|t| if t.rank() <= 1 { view::reshape_to(t, &[t.numel(), 1]) } else { Ok(t.clone()) })
        .collect::<Result<_>>()?;
    join::cat(&columns, 1)
}

/// Matrices along the diagonal of one matrix.
fn block_diag(tensors: &[Tensor]) -> Result<Tensor> {
    let blocks: Vec<Tensor> = all_at_least(tensors, 2)?;
    let mut dtype = None;
    for t in tensors {
        ensure!(
            t.rank() <= 2,
            Runtime,
            "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input 0 has {} dimensions",
            t.rank()
        );
        dtype = Some(dtype.map_or(t.dtype(), |d| base::promote::promote_types(d, t.dtype())));
    }
    let dtype = dtype.unwrap_or_else(base::promote::default_dtype);
    if blocks.is_empty() {
        return create::zeros(&[1, 0], dtype, base::Device::CPU);
    }
    let inputs: Vec<&Tensor> = tensors.iter().collect();
    fused::composite("BlockDiagBackward0", &inputs, move |tensors| {
        along_diagonal(&all_at_least(tensors, 2)?, dtype)
    })
}

fn along_diagonal(blocks: &[Tensor], dtype: DType) -> Result<Tensor> {
    let width: usize = blocks.iter().map(|b| b.dims()[1]).sum();
    let mut rows = Vec::new();
    let mut at = 0;
    for block in blocks {
        let (n, m) = (block.dims()[0], block.dims()[1]);
        let side = |columns: usize| create::zeros(&[n, columns], dtype, block.device());
        rows.push(join::cat(
            &[side(at)?, cast::to_dtype(block, dtype)?, side(width - at - m)?],
            1,
        )?);
        at += m;
    }
    join::cat(&rows, 0)
}

/// All tensors repeated to their common shape.
fn broadcast_tensors(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    let shapes: Vec<Dims> = tensors.iter().map(Tensor::dims).collect();
    let whole = shape::broadcast_all(shapes.iter().map(|d| &**d))?;
    let spread =
        |t: &Tensor| if *t.dims() == *whole { t.clone() } else { view::expand_to(t, &whole) };
    Ok(tensors.iter().map(spread).collect())
}

/// As one dimension: a view of a row-major tensor, else of a row-major copy.
fn ravel(x: &Tensor) -> Result<Tensor> {
    view::view(&create::contiguous(x)?, &[-1])
}

/// Summed until the shape is `size`.
fn sum_to_size(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    let want = shape::sizes(size)?;
    let have = x.dims();
    let fits = shape::broadcast(&want, &have).is_ok_and(|d| d == have) && want.len() <= have.len();
    ensure!(
        fits,
        Runtime,
        "size {{{}}} is not expandable to size {{{}}}.",
        shape::show(&want),
        shape::show(&have)
    );
    if want.is_empty() {
        return reduce::sum(x, None, false, None);
    }
    let dims = shape::broadcast_dims(&want, &have);
    if dims.is_empty() {
        return Ok(x.clone());
    }
    let kept = reduce::sum(x, Some(&dims), true, None)?;
    if want.len() == have.len() { Ok(kept) } else { view::reshape_to(&kept, &want) }
}

/// An op that replaces a part: its name in errors, its node's, and whether the gradient of the
/// whole is what of it lies outside the part, as it should be, or inside, as PyTorch's is for one.
struct Embedding {
    op: &'static str,
    node: &'static str,
    outside: bool,
}

const SELECT: Embedding =
    Embedding { op: "select_scatter", node: "SelectScatterBackward0", outside: true };
const SLICE: Embedding =
    Embedding { op: "slice_scatter", node: "SliceScatterBackward0", outside: true };
const DIAGONAL: Embedding =
    Embedding { op: "diagonal_scatter", node: "DiagonalScatterBackward0", outside: true };
const STRIDED: Embedding =
    Embedding { op: "as_strided_scatter", node: "AsStridedScatterBackward0", outside: false };

/// A copy of `x` in which the part that `part` names is `src`.
fn embedded(
    x: &Tensor,
    src: &Tensor,
    kind: &'static Embedding,
    part: impl Fn(&Tensor) -> Result<Tensor> + Clone + Send + Sync + 'static,
) -> Result<Tensor> {
    let whole = {
        let _off = tape::set_grad_enabled(false);
        replaced(x, src, kind.op, &part)?
    };
    tape::record(whole.array(), &[x, src], |_| {
        Formula::new(kind.node, 2, &[], move |grads, saved| {
            let g = create::contiguous(&Var::grad(grads).tensor()?)?;
            let to_src = part(&g)?;
            let to_whole = || {
                let zeros = |t: &Tensor| Var::from(t).zeros_like().tensor();
                if kind.outside {
                    embedded(&g, &zeros(&to_src)?, kind, part.clone())
                } else {
                    embedded(&zeros(&g)?, &to_src, kind, part.clone())
                }
            };
            let to_whole = saved.needs[0].then(to_whole).transpose()?;
            Ok(vec![to_whole.map(Var::T), saved.needs[1].then_some(Var::T(to_src))])
        })
    })
}

fn replaced(
    x: &Tensor,
    src: &Tensor,
    op: &str,
    part: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let whole = create::clone(x, None)?;
    let place = part(&whole)?;
    ensure!(
        place.dims() == src.dims(),
        Runtime,
        "expected src to have a size equal to the slice of self. src size = {}, slice size = {}\n  {op}",
        shape::show(&src.dims()),
        shape::show(&place.dims())
    );
    inplace::copy_(&place, src)?;
    Ok(whole)
}

fn strided_scatter(
    x: &Tensor,
    src: &Tensor,
    size: &[i64],
    stride: &[i64],
    offset: Option<i64>,
) -> Result<Tensor> {
    let (size, stride) = (size.to_vec(), stride.to_vec());
    embedded(x, src, &STRIDED, move |t| view::as_strided(t, &size, &stride, offset))
}

/// Positions in a flattened tensor as one index tensor a dimension.
fn unravel_index(x: &Tensor, dims: &[i64]) -> Result<Vec<Tensor>> {
    ensure!(
        x.dtype().is_integral() && x.dtype() != DType::Bool,
        Type,
        "expected 'indices' to be integer dtype, but got {}",
        x.dtype()
    );
    let (mut parts, mut rest) =
        (Vec::with_capacity(dims.len()), Var::from(cast::to_dtype(x, DType::I64)?));
    for &n in dims.iter().rev() {
        let size = Var::from(n);
        parts.push(
            crate::map::of2(&crate::binary::remainder::OP, rest.clone(), size.clone()).tensor()?,
        );
        rest = crate::map::of2(&crate::binary::floor_divide::OP, rest, size);
    }
    parts.reverse();
    // Columns of one tensor, as PyTorch's are.
    if parts.is_empty() { Ok(parts) } else { view::unbind(&crate::join::stack(&parts, -1)?, -1) }
}

/// The last two dimensions swapped, conjugated where complex.
fn adjoint(x: &Tensor) -> Result<Tensor> {
    Var::from(view::transpose(x, -2, -1)).conj().tensor()
}

crate::ops! {
    /// Shapes by example, pieces and stacks.
    PIECES:
    /// Dimensions moved to other places.
    fm "movedim(Tensor self, int[1] source, int[1] destination) -> Tensor" => |x, from, to| movedim(x, from, to);
    /// Dimensions moved to other places.
    fm "moveaxis(Tensor self, int[1] source, int[1] destination) -> Tensor" => |x, from, to| movedim(x, from, to);
    /// Repeated to a shape.
    fm "broadcast_to(Tensor self, int[] size) -> Tensor" => |x, size| view::expand(x, size, false);
    /// Repeated to another tensor's shape.
    m "expand_as(Tensor self, Tensor other) -> Tensor" => |x, other| as_example(x, other, |x, dims| view::expand(x, dims, false));
    /// Viewed in another tensor's shape.
    m "view_as(Tensor self, Tensor other) -> Tensor" => |x, other| as_example(x, other, view::view);
    /// In another tensor's shape.
    m "reshape_as(Tensor self, Tensor other) -> Tensor" => |x, other| as_example(x, other, view::reshape);
    /// As one dimension.
    fm "ravel(Tensor self) -> Tensor" => |x| ravel(x);
    /// The last two dimensions swapped and conjugated.
    fm "adjoint(Tensor self) -> Tensor" => |x| adjoint(x);
    /// Summed to a shape.
    m "sum_to_size(Tensor self, int[] size) -> Tensor" => |x, size| sum_to_size(x, size);
    /// Sections of nearly equal size.
    fm "tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]" => |x, sections, dim| tensor_split(x, sections, dim);
    /// Pieces between indices.
    fm "tensor_split.indices(Tensor self, int[] indices, int dim=0) -> Tensor[]" => |x, indices, dim| tensor_split_at(x, indices, dim);
    /// Pieces between indices.
    fm "tensor_split.tensor(Tensor self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor[]" => |x, cuts, dim| tensor_split_by(x, cuts, dim);
    /// Equal sections of columns.
    fm "hsplit(Tensor self, int sections) -> Tensor[]" => |x, n| named_split(x, n, COLUMNS);
    /// Pieces of columns.
    fm "hsplit.array(Tensor self, int[] indices) -> Tensor[]" => |x, at| named_split_at(x, at, COLUMNS);
    /// Equal sections of rows.
    fm "vsplit(Tensor self, int sections) -> Tensor[]" => |x, n| named_split(x, n, ROWS);
    /// Pieces of rows.
    fm "vsplit.array(Tensor self, int[] indices) -> Tensor[]" => |x, at| named_split_at(x, at, ROWS);
    /// Equal sections of the third dimension.
    fm "dsplit(Tensor self, int sections) -> Tensor[]" => |x, n| named_split(x, n, DEPTHS);
    /// Pieces of the third dimension.
    fm "dsplit.array(Tensor self, int[] indices) -> Tensor[]" => |x, at| named_split_at(x, at, DEPTHS);
    /// Side by side.
    fo widest "hstack(Tensor[] tensors) -> Tensor" => |tensors| stacked(tensors, 1, "hstack");
    /// One above the other.
    fo widest "vstack(Tensor[] tensors) -> Tensor" => |tensors| stacked(tensors, 2, "vstack");
    /// One above the other.
    fo widest "row_stack(Tensor[] tensors) -> Tensor" => |tensors| stacked(tensors, 2, "vstack");
    /// Along the third dimension.
    fo widest "dstack(Tensor[] tensors) -> Tensor" => |tensors| stacked(tensors, 3, "dstack");
    /// As columns.
    fo widest "column_stack(Tensor[] tensors) -> Tensor" => |tensors| column_stack(tensors);
    /// Matrices along a diagonal.
    fw "block_diag(Tensor[] tensors) -> Tensor" => |tensors| block_diag(tensors);
    /// Repeated to the common shape.
    fw "broadcast_tensors(Tensor[] tensors) -> Tensor[]" => |tensors| broadcast_tensors(tensors);
    /// At least one dimension.
    fw "atleast_1d(Tensor self) -> Tensor" => |x| at_least(x, 1);
    /// At least one dimension each.
    fw "atleast_1d.sequence(Tensor[] tensors) -> Tensor[]" => |tensors| all_at_least(tensors, 1);
    /// At least two dimensions.
    fw "atleast_2d(Tensor self) -> Tensor" => |x| at_least(x, 2);
    /// At least two dimensions each.
    fw "atleast_2d.sequence(Tensor[] tensors) -> Tensor[]" => |tensors| all_at_least(tensors, 2);
    /// At least three dimensions.
    fw "atleast_3d(Tensor self) -> Tensor" => |x| at_least(x, 3);
    /// At least three dimensions each.
    fw "atleast_3d.sequence(Tensor[] tensors) -> Tensor[]" => |tensors| all_at_least(tensors, 3);
    /// A copy with one index of a dimension replaced.
    fmo "select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor" => |x, src, dim, index| embedded(x, src, &SELECT, move |t| view::select(t, dim, index));
    /// A copy with a slice replaced.
    fmo "slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor" => |x, src, dim, start, end, step| embedded(x, src, &SLICE, move |t| view::slice(t, dim, start, end, step));
    /// A copy with a diagonal replaced.
    fmo "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor" => |x, src, offset, a, b| embedded(x, src, &DIAGONAL, move |t| view::diagonal(t, offset, a, b));
    /// A copy with any geometry over its storage replaced.
    fmo "as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor" => |x, src, size, stride, at| strided_scatter(x, src, size, stride, at);
    /// Positions as one index tensor a dimension.
    f "unravel_index(Tensor indices, int[1] shape) -> Tensor[]" => |x, dims| unravel_index(x, dims);
}

fn as_example(
    x: &Tensor,
    other: &Tensor,
    shaped: fn(&Tensor, &[i64]) -> Result<Tensor>,
) -> Result<Tensor> {
    shaped(x, &as_ints(&other.dims()))
}
