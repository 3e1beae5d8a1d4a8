//! Signatures of ops, written as PyTorch writes them:
//! `sum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor`.

use base::{Error, Kind, Result};

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Type {
    Tensor,
    /// A tensor or a number.
    Operand,
    Tensors,
    OptTensors,
    Scalar,
    Int,
    Float,
    Bool,
    Str,
    /// `int[n]`: a single int stands for n of them; `n` 0 means no such broadcasting.
    Ints(u8),
    Scalars,
    DType,
    Device,
    Layout,
    MemoryFormat,
    Generator,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, as in Python (`input` for a function's `self`).
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// `None` is accepted.
    pub optional: bool,
    /// The text of its default.
    pub default: Option<&'static str>,
    /// Only by name.
    pub keyword_only: bool,
}

/// A parsed signature.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The op's name without its overload.
    pub name: &'static str,
    /// In order.
    pub parameters: Vec<Parameter>,
    /// The text behind `->`.
    pub returns: &'static str,
}

/// What `TensorOptions options={}` stands for; see [`crate::options::Options`].
const OPTIONS: [&str; 4] = [
    "ScalarType? dtype=None",
    "Layout? layout=None",
    "Device? device=None",
    "bool? pin_memory=False",
];

impl Schema {
    /// Reads a signature.
    pub fn parse(text: &'static str) -> Result<Schema> {
        let broken = || Error::new(Kind::Runtime, format!("internal error: bad schema {text:?}"));
        let (head, rest) = text.split_once('(').ok_or_else(broken)?;
        let (list, returns) = rest.rsplit_once(") -> ").ok_or_else(broken)?;
        let name = head.split('.').next().unwrap_or(head);
        let mut keyword_only = false;
        let mut parameters = Vec::new();
        for part in split_parameters(list) {
            if part == "*" {
                keyword_only = true;
                continue;
            }
            if part.starts_with("TensorOptions ") {
                parameters.extend(OPTIONS.iter().filter_map(|text| parameter(text, true)));
                continue;
            }
            parameters.push(parameter(part, keyword_only).ok_or_else(broken)?);
        }
        Ok(Schema { name, parameters, returns })
    }
}

/// Splits at commas outside brackets.
fn split_parameters(list: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (i, c) in list.char_indices() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(list[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts.retain(|p| !p.is_empty());
    parts
}

fn parameter(text: &'static str, keyword_only: bool) -> Option<Parameter> {
    let (declared, default) = match text.split_once('=') {
        Some((declared, default)) => (declared, Some(default)),
        None => (text, None),
    };
    let (ty, name) = declared.rsplit_once(' ')?;
    let (ty, optional) = match ty.strip_suffix('?') {
        Some(ty) => (ty, true),
        None => (ty, false),
    };
    let ty = match ty {
        "Tensor" => Type::Tensor,
        "Operand" => Type::Operand,
        "Tensor[]" => Type::Tensors,
        "Tensor?[]" => Type::OptTensors,
        "Scalar" => Type::Scalar,
        "int" => Type::Int,
        "float" => Type::Float,
        "bool" => Type::Bool,
        "str" => Type::Str,
        "Scalar[]" | "float[]" => Type::Scalars,
        "ScalarType" => Type::DType,
        "Device" => Type::Device,
        "Layout" => Type::Layout,
        "MemoryFormat" => Type::MemoryFormat,
        "Generator" => Type::Generator,
        other => {
            let size = other.strip_prefix("int[")?.strip_suffix(']')?;
            Type::Ints(if size.is_empty() { 0 } else { size.parse().ok()? })
        }
    };
    Some(Parameter { name, ty, optional, default, keyword_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pytorchs_notation() {
        let schema = Schema::parse(
            "sum.dim(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
        )
        .unwrap();
        assert_eq!(schema.name, "sum");
        let dim = &schema.parameters[1];
        assert_eq!((dim.ty, dim.optional, dim.default), (Type::Ints(1), true, Some("None")));
        assert!(schema.parameters[3].keyword_only);
        assert!(Schema::parse("nonsense").is_err());
    }
}
