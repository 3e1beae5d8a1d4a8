//! What a draw accepts: PyTorch's checks of parameters and dtypes, before any number is drawn.

use super::draw::Draw;
use crate::{Category, DType, Result, bail, ensure};

impl Draw {
    /// Fails when a parameter is out of range, or when `dtype` cannot hold this draw. Complex
    /// outputs are filled as pairs of reals, so `dtype` is never complex for a valid call.
    pub fn check(&self, dtype: DType) -> Result<()> {
        self.check_dtype(dtype)?;
        match *self {
            Draw::Uniform { from, to } => check_uniform(dtype, from, to),
            Draw::Random => Ok(()),
            Draw::RandomRange { from, to } => check_range(dtype, from, to),
            Draw::Normal { std, .. } => {
                ensure!(
                    std >= 0.0,
                    Runtime,
                    "normal expects std >= 0.0, but found std {}",
                    general(std)
                );
                Ok(())
            }
            Draw::Bernoulli { p } => {
                ensure!(
                    (0.0..=1.0).contains(&p),
                    Runtime,
                    "bernoulli_ expects p to be in [0, 1], but got p={}",
                    general(p)
                );
                Ok(())
            }
            Draw::Exponential { rate } => {
                above_zero(rate, "exponential_ expects lambda > 0.0, but found lambda")
            }
            Draw::Geometric { p } => {
                ensure!(
                    p > 0.0 && p < 1.0,
                    Runtime,
                    "geometric_ expects p to be in (0, 1), but got p={}",
                    general(p)
                );
                Ok(())
            }
            Draw::Cauchy { sigma, .. } => {
                above_zero(sigma, "cauchy_ expects sigma > 0.0, but found sigma")
            }
            Draw::LogNormal { std, .. } => {
                above_zero(std, "log_normal_ expects std > 0.0, but found std")
            }
        }
    }

    fn check_dtype(&self, dtype: DType) -> Result<()> {
        let kernel = match self {
            Draw::Uniform { .. } => "check_uniform_bounds",
            Draw::Normal { .. } => "normal_kernel_cpu",
            Draw::LogNormal { .. } => "log_normal_cpu",
            Draw::Geometric { .. } => "geometric_cpu",
            Draw::Random => "random_kernel_cpu",
            Draw::Bernoulli { .. } => "bernoulli_scalar_cpu_",
            Draw::Exponential { .. } | Draw::Cauchy { .. } => {
                return self.check_continuous(dtype);
            }
            Draw::RandomRange { .. } => {
                ensure!(
                    !dtype.is_complex(),
                    Runtime,
                    "check_random_bounds handles only integral, floating-point and boolean types"
                );
                return Ok(());
            }
        };
        let allowed = match self {
            Draw::Random | Draw::Bernoulli { .. } => !dtype.is_complex(),
            Draw::Geometric { .. } => {
                matches!(dtype.category(), Category::Int | Category::Float)
            }
            _ => dtype.is_float(),
        };
        ensure!(
            allowed,
            NotImplemented,
            "\"{kernel}\" not implemented for '{}'",
            dtype.type_name()
        );
        Ok(())
    }

    fn check_continuous(&self, dtype: DType) -> Result<()> {
        let (name, found) = match self {
            Draw::Cauchy { .. } => ("Cauchy", c_name(dtype)),
            _ => ("Exponential", dtype.type_name()),
        };
        ensure!(
            dtype.is_float(),
            Runtime,
            "{name} distribution is a continuous probability distribution. dtype must be a floating \
             point but you specified {found}"
        );
        Ok(())
    }
}

/// Fails unless an element of a probability tensor lies in [0, 1].
pub fn check_probability(p: f64) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&p),
        Runtime,
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be \
         improved?  If so, please report an enhancement request to PyTorch.)"
    );
    Ok(())
}

fn above_zero(value: f64, text: &str) -> Result<()> {
    ensure!(value > 0.0, Runtime, "{text}={}", general(value));
    Ok(())
}

fn check_uniform(dtype: DType, from: f64, to: f64) -> Result<()> {
    let max = float_max(dtype);
    for (value, name) in [(from, "from"), (to, "to")] {
        ensure!(
            (-max..=max).contains(&value),
            Runtime,
            "{name} is out of bounds for {}",
            c_name(dtype)
        );
    }
    let (low, high) = (general(from), general(to));
    ensure!(
        from <= to,
        Runtime,
        "uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
    );
    ensure!(
        to - from <= max,
        Runtime,
        "uniform_ expects to-from <= std::numeric_limits<{}>::max(), but found to={high} and \
         from={low} which result in to-from to exceed the limit",
        dtype.type_name()
    );
    Ok(())
}

fn check_range(dtype: DType, from: i64, to: Option<i64>) -> Result<()> {
    let fits = |value: i64| match dtype.int_range() {
        Some((min, max)) => (min..=max).contains(&value),
        None => (value as f64).abs() <= float_max(dtype),
    };
    let name = c_name(dtype);
    match to {
        Some(to) => {
            ensure!(
                from < to,
                Runtime,
                "random_ expects 'from' to be less than 'to', but got from={from} >= to={to}"
            );
            ensure!(fits(from), Runtime, "from is out of bounds for {name}");
            ensure!(fits(to - 1), Runtime, "to - 1 is out of bounds for {name}");
        }
        None if from == i64::MIN && !dtype.is_float() => {
            ensure!(dtype == DType::I64, Runtime, "from is out of bounds for {name}");
        }
        None => ensure!(fits(from), Runtime, "from is out of bounds for {name}"),
    }
    let Some(digits) = float_digits(dtype) else {
        return Ok(());
    };
    match (to, super::integers::float_range(dtype, from, to)) {
        (_, (low, high)) if low < high => Ok(()),
        (None, _) if from == i64::MIN => Ok(()),
        (Some(_), (low, high)) => bail!(
            Runtime,
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got \
             from={low} >= to={high}"
        ),
        (None, (low, _)) => bail!(
            Runtime,
            "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to \
             dtype, but got from={low} > to_inc={}",
            1_i64 << digits
        ),
    }
}

/// Bits of precision of a float dtype.
pub(super) fn float_digits(dtype: DType) -> Option<u32> {
    match dtype {
        DType::F64 => Some(f64::MANTISSA_DIGITS),
        DType::F32 => Some(f32::MANTISSA_DIGITS),
        DType::F16 => Some(half::f16::MANTISSA_DIGITS),
        DType::BF16 => Some(half::bf16::MANTISSA_DIGITS),
        _ => None,
    }
}

fn float_max(dtype: DType) -> f64 {
    dtype.float_max().unwrap_or(f64::MAX)
}

/// The C++ spelling PyTorch's range errors use.
fn c_name(dtype: DType) -> &'static str {
    if dtype == DType::I64 { "long int" } else { dtype.c_name() }
}

/// A number with six significant digits, as C's `%g` prints it.
fn general(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value.is_nan() { "nan".into() } else { format!("{value}") };
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return trim_zeros(&format!("{value:.*}", (5 - exponent) as usize)).to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(digits), exponent.abs())
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}
