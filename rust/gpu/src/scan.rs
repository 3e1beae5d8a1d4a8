//! Running folds along one dimension.

use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, check_dtype, dense};
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

/// `out[i]` is the fold of `x[0..=i]` along `dim`.
pub fn scan(fold: Scan, out: View<'_>, x: View<'_>, dim: usize) -> Result<()> {
    check_dtype("cumsum", x.dtype)?;
    let Some(parts) = fold.parts(x.dtype) else {
        bail!(NotImplemented, "\"logcumsumexp\" not implemented for '{}'", x.dtype.type_name());
    };
    if x.numel() == 0 {
        return Ok(());
    }
    let len = x.dims().get(dim).copied().unwrap_or(1);
    let inner: usize = x.dims().iter().skip(dim + 1).product();
    dense::input(x, |x| {
        dense::output(out, |out| {
            let kernel = Kernel::new("scan").of(parts).read(x).write(out);
            kernel.numbers([len, inner]).threads(x.numel() / len)
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    for &x in dtypes {
        let out = if x.is_float() { x } else { DType::I64 };
        let slots = [(x, Access::Read), (out, Access::Write)];
        let parts = [Scan::Sum, Scan::Prod, Scan::LogSumExp].iter().filter_map(|s| s.parts(x));
        list.extend(parts.map(|p| Variant::new("scan", &slots).of(p)));
    }
    list
}
