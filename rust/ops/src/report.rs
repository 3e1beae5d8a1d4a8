//! What a failed call was given, as the detail line below its error:
//! `mm: got input float32[2, 3], mat2 float32[4, 5]`. One rule for every op, from its signature.

use crate::call::OpDef;
use crate::schema::{Parameter, Schema};
use crate::value::Value;
use base::{DeviceKind, Error};
use std::fmt::Write;
use tape::Tensor;

/// As many members of a list are shown.
const SHOWN: usize = 4;

/// Adds the line, unless the error is a callback's own or its rule has named the op already.
#[cold]
pub fn explain(error: Error, op: &OpDef, values: &[Value]) -> Error {
    let Ok(schema) = Schema::parse(op.schema) else { return error };
    let named = format!("\n  {}: ", schema.name);
    if error.as_foreign().is_some() || error.message().contains(&named) {
        return error;
    }
    let given: Vec<String> = schema
        .parameters
        .iter()
        .zip(values)
        .filter_map(|(parameter, value)| described(parameter, value))
        .collect();
    if given.is_empty() {
        return error;
    }
    error.with_detail(format!("{}: got {}", schema.name, given.join(", ")))
}

/// Name and value of an argument, unless it is at its default.
fn described(parameter: &Parameter, value: &Value) -> Option<String> {
    if parameter.default.is_some_and(|default| stands_for(value, default)) {
        return None;
    }
    let text = text(value)?;
    let name = if parameter.name == "self" { "input" } else { parameter.name };
    Some(format!("{name} {text}"))
}

/// Whether a value is what the signature's default text says.
fn stands_for(value: &Value, default: &str) -> bool {
    let number = default.parse::<f64>().ok();
    match value {
        Value::Scalar(s) => match default {
            "True" | "False" => s.to_bool() == (default == "True"),
            _ => number == Some(s.to_f64()),
        },
        Value::Ints(list) => number.is_some_and(|n| list.iter().all(|&i| i as f64 == n)),
        Value::Str(s) => s == default.trim_matches(['\'', '"']),
        _ => false,
    }
}

fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Tensor(t) => tensor(t),
        Value::Tensors(list) => listed(list.iter().map(tensor)),
        Value::OptTensors(list) => {
            listed(list.iter().map(|t| t.as_ref().map_or_else(|| ":".to_string(), tensor)))
        }
        Value::Scalar(s) => s.to_string(),
        Value::Ints(list) => format!("{list:?}"),
        Value::Scalars(list) => listed(list.iter().map(ToString::to_string)),
        Value::Str(s) => format!("{s:?}"),
        Value::DType(d) => d.to_string(),
        Value::Device(d) => d.to_string(),
        Value::None | Value::MemoryFormat(_) | Value::Generator(_) | Value::Tuple(_) => {
            return None;
        }
    })
}

fn tensor(t: &Tensor) -> String {
    let mut text = format!("{}{:?}", t.dtype(), &*t.dims());
    let device = t.device();
    if device.kind != DeviceKind::Cpu {
        let _ = write!(text, " on {device}");
    }
    text
}

fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(SHOWN);
    let mut parts: Vec<String> = items.take(SHOWN).collect();
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    format!("({})", parts.join(", "))
}
