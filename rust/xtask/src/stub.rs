//! The op part of `_C.pyi`, from the op table: one function and one method per spelling.

use ops::call::{OpDef, Spellings};
use ops::schema::{Parameter, Schema, Type};
use ops::table::{Entry, registry};
use std::fmt::Write as _;

/// Methods of the class `Tensor`, indented.
pub fn methods() -> String {
    let mut text = String::new();
    for entry in entries() {
        let is_method = |s: &Spellings| s.method;
        text += &definitions(entry, entry.name, true, is_method, "    ");
        let in_place = format!("{}_", entry.name);
        text += &definitions(entry, &in_place, true, |s| s.inplace, "    ");
    }
    text
}

/// Functions of the module.
pub fn functions() -> String {
    let mut text = String::new();
    for entry in entries() {
        text += &definitions(entry, entry.name, false, |s| s.function, "");
        let in_place = format!("{}_", entry.name);
        text += &definitions(entry, &in_place, false, |s| s.inplace, "");
    }
    text
}

fn entries() -> Vec<&'static Entry> {
    let mut entries: Vec<&Entry> = registry().iter().collect();
    entries.sort_by_key(|e| e.name);
    entries
}

fn definitions(
    entry: &Entry,
    name: &str,
    method: bool,
    wanted: impl Fn(&Spellings) -> bool,
    indent: &str,
) -> String {
    let mut signatures: Vec<String> = Vec::new();
    for (op, schema) in entry.overloads.iter().filter(|(op, _)| wanted(&op.spellings)) {
        for signature in variants(op, schema, method) {
            if !signatures.contains(&signature) {
                signatures.push(signature);
            }
        }
    }
    let several = signatures.len() > 1;
    let mut text = String::new();
    for signature in signatures {
        if several {
            let _ = writeln!(text, "{indent}@overload");
        }
        let _ = writeln!(text, "{indent}def {name}{signature}: ...");
    }
    text
}

/// The signature, and a second one for sizes given one by one.
fn variants(op: &OpDef, schema: &Schema, method: bool) -> Vec<String> {
    let plain: Vec<&Parameter> =
        schema.parameters.iter().filter(|p| !p.keyword_only && p.name != "self").collect();
    let spread = matches!(plain.as_slice(), [p] if matches!(p.ty, Type::Ints(_)));
    let mut all = vec![signature(op, schema, method, false)];
    if spread {
        all.push(signature(op, schema, method, true));
    }
    all
}

fn signature(op: &OpDef, schema: &Schema, method: bool, spread: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut starred = false;
    let mut defaulted = false;
    for (i, p) in schema.parameters.iter().enumerate() {
        if method && i == 0 {
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
            "from" => "from_",
            name => name,
        };
        let optional = p.default.is_some() || p.optional;
        let default = if optional || (defaulted && !starred) { " = ..." } else { "" };
        defaulted |= optional;
        parts.push(format!("{name}: {}{default}", python_type(p)));
    }
    if op.spellings.out && !method {
        if !starred {
            parts.push("*".to_string());
        }
        parts.push("out: Any = ...".to_string());
    }
    format!("({}) -> {}", parts.join(", "), result(schema.returns))
}

fn python_type(p: &Parameter) -> String {
    let base = match p.ty {
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
        Type::DType => "dtype",
        Type::Device => "_Device",
        Type::Layout => "layout",
        Type::MemoryFormat => "memory_format",
        Type::Generator => "Generator",
        #[allow(unreachable_patterns)]
        _ => "Any",
    };
    let nullable = p.optional || p.default == Some("None");
    if nullable { format!("{base} | None") } else { base.to_string() }
}

fn result(returns: &str) -> String {
    match returns {
        "Tensor" => "Tensor".to_string(),
        "Tensor[]" => "tuple[Tensor, ...]".to_string(),
        "()" => "None".to_string(),
        "bool" => "_bool".to_string(),
        "int" => "_int".to_string(),
        "float" => "_float".to_string(),
        _ => "Any".to_string(),
    }
}
