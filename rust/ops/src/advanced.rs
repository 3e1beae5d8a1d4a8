//! Indexing by tensors: several index tensors or masks at once, and selection by a mask.
//!
//! `None` in an index list stands for a whole dimension. Index tensors broadcast together; their
//! common dimensions stand where the first one stood if they are neighbours, else in front.

use crate::call::Dest;
use crate::index::written;
use crate::map::as_tensor;
use crate::node::{Formula, Keep};
use crate::{Var, create, select, view};
use array::dispatch::index as kernels;
use array::{Array, Operand, dispatch};
use base::promote::{Class, Promotion};
use base::{DType, Dims, Layout, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// An index list, ready for the kernels.
struct Plan {
    /// int64, all of the common shape.
    indices: Vec<Array>,
    /// Dimensions of the input, the indexed ones first.
    order: Dims,
    /// Sizes of the result.
    dims: Dims,
    /// Dimensions of the result in the order common dimensions, then those not indexed.
    result_order: Dims,
}

/// Masks become the positions where they hold, one index tensor a dimension.
fn positions(whole: &[usize], indices: &[Option<Tensor>]) -> Result<Vec<Option<Array>>> {
    let mut list: Vec<Option<Array>> = Vec::new();
    for index in indices {
        let Some(index) = index else {
            list.push(None);
            continue;
        };
        match index.dtype() {
            DType::I64 => list.push(Some(index.array())),
            DType::I32 => {
                list.push(Some(index.array().cast(DType::I64)?));
            }
            DType::Bool | DType::U8 => mask_positions(whole, index, &mut list)?,
            _ => bail!(Index, "tensors used as indices must be long, int, byte or bool tensors"),
        }
    }
    ensure!(
        list.len() <= whole.len(),
        Index,
        "too many indices for tensor of dimension {} (got {})",
        whole.len(),
        list.len()
    );
    Ok(list)
}

fn mask_positions(whole: &[usize], mask: &Tensor, list: &mut Vec<Option<Array>>) -> Result<()> {
    let first = list.len();
    for (k, &n) in mask.dims().iter().enumerate() {
        let size = whole.get(first + k).copied();
        ensure!(
            size == Some(n),
            Index,
            "The shape of the mask {} at index {} does not match the shape of the indexed tensor {} at index {}",
            shape::show(&mask.dims()),
            k,
            shape::show(whole),
            first + k
        );
    }
    let found = nonzero(mask)?.array();
    for k in 0..mask.rank() {
        list.push(Some(found.view(found.layout().select(1, k))));
    }
    Ok(())
}

/// Indices in host memory may address a tensor elsewhere.
fn beside(index: Array, device: base::Device) -> Result<Array> {
    if index.device() == device || index.device().kind != base::DeviceKind::Cpu {
        return Ok(index);
    }
    let moved = Array::empty_contiguous(index.dims(), index.dtype(), device)?;
    dispatch::copy(&moved, &index)?;
    Ok(moved)
}

impl Plan {
    fn new(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Plan> {
        let whole = &*x.dims();
        let list = positions(whole, indices)?;
        let shapes: Vec<Dims> = list.iter().flatten().map(|a| Dims::from_slice(a.dims())).collect();
        let common = shape::broadcast_all(shapes.iter().map(|d| &**d)).map_err(|_| {
            let texts: Vec<String> = shapes.iter().map(|d| shape::show(d)).collect();
            base::Error::new(
                base::Kind::Index,
                format!(
                    "shape mismatch: indexing tensors could not be broadcast together with shapes {}",
                    texts.join(", ")
                ),
            )
        })?;
        let indexed: Vec<usize> = (0..list.len()).filter(|&d| list[d].is_some()).collect();
        let rest: Vec<usize> = (0..whole.len()).filter(|d| !indexed.contains(d)).collect();
        let neighbours = indexed.windows(2).all(|w| w[1] == w[0] + 1);
        let place = if neighbours { indexed.first().copied().unwrap_or(0) } else { 0 };
        let mut dims: Dims = rest[..place].iter().map(|&d| whole[d]).collect();
        common.iter().for_each(|&n| dims.push(n));
        rest[place..].iter().for_each(|&d| dims.push(whole[d]));
        let result_order = (place..place + common.len())
            .chain(0..place)
            .chain(place + common.len()..dims.len())
            .collect();
        let order = indexed.iter().chain(&rest).copied().collect();
        let indices = list
            .into_iter()
            .flatten()
            .map(|a| beside(a, x.device()).map(|a| a.view(a.layout().expand(&common))))
            .collect::<Result<_>>()?;
        let plan = Plan { indices, order, dims, result_order };
        plan.check_some(whole)?;
        Ok(plan)
    }

    /// An index into a dimension of size 0 is out of bounds whatever it is.
    fn check_some(&self, whole: &[usize]) -> Result<()> {
        let indexed = &self.order[..self.indices.len()];
        for (&d, index) in indexed.iter().zip(&self.indices) {
            ensure!(
                whole[d] > 0 || index.numel() == 0,
                Index,
                "index is out of bounds for dimension with size 0"
            );
        }
        Ok(())
    }

    /// The geometry of the result: that of an elementwise op of the input, repeated along the
    /// indices, and of the indices.
    fn layout(&self, x: &Layout) -> Layout {
        let (count, rank) = (self.indices.len(), self.dims.len());
        let common = self.indices.first().map_or(0, |i| i.dims().len());
        let (places, rest) = self.result_order.split_at(common);
        let mut source = Layout::contiguous(&self.dims);
        source.strides = base::Strides::filled(0, rank);
        for (&place, &d) in rest.iter().zip(&self.order[count..]) {
            source.strides[place] = x.strides[d];
        }
        let index = |array: &Array| {
            let mut layout = Layout::contiguous(&Dims::filled(1, rank));
            for (d, &place) in places.iter().enumerate() {
                layout.dims[place] = array.dims()[d];
                layout.strides[place] = array.layout().strides[d];
            }
            layout
        };
        let layouts: Vec<Layout> =
            std::iter::once(source).chain(self.indices.iter().map(index)).collect();
        base::layout::output_layout(&self.dims, &layouts.iter().collect::<Vec<_>>())
    }

    /// The input as the kernels want it.
    fn from(&self, x: &Array) -> Array {
        x.view(x.layout().permute(&self.order))
    }

    /// The result, or values of its shape, as the kernels want them.
    fn to(&self, out: &Array) -> Array {
        out.view(out.layout().permute(&self.result_order))
    }
}

/// `x[indices]`.
pub fn index(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Tensor> {
    if indices.iter().all(Option::is_none) {
        return view::alias(x);
    }
    let whole = x.dims();
    let plan = Plan::new(x, indices)?;
    let out = Array::empty(plan.layout(&x.layout()), x.dtype(), x.device())?;
    if out.numel() > 0 || plan.indices.iter().any(|i| i.numel() > 0) {
        kernels::index(&plan.to(&out), &plan.from(&x.array()), &plan.indices)?;
    }
    let (keeps, places) = kept(indices);
    tape::record(out, &[x], |_| {
        let keeps: Vec<Keep<'_>> = keeps.iter().map(Keep::Bare).collect();
        Formula::new("IndexBackward0", 1, &keeps, move |grads, saved| {
            let indices = restore(&places, &saved.vars)?;
            Ok(vec![Some(Var::grad(grads).then(|g| {
                let zeros = create::zeros(&whole, g.dtype(), g.device())?;
                index_put(Dest::New, &zeros, &indices, g, true)
            }))])
        })
    })
}

/// Index tensors to keep, and which places of the list they fill.
fn kept(indices: &[Option<Tensor>]) -> (Vec<Array>, Vec<bool>) {
    let arrays = indices.iter().flatten().map(Tensor::array).collect();
    (arrays, indices.iter().map(Option::is_some).collect())
}

fn restore(places: &[bool], vars: &[Var]) -> Result<Vec<Option<Tensor>>> {
    let mut vars = vars.iter();
    places
        .iter()
        .map(|&there| match there.then(|| vars.next()).flatten() {
            Some(var) => var.clone().tensor().map(Some),
            None => Ok(None),
        })
        .collect()
}

/// `x[indices] = values`, or `+=`; the values broadcast to what is indexed.
pub fn index_put(
    dest: Dest<'_>,
    x: &Tensor,
    indices: &[Option<Tensor>],
    values: &Tensor,
    accumulate: bool,
) -> Result<Tensor> {
    ensure!(
        x.dtype() == values.dtype(),
        Runtime,
        "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
        x.dtype().type_name(),
        values.dtype().type_name()
    );
    let plan = Plan::new(x, indices)?;
    let whole = shape::broadcast(&plan.dims, &values.dims()).ok().filter(|d| *d == plan.dims);
    ensure!(
        whole.is_some(),
        Runtime,
        "shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}",
        shape::show(&values.dims()),
        shape::show(&plan.dims)
    );
    let kernel = |out: &Array| {
        let values = values.array();
        let values = if values.shares_storage(out) { values.copied()? } else { values };
        let wide = values.view(values.layout().expand(&plan.dims));
        kernels::index_put(
            &plan.from(out),
            &plan.indices,
            Operand::Array(&plan.to(&wide)),
            accumulate,
        )
    };
    let (keeps, places) = kept(indices);
    let back = values.dims();
    written(dest, x, &[values], kernel, |_| {
        let keeps: Vec<Keep<'_>> = keeps.iter().map(Keep::Bare).collect();
        Formula::new("IndexPutBackward0", 2, &keeps, move |grads, saved| {
            let g = Var::grad(grads);
            let indices = restore(&places, &saved.vars)?;
            let cleared = |g: &Tensor| {
                let zero = create::zeros(&[], g.dtype(), g.device())?;
                index_put(Dest::New, g, &indices, &zero, false)
            };
            let kept = if accumulate { g.clone() } else { g.clone().then(cleared) };
            let taken = |g: &Tensor| tape::algebra()?.sum_to(&index(g, &indices)?, &back);
            Ok(vec![saved.needs[0].then_some(kept), saved.needs[1].then(|| g.then(taken))])
        })
    })
}

/// The values of an assignment without leading dimensions of size 1 that the indexed part lacks.
pub fn without_leading_ones(
    x: &Tensor,
    indices: &[Option<Tensor>],
    values: &Tensor,
) -> Result<Tensor> {
    let rank = Plan::new(x, indices)?.dims.len();
    let dims = values.dims();
    let surplus = dims.len().saturating_sub(rank);
    if surplus == 0 || dims[..surplus].iter().any(|&n| n != 1) {
        return Ok(values.clone());
    }
    view::reshape_to(values, &dims[surplus..])
}

/// The indices of non-zero elements, one row each.
pub fn nonzero(x: &Tensor) -> Result<Tensor> {
    let mask = x.array();
    let count = crate::reduce::count_nonzero(&x.detach(), None)?;
    let count = dispatch::item(&count.array())?.to_i64() as usize;
    // One run for each dimension, as in PyTorch.
    let layout = Layout::as_strided(&[count, x.rank()], &[1, count as isize], 0)?;
    let out = Array::empty(layout, DType::I64, x.device())?;
    if x.rank() > 0 {
        kernels::nonzero(&out, &mask)?;
    }
    Ok(Tensor::new(out))
}

/// The indices of non-zero elements, one vector a dimension.
pub fn nonzero_tuple(x: &Tensor) -> Result<Vec<Tensor>> {
    let x = if x.rank() == 0 { view::reshape_to(x, &[1])? } else { x.clone() };
    view::unbind(&nonzero(&x)?, 1)
}

fn check_mask(mask: &Tensor, op: &str) -> Result<()> {
    ensure!(mask.dtype() == DType::Bool, Runtime, "{op}: expected BoolTensor for mask");
    Ok(())
}

/// The elements where the mask holds, as a vector.
pub fn masked_select(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    check_mask(mask, "masked_select")?;
    let whole = shape::broadcast(&x.dims(), &mask.dims())?;
    let wide = view::expand_to(mask, &whole);
    let count = crate::reduce::count_nonzero(&wide, None)?;
    let count = dispatch::item(&count.array())?.to_i64() as usize;
    let out = Array::empty_contiguous(&[count], x.dtype(), x.device())?;
    let kept = mask.array();
    kernels::masked_select(&out, &x.array(), &kept, &whole)?;
    tape::record(out, &[x], |_| {
        Formula::new("MaskedSelectBackward0", 1, &[Keep::Bare(&kept)], move |grads, saved| {
            let mask = saved.vars[0].clone().tensor()?;
            Ok(vec![Some(Var::grad(grads).then(|g| {
                masked_scatter(Dest::New, &create::zeros(&whole, g.dtype(), g.device())?, &mask, g)
            }))])
        })
    })
}

/// Elements of `source`, in order, to where the mask holds.
pub fn masked_scatter(
    dest: Dest<'_>,
    x: &Tensor,
    mask: &Tensor,
    source: &Tensor,
) -> Result<Tensor> {
    ensure!(
        mask.dtype() == DType::Bool,
        Runtime,
        "masked_scatter_ only supports boolean masks, but got mask with dtype {}",
        mask.dtype()
    );
    ensure!(
        x.dtype() == source.dtype(),
        Runtime,
        "masked_scatter_: expected self and source to have same dtypes but got {} and {}",
        x.dtype().type_name(),
        source.dtype().type_name()
    );
    let whole = match dest {
        Dest::InPlace(_) => {
            let own: Vec<i64> = x.dims().iter().map(|&d| d as i64).collect();
            shape::expand(&mask.dims(), &own)?
        }
        _ => shape::broadcast(&x.dims(), &mask.dims())?,
    };
    let x = &view_if_larger(x, &whole);
    let wide = view::expand_to(mask, &whole).array();
    let kernel = |out: &Array| {
        let src = source.array();
        let src = if src.shares_storage(out) { src.copied()? } else { src.contiguous()? };
        kernels::masked_scatter(out, &wide, &src)
    };
    let kept = mask.array();
    let back = source.dims();
    written(dest, x, &[source], kernel, |_| {
        Formula::new("MaskedScatterBackward0", 2, &[Keep::Bare(&kept)], move |grads, saved| {
            let g = Var::grad(grads);
            let mask = saved.vars[0].clone().tensor()?;
            let cleared = |g: &Tensor| select::masked_fill(g, &mask, &Var::from(0i64));
            Ok(vec![
                saved.needs[0].then(|| g.clone().then(cleared)),
                saved.needs[1].then(|| g.then(|g| taken(g, &mask, &back))),
            ])
        })
    })
}

fn view_if_larger(x: &Tensor, whole: &[usize]) -> Tensor {
    if *x.dims() == *whole { x.clone() } else { view::expand_to(x, whole) }
}

/// The selected elements, filled up with zeros, in the source's shape.
fn taken(g: &Tensor, mask: &Tensor, dims: &[usize]) -> Result<Tensor> {
    let selected = masked_select(g, mask)?;
    let (have, want) = (selected.numel(), dims.iter().product::<usize>());
    let filled = if have < want {
        let rest = create::zeros(&[want - have], g.dtype(), g.device())?;
        crate::join::cat(&[selected, rest], 0)?
    } else {
        selected
    };
    view::reshape_to(&filled, dims)
}

/// Positions of test elements among others (or not, if inverted).
pub fn isin(elements: &Tensor, test: &Tensor, invert: bool) -> Result<Tensor> {
    let dtype =
        Promotion::new().with(elements.dtype(), Class::Dim).with(test.dtype(), Class::Dim).result();
    let (elements, test) = (
        crate::cast::to_dtype(&elements.detach(), dtype)?,
        crate::cast::to_dtype(&test.detach(), dtype)?,
    );
    let n = test.numel();
    if n == 0 {
        return create::full(
            &elements.dims(),
            base::Scalar::Bool(invert),
            DType::Bool,
            elements.device(),
        );
    }
    let line = crate::sort::sort(&view::reshape_to(&test, &[n])?, 0, false)?.0;
    let places = Array::empty_contiguous(&elements.dims(), DType::I64, elements.device())?;
    dispatch::sort::searchsorted(
        &places,
        &line.array(),
        &elements.array().contiguous()?,
        None,
        false,
    )?;
    let inside = Var::from(Tensor::new(places)).then(|t| {
        crate::map::apply(
            &crate::binary::minimum::OP,
            &[t.into(), Var::from(n as i64 - 1)],
            crate::map::NONE,
        )
    });
    let found = inside.then(|t| crate::take::take(&line, t)).eq(Var::from(&elements));
    if invert {
        found
            .then(|t| {
                crate::map::apply(&crate::unary::logical_not::OP, &[t.into()], crate::map::NONE)
            })
            .tensor()
    } else {
        found.tensor()
    }
}

fn isin_var(elements: Var, test: Var, invert: bool) -> Result<Tensor> {
    let device = [&elements, &test].into_iter().find_map(as_tensor).map(Tensor::device);
    let [elements, test] = [elements, test].map(|var| match (var, device) {
        (Var::S(number), Some(device)) => {
            create::full(&[], number, base::promote::scalar_dtype(number), device)
        }
        (var, _) => var.tensor(),
    });
    isin(&elements?, &test?, invert)
}

crate::ops! {
    /// Selection by tensors.
    TENSOR_READS:
    /// The indices of the first non-zero elements, filled up to a number of rows.
    fm "nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor" => |x, size, fill| nonzero_static(x, size, fill);
    /// Elements at positions given by tensors.
    f "index(Tensor self, Tensor?[] indices) -> Tensor" => |x, indices| index(x, indices);
    /// The elements where the mask holds.
    fmo "masked_select(Tensor self, Tensor mask) -> Tensor" => |x, mask| masked_select(x, mask);
    /// The indices of non-zero elements.
    f "nonzero_numpy(Tensor self) -> Tensor[]" => |x| nonzero_tuple(x);
    /// The indices of non-zero elements, one row each.
    fmo "argwhere(Tensor self) -> Tensor" => |x| nonzero(x);
    /// Whether each element is among the others.
    fo "isin(Operand elements, Operand test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor" => |elements, test, _unique, invert| unique_or_not(_unique).and_then(|()| isin_var(elements, test, invert));
    /// The indices where the condition holds.
    f "where.condition(Tensor condition) -> Tensor[]" => |c| nonzero_tuple(c);
}

/// Knowing that elements are distinct saves nothing here.
fn unique_or_not(_unique: bool) -> Result<()> {
    Ok(())
}

crate::filling_ops! {
    /// Writing by tensors.
    TENSOR_WRITES:
    /// Values to positions given by tensors.
    fmi "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor" => |dest, x, indices, values, accumulate| index_put(dest, x, indices, values, accumulate);
    /// Elements, in order, to where the mask holds.
    fmi "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor" => |dest, x, mask, source| masked_scatter(dest, x, mask, source);
    /// The indices of non-zero elements; as a tuple of vectors if asked.
    fmo "nonzero(Tensor self, *, bool as_tuple=False) -> Tensor" => |dest, x, as_tuple| nonzero_form(dest, x, as_tuple);
}

/// The first `size` rows of [`nonzero`], `fill` where there are fewer.
fn nonzero_static(x: &Tensor, size: i64, fill: i64) -> Result<Tensor> {
    ensure!(size >= 0, Runtime, "nonzero_static: 'size' must be an non-negative integer");
    let found = nonzero(x)?;
    let (have, size) = (found.dims()[0], size as usize);
    let kept = view::narrow(&found, 0, 0, have.min(size) as i64)?;
    let rest = [size.saturating_sub(have), x.rank()];
    let rest = create::full(&rest, Scalar::Int(fill), DType::I64, x.device())?;
    crate::join::cat(&[create::contiguous(&kept)?, rest], 0)
}

fn nonzero_form(dest: Dest<'_>, x: &Tensor, as_tuple: bool) -> Result<crate::Value> {
    if as_tuple {
        return Ok(nonzero_tuple(x)?.into());
    }
    Ok(crate::write::deliver(dest, &[x], nonzero(x)?)?.into())
}
