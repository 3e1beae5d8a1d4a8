//! The op part of `_C.pyi`, from the op table: one function and one method per spelling.

use crate::Outcome;
use ops::call::{OpDef, Spellings};
use ops::schema::{Parameter, Schema, Type};
use ops::table::{Entry, registry};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How a definition is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Function,
    Method,
    /// `x.op_()`, or `op_(x)` as a function.
    InPlace {
        method: bool,
    },
}

impl Spelling {
    fn is_method(self) -> bool {
        matches!(self, Spelling::Method | Spelling::InPlace { method: true })
    }

    fn has(self, spellings: Spellings) -> bool {
        match self {
            Spelling::Function => spellings.function,
            Spelling::Method => spellings.method,
            Spelling::InPlace { .. } => spellings.inplace,
        }
    }

    /// The name in Python: of the module, or of the class.
    fn name(self, op: &str, spellings: Spellings) -> String {
        match self {
            Spelling::Function => spellings.attribute(op),
            Spelling::Method => op.to_string(),
            Spelling::InPlace { .. } => format!("{op}_"),
        }
    }
}

/// The classes of results with names: `_ValuesIndices` for `(Tensor values, Tensor indices)`.
pub fn results() -> Outcome<String> {
    let mut classes = BTreeMap::new();
    for (_, schema) in entries().iter().flat_map(|e| &e.overloads) {
        let fields = named_fields(schema.returns);
        if !fields.is_empty() {
            classes.insert(class_name(&fields), fields);
        }
    }
    let mut text = String::new();
    for (name, fields) in classes {
        let _ = writeln!(text, "class {name}(NamedTuple):");
        for (ty, field) in fields {
            let _ = writeln!(text, "    {field}: {}", result(ty)?);
        }
        text.push('\n');
    }
    Ok(text)
}

/// Methods of the class `Tensor`, indented.
pub fn methods() -> Outcome<String> {
    all(&[Spelling::Method, Spelling::InPlace { method: true }], "    ")
}

/// Functions of the module.
pub fn functions() -> Outcome<String> {
    all(&[Spelling::Function, Spelling::InPlace { method: false }], "")
}

fn all(spellings: &[Spelling], indent: &str) -> Outcome<String> {
    let mut text = String::new();
    for entry in entries() {
        for spelling in spellings {
            text += &definitions(entry, *spelling, indent)?;
        }
    }
    Ok(text)
}

fn entries() -> Vec<&'static Entry> {
    let mut entries: Vec<&Entry> = registry().iter().collect();
    entries.sort_by_key(|e| e.name);
    entries
}

fn definitions(entry: &Entry, spelling: Spelling, indent: &str) -> Outcome<String> {
    let mut lines: Vec<String> = Vec::new();
    for (op, schema) in entry.overloads.iter().filter(|(op, _)| spelling.has(op.spellings)) {
        let name = spelling.name(entry.name, op.spellings);
        for signature in variants(entry, op, schema, spelling)? {
            let line = format!("{indent}def {name}{signature}: ...\n");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let overload = format!("{indent}@overload\n");
    Ok(if lines.len() > 1 {
        lines.iter().map(|l| overload.clone() + l).collect()
    } else {
        lines.concat()
    })
}

/// The signature, and a second one for sizes given one by one.
fn variants(
    entry: &Entry,
    op: &OpDef,
    schema: &Schema,
    spelling: Spelling,
) -> Outcome<Vec<String>> {
    let plain: Vec<&Parameter> =
        schema.parameters.iter().filter(|p| !p.keyword_only && p.name != "self").collect();
    let spread = matches!(plain.as_slice(), [p] if matches!(p.ty, Type::Ints(_)));
    let mut all = vec![signature(entry, op, schema, spelling, false)?];
    if spread {
        all.push(signature(entry, op, schema, spelling, true)?);
    }
    Ok(all)
}

fn signature(
    entry: &Entry,
    op: &OpDef,
    schema: &Schema,
    spelling: Spelling,
    spread: bool,
) -> Outcome<String> {
    let returns = result(schema.returns)?;
    let mut parts: Vec<String> = Vec::new();
    let mut starred = false;
    let mut defaulted = false;
    for (i, p) in schema.parameters.iter().enumerate() {
        if spelling.is_method() && i == 0 {
            parts.push("self".to_string());
            continue;
        }
        if spread && !p.keyword_only && p.name != "self" {
            parts.push(format!("*{}: _int", p.name));
            starred = true;
            continue;
        }
        if p.keyword_only && !starred {
            parts.push("*".to_string());
            starred = true;
        }
        let name = match p.name {
            "self" => "input",
            // A Python keyword: it can only be given by position.
            "from" => "__from",
            name => name,
        };
        let optional = p.default.is_some() || p.optional;
        let default = if optional || (defaulted && !starred) { " = ..." } else { "" };
        defaulted |= optional;
        parts.push(format!("{name}: {}{default}", python_type(p, takes_tensor(entry, p.name))));
    }
    // What the parser adds to every row: results given by the caller, and factories' own keyword.
    let out = op.spellings.out && spelling == Spelling::Function;
    let factory = schema.parameters.iter().any(|p| p.name == "pin_memory");
    if (out || factory) && !starred {
        parts.push("*".to_string());
    }
    if factory {
        parts.push("requires_grad: _bool = ...".to_string());
    }
    if out {
        parts.push(format!("out: {} | None = ...", out_type(&returns)));
    }
    Ok(format!("({}) -> {returns}", parts.join(", ")))
}

/// Several results come as any sequence of as many tensors.
fn out_type(returns: &str) -> &str {
    if returns == "Tensor" { "Tensor" } else { "Sequence[Tensor]" }
}

/// Whether some overload takes a tensor here, so that the others need not name it.
fn takes_tensor(entry: &Entry, name: &str) -> bool {
    let mut parameters = entry.overloads.iter().flat_map(|(_, schema)| &schema.parameters);
    parameters.any(|p| p.name == name && p.ty == Type::Tensor)
}

fn python_type(p: &Parameter, tensor_elsewhere: bool) -> String {
    let base = match p.ty {
        Type::Scalar if tensor_elsewhere => "_Number",
        Type::Int if tensor_elsewhere => "_int",
        Type::Float if tensor_elsewhere => "_float",
        Type::Tensor => "Tensor",
        Type::Operand => "Tensor | _Number",
        Type::Tensors => "Sequence[Tensor]",
        Type::OptTensors => "Sequence[Tensor | None]",
        Type::Scalar => "_Number | Tensor",
        Type::Int => "_int | Tensor",
        Type::Float => "_float | Tensor",
        Type::Bool => "_bool",
        Type::Str => "str",
        Type::Ints(0) => "Sequence[_int]",
        Type::Ints(_) => "_int | Sequence[_int]",
        Type::Scalars => "Sequence[_Number]",
        Type::DType => "_DType",
        Type::Device => "_Device",
        Type::Layout => "_Layout",
        Type::MemoryFormat => "memory_format",
        Type::Generator => "Generator",
    };
    let nullable = p.optional || p.default == Some("None");
    if nullable { format!("{base} | None") } else { base.to_string() }
}

/// Types and names of `(Tensor values, Tensor indices)`; none where results have no names.
fn named_fields(returns: &'static str) -> Vec<(&'static str, &'static str)> {
    let inside = returns.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inside.unwrap_or_default().split(", ").filter_map(|part| part.split_once(' ')).collect()
}

/// `_ValuesIndices` for fields `values` and `indices`.
fn class_name(fields: &[(&str, &str)]) -> String {
    let words = fields.iter().flat_map(|(_, name)| name.split('_'));
    let capital = |word: &str| {
        let (head, tail) = word.split_at(word.len().min(1));
        head.to_uppercase() + tail
    };
    "_".to_string() + &words.map(capital).collect::<String>()
}

fn result(returns: &'static str) -> Outcome<String> {
    let fields = named_fields(returns);
    if !fields.is_empty() {
        return Ok(class_name(&fields));
    }
    Ok(match returns {
        "Tensor" => "Tensor".to_string(),
        "Tensor[]" => "tuple[Tensor, ...]".to_string(),
        "()" => "None".to_string(),
        "bool" => "_bool".to_string(),
        "int" => "_int".to_string(),
        "float" => "_float".to_string(),
        "Scalar" => "_Number".to_string(),
        "ScalarType" => "dtype".to_string(),
        _ => {
            let inside = returns.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
            let parts =
                inside.ok_or_else(|| format!("no Python type for the result {returns:?}"))?;
            let parts = parts.split(", ").map(result).collect::<Outcome<Vec<_>>>()?;
            format!("tuple[{}]", parts.join(", "))
        }
    })
}
