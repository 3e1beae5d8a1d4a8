//! Limits, and elementwise functions of two numbers beyond arithmetic: clamp, nan_to_num, xlogy,
//! heaviside, gcd, shifts.

use crate::call::Dest;
use crate::map::{MapRow, NONE, map, of2};
use crate::node::{Formula, Keep};
use crate::{Var, activation, binary, select, write};
use base::promote::{Class, Promotion};
use base::{DType, Result, Scalar, ensure};
use cpu::Params;
use cpu::math::{Field, Integer, Number, Ordered, Real};
use tape::Tensor;

crate::binary! { NUMBERS:
    /// a log(b), and 0 where a is 0.
    xlogy as "XlogyBackward0|XlogyBackward1|XlogyBackward2" { out: Same, binary: [Float => |a, b| if b.is_nan() { b } else if a == 0.0 { 0.0 } else { a * Field::ln(b) }], wgsl: "xlogy(a, b)", a: [|g, a, b| { let log = b.clone().log(); Var::from(0.0).where_(a.eq(0.0).logical_and(b.le(0.0)), g * log) }], b: [|g, a, b| g * (a / b)], sample: 0.5..4.0 }
    /// 0 below zero, 1 above, `b` at zero.
    heaviside { out: Same, binary: [Float => |a, b| if a == 0.0 { b } else if a > 0.0 { 1.0 } else { 0.0 }, Int => |a, b| if a == Number::ZERO { b } else if a > Number::ZERO { Number::ONE } else { Number::ZERO }, Bool => |a, b| if a.get() { a } else { b }], wgsl: "heaviside(a, b)", a: [none], b: [none], sample: -4.0..4.0 }
    /// The greatest common divisor.
    gcd { out: Same, binary: [Int => |a, b| Integer::gcd(a, b)], wgsl: "gcd(a, b)", a: [none], b: [none], sample: 1.0..9.0 }
    /// The least common multiple.
    lcm { out: Same, binary: [Int => |a, b| Integer::lcm(a, b)], wgsl: "lcm(a, b)", a: [none], b: [none], sample: 1.0..9.0 }
    /// Shifted left by b bits.
    bitwise_left_shift { out: Same, binary: [Int => |a, b| Integer::shift_left(a, b)], wgsl: "shift_left(a, b)", a: [none], b: [none], sample: 0.0..4.0 }
    /// Shifted right by b bits, keeping the sign.
    bitwise_right_shift { out: Same, binary: [Int => |a, b| Integer::shift_right(a, b)], wgsl: "shift_right(a, b)", a: [none], b: [none], sample: 0.0..4.0 }
}

crate::unary! { REPLACED:
    /// With numbers in place of NaN and of both infinities.
    finite { out: Same, unary_with: [Float => |x, p| finite_of(x, p)], wgsl: "select(select(x, select(p1, p2, x < 0.0), is_inf(x)), p0, is_nan(x))", vjp: [none], sample: -4.0..4.0 }
}

#[inline(always)]
fn finite_of<T: Real>(x: T, [nan, above, below, _]: &Params) -> T {
    let infinity = T::from_f64(f64::INFINITY);
    let x = if x == infinity { T::from_f64(*above) } else { x };
    let x = if x == Number::neg(infinity) { T::from_f64(*below) } else { x };
    if Ordered::is_nan(x) { T::from_f64(*nan) } else { x }
}

/// A bound as numbers and tensors give it.
pub(crate) fn bounded(x: &Tensor, low: Option<&Var>, high: Option<&Var>) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    // Two numbers are one kernel, where they are what the dtype computes in.
    if let (Some(Var::S(low)), Some(Var::S(high)), DType::F32 | DType::F64) = (low, high, x.dtype())
    {
        let bounds = [low.to_f64(), high.to_f64(), 0.0, 0.0];
        return map(&activation::hardtanh::OP, &[x.into()], bounds, Dest::New);
    }
    let mut value = Var::from(x);
    if let Some(low) = low {
        value = of2(&binary::maximum::OP, value, low.clone());
    }
    if let Some(high) = high {
        value = of2(&binary::minimum::OP, value, high.clone());
    }
    value.tensor()
}

/// The node's names: for bounds that are numbers, and for tensors.
#[derive(Clone, Copy)]
struct Node(&'static str, &'static str);

const BOTH: Node = Node("ClampBackward1", "ClampBackward0");
const BELOW: Node = Node("ClampMinBackward0", "ClampMinBackward1");
const ABOVE: Node = Node("ClampMaxBackward0", "ClampMaxBackward1");

impl Node {
    fn pick(self, by_tensor: bool) -> &'static str {
        if by_tensor { self.1 } else { self.0 }
    }
}

/// A NaN bound makes everything NaN; 0-d bounds take part in promotion as numbers do.
fn clamp(
    dest: Dest<'_>,
    x: &Tensor,
    low: Option<Var>,
    high: Option<Var>,
    node: Node,
) -> Result<Tensor> {
    ensure!(
        low.is_some() || high.is_some(),
        Runtime,
        "torch.clamp: At least one of 'min' or 'max' must not be None"
    );
    ensure!(!x.dtype().is_complex(), Runtime, "clamp is not supported for complex types");
    for bound in [&low, &high].into_iter().flatten() {
        if let Var::S(number) = bound {
            number.check_fits(result_type(&x.into(), bound)?)?;
        }
    }
    let kept_input = match dest {
        Dest::InPlace(target) if tape::needs_history(&[x]) => write::snapshot(target)?,
        _ => x.clone(),
    };
    let value = bounded(x, low.as_ref(), high.as_ref())?;
    let tensors: Vec<&Tensor> = [low.as_ref(), high.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|v| if let Var::T(t) = v { Some(t) } else { None })
        .collect();
    let by_tensor = !tensors.is_empty();
    let inputs: Vec<&Tensor> =
        std::iter::once(&kept_input).chain(tensors.iter().copied()).collect();
    let name = node.pick(by_tensor);
    let bounds = [number(low.as_ref()), number(high.as_ref())];
    let there = [low.is_some(), high.is_some()];
    if let Dest::InPlace(target) = dest {
        tape::check_inplace(target, tape::needs_history(&inputs))?;
    }
    let count = inputs.len();
    let result = tape::record(value.array(), &inputs, |_| {
        let keeps: Vec<Keep<'_>> = inputs.iter().map(|t| Keep::Input(t)).collect();
        Formula::new(name, count, &keeps, move |grads, saved| {
            let g = Var::grad(grads);
            let mut tensors = saved.vars[1..].iter();
            let sides: Vec<Option<Var>> = (0..2)
                .map(|i| match bounds[i] {
                    _ if !there[i] => None,
                    Some(s) => Some(Var::S(s)),
                    None => tensors.next().cloned(),
                })
                .collect();
            let is_tensor = [there[0] && bounds[0].is_none(), there[1] && bounds[1].is_none()];
            Ok(clamp_vjp(&g, &saved.vars[0], &sides, is_tensor))
        })
    })?;
    write::deliver(dest, &inputs, result)
}

fn number(bound: Option<&Var>) -> Option<Scalar> {
    match bound {
        Some(Var::S(s)) => Some(*s),
        _ => None,
    }
}

/// The gradient goes to the input inside the bounds, and to the bound that holds outside.
fn clamp_vjp(g: &Var, x: &Var, sides: &[Option<Var>], is_tensor: [bool; 2]) -> Vec<Option<Var>> {
    let zero = Var::from(0i64);
    let (low, high) = (sides[0].clone(), sides[1].clone());
    let inside = match (&low, &high) {
        (Some(l), Some(h)) => x.clone().ge(l.clone()).logical_and(x.clone().le(h.clone())),
        (Some(l), None) => x.clone().ge(l.clone()),
        (None, Some(h)) => x.clone().le(h.clone()),
        (None, None) => return vec![Some(g.clone())],
    };
    let mut list = vec![Some(select::where_vars(inside, g.clone(), zero.clone()))];
    if let (true, Some(l)) = (is_tensor[0], &low) {
        let mut holds = x.clone().lt(l.clone());
        if let Some(h) = &high {
            holds = holds.logical_and(l.clone().lt(h.clone()));
        }
        list.push(Some(select::where_vars(holds, g.clone(), zero.clone())));
    }
    if let (true, Some(h)) = (is_tensor[1], &high) {
        let mut holds = x.clone().gt(h.clone());
        if let Some(l) = &low {
            holds = holds.logical_or(l.clone().ge(h.clone()));
        }
        list.push(Some(select::where_vars(holds, g.clone(), zero)));
    }
    list
}

/// NaN and infinities replaced by numbers.
fn nan_to_num(
    x: &Tensor,
    nan: Option<f64>,
    above: Option<f64>,
    below: Option<f64>,
) -> Result<Tensor> {
    if x.dtype().is_integral() {
        return crate::create::clone(x, None);
    }
    let (low, high) = range_of(x.dtype());
    let off = tape::set_grad_enabled(false);
    let value = if x.dtype().is_float() {
        let numbers = [nan.unwrap_or(0.0), above.unwrap_or(high), below.unwrap_or(low), 0.0];
        map(&finite::OP, &[x.into()], numbers, Dest::New)?
    } else {
        let v = Var::from(x);
        let v = Var::from(above.unwrap_or(high)).where_(v.clone().eq(f64::INFINITY), v);
        let v = Var::from(below.unwrap_or(low)).where_(v.clone().eq(f64::NEG_INFINITY), v);
        Var::from(nan.unwrap_or(0.0)).where_(v.clone().isnan(), v).tensor()?
    };
    drop(off);
    tape::record(value.array(), &[x], |_| {
        Formula::new("NanToNumBackward0", 1, &[Keep::Input(x)], |grads, saved| {
            let x = saved.vars[0].clone();
            let replaced = x.clone().isnan().logical_or(x.abs().eq(f64::INFINITY));
            Ok(vec![Some(Var::from(0.0).where_(replaced, Var::grad(grads)))])
        })
    })
}

/// The largest finite numbers of a dtype on both sides.
pub(crate) fn range_of(dtype: DType) -> (f64, f64) {
    let high = dtype.float_max().unwrap_or(f32::MAX.into());
    (-high, high)
}

fn heaviside_of(dest: Dest<'_>, x: &Tensor, values: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype() == values.dtype(),
        Runtime,
        "heaviside is not yet implemented for tensors with different dtypes."
    );
    map(&heaviside::OP, &[x.into(), values.into()], NONE, dest)
}

fn pair(row: &'static MapRow, dest: Dest<'_>, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    map(row, &[a.into(), b.into()], NONE, dest)
}

fn mixed(row: &'static MapRow, dest: Dest<'_>, a: &Tensor, b: Var) -> Result<Tensor> {
    map(row, &[a.into(), b], NONE, dest)
}

fn from_number(row: &'static MapRow, dest: Dest<'_>, a: Scalar, b: &Tensor) -> Result<Tensor> {
    map(row, &[Var::S(a), b.into()], NONE, dest)
}

/// A change of unit, with a node of its own where the result is a new tensor.
fn scaled(name: &'static str, dest: Dest<'_>, x: &Tensor, factor: f64) -> Result<Tensor> {
    let value = |dest| map(&binary::mul::OP, &[x.into(), Var::from(factor)], NONE, dest);
    match dest {
        Dest::New => crate::node::linear(name, x, || value(dest), move |g| g * factor),
        dest => value(dest),
    }
}

/// The tensor itself; `+x`.
fn positive(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype() != DType::Bool,
        Runtime,
        "The `+` operator, on a bool tensor is not supported."
    );
    Ok(x.clone())
}

/// Whether elements are close: `|a - b| <= atol + rtol |b|`.
fn isclose(a: &Tensor, b: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<Tensor> {
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "{} did not match {}",
        a.dtype().type_name(),
        b.dtype().type_name()
    );
    ensure!(rtol >= 0.0, Runtime, "rtol must be greater than or equal to zero, but got {rtol}");
    ensure!(atol >= 0.0, Runtime, "atol must be greater than or equal to zero, but got {atol}");
    let _off = tape::set_grad_enabled(false);
    let (x, y) = (Var::from(a), Var::from(b));
    let mut close = x.clone().eq(y.clone());
    if equal_nan && a.dtype().is_differentiable() {
        close = close.logical_or(x.clone().isnan().logical_and(y.clone().isnan()));
    }
    if rtol == 0.0 && atol == 0.0 {
        return close.tensor();
    }
    let wide = |v: Var| {
        v.then(|t| {
            if t.dtype().is_integral() {
                crate::cast::to_dtype(t, base::promote::default_dtype())
            } else {
                Ok(t.clone())
            }
        })
    };
    let (x, y) = (wide(x), wide(y));
    let allowed = Var::from(atol) + (y.clone() * Var::from(rtol)).abs();
    let error = (x - y).abs();
    let finite = map(&crate::unary::isfinite::OP, std::slice::from_ref(&error), NONE, Dest::New)?;
    close.logical_or(Var::from(finite).logical_and(error.le(allowed))).tensor()
}

fn allclose(a: &Tensor, b: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<bool> {
    let close = isclose(a, b, rtol, atol, equal_nan)?;
    truth(&crate::reduce::all(&close, None, false)?)
}

fn truth(x: &Tensor) -> Result<bool> {
    Ok(array::dispatch::item(&x.array())?.to_bool())
}

/// Same shape and same elements, compared in the dtype that holds both.
fn equal(a: &Tensor, b: &Tensor) -> Result<bool> {
    ensure!(
        a.device() == b.device(),
        Device,
        "Cannot compare two tensors on different devices. Got: {} and {}",
        a.device(),
        b.device()
    );
    if a.dims() != b.dims() {
        return Ok(false);
    }
    let _off = tape::set_grad_enabled(false);
    let same = Var::from(a).eq(Var::from(b)).tensor()?;
    truth(&crate::reduce::all(&same, None, false)?)
}

/// The larger of each element and a bound.
pub(crate) fn at_least(x: &Tensor, low: Var) -> Result<Tensor> {
    clamp(Dest::New, x, Some(low), None, BELOW)
}

/// The common dtype of two tensors, as an op on them would take.
fn result_type(a: &Var, b: &Var) -> Result<DType> {
    let mut promotion = Promotion::new();
    for side in [a, b] {
        promotion = match side {
            Var::S(s) => promotion.with_scalar(*s),
            Var::T(t) if t.rank() == 0 => promotion.with(t.dtype(), Class::ZeroDim),
            Var::T(t) => promotion.with(t.dtype(), Class::Dim),
            Var::Bad(error) => return Err(error.clone()),
        };
    }
    Ok(promotion.result())
}

fn common(a: Var, b: Var) -> Result<DType> {
    result_type(&a, &b)
}

crate::filling_ops! {
    /// Limits and scales.
    LIMITS:
    /// Limited to bounds; either may be missing.
    fmio "clamp(Tensor self, Operand? min=None, Operand? max=None) -> Tensor" => |dest, x, low, high| clamp(dest, x, low, high, BOTH);
    /// Not below a bound.
    fmio "clamp_min(Tensor self, Operand min) -> Tensor" => |dest, x, low| clamp(dest, x, Some(low), None, BELOW);
    /// Not above a bound.
    fmio "clamp_max(Tensor self, Operand max) -> Tensor" => |dest, x, high| clamp(dest, x, None, Some(high), ABOVE);
    /// Degrees to radians.
    fmio "deg2rad(Tensor self) -> Tensor" => |dest, x| scaled("Deg2RadBackward0", dest, x, std::f64::consts::PI / 180.0);
    /// Radians to degrees.
    fmio "rad2deg(Tensor self) -> Tensor" => |dest, x| scaled("Rad2DegBackward0", dest, x, 180.0 / std::f64::consts::PI);
    /// The greatest common divisor.
    fmio "gcd(Tensor self, Tensor other) -> Tensor" => |dest, a, b| pair(&gcd::OP, dest, a, b);
    /// The least common multiple.
    fmio "lcm(Tensor self, Tensor other) -> Tensor" => |dest, a, b| pair(&lcm::OP, dest, a, b);
    /// The length of the hypotenuse.
    fmio "hypot(Tensor self, Tensor other) -> Tensor" => |dest, a, b| pair(&binary::hypot::OP, dest, a, b);
    /// a log(b), and 0 where a is 0.
    fmio "xlogy(Tensor self, Operand other) -> Tensor" => |dest, a, b| mixed(&xlogy::OP, dest, a, b);
    /// a log(b), and 0 where a is 0.
    fo "xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor" => |dest, a, b| from_number(&xlogy::OP, dest, a, b);
    /// Bitwise and; logical for bool.
    fmio "bitwise_and(Tensor self, Operand other) -> Tensor" => |dest, a, b| mixed(&binary::bitwise_and::OP, dest, a, b);
    /// Bitwise and; logical for bool.
    fo "bitwise_and.Scalar_Tensor(Scalar self, Tensor other) -> Tensor" => |dest, a, b| from_number(&binary::bitwise_and::OP, dest, a, b);
    /// Bitwise or; logical for bool.
    fmio "bitwise_or(Tensor self, Operand other) -> Tensor" => |dest, a, b| mixed(&binary::bitwise_or::OP, dest, a, b);
    /// Bitwise or; logical for bool.
    fo "bitwise_or.Scalar_Tensor(Scalar self, Tensor other) -> Tensor" => |dest, a, b| from_number(&binary::bitwise_or::OP, dest, a, b);
    /// Bitwise exclusive or; logical for bool.
    fmio "bitwise_xor(Tensor self, Operand other) -> Tensor" => |dest, a, b| mixed(&binary::bitwise_xor::OP, dest, a, b);
    /// Bitwise exclusive or; logical for bool.
    fo "bitwise_xor.Scalar_Tensor(Scalar self, Tensor other) -> Tensor" => |dest, a, b| from_number(&binary::bitwise_xor::OP, dest, a, b);
    /// Shifted left.
    fmio "bitwise_left_shift(Tensor self, Operand other) -> Tensor" => |dest, a, b| mixed(&bitwise_left_shift::OP, dest, a, b);
    /// Shifted left.
    fo "bitwise_left_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor" => |dest, a, b| from_number(&bitwise_left_shift::OP, dest, a, b);
    /// Shifted right.
    fmio "bitwise_right_shift(Tensor self, Operand other) -> Tensor" => |dest, a, b| mixed(&bitwise_right_shift::OP, dest, a, b);
    /// Shifted right.
    fo "bitwise_right_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor" => |dest, a, b| from_number(&bitwise_right_shift::OP, dest, a, b);
    /// 0 below zero, 1 above, `values` at zero.
    fmio "heaviside(Tensor self, Tensor values) -> Tensor" => |dest, x, values| heaviside_of(dest, x, values);
}

crate::ops! {
    /// Comparison as a whole, and replacement.
    WHOLE:
    /// NaN and infinities replaced.
    fmio "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor" => |x, nan, above, below| nan_to_num(x, nan, above, below);
    /// The tensor itself.
    fm "positive(Tensor self) -> Tensor" => |x| positive(x);
    /// Whether elements are close.
    fm "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor" => |a, b, rtol, atol, nan| isclose(a, b, rtol, atol, nan);
    /// Whether all elements are close.
    fm "allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool" => |a, b, rtol, atol, nan| allclose(a, b, rtol, atol, nan);
    /// Same shape and same elements.
    fm "equal(Tensor self, Tensor other) -> bool" => |a, b| equal(a, b);
    /// The dtype an op on both would take.
    f "result_type(Operand tensor, Operand other) -> ScalarType" => |a, b| common(a, b);
}
