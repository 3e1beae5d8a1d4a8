//! Running folds along one dimension.

use crate::dense::{self, Room};
use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, check_dtype, window};
use base::{DType, Result, bail};

/// The running folds there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Scan {
    Sum,
    Prod,
    LogSumExp,
}

impl Scan {
    /// Accumulator type, start, step, result.
    fn parts(self, x: DType) -> Option<&'static str> {
        Some(match self {
            Scan::Sum if x.is_float() => "f32#0.0#acc + x#acc",
            Scan::Prod if x.is_float() => "f32#1.0#acc * x#acc",
            Scan::Sum => "i64#0li#acc + i64(x)#acc",
            Scan::Prod => "i64#1li#acc * i64(x)#acc",
            Scan::LogSumExp if x.is_float() => {
                "vec2<f32>#vec2<f32>(-infinity(), 0.0)#join_exponentials(acc, vec2<f32>(x, 1.0))#acc.x + log(acc.y)"
            }
            Scan::LogSumExp => return None,
        })
    }
}

/// From this many elements on, a line is cut into chunks, unless there are many lines.
const CHUNKED_FROM: usize = 512;
const CHUNK: usize = 128;
const MANY_LINES: usize = 4096;

/// What a launch computes: whole lines, folds of chunks, or chunks that begin with a carry.
const WHOLE: u32 = 0;
const FOLD: u32 = 1;
const CARRIED: u32 = 2;

/// `out[i]` is the fold of `x[0..=i]` along `dim`.
pub fn scan(fold: Scan, out: View<'_>, x: View<'_>, dim: usize) -> Result<()> {
    check_dtype("cumsum", x.dtype)?;
    dense::terms(x, out.dtype, |x| {
        let Some(parts) = fold.parts(x.dtype) else {
            bail!(NotImplemented, "\"logcumsumexp\" not implemented for '{}'", x.dtype.type_name());
        };
        if x.numel() == 0 {
            return Ok(());
        }
        window::in_parts([out, x], dim, &|[out, x]| scan_part(fold, parts, out, x, dim))
    })
}

/// [`scan`] of what bindings hold.
fn scan_part(
    fold: Scan,
    parts: &'static str,
    out: View<'_>,
    x: View<'_>,
    dim: usize,
) -> Result<()> {
    let len = x.dims().get(dim).copied().unwrap_or(1);
    let inner: usize = x.dims().iter().skip(dim + 1).product();
    let lines = x.numel() / len;
    dense::input(x, |x| {
        dense::output(out, |out| {
            let kernel = |part, out, carry, chunk: usize| {
                let kernel = Kernel::new("scan").of(parts).with(&[part]);
                let chunks = len.div_ceil(chunk);
                let kernel = kernel.read(x).read(carry).write(out);
                kernel.numbers([len, inner, chunk, chunks]).threads(lines * chunks)
            };
            if len < CHUNKED_FROM || lines > MANY_LINES {
                return kernel(WHOLE, out, x, len);
            }
            let dims = [lines / inner, len.div_ceil(CHUNK), inner];
            let dtype = if x.dtype.is_float() { DType::F32 } else { DType::I64 };
            let folds = Room::new(x.device(), &dims, dtype)?;
            let carries = Room::new(x.device(), &dims, dtype)?;
            kernel(FOLD, folds.view(), x, CHUNK)?;
            scan(fold, carries.view(), folds.view(), 1)?;
            kernel(CARRIED, out, carries.view(), CHUNK)
        })
    })
}

/// The extreme so far along `dim`, and its last index.
pub fn running_extreme(
    largest: bool,
    values: View<'_>,
    indices: View<'_>,
    x: View<'_>,
    dim: usize,
) -> Result<()> {
    check_dtype("cummax", x.dtype)?;
    if x.numel() == 0 {
        return Ok(());
    }
    window::in_parts([values, indices, x], dim, &|[values, indices, x]| {
        let len = x.dims().get(dim).copied().unwrap_or(1);
        let inner: usize = x.dims().iter().skip(dim + 1).product();
        dense::input(x, |x| {
            dense::output(values, |values| {
                dense::output(indices, |indices| {
                    let kernel = Kernel::new("running_extreme").of(EXTREMES[usize::from(largest)]);
                    let kernel = kernel.read(x).write(values).write(indices);
                    kernel.numbers([len, inner]).threads(x.numel() / len)
                })
            })
        })
    })
}

const EXTREMES: [&str; 2] = ["x <= best", "x >= best"];

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let mut list = Vec::new();
    for &x in dtypes {
        let (out, wide) = if x.is_float() { (x, DType::F32) } else { (DType::I64, DType::I64) };
        for parts in [Scan::Sum, Scan::Prod, Scan::LogSumExp].iter().filter_map(|s| s.parts(x)) {
            for (part, carry, out) in [(WHOLE, x, out), (FOLD, x, wide), (CARRIED, wide, out)] {
                let slots = [(x, read), (carry, read), (out, write)];
                list.push(Variant::new("scan", &slots).of(parts).with(&[part]));
            }
        }
        let slots = [(x, read), (x, write), (DType::I64, write)];
        list.extend(EXTREMES.map(|e| Variant::new("running_extreme", &slots).of(e)));
    }
    list
}
