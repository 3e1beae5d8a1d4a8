//! Random fills by counters: the device's Philox stream.

use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, check_dtype, dense, no_kernel};
use base::rng::Draw;
use base::{DType, Result};

const UNIFORM: &str = "p.p0 + u * (p.p1 - p.p0)";
const NORMAL: &str = "p.p0 + normal * p.p1";
const BERNOULLI: &str = "select(0, 1, u < p.p0)";
const EXPONENTIAL: &str = "-log1p(-u) / p.p0";
const GEOMETRIC: &str = "max(ceil(log(1.0 - u) / log1p(-p.p0)), 1.0)";
const CAUCHY: &str = "p.p0 + p.p1 * tan_of(3.1415927 * (u - 0.5))";
const LOG_NORMAL: &str = "exp(p.p0 + normal * p.p1)";
const INTEGER: &str =
    "long_of(p.from_low, p.from_high) + long_of(select(word, word % p.range, p.range > 0u), 0u)";

/// The expression of a draw and its numbers: two floats, the first integer and how many there are
/// (0 for all of 32 bits).
fn formula(draw: &Draw, dtype: DType) -> Result<(&'static str, [f64; 2], i64, u64)> {
    let float = |expr, a, b| Ok((expr, [a, b], 0, 0));
    match *draw {
        Draw::Uniform { from, to } => float(UNIFORM, from, to),
        Draw::Normal { mean, std } => float(NORMAL, mean, std),
        Draw::Bernoulli { p } => float(BERNOULLI, p, 0.0),
        Draw::Exponential { rate } => float(EXPONENTIAL, rate, 0.0),
        Draw::Geometric { p } => float(GEOMETRIC, p, 0.0),
        Draw::Cauchy { median, sigma } => float(CAUCHY, median, sigma),
        Draw::LogNormal { mean, std } => float(LOG_NORMAL, mean, std),
        Draw::Random => integer(0, top(dtype)),
        Draw::RandomRange { from, to } => integer(from, to.unwrap_or_else(|| top(dtype))),
    }
}

fn integer(from: i64, to: i64) -> Result<(&'static str, [f64; 2], i64, u64)> {
    let count = to.wrapping_sub(from) as u64;
    if count > 1 << 32 {
        return Err(no_kernel("random_", "ranges of more than 2^32 integers"));
    }
    Ok((INTEGER, [0.0; 2], from, count & 0xffff_ffff))
}

/// One above the largest integer that `random_` draws.
fn top(dtype: DType) -> i64 {
    match dtype {
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::I16 => 1 << 15,
        DType::F16 => (1 << 11) + 1,
        DType::BF16 => (1 << 8) + 1,
        DType::F32 => (1 << 24) + 1,
        _ => 1 << 31,
    }
}

/// Fills with the next values of `draw` from the device's stream.
pub fn draw(out: View<'_>, draw: &Draw) -> Result<()> {
    check_dtype("random_", out.dtype)?;
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    let (expr, floats, from, range) = formula(draw, out.dtype)?;
    let state = {
        let mut random = out.device().random().lock();
        let now = *random;
        random.offset = random.offset.wrapping_add(n.div_ceil(4) as u64);
        now
    };
    let words = |bits: u64| [(bits & 0xffff_ffff) as usize, (bits >> 32) as usize];
    dense::output(out, |out| {
        let kernel = Kernel::new("random").of(expr).write(out);
        let kernel = kernel.numbers(words(state.seed)).numbers(words(state.offset));
        let kernel = kernel.numbers(words(from as u64)).numbers([range as usize]);
        kernel.floats(&floats).blocks(n, 4)
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let all = [UNIFORM, NORMAL, BERNOULLI, EXPONENTIAL, GEOMETRIC, CAUCHY, LOG_NORMAL, INTEGER];
    let each = |d: DType| all.map(|e| Variant::new("random", &[(d, Access::Write)]).of(e));
    dtypes.iter().flat_map(|&d| each(d)).collect()
}
