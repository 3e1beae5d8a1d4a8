//! Complex numbers: parts, pairs, conjugates. And views of memory as another dtype.

use crate::call::Dest;
use crate::node::{Formula, Keep, Linear};
use crate::{Var, map, unary, view};
use array::{Array, dispatch};
use base::promote::default_dtype;
use base::{DType, Layout, Result, bail, ensure, shape};
use std::sync::Arc;
use tape::{Tensor, record_view};

/// The conjugate; a real tensor itself.
pub fn conj(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    map::apply(&unary::conj_physical::OP, &[x.into()], map::NONE)
}

/// The real part; a real tensor itself.
pub fn real(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    let out =
        x.array().copied_as(base::layout::preserved_layout(&x.layout()), x.dtype().to_real())?;
    let dtype = x.dtype();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("RealBackward0", move |g: Var| g.then(|g| crate::cast::to_dtype(g, dtype))))
    })
}

/// The gradient of `sgn`: zero for real numbers, the rotated part for complex ones.
pub(crate) fn sgn_vjp(g: Var, x: Var, y: Var) -> Var {
    let complex = matches!(&x, Var::T(t) if t.dtype().is_complex());
    if !complex {
        return g.zeros_like();
    }
    let size = x.abs();
    let along = (g.clone().conj() * &y).real();
    let grad = (g - along * y) / &size;
    Var::from(0.0).where_(size.eq(0.0), grad)
}

impl Var {
    /// The complex conjugate.
    pub fn conj(self) -> Var {
        match self {
            Var::T(t) => conj(&t).into(),
            Var::S(base::Scalar::Complex(c)) => Var::S(base::Scalar::Complex(c.conj())),
            other => other,
        }
    }

    /// The real part.
    pub fn real(self) -> Var {
        match self {
            Var::T(t) => real(&t).into(),
            Var::S(s) => Var::S(base::Scalar::Float(s.to_f64())),
            other @ Var::Bad(_) => other,
        }
    }
}

/// A view whose dtype differs from the input's: `again` makes it anew, `vjp` takes its gradient back.
fn viewed_as<A, F>(x: &Tensor, array: Array, again: A, (name, vjp): (&'static str, F)) -> Tensor
where
    A: Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
    F: Fn(Var) -> Var + Send + Sync + 'static,
{
    let body = || Linear::new(name, vjp);
    let mut views = record_view(vec![array], x, false, Some(Arc::new(again)), body);
    views.remove(0)
}

/// A complex tensor as pairs of reals in a last dimension of 2, over the same memory.
pub fn view_as_real(x: &Tensor) -> Result<Tensor> {
    ensure!(x.dtype().is_complex(), Runtime, "view_as_real is only supported for complex tensors");
    let back = |g: Var| g.then(|g| view_as_complex(&crate::create::contiguous(g)?));
    Ok(viewed_as(x, x.array().as_real(), view_as_real, ("ViewAsRealBackward0", back)))
}

/// Pairs of reals in the last dimension as complex numbers, over the same memory.
pub fn view_as_complex(x: &Tensor) -> Result<Tensor> {
    ensure!(
        matches!(x.dtype(), DType::F16 | DType::F32 | DType::F64),
        Runtime,
        "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {}",
        x.dtype().type_name()
    );
    let array = x.array();
    let mut layout = array.layout().clone();
    ensure!(layout.rank() > 0, Runtime, "Input tensor must have one or more dimensions");
    let last = layout.rank() - 1;
    ensure!(layout.dims[last] == 2, Runtime, "Tensor must have a last dimension of size 2");
    ensure!(layout.strides[last] == 1, Runtime, "Tensor must have a last dimension with stride 1");
    let even = layout.strides.iter().take(last).all(|s| s % 2 == 0);
    ensure!(even, Runtime, "Tensor must have a stride divisible by 2 for all but last dimension");
    ensure!(
        layout.offset.is_multiple_of(2),
        Runtime,
        "Tensor must have a storage_offset divisible by 2"
    );
    layout = Layout {
        dims: layout.dims.iter().take(last).copied().collect(),
        strides: layout.strides.iter().take(last).map(|s| s / 2).collect(),
        offset: layout.offset / 2,
    };
    let viewed = array.reinterpret(layout, array.dtype().to_complex());
    let back = |g: Var| g.then(view_as_real);
    Ok(viewed_as(x, viewed, view_as_complex, ("ViewAsComplexBackward0", back)))
}

/// The real and imaginary parts as views.
pub(crate) fn parts(x: &Tensor) -> Result<[Tensor; 2]> {
    Ok([real_view(x)?, imag_view(x)?])
}

/// A complex tensor of its parts.
pub(crate) fn of_parts(real: &Tensor, imag: &Tensor) -> Result<Tensor> {
    complex(Dest::New, real, imag)
}

/// The real part as a view; a real tensor itself.
fn real_view(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    view::select(&view_as_real(x)?, -1, 0)
}

/// The imaginary part as a view.
pub(crate) fn imag_view(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype().is_complex(),
        Runtime,
        "imag is not implemented for tensors with non-complex dtypes."
    );
    view::select(&view_as_real(x)?, -1, 1)
}

/// The same bytes as elements of another dtype; `x` itself where it has it. No gradient passes.
pub(crate) fn view_dtype(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let array = x.array();
    if dtype == array.dtype() {
        return Ok(x.clone());
    }
    let layout = reinterpreted(array.layout(), array.dtype(), dtype)?;
    let viewed = array.reinterpret(layout, dtype);
    dispatch::check_alignment(&viewed)?;
    Ok(tape::share(x, viewed))
}

/// The geometry of the same bytes with elements of another size.
fn reinterpreted(layout: &Layout, from: DType, to: DType) -> Result<Layout> {
    let (old, new) = (from.size(), to.size());
    let mut out = layout.clone();
    if old == new {
        return Ok(out);
    }
    let what =
        format!("to view {} as {} (different element sizes)", from.type_name(), to.type_name());
    let Some(last) = layout.rank().checked_sub(1) else {
        bail!(Runtime, "self.dim() cannot be 0 {what}");
    };
    let step = layout.strides[last];
    ensure!(step == 1, Runtime, "self.stride(-1) must be 1 {what}, but got {step}");
    if old > new {
        let ratio = old / new;
        out.dims[last] *= ratio;
        out.offset *= ratio;
        for (d, stride) in out.strides.iter_mut().enumerate() {
            *stride = if d == last { 1 } else { *stride * ratio as isize };
        }
        return Ok(out);
    }
    let ratio = new / old;
    let size = layout.dims[last];
    ensure!(
        size.is_multiple_of(ratio),
        Runtime,
        "self.size(-1) must be divisible by {ratio} {what}, but got {size}"
    );
    ensure!(
        layout.offset.is_multiple_of(ratio),
        Runtime,
        "self.storage_offset() must be divisible by {ratio} {what}, but got {}",
        layout.offset
    );
    out.dims[last] /= ratio;
    out.offset /= ratio;
    for (d, stride) in out.strides.iter_mut().enumerate() {
        ensure!(
            d == last || *stride % ratio as isize == 0,
            Runtime,
            "self.stride({d}) must be divisible by {ratio} {what}, but got {stride}"
        );
        *stride = if d == last { 1 } else { *stride / ratio as isize };
    }
    Ok(out)
}

/// Complex numbers of real and imaginary parts.
fn complex(dest: Dest<'_>, real: &Tensor, imag: &Tensor) -> Result<Tensor> {
    check_parts(real, imag)?;
    let dims = shape::broadcast(&real.dims(), &imag.dims())?;
    let layout = base::layout::output_layout(&dims, &[&real.layout(), &imag.layout()]);
    let out = Array::empty(layout, real.dtype().to_complex(), real.device())?;
    let pairs = out.as_real();
    let last = pairs.layout().rank() - 1;
    for (part, index) in [(real, 0), (imag, 1)] {
        dispatch::copy(&pairs.view(pairs.layout().select(last, index)), &part.array())?;
    }
    if let Dest::Out(target) = dest {
        return complex_out(target, &out);
    }
    tape::record(out, &[real, imag], |_| {
        Formula::new("ComplexBackward0", 2, &[], |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            Ok(vec![
                saved.needs[0].then(|| g.clone().then(real_view)),
                saved.needs[1].then(|| g.clone().then(imag_view)),
            ])
        })
    })
}

fn complex_out(target: &Tensor, result: &Array) -> Result<Tensor> {
    ensure!(
        target.dtype() == result.dtype(),
        Runtime,
        "Expected object of scalar type {} but got scalar type {} for argument 'out'",
        result.dtype().type_name(),
        target.dtype().type_name()
    );
    crate::write::resize_out(target, result.dims())?;
    dispatch::copy(&target.array(), result)?;
    target.bump_version();
    Ok(target.clone())
}

fn check_parts(a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        (a.dtype().is_float() && a.dtype() != DType::BF16)
            && (b.dtype().is_float() && b.dtype() != DType::BF16),
        Runtime,
        "Expected both inputs to be Half, Float or Double tensors but got {} and {}",
        a.dtype().type_name(),
        b.dtype().type_name()
    );
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "Expected object of scalar type {} but got scalar type {} for second argument",
        a.dtype().type_name(),
        b.dtype().type_name()
    );
    Ok(())
}

/// Complex numbers of absolute values and angles.
fn polar(dest: Dest<'_>, abs: &Tensor, angle: &Tensor) -> Result<Tensor> {
    if matches!(dest, Dest::New) {
        let turned = |inputs: &[Tensor]| turned(Dest::New, &inputs[0], &inputs[1]);
        return crate::fused::composite("PolarBackward0", &[abs, angle], turned);
    }
    turned(dest, abs, angle)
}

fn turned(dest: Dest<'_>, abs: &Tensor, angle: &Tensor) -> Result<Tensor> {
    check_parts(abs, angle)?;
    let part = |row: &'static map::MapRow| -> Result<Tensor> {
        let turned = map::apply(row, &[angle.into()], map::NONE)?;
        map::apply(&crate::binary::mul::OP, &[abs.into(), turned.into()], map::NONE)
    };
    complex(dest, &part(&unary::cos::OP)?, &part(&unary::sin::OP)?)
}

/// The angle of each element; 0 or pi for real numbers, NaN for NaN.
fn angle(x: &Tensor) -> Result<Tensor> {
    let value = {
        let _off = tape::set_grad_enabled(false);
        angle_of(x).tensor()?
    };
    tape::record(value.array(), &[x], |_| {
        Formula::new("AngleBackward0", 1, &[Keep::Input(x)], |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            Ok(vec![Some(angle_vjp(g, saved.vars[0].clone()))])
        })
    })
}

fn angle_of(x: &Tensor) -> Var {
    if x.dtype().is_complex() {
        let (re, im) = (Var::from(real(x)), Var::from(x).then(imag_view));
        return map::of2(&crate::binary::atan2::OP, im, re);
    }
    let float = if x.dtype().is_integral() { default_dtype() } else { x.dtype() };
    let x = Var::from(x).then(|x| crate::cast::to_dtype(x, float));
    let turned = Var::from(std::f64::consts::PI) * Var::mask_of(x.clone().lt(0.0), &x);
    x.clone().where_(x.isnan(), turned)
}

/// i z / |z|^2 towards a complex number, 0 at the origin and towards a real one.
fn angle_vjp(g: Var, z: Var) -> Var {
    if !matches!(&z, Var::T(t) if t.dtype().is_complex()) {
        return g.zeros_like();
    }
    let size = z.clone().abs().square();
    let turned = z * Var::S(base::Scalar::Complex(base::Complex64::I));
    let slope = g * turned / &size;
    Var::from(0.0).where_(size.eq(0.0), slope)
}

/// Whether each element has no imaginary part.
fn isreal(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return crate::create::full_like(
            x,
            base::Scalar::Bool(true),
            Some(DType::Bool),
            None,
            None,
        );
    }
    Var::from(imag_view(&x.detach())?).eq(0.0).tensor()
}

crate::ops! {
    /// Parts and views.
    PARTS:
    /// The angle of each element, in radians.
    fmo "angle(Tensor self) -> Tensor" => |x| angle(x);
    /// Whether each element has no imaginary part.
    fm "isreal(Tensor self) -> Tensor" => |x| isreal(x);
    /// Complex numbers as pairs of reals, over the same memory.
    f "view_as_real(Tensor self) -> Tensor" => |x| view_as_real(x);
    /// Pairs of reals as complex numbers, over the same memory.
    f f32 "view_as_complex(Tensor self) -> Tensor" => |x| view_as_complex(x);
    /// The real part, over the same memory.
    f "real(Tensor self) -> Tensor" => |x| real_view(x);
    /// The imaginary part, over the same memory.
    f "imag(Tensor self) -> Tensor" => |x| imag_view(x);
    /// The same bytes as elements of another dtype.
    m "view.dtype(Tensor self, ScalarType dtype) -> Tensor" => |x, dtype| view_dtype(x, dtype);
}

crate::filling_ops! {
    /// Complex numbers from two reals.
    PAIRS:
    /// Complex numbers of real and imaginary parts.
    fo "complex(Tensor real, Tensor imag) -> Tensor" => |dest, real, imag| complex(dest, real, imag);
    /// Complex numbers of absolute values and angles.
    fo f32 "polar(Tensor abs, Tensor angle) -> Tensor" => |dest, abs, angle| polar(dest, abs, angle);
}
