//! Weighted combinations: lerp, addcmul, addcdiv.

use crate::call::Dest;
use crate::map::map;
use crate::node::{Formula, Keep};
use crate::{Var, write};
use base::{Result, Scalar, ensure};
use cpu::math::{Ordered, Real};
use tape::Tensor;

crate::binary! { WEIGHTED:
    /// From the first to the second element, by a number.
    lerp_number { out: Same, binary_with: [Float => |a, b, p| lerp_of(a, b, Real::from_f64(p[0]))], wgsl: "select(b - (b - a) * (1.0 - p0), a + p0 * (b - a), abs(p0) < 0.5)", a: [none], b: [none], sample: -4.0..4.0 }
}

/// From the nearer end, so that weights 0 and 1 give the ends exactly.
#[inline(always)]
fn lerp_of<T: Real>(a: T, b: T, weight: T) -> T {
    let span = b - a;
    if Ordered::abs(weight) < T::from_f64(0.5) {
        a + weight * span
    } else {
        b - span * (T::from_f64(1.0) - weight)
    }
}

/// `start + weight * (end - start)`.
pub fn lerp(start: &Tensor, end: &Tensor, weight: &Var) -> Result<Tensor> {
    lerp_to(Dest::New, start, end, weight)
}

fn lerp_to(dest: Dest<'_>, start: &Tensor, end: &Tensor, weight: &Var) -> Result<Tensor> {
    ensure!(
        start.dtype() == end.dtype(),
        Runtime,
        "expected dtype {} for `end` but got dtype {}",
        start.dtype().name(),
        end.dtype().name()
    );
    if let Var::T(w) = weight {
        ensure!(
            start.dtype() == w.dtype(),
            Runtime,
            "expected dtype {} for `weight` but got dtype {}",
            start.dtype().name(),
            w.dtype().name()
        );
    }
    let value = without_history(|| lerp_value(start, end, weight))?;
    let scalar_weight = matches!(weight, Var::S(_));
    let mut inputs = vec![start, end];
    if let Var::T(w) = weight {
        inputs.push(w);
    }
    let weight_kept = weight.clone();
    finish(dest, &inputs, value, |count| {
        let mut keeps = Vec::new();
        if !scalar_weight {
            keeps.extend(inputs.iter().map(|t| Keep::Input(t)));
        }
        let name = if scalar_weight { "LerpBackward0" } else { "LerpBackward1" };
        let number = match weight_kept {
            Var::S(s) => Some(s),
            _ => None,
        };
        Formula::new(name, count, &keeps, move |grads, saved| {
            let g = Var::grad(grads);
            let weight = number.map_or_else(|| saved.vars[2].clone(), Var::S);
            let rest = Var::from(1i64) - weight.clone();
            let mut list = vec![
                saved.needs[0].then(|| &g * &rest.conj()),
                saved.needs[1].then(|| &g * &weight.conj()),
            ];
            if count == 3 {
                list.push(saved.needs[2].then(|| g * (&saved.vars[1] - &saved.vars[0]).conj()));
            }
            Ok(list)
        })
    })
}

fn lerp_value(start: &Tensor, end: &Tensor, weight: &Var) -> Result<Tensor> {
    if let (Var::S(number @ (Scalar::Int(_) | Scalar::Float(_))), true) =
        (weight, start.dtype().is_float())
    {
        let params = [number.to_f64(), 0.0, 0.0, 0.0];
        return map(&lerp_number::OP, &[start.into(), end.into()], params, Dest::New);
    }
    let (a, b) = (Var::from(start), Var::from(end));
    let span = &b - &a;
    let near = &a + &(weight * &span);
    let far = || &b - &(&span * &(Var::from(1i64) - weight.clone()));
    match weight {
        Var::S(s) if s.to_complex().norm() < 0.5 => near.tensor(),
        Var::S(_) => far().tensor(),
        w => near.where_(w.clone().abs().lt(0.5), far()).tensor(),
    }
}

fn without_history<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _off = tape::set_grad_enabled(false);
    work()
}

/// Makes a computed value one node, and brings it to where the user wants it.
fn finish(
    dest: Dest<'_>,
    inputs: &[&Tensor],
    value: Tensor,
    node: impl FnOnce(usize) -> Result<Formula>,
) -> Result<Tensor> {
    if let Dest::InPlace(target) = dest {
        tape::check_inplace(target, tape::needs_history(inputs))?;
    }
    let result = tape::record(value.array(), inputs, |_| node(inputs.len()))?;
    write::deliver(dest, inputs, result)
}

/// An input that the in-place form is about to overwrite is kept as a copy.
fn stable(dest: Dest<'_>, x: &Tensor) -> Result<Tensor> {
    match dest {
        Dest::InPlace(target) if tape::grad_enabled() && target.same(x) => write::snapshot(target),
        _ => Ok(x.clone()),
    }
}

fn addcmul(dest: Dest<'_>, x: &Tensor, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
    let (a, b) = (&stable(dest, a)?, &stable(dest, b)?);
    let sum =
        without_history(|| (Var::from(x) + Var::S(value) * Var::from(a) * Var::from(b)).tensor())?;
    finish(dest, &[x, a, b], sum, |count| {
        Formula::new(
            "AddcmulBackward0",
            count,
            &[Keep::Input(a), Keep::Input(b)],
            move |grads, saved| {
                let g = Var::grad(grads);
                let scaled = |other: &Var| &g * &(other * &Var::S(value)).conj();
                Ok(vec![
                    saved.needs[0].then(|| g.clone()),
                    saved.needs[1].then(|| scaled(&saved.vars[1])),
                    saved.needs[2].then(|| scaled(&saved.vars[0])),
                ])
            },
        )
    })
}

fn addcdiv(dest: Dest<'_>, x: &Tensor, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
    ensure!(
        !(a.dtype().is_integral() && b.dtype().is_integral()),
        Runtime,
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes."
    );
    let (a, b) = (&stable(dest, a)?, &stable(dest, b)?);
    let sum =
        without_history(|| (Var::from(x) + Var::S(value) * Var::from(a) / Var::from(b)).tensor())?;
    finish(dest, &[x, a, b], sum, |count| {
        Formula::new(
            "AddcdivBackward0",
            count,
            &[Keep::Input(a), Keep::Input(b)],
            move |grads, saved| {
                let g = Var::grad(grads);
                let (a, b) = (&saved.vars[0], &saved.vars[1]);
                let slope = |v: Var| &g * &(Var::S(value) * v).conj();
                Ok(vec![
                    saved.needs[0].then(|| g.clone()),
                    saved.needs[1].then(|| slope(Var::from(1i64) / b.clone())),
                    saved.needs[2].then(|| -slope(a / &(b * b))),
                ])
            },
        )
    })
}

fn lerp_var(dest: Dest<'_>, start: &Tensor, end: &Tensor, weight: Var) -> Result<Tensor> {
    lerp_to(dest, &stable(dest, start)?, end, &weight)
}

crate::filling_ops! {
    /// Weighted combinations.
    BLENDS:
    /// Between two tensors, by a weight.
    fmio "lerp(Tensor self, Tensor end, Operand weight) -> Tensor" => |dest, start, end, weight| lerp_var(dest, start, end, weight);
    /// `input + value * tensor1 * tensor2`.
    fmio "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor" => |dest, x, a, b, value| addcmul(dest, x, a, b, value);
    /// `input + value * tensor1 / tensor2`.
    fmio "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor" => |dest, x, a, b, value| addcdiv(dest, x, a, b, value);
}
