//! Argument parsing by schema: one parser for every op and spelling, with PyTorch's rules (names,
//! defaults, sizes as separate arguments, overloads) and its message for calls that fit nothing.

use crate::convert::{argument, overflow, type_name};
use crate::deprecated::{Modern, warn};
use crate::dtype::to_device;
use base::{DType, Scalar};
use ops::Value;
use ops::call::OpDef;
use ops::schema::{Parameter, Schema, Type};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};
use smallvec::SmallVec;
use std::sync::Arc;
use tape::Tensor;

/// The arguments of a call as Python passed them.
pub struct Given<'a, 'py> {
    /// By position, `self` first for methods.
    pub positional: &'a [Borrowed<'a, 'py, PyAny>],
    /// By name.
    pub named: &'a [(&'a str, Borrowed<'a, 'py, PyAny>)],
}

/// Arguments in a schema's order; most ops have few.
pub type Values = SmallVec<[Value; 4]>;

/// A call that fits an overload.
pub struct Parsed {
    /// Which op.
    pub op: &'static OpDef,
    /// Its result's names.
    pub returns: &'static str,
    /// Arguments in the schema's order.
    pub values: Values,
    /// The `out=` tensors.
    pub out: Option<Vec<Tensor>>,
    /// `requires_grad=True`, which every factory function takes.
    pub requires_grad: bool,
}

/// One signature of a callable, with all that does not depend on the call worked out.
pub struct Overload {
    op: &'static OpDef,
    schema: &'static Schema,
    /// How many parameters take positions.
    slots: usize,
    /// The parameter whose sizes may be given one by one, as in `x.view(2, 3)`: a list of ints that
    /// is the only parameter besides `self`.
    sizes_at: Option<usize>,
    /// It makes tensors, and so takes `requires_grad`.
    factory: bool,
    /// It is a function that returns a new tensor, and so takes `out`.
    takes_out: bool,
    /// What parameters that are not given stand for; `None` where they have to be.
    defaults: Vec<Result<Option<Value>, Reason>>,
}

impl Overload {
    /// Of an op with its signature, spelled as a function or otherwise.
    pub fn new((op, schema): &'static (&'static OpDef, Schema), is_function: bool) -> Overload {
        let parameters = &schema.parameters;
        let mut plain =
            parameters.iter().enumerate().filter(|(_, p)| !p.keyword_only && p.name != "self");
        let sizes_at = match (plain.next(), plain.next()) {
            (Some((at, p)), None) if matches!(p.ty, Type::Ints(_)) => Some(at),
            _ => None,
        };
        Overload {
            op,
            schema,
            slots: parameters.iter().filter(|p| !p.keyword_only).count(),
            sizes_at,
            factory: parameters.iter().any(|p| p.name == "pin_memory"),
            takes_out: is_function && op.spellings.out,
            defaults: parameters.iter().map(default).collect(),
        }
    }

    fn is_method(&self) -> bool {
        self.op.spellings.method || self.op.spellings.inplace
    }
}

/// Why a call does not fit a signature.
#[derive(Clone)]
enum Reason {
    /// Of the call as a whole: `add() got ...`.
    Call(String),
    /// Of one argument: `add(): argument ...`.
    Argument(String),
    /// A value that no overload takes.
    Value(Arc<PyErr>),
}

impl Reason {
    fn text(&self) -> &str {
        match self {
            Reason::Call(text) | Reason::Argument(text) => text,
            Reason::Value(_) => "",
        }
    }
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
    overloads: &[Overload],
    given: &Given<'_, '_>,
    method: bool,
) -> PyResult<Parsed> {
    match find(overloads, given, method) {
        Ok((_, parsed)) => Ok(parsed),
        Err(reasons) => deprecated(name, overloads, given, method)?
            .ok_or_else(|| refuse(name, overloads, given, method, &reasons)),
    }
}

fn deprecated(
    name: &str,
    overloads: &[Overload],
    given: &Given<'_, '_>,
    method: bool,
) -> PyResult<Option<Parsed>> {
    let modern = Modern::of(name, given, method);
    let found = modern.as_ref().and_then(|call| find(overloads, &call.given(), method).ok());
    let Some((overload, parsed)) = found else { return Ok(None) };
    warn(name, &signature(overload.schema, overload.takes_out, method))?;
    Ok(Some(parsed))
}

/// The first overload that fits, or why each does not.
fn find<'o>(
    overloads: &'o [Overload],
    given: &Given<'_, '_>,
    method: bool,
) -> Result<(&'o Overload, Parsed), Vec<Reason>> {
    let mut reasons = Vec::new();
    for overload in overloads.iter().filter(|overload| !method || overload.is_method()) {
        match fit(overload, given, method) {
            Ok(Fit { values, out, requires_grad }) => {
                let Overload { op, schema, .. } = overload;
                let returns = schema.returns;
                return Ok((overload, Parsed { op, returns, values, out, requires_grad }));
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons)
}

/// Arguments in the schema's order, and those that no schema lists.
struct Fit {
    values: Values,
    out: Option<Vec<Tensor>>,
    requires_grad: bool,
}

/// Fills the signature's parameters, or says why not.
fn fit(overload: &Overload, given: &Given<'_, '_>, method: bool) -> Result<Fit, Reason> {
    let (slots, positional) = (overload.slots, given.positional);
    let sizes_at = overload.sizes_at.filter(|at| is_spread(positional.get(*at..)));
    if positional.len() > slots && sizes_at.is_none() {
        let own = usize::from(method); // PyTorch does not count `self`
        return Err(Reason::Call(format!(
            "takes {} positional argument{} but {} were given",
            slots - own,
            if slots - own == 1 { "" } else { "s" },
            positional.len() - own
        )));
    }
    let mut used: SmallVec<[bool; 8]> = SmallVec::from_elem(false, given.named.len());
    let mut values = Values::new();
    for (i, p) in overload.schema.parameters.iter().enumerate() {
        if sizes_at == Some(i) {
            values.push(sizes(p, &positional[i..])?);
            continue;
        }
        let by_position = if p.keyword_only { None } else { positional.get(i) };
        let by_name = take_named(p, given, &mut used);
        values.push(match (by_position, by_name) {
            (Some(_), Some(_)) => {
                return Err(Reason::Call(format!("got multiple values for argument '{}'", p.name)));
            }
            (Some(value), None) => convert(p, value, Some(i + 1 - usize::from(method)))?,
            (None, Some(value)) => convert(p, value, None)?,
            (None, None) => match overload.defaults[i].clone()? {
                Some(value) => value,
                None => return Err(missing(&overload.schema.parameters, given)),
            },
        });
    }
    let mut fit = Fit { values, out: None, requires_grad: false };
    let left = given.named.iter().zip(&used).filter(|(_, used)| !**used);
    left.map(|(named, _)| named).try_for_each(|named| extra(&mut fit, overload, named))?;
    Ok(fit)
}

/// Takes an argument that signatures do not list.
fn extra(
    fit: &mut Fit,
    overload: &Overload,
    (name, value): &(&str, Borrowed<'_, '_, PyAny>),
) -> Result<(), Reason> {
    if *name == "out" && overload.takes_out {
        fit.out = out_tensors(value)?;
    } else if *name == "requires_grad" && overload.factory {
        fit.requires_grad = value.extract().map_err(|_| {
            let kind = type_name(value);
            Reason::Argument(format!("argument 'requires_grad' must be bool, not {kind}"))
        })?;
    } else {
        return Err(Reason::Call(format!("got an unexpected keyword argument '{name}'")));
    }
    Ok(())
}

/// Whether sizes were given one by one.
fn is_spread(rest: Option<&[Borrowed<'_, '_, PyAny>]>) -> bool {
    match rest {
        Some([one]) => crate::convert::int(one).is_some(),
        Some(several) => several.len() > 1,
        None => false,
    }
}

fn sizes(p: &Parameter, rest: &[Borrowed<'_, '_, PyAny>]) -> Result<Value, Reason> {
    let list: Option<Vec<i64>> = rest.iter().map(|value| crate::convert::int(value)).collect();
    list.map(Value::Ints).ok_or_else(|| {
        let items: Vec<_> = rest.iter().map(|&value| value.to_owned()).collect();
        unpacking(p, &items, Some(1))
    })
}

fn take_named<'a, 'py>(
    p: &Parameter,
    given: &Given<'a, 'py>,
    used: &mut [bool],
) -> Option<&'a Bound<'py, PyAny>> {
    let at = given
        .named
        .iter()
        .position(|(name, _)| *name == p.name || also_called(p.name).contains(name))?;
    used[at] = true;
    Some(&given.named[at].1)
}

/// The value as the parameter takes it; `at` is its position, counted from 1, when it has one.
fn convert(p: &Parameter, value: &Bound<'_, PyAny>, at: Option<usize>) -> Result<Value, Reason> {
    if value.is_none() && (p.optional || p.default == Some("None")) {
        return Ok(Value::None);
    }
    argument(value, p.ty).ok_or_else(|| unfit(p, value, at))
}

/// Why a value does not fit: its type, or what is inside.
#[cold]
fn unfit(p: &Parameter, value: &Bound<'_, PyAny>, at: Option<usize>) -> Reason {
    let too_large = value.is_instance_of::<PyInt>() && value.extract::<i64>().is_err();
    match (p.ty, crate::convert::sequence(value)) {
        (Type::Device, _) if value.is_instance_of::<PyString>() => {
            if let Err(error) = to_device(value) {
                return Reason::Value(Arc::new(error));
            }
        }
        (Type::Int, _) if too_large => return Reason::Value(Arc::new(overflow())),
        (Type::Ints(_), None) if too_large => {
            return unpacking(p, std::slice::from_ref(value), at);
        }
        (Type::Ints(_), Some(items)) if !items.is_empty() => return unpacking(p, &items, at),
        (Type::Tensors, Some(items)) => {
            let odd = |item: &Bound<'_, PyAny>| argument(item, Type::Tensor).is_none();
            if let Some(i) = items.iter().position(odd) {
                let (place, kind) = (at.unwrap_or(1) - 1, type_name(&items[i]));
                let text =
                    format!("expected Tensor as element {i} in argument {place}, but got {kind}");
                return Reason::Value(Arc::new(PyTypeError::new_err(text)));
            }
        }
        _ => {}
    }
    Reason::Argument(format!(
        "argument '{}'{} must be {}, not {}",
        shown_name(p),
        position(at),
        type_text(p.ty),
        type_name(value)
    ))
}

fn position(at: Option<usize>) -> String {
    at.map_or_else(String::new, |at| format!(" (position {at})"))
}

/// Which of several ints is none; PyTorch looks at the first to tell what the argument is.
#[cold]
fn unpacking(p: &Parameter, items: &[Bound<'_, PyAny>], at: Option<usize>) -> Reason {
    let name = shown_name(p);
    let odd = items.iter().position(|item| crate::convert::int(item).is_none());
    let Some((i, item)) = odd.map(|i| (i, &items[i])) else {
        return Reason::Argument(format!("argument '{name}' must be tuple of ints"));
    };
    let kind = type_name(item);
    Reason::Argument(if item.is_instance_of::<PyInt>() && !item.is_instance_of::<PyBool>() {
        format!(
            "argument '{name}' failed to unpack the object at pos {} with error \"Overflow when unpacking long long",
            i + 1
        )
    } else if i == 0 {
        let place = position(at);
        format!(
            "argument '{name}'{place} must be tuple of ints, but found element of type {kind} at pos 0"
        )
    } else {
        format!(
            "argument '{name}' failed to unpack the object at pos {} with error \"type must be tuple of ints,but got {kind}\"",
            i + 1
        )
    })
}

fn shown_name(p: &Parameter) -> &str {
    if p.name == "self" { "input" } else { p.name }
}

fn out_tensors(value: &Bound<'_, PyAny>) -> Result<Option<Vec<Tensor>>, Reason> {
    if value.is_none() {
        return Ok(None);
    }
    match argument(value, Type::Tensor).or_else(|| argument(value, Type::Tensors)) {
        Some(Value::Tensor(tensor)) => Ok(Some(vec![tensor])),
        Some(Value::Tensors(list)) => Ok(Some(list)),
        _ => Err(Reason::Argument(format!(
            "argument 'out' must be Tensor, not {}",
            type_name(value)
        ))),
    }
}

/// Which parameters have no value, in PyTorch's words, its plural included.
fn missing(parameters: &[Parameter], given: &Given<'_, '_>) -> Reason {
    let is_given = |i: usize, p: &Parameter| {
        let by_position = !p.keyword_only && i < given.positional.len();
        by_position || take_named(p, given, &mut vec![false; given.named.len()]).is_some()
    };
    let names: Vec<String> = parameters
        .iter()
        .enumerate()
        .filter(|(i, p)| p.default.is_none() && !is_given(*i, p))
        .map(|(_, p)| format!("\"{}\"", shown_name(p)))
        .collect();
    let plural = if names.len() == 1 { "s" } else { "" };
    Reason::Call(format!(
        "missing {} required positional argument{plural}: {}",
        names.len(),
        names.join(", ")
    ))
}

/// The value of a parameter that was not given; `None` when it has to be.
fn default(p: &Parameter) -> Result<Option<Value>, Reason> {
    let Some(text) = p.default else { return Ok(None) };
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
    Ok(Some(value))
}

fn bad(text: &str) -> Reason {
    Reason::Argument(format!("internal error: unreadable default {text}"))
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
    if takes_out {
        if !star {
            parts.push("*".to_string());
        }
        parts.push("Tensor out = None".to_string());
    }
    format!("({})", parts.join(", "))
}

/// The types of a call's arguments, with PyTorch's comma after names without positions.
fn shown_call(given: &Given<'_, '_>, skip: usize) -> String {
    let mut shown: Vec<String> =
        given.positional.iter().skip(skip).map(|value| type_name(value)).collect();
    let comma = if shown.is_empty() && !given.named.is_empty() { ", " } else { "" };
    shown.extend(given.named.iter().map(|(name, value)| format!("{name}={}", type_name(value))));
    shown.join(", ") + comma
}

fn refuse(
    name: &str,
    overloads: &[Overload],
    given: &Given<'_, '_>,
    method: bool,
    reasons: &[Reason],
) -> PyErr {
    for reason in reasons {
        if let Reason::Value(error) = reason {
            let error = Python::attach(|py| {
                // Of a wrong type for one overload says nothing about the others.
                let decides = overloads.len() == 1 || !error.is_instance_of::<PyTypeError>(py);
                decides.then(|| error.clone_ref(py))
            });
            if let Some(error) = error {
                return error;
            }
        }
    }
    match (reasons, overloads) {
        ([Reason::Call(text)], [_]) => return PyTypeError::new_err(format!("{name}() {text}")),
        ([Reason::Argument(text)], [_]) => {
            return PyTypeError::new_err(format!("{name}(): {text}"));
        }
        _ => {}
    }
    let got = shown_call(given, usize::from(method));
    let mut text = format!(
        "{name}() received an invalid combination of arguments - got ({got}), but expected one of:"
    );
    for (overload, reason) in overloads.iter().zip(reasons) {
        let signature = signature(overload.schema, overload.takes_out, method);
        text += &format!("\n * {signature}\n      {}", reason.text());
    }
    PyTypeError::new_err(text)
}
