//! Argument parsing by schema: one parser for every op and spelling, with PyTorch's rules (names,
//! defaults, sizes as separate arguments, overloads) and its message for calls that fit nothing.

use crate::convert::{argument, type_name};
use base::{DType, Scalar};
use ops::Value;
use ops::call::OpDef;
use ops::schema::{Parameter, Schema, Type};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tape::Tensor;

/// The arguments of a call as Python passed them.
pub struct Given<'a, 'py> {
    /// By position, `self` first for methods.
    pub positional: &'a [Bound<'py, PyAny>],
    /// By name.
    pub named: &'a [(String, Bound<'py, PyAny>)],
}

/// A call that fits an overload.
pub struct Parsed {
    /// Which op.
    pub op: &'static OpDef,
    /// Its result's names.
    pub returns: &'static str,
    /// Arguments in the schema's order.
    pub values: Vec<Value>,
    /// The `out=` tensors.
    pub out: Option<Vec<Tensor>>,
    /// `requires_grad=True`, which every factory function takes.
    pub requires_grad: bool,
}

/// Other names PyTorch accepts for a parameter, for numpy's sake.
fn also_called(name: &str) -> &'static [&'static str] {
    match name {
        "dim" => &["axis"],
        "keepdim" => &["keepdims"],
        "self" | "input" => &["input", "self", "x", "a", "x1"],
        "other" => &["x2"],
        _ => &[],
    }
}

/// Finds the overload the arguments fit.
pub fn parse(
    name: &str,
    overloads: &[(&'static OpDef, Schema)],
    given: &Given<'_, '_>,
    method: bool,
) -> PyResult<Parsed> {
    let mut reasons = Vec::new();
    for (op, schema) in overloads {
        if method && !(op.spellings.method || op.spellings.inplace) {
            continue;
        }
        match fit(schema, given, method, op.spellings.out) {
            Ok(fit) => {
                let Fit { values, out, requires_grad } = fit;
                return Ok(Parsed { op, returns: schema.returns, values, out, requires_grad });
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(refuse(name, overloads, given, method, &reasons))
}

/// Arguments in the schema's order, and those that no schema lists.
struct Fit {
    values: Vec<Value>,
    out: Option<Vec<Tensor>>,
    requires_grad: bool,
}

/// Fills the schema's parameters, or says why not.
fn fit(schema: &Schema, given: &Given<'_, '_>, method: bool, has_out: bool) -> Result<Fit, String> {
    let parameters = &schema.parameters;
    let positional = given.positional;
    let slots = parameters.iter().filter(|p| !p.keyword_only).count();
    let sizes_at = sizes_position(parameters, positional);
    if positional.len() > slots && sizes_at.is_none() {
        return Err(format!(
            "takes {slots} positional argument{} but {} were given",
            if slots == 1 { "" } else { "s" },
            positional.len()
        ));
    }
    let mut used = vec![false; given.named.len()];
    let mut values = Vec::with_capacity(parameters.len());
    for (i, p) in parameters.iter().enumerate() {
        if sizes_at == Some(i) {
            values.push(sizes(p, &positional[i..])?);
            continue;
        }
        let by_position = if p.keyword_only { None } else { positional.get(i) };
        let by_name = take_named(p, given, &mut used);
        let value = match (by_position, by_name) {
            (Some(_), Some(_)) => {
                return Err(format!("got multiple values for argument '{}'", p.name));
            }
            (Some(value), None) => convert(p, value, Some(i + 1 - usize::from(method)))?,
            (None, Some(value)) => convert(p, value, None)?,
            (None, None) => default(p)?,
        };
        values.push(value);
    }
    let mut out = None;
    let mut requires_grad = false;
    let factory = parameters.iter().any(|p| p.name == "pin_memory");
    for ((name, value), used) in given.named.iter().zip(&used) {
        if *used {
            continue;
        }
        if name == "out" && has_out && !method {
            out = out_tensors(value)?;
        } else if name == "requires_grad" && factory {
            requires_grad = value.extract().map_err(|_| {
                format!("argument 'requires_grad' must be bool, not {}", type_name(value))
            })?;
        } else {
            return Err(format!("got an unexpected keyword argument '{name}'"));
        }
    }
    Ok(Fit { values, out, requires_grad })
}

/// `x.view(2, 3)`: where sizes may be given one by one, which is where the only parameter besides
/// `self` is a list of ints.
fn sizes_position(parameters: &[Parameter], positional: &[Bound<'_, PyAny>]) -> Option<usize> {
    let plain: Vec<(usize, &Parameter)> = parameters
        .iter()
        .enumerate()
        .filter(|(_, p)| !p.keyword_only && p.name != "self")
        .collect();
    match plain.as_slice() {
        [(at, p)] if matches!(p.ty, Type::Ints(_)) => {
            let rest = positional.get(*at..).unwrap_or_default();
            let spread =
                rest.len() > 1 || (rest.len() == 1 && crate::convert::int(&rest[0]).is_some());
            spread.then_some(*at)
        }
        _ => None,
    }
}

fn sizes(p: &Parameter, rest: &[Bound<'_, PyAny>]) -> Result<Value, String> {
    let list: Option<Vec<i64>> = rest.iter().map(crate::convert::int).collect();
    list.map(Value::Ints).ok_or_else(|| format!("argument '{}' must be tuple of ints", p.name))
}

fn take_named<'a, 'py>(
    p: &Parameter,
    given: &Given<'a, 'py>,
    used: &mut [bool],
) -> Option<&'a Bound<'py, PyAny>> {
    let at = given
        .named
        .iter()
        .position(|(name, _)| name == p.name || also_called(p.name).contains(&name.as_str()))?;
    used[at] = true;
    Some(&given.named[at].1)
}

/// The value as the parameter takes it; `at` is its position, counted from 1, when it has one.
fn convert(p: &Parameter, value: &Bound<'_, PyAny>, at: Option<usize>) -> Result<Value, String> {
    if value.is_none() && (p.optional || p.default == Some("None")) {
        return Ok(Value::None);
    }
    argument(value, p.ty).ok_or_else(|| {
        format!(
            "argument '{}'{} must be {}, not {}",
            shown_name(p),
            at.map_or_else(String::new, |at| format!(" (position {at})")),
            type_text(p.ty),
            type_name(value)
        )
    })
}

fn shown_name(p: &Parameter) -> &str {
    if p.name == "self" { "input" } else { p.name }
}

fn out_tensors(value: &Bound<'_, PyAny>) -> Result<Option<Vec<Tensor>>, String> {
    if value.is_none() {
        return Ok(None);
    }
    match argument(value, Type::Tensor).or_else(|| argument(value, Type::Tensors)) {
        Some(Value::Tensor(tensor)) => Ok(Some(vec![tensor])),
        Some(Value::Tensors(list)) => Ok(Some(list)),
        _ => Err(format!("argument 'out' must be Tensor, not {}", type_name(value))),
    }
}

/// The value of a parameter that was not given.
fn default(p: &Parameter) -> Result<Value, String> {
    let Some(text) = p.default else {
        return Err(format!("missing 1 required positional arguments: \"{}\"", shown_name(p)));
    };
    let value = match (text, p.ty) {
        ("None", _) => Value::None,
        ("True", _) => Value::Scalar(Scalar::Bool(true)),
        ("False", _) => Value::Scalar(Scalar::Bool(false)),
        (text, Type::Str) => Value::Str(text.trim_matches(['\'', '"']).to_string()),
        (text, Type::Ints(repeat)) => default_ints(text, repeat),
        (text, Type::Float) => Value::Scalar(Scalar::Float(text.parse().map_err(|_| bad(text))?)),
        (text, Type::Int | Type::Scalar | Type::Operand) => {
            let int = text.parse().map(Scalar::Int);
            Value::Scalar(int.or_else(|_| text.parse().map(Scalar::Float)).map_err(|_| bad(text))?)
        }
        (text, Type::DType) => Value::DType(DType::from_name(text).ok_or_else(|| bad(text))?),
        (text, _) => return Err(bad(text)),
    };
    Ok(value)
}

fn bad(text: &str) -> String {
    format!("internal error: unreadable default {text}")
}

fn default_ints(text: &str, repeat: u8) -> Value {
    let inside = text.trim_matches(['[', ']']);
    let list: Vec<i64> = inside.split(',').filter_map(|v| v.trim().parse().ok()).collect();
    match list.as_slice() {
        [one] if !text.starts_with('[') => Value::Ints(vec![*one; repeat.max(1) as usize]),
        _ => Value::Ints(list),
    }
}

fn type_text(ty: Type) -> &'static str {
    match ty {
        Type::Tensor | Type::Operand => "Tensor",
        Type::Tensors => "tuple of Tensors",
        Type::OptTensors => "tuple of optional Tensors",
        Type::Scalar => "Number",
        Type::Int => "int",
        Type::Float => "float",
        Type::Bool => "bool",
        Type::Str => "str",
        Type::Ints(_) => "tuple of ints",
        Type::Scalars => "tuple of Scalars",
        Type::DType => "torch.dtype",
        Type::Device => "torch.device",
        Type::Layout => "torch.layout",
        Type::MemoryFormat => "torch.memory_format",
        Type::Generator => "torch.Generator",
    }
}

/// One signature as messages show it.
fn signature(schema: &Schema, takes_out: bool, method: bool) -> String {
    let mut parts = Vec::new();
    let mut star = false;
    for p in schema.parameters.iter().skip(usize::from(method)) {
        if p.keyword_only && !star {
            parts.push("*".to_string());
            star = true;
        }
        let default = p.default.map_or_else(String::new, |d| format!(" = {d}"));
        parts.push(format!("{} {}{default}", type_text(p.ty), shown_name(p)));
    }
    if takes_out && !method {
        if !star {
            parts.push("*".to_string());
        }
        parts.push("Tensor out = None".to_string());
    }
    format!("({})", parts.join(", "))
}

/// The types of a call's arguments, with PyTorch's comma after names without positions.
fn shown_call(positional: &[Bound<'_, PyAny>], named: &[(String, Bound<'_, PyAny>)]) -> String {
    let mut shown: Vec<String> = positional.iter().map(type_name).collect();
    shown.extend(named.iter().map(|(name, value)| format!("{name}={}", type_name(value))));
    let comma = if positional.is_empty() && !named.is_empty() { ", " } else { "" };
    shown.join(", ") + comma
}

fn refuse(
    name: &str,
    overloads: &[(&'static OpDef, Schema)],
    given: &Given<'_, '_>,
    method: bool,
    reasons: &[String],
) -> PyErr {
    if let ([reason], [_]) = (reasons, overloads) {
        return PyTypeError::new_err(
            format!("{name}(): {reason}")
                .replace("(): got", "() got")
                .replace("(): takes", "() takes")
                .replace("(): missing", "() missing"),
        );
    }
    let skip = usize::from(method);
    let got = shown_call(&given.positional[skip.min(given.positional.len())..], given.named);
    let mut text = format!(
        "{name}() received an invalid combination of arguments - got ({got}), but expected one of:"
    );
    for ((op, schema), reason) in overloads.iter().zip(reasons) {
        text += &format!("\n * {}\n      {reason}", signature(schema, op.spellings.out, method));
    }
    PyTypeError::new_err(text)
}
