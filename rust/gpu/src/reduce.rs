//! Folds over marked dimensions, and the extreme along one.

use crate::launch::{Launch, spread};
use crate::shader::{Access, Variant};
use crate::view::too_many_dims;
use crate::window::{self, Window};
use crate::{View, check_dtype, dense, map, no_kernel};
use base::iter::Nest;
use base::{DType, Layout, Result, bail, ensure};

/// The folds there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Fold {
    Sum,
    Mean,
    NanSum,
    Prod,
    Amax,
    Amin,
    Any,
    All,
    CountNonzero,
    LogSumExp,
    /// The number is the correction.
    Var,
    /// The number is the correction.
    Std,
    /// The p-norm; the number is p.
    Norm,
}

impl Fold {
    /// Accumulator type, start, step, combination and finish.
    fn parts(self, x: DType, number: f64) -> Option<&'static str> {
        use Fold::{All, Amax, Amin, Any, CountNonzero, LogSumExp, Mean, NanSum, Norm, Prod, Std};
        use Fold::{Sum, Var};
        let float = x.is_float();
        Some(match self {
            Sum if float => "f32#0.0#acc + x#a + b#acc",
            NanSum if float => "f32#0.0#acc + select(x, 0.0, is_nan(x))#a + b#acc",
            Mean if float => "f32#0.0#acc + x#a + b#acc / f32(p.len)",
            Prod if float => "f32#1.0#acc * x#a * b#acc",
            Sum | NanSum => "i64#0li#acc + i64(x)#a + b#acc",
            Prod => "i64#1li#acc * i64(x)#a * b#acc",
            Amax if float => "f32#-infinity()#max_nan(acc, x)#max_nan(a, b)#acc",
            Amin if float => "f32#infinity()#min_nan(acc, x)#min_nan(a, b)#acc",
            Amax if x == DType::I64 => {
                "i64#(-9223372036854775807li) - 1li#max(acc, x)#max(a, b)#acc"
            }
            Amin if x == DType::I64 => "i64#9223372036854775807li#min(acc, x)#min(a, b)#acc",
            Amax => "i32#(-2147483647i) - 1i#max(acc, x)#max(a, b)#acc",
            Amin => "i32#2147483647i#min(acc, x)#min(a, b)#acc",
            Any => "i32#0#max(acc, select(1, 0, is_zero(x)))#max(a, b)#acc",
            All => "i32#1#min(acc, select(1, 0, is_zero(x)))#min(a, b)#acc",
            CountNonzero => "i32#0#acc + select(1, 0, is_zero(x))#a + b#i64(acc)",
            LogSumExp if float => {
                "vec2<f32>#vec2<f32>(-infinity(), 0.0)#join_exponentials(acc, vec2<f32>(x, 1.0))#join_exponentials(a, b)#acc.x + log(acc.y)"
            }
            Var if float => {
                "vec3<f32>#vec3<f32>()#join_moments(acc, vec3<f32>(1.0, x, 0.0))#join_moments(a, b)#variance(acc, p.number)"
            }
            Std if float => {
                "vec3<f32>#vec3<f32>()#join_moments(acc, vec3<f32>(1.0, x, 0.0))#join_moments(a, b)#sqrt(variance(acc, p.number))"
            }
            Norm if float && number == 2.0 => "f32#0.0#acc + x * x#a + b#sqrt(acc)",
            Norm if float && number == 1.0 => "f32#0.0#acc + abs(x)#a + b#acc",
            Norm if float && number == 0.0 => {
                "f32#0.0#acc + select(1.0, 0.0, is_zero(x))#a + b#acc"
            }
            Norm if float && number == f64::INFINITY => {
                "f32#0.0#max_nan(acc, abs(x))#max_nan(a, b)#acc"
            }
            Norm if float && number == f64::NEG_INFINITY => {
                "f32#infinity()#min_nan(acc, abs(x))#min_nan(a, b)#acc"
            }
            Norm if float => {
                "f32#0.0#acc + power(abs(x), p.number)#a + b#power(acc, 1.0 / p.number)"
            }
            Mean | LogSumExp | Var | Std | Norm => return None,
        })
    }
}

/// From this many folded elements on, a workgroup shares an output.
const SHARED_FROM: usize = 128;
const GROUP: usize = 256;

/// Folds the dimensions marked in `mask`; `out` has the others (or sizes of 1 in their places).
pub fn reduce(fold: Fold, out: View<'_>, x: View<'_>, mask: &[bool], number: f64) -> Result<()> {
    let name = format!("{fold:?}").to_lowercase();
    check_dtype(&name, x.dtype)?;
    check_dtype(&name, out.dtype)?;
    if matches!(fold, Fold::Sum | Fold::Mean | Fold::NanSum | Fold::Prod) {
        return dense::terms(x, out.dtype, |x| reduce_terms(fold, (out, name), x, mask, number));
    }
    reduce_terms(fold, (out, name), x, mask, number)
}

/// [`reduce`] of terms of the result's kind.
fn reduce_terms(
    fold: Fold,
    (out, name): (View<'_>, String),
    x: View<'_>,
    mask: &[bool],
    number: f64,
) -> Result<()> {
    let Some(parts) = fold.parts(x.dtype, number) else {
        bail!(NotImplemented, "\"{name}\" not implemented for '{}'", x.dtype.type_name());
    };
    if out.numel() == 0 {
        return Ok(());
    }
    if window::is_large(&[out, x]) {
        return in_halves(fold, out, x, mask, number);
    }
    dense::output(out, |out| {
        // More dimensions than the parameters hold merge in a copy that has the folded ones last.
        let too_many = part(&x, mask, false).is_none() || part(&x, mask, true).is_none();
        let chosen = |folded| (0..mask.len()).filter(move |&d| mask[d] == folded);
        let order: Vec<usize> = chosen(false).chain(chosen(true)).collect();
        dense::retry_as(x, &Layout::dense_in_order(x.dims(), &order), too_many, |x| {
            let (Some(kept), Some(folded)) = (part(&x, mask, false), part(&x, mask, true)) else {
                return Err(too_many_dims(name, x.dims()));
            };
            launch(parts, out, x, (kept, folded), number)
        })
    })
}

/// [`reduce`] of more than one binding holds: by halves, as long as it takes.
fn in_halves(fold: Fold, out: View<'_>, x: View<'_>, mask: &[bool], number: f64) -> Result<()> {
    if let Some(d) = window::widest(&x, |d| !mask[d]) {
        let whole = out.dims().len() == x.dims().len();
        let to = if whole { d } else { mask[..d].iter().filter(|&&folded| !folded).count() };
        let parts = window::halves(x.layout, d).into_iter().zip(window::halves(out.layout, to));
        for (from, to) in parts {
            reduce(fold, View { layout: &to, ..out }, View { layout: &from, ..x }, mask, number)?;
        }
        return Ok(());
    }
    let (part, rest) = match fold {
        Fold::Sum | Fold::NanSum | Fold::Mean => {
            (if fold == Fold::NanSum { fold } else { Fold::Sum }, Fold::Sum)
        }
        Fold::CountNonzero => (fold, Fold::Sum),
        Fold::Norm if number == 0.0 => (fold, Fold::Sum),
        Fold::Var | Fold::Std => {
            let detail = format!("{} bytes in one fold", x.numel() * x.dtype.size());
            return Err(no_kernel(format!("{fold:?}").to_lowercase(), detail));
        }
        _ => (fold, fold),
    };
    let Some(d) = window::widest(&x, |d| mask[d]) else {
        return Err(too_many_dims(format!("{fold:?}").to_lowercase(), x.dims()));
    };
    let dtype = if out.dtype.is_float() { DType::F32 } else { out.dtype };
    let dims: base::Dims = std::iter::once(2).chain(out.dims().iter().copied()).collect();
    let layout = Layout::contiguous(&dims);
    let buffer = x.device().allocate(layout.end() * dtype.size(), false)?;
    let both = View::new(&buffer, dtype, &layout);
    for (i, from) in window::halves(x.layout, d).iter().enumerate() {
        let offset = i * out.numel();
        let to = Layout { offset, ..Layout::contiguous(out.dims()) };
        let (to, from) = (View { layout: &to, ..both }, View { layout: from, ..x });
        reduce(part, to, from, mask, number)?;
    }
    let first: Vec<bool> = (0..dims.len()).map(|d| d == 0).collect();
    reduce(rest, out, both, &first, number)?;
    if fold == Fold::Mean {
        let count = x.numel() / out.numel();
        let wgsl = "x * p0";
        let op = map::Expression { name: "mean", wgsl, compute: out.dtype, truth: false };
        map::map(&op, out, &[map::Operand::View(out)], [1.0 / count as f64, 0.0, 0.0, 0.0])?;
    }
    Ok(())
}

/// Sizes and steps of the kept or of the folded dimensions, merged, right-aligned.
type Part = [[u32; 4]; 2];

fn part(x: &View<'_>, mask: &[bool], folded: bool) -> Option<Part> {
    let chosen = || (0..x.dims().len()).filter(|&d| mask[d] == folded);
    let dims: base::Dims = chosen().map(|d| x.dims()[d]).collect();
    let strides: base::Strides = chosen().map(|d| x.layout.strides[d]).collect();
    let nest =
        if folded { Nest::plan(&dims, [&strides]) } else { Nest::in_order(&dims, [&strides]) };
    let lead = 4usize.checked_sub(nest.dims.len())?;
    let mut part = [[1; 4], [0; 4]];
    for (d, (&size, &step)) in nest.dims.iter().zip(nest.strides[0].iter()).enumerate() {
        part[0][lead + d] = size as u32;
        part[1][lead + d] = step as u32;
    }
    Some(part)
}

fn launch(
    parts: &'static str,
    out: View<'_>,
    x: View<'_>,
    (kept, folded): (Part, Part),
    number: f64,
) -> Result<()> {
    let n = out.numel();
    let len = x.numel() / n;
    let lanes = if len >= SHARED_FROM { GROUP } else { 1 };
    let groups = spread(n.div_ceil(GROUP / lanes));
    let (source, target) = (Window::of(&[x]), Window::of(&[out]));
    let mut params = vec![
        n as u32,
        groups[0] as u32,
        len as u32,
        source.place(&x),
        target.place(&out),
        (number as f32).to_bits(),
    ];
    for [sizes, steps] in [kept, folded] {
        // Nothing is folded along a size of 0, but threads divide by it.
        params.extend(sizes.map(|size| size.max(1)));
        params.extend(steps);
    }
    let slots = [(x.dtype, Access::Read), (out.dtype, Access::Write)];
    let variant = Variant::new("reduce", &slots).of(parts).with(&[lanes as u32]);
    let (reads, writes) = ([source], [target]);
    out.device().launch(&Launch {
        variant,
        reads: &reads,
        writes: &writes,
        params: &params,
        groups,
    })
}

/// The extreme along `dim` and its index; without `values` only the index is wanted.
pub fn extreme(
    largest: bool,
    values: Option<View<'_>>,
    indices: View<'_>,
    x: View<'_>,
    dim: usize,
) -> Result<()> {
    let name = if largest { "max" } else { "min" };
    check_dtype(name, x.dtype)?;
    if indices.numel() == 0 {
        return Ok(());
    }
    let len = x.dims().get(dim).copied().unwrap_or(1);
    ensure!(len > 0, Index, "{name}: an empty dimension has no extreme");
    let Some(values) = values else {
        let layout = base::Layout::contiguous(indices.dims());
        let buffer = x.device().allocate(layout.end() * x.dtype.size(), false)?;
        return extreme(largest, Some(View::new(&buffer, x.dtype, &layout)), indices, x, dim);
    };
    let expr = if largest { "x > best" } else { "x < best" };
    dense::input(x, |x| {
        dense::output(values, |values| {
            dense::output(indices, |indices| {
                let n = indices.numel();
                let inner: usize = x.dims().iter().skip(dim + 1).product();
                let groups = spread(n.div_ceil(GROUP));
                let params = [n, groups[0] * GROUP, len, inner].map(|v| v as u32);
                let mut params = params.to_vec();
                let [source, best, place] = [x, values, indices].map(|v| Window::of(&[v]));
                params.extend([source.place(&x), best.place(&values), place.place(&indices)]);
                let slots = [
                    (x.dtype, Access::Read),
                    (values.dtype, Access::Write),
                    (DType::I64, Access::Write),
                ];
                let variant = Variant::new("extreme", &slots).of(expr);
                let (reads, writes) = ([source], [best, place]);
                let params = &params[..];
                x.device().launch(&Launch {
                    variant,
                    reads: &reads,
                    writes: &writes,
                    params,
                    groups,
                })
            })
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    use Fold::{All, Amax, Amin, Any, CountNonzero, LogSumExp, Mean, NanSum, Norm, Prod, Std};
    use Fold::{Sum, Var};
    let mut list = Vec::new();
    for &x in dtypes {
        for fold in [Sum, Mean, NanSum, Prod, Amax, Amin, LogSumExp, Var, Std, Norm] {
            let sums = matches!(fold, Sum | NanSum | Prod) && !x.is_float();
            let out = if sums { DType::I64 } else { x };
            list.extend(sample(fold, x, out));
        }
        list.extend(sample(Any, x, DType::Bool));
        list.extend(sample(All, x, DType::Bool));
        list.extend(sample(CountNonzero, x, DType::I64));
        for expr in ["x > best", "x < best"] {
            let (read, write) = (Access::Read, Access::Write);
            let slots = [(x, read), (x, write), (DType::I64, write)];
            list.push(Variant::new("extreme", &slots).of(expr));
        }
    }
    list
}

fn sample(fold: Fold, x: DType, out: DType) -> Vec<Variant> {
    let slots = [(x, Access::Read), (out, Access::Write)];
    let numbers = [2.0, 1.0, 0.0, 3.0, f64::INFINITY, f64::NEG_INFINITY];
    let parts = numbers.iter().filter_map(|&number| fold.parts(x, number));
    parts.flat_map(|p| [1, 256].map(|l| Variant::new("reduce", &slots).of(p).with(&[l]))).collect()
}
