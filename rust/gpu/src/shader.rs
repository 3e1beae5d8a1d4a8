//! Shader text: a file of `shaders/`, completed with bindings and accessors for the dtypes at hand.
//!
//! Kernels see elements through `in0_at(i)`, `out0_put(i, v)` and so on, in the type they compute in
//! (`f32` for all floats, `i64`, else `i32`). Elements narrower than a word lie packed in words;
//! a single one of them is written by two atomic operations that touch no other bits.

use crate::map::{self, Step};
use base::DType;
use std::fmt::Write;
use std::hash::{Hash, Hasher};

/// How a kernel uses a binding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Only read.
    Read,
    /// Written (and possibly read) by element.
    Write,
    /// Written word by word by the kernel itself.
    Words,
    /// Combined with from several threads.
    Join(Join),
    /// Where an index out of range is reported.
    Flag,
}

/// How elements written from several threads are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Join {
    Sum,
    Product,
    Largest,
    Smallest,
}

impl Join {
    fn expression(self, dtype: DType) -> &'static str {
        match self {
            Join::Sum => "a + v",
            Join::Product => "a * v",
            Join::Largest if dtype.is_float() => "max_nan(a, v)",
            Join::Smallest if dtype.is_float() => "min_nan(a, v)",
            Join::Largest => "max(a, v)",
            Join::Smallest => "min(a, v)",
        }
    }

    /// Elements of this dtype can be combined in place.
    pub fn is_atomic(self, dtype: DType) -> bool {
        matches!(dtype, DType::F32 | DType::I32) || (dtype == DType::I64 && self == Join::Sum)
    }
}

/// A binding: element type and use.
pub type Slot = (DType, Access);

/// A kernel for certain dtypes: the key under which its pipeline is kept.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The shader's name.
    pub file: &'static str,
    /// Expressions put into it.
    pub expr: &'static str,
    /// Bindings: reads first, then writes.
    pub slots: [Option<Slot>; 8],
    /// Numbers put into it as `{{C0}}`...
    pub consts: [u32; 4],
    /// Elementwise ops, one after another; known by their address as texts are.
    pub steps: &'static [Step],
}

// Texts are compared by address: a launch looks its pipeline up, and hashing long expressions would
// cost more than recording. The same text at two addresses is compiled twice, no more.
impl PartialEq for Variant {
    fn eq(&self, other: &Variant) -> bool {
        std::ptr::eq(self.file, other.file)
            && std::ptr::eq(self.expr, other.expr)
            && self.slots == other.slots
            && self.consts == other.consts
            && std::ptr::eq(self.steps, other.steps)
    }
}

impl Eq for Variant {}

impl Hash for Variant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.file.as_ptr().addr());
        state.write_usize(self.expr.as_ptr().addr());
        state.write_usize(self.steps.as_ptr().addr());
        for (dtype, access) in self.slots.iter().flatten() {
            state.write_u32(*dtype as u32);
            access.hash(state);
        }
        for number in self.consts {
            state.write_u32(number);
        }
    }
}

impl Variant {
    /// A variant without expressions and numbers.
    pub fn new(file: &'static str, slots: &[Slot]) -> Variant {
        let mut list = [None; 8];
        for (slot, given) in list.iter_mut().zip(slots) {
            *slot = Some(*given);
        }
        Variant { file, expr: "", slots: list, consts: [0; 4], steps: &[] }
    }

    /// With numbers.
    pub fn with(mut self, consts: &[u32]) -> Variant {
        for (slot, given) in self.consts.iter_mut().zip(consts) {
            *slot = *given;
        }
        self
    }

    /// With expressions.
    pub fn of(mut self, expr: &'static str) -> Variant {
        self.expr = expr;
        self
    }

    /// The whole shader.
    pub fn text(&self) -> String {
        let file = source(self.file);
        if self.file == "map" { crate::map::text(self, file) } else { self.plain_text(file) }
    }

    fn plain_text(&self, file: &str) -> String {
        let first = self.slots.iter().flatten().next().map_or(DType::F32, |slot| slot.0);
        let written = self.slots.iter().flatten().find(|slot| slot.1 != Access::Read);
        let mut body = file.to_string();
        for (i, part) in self.expr.split('#').enumerate() {
            body = body.replace(&format!("{{{{E{i}}}}}"), part);
        }
        for (i, number) in self.consts.iter().enumerate() {
            body = body
                .replace(&format!("{{{{C{i}}}}}"), &format!("{number}u"))
                .replace(&format!("{{{{N{i}}}}}"), &number.to_string());
        }
        let (steps, result) = map::epilogue(self.steps, first);
        let body = body
            .replace("{{FIELDS}}", &map::number_fields(self.steps))
            .replace("{{STEPS}}", &steps)
            .replace("{{RESULT}}", &result)
            .replace("{{S}}", if first == DType::F16 { "f16" } else { "f32" })
            .replace("{{T}}", compute_type(first))
            .replace("{{O}}", compute_type(written.map_or(first, |slot| slot.0)));
        // Draws are made from floats, whatever they become.
        let mut dtypes = self.slots.iter().flatten().map(|slot| slot.0);
        let float = dtypes.find(|d| d.is_float() || self.file == "random");
        let compute = float.map_or(first, |_| DType::F32);
        assemble(&(self.bindings() + &self.further_accessors(&body)), &body, compute)
    }

    /// `in0_long(i)` and `out0_set(i, v)`, where the body uses them.
    fn further_accessors(&self, body: &str) -> String {
        let mut text = String::new();
        for (i, (dtype, _)) in self.slots.iter().flatten().enumerate() {
            if mentions(body, &format!("in{i}_long")) {
                text += &long_reader(&format!("in{i}"), *dtype);
            }
        }
        let written = self.slots.iter().flatten().find(|slot| slot.1 == Access::Write);
        match written {
            Some((dtype, _)) if mentions(body, "out0_set") => text + &setter("out0", *dtype),
            _ => text,
        }
    }

    fn bindings(&self) -> String {
        let (mut text, mut reads) = (String::new(), 0);
        for (i, (dtype, access)) in self.slots.iter().flatten().enumerate() {
            let name = if *access == Access::Read {
                reads += 1;
                format!("in{i}")
            } else if *access == Access::Flag {
                "flag".to_string()
            } else {
                format!("out{}", i - reads)
            };
            text += &binding(i, &name, *dtype, *access);
            if *access == Access::Flag {
                text += RAISE;
                continue;
            }
            text += &reader(&name, &name, *dtype, *access);
            match access {
                Access::Write => text += &writer(&name, *dtype),
                Access::Join(join) => text += &joiner(&name, *dtype, *join),
                Access::Read | Access::Words | Access::Flag => {}
            }
        }
        text
    }
}

/// Bindings, the library functions that the body uses, the body.
pub(crate) fn assemble(bindings: &str, body: &str, compute: DType) -> String {
    let library = library(compute);
    let picked = pick(&library, &format!("{bindings}{body}"));
    // What a file enables stands before everything else.
    let (enabled, rest) = body.split_at(enables(body));
    format!("{enabled}{bindings}\n{picked}\n{rest}")
}

/// Length of the lines that enable extensions of the language.
fn enables(body: &str) -> usize {
    body.split_inclusive('\n').take_while(|line| line.starts_with("enable ")).map(str::len).sum()
}

/// The type kernels compute in.
pub(crate) fn compute_type(dtype: DType) -> &'static str {
    match dtype {
        DType::I64 => "i64",
        dtype if dtype.is_float() => "f32",
        _ => "i32",
    }
}

fn source(name: &str) -> &'static str {
    FILES.iter().find(|(file, _)| *file == name).map_or("", |(_, text)| *text)
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The kernels, by name.
        pub static FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../shaders/", $name, ".wgsl")))),*];
    };
}

files!(
    "map",
    "reduce",
    "extreme",
    "matmul",
    "coop_matmul",
    "softmax",
    "softmax_backward",
    "nll_loss",
    "nll_loss_backward",
    "index",
    "linear_index",
    "norm",
    "norm_backward",
    "norm_affine",
    "batch_norm",
    "batch_norm_backward",
    "conv",
    "conv_input",
    "conv_weight",
    "max_pool",
    "avg_pool",
    "random",
    "optim",
    "range",
    "scan",
    "running_extreme",
    "sort",
    "sort_block",
    "rank",
    "search",
    "compact",
    "attention",
);

const PACKED: &str = include_str!("../../../shaders/lib/packed.wgsl");
const NETWORK: &str = include_str!("../../../shaders/lib/network.wgsl");
const MATH: &str = include_str!("../../../shaders/lib/math.wgsl");
const RNG: &str = include_str!("../../../shaders/lib/rng.wgsl");
const REDUCE: &str = include_str!("../../../shaders/lib/reduce.wgsl");
const INTEGER: &str = include_str!("../../../shaders/lib/integer.wgsl");
const BITS: &str = include_str!("../../../shaders/lib/bits.wgsl");
const LOGIC: &str = include_str!("../../../shaders/lib/logic.wgsl");

fn library(compute: DType) -> String {
    let t = compute_type(compute);
    let own = match compute {
        DType::Bool => format!("{INTEGER}\n{LOGIC}"),
        dtype if dtype.is_float() => format!("{MATH}\n{REDUCE}\n{RNG}"),
        _ => format!("{INTEGER}\n{BITS}"),
    };
    let bits = (8 * compute.size()).to_string();
    format!("{PACKED}\n{NETWORK}\n{}", own.replace("{{T}}", t).replace("{{BITS}}", &bits))
}

/// The paragraphs of the library that the text uses, and those that they use.
fn pick(library: &str, text: &str) -> String {
    let parts: Vec<(&str, &str)> =
        library.split("\n\n").filter_map(|part| Some((declared(part)?, part))).collect();
    let mut wanted = vec![false; parts.len()];
    let mut queue: Vec<&str> = vec![text];
    while let Some(user) = queue.pop() {
        for (i, (name, part)) in parts.iter().enumerate() {
            if !wanted[i] && mentions(user, name) {
                wanted[i] = true;
                queue.push(part);
            }
        }
    }
    let picked = parts.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
    picked.map(|((_, part), _)| part.trim_end()).collect::<Vec<_>>().join("\n")
}

/// The name that a paragraph declares.
fn declared(part: &str) -> Option<&str> {
    let line = part.lines().find(|l| l.starts_with("fn ") || l.starts_with("const "))?;
    line.split([' ', '(', ':']).nth(1)
}

fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word))
}

/// How many elements of a dtype lie in a word.
pub(crate) fn per_word(dtype: DType) -> usize {
    (4 / dtype.size()).max(1)
}

/// The declaration of a binding.
pub(crate) fn binding(at: usize, name: &str, dtype: DType, access: Access) -> String {
    let element = match (dtype, access) {
        (_, Access::Join(_) | Access::Flag) => "atomic<u32>",
        (DType::F32, _) => "f32",
        (DType::I32, _) => "i32",
        (DType::I64, _) => "i64",
        (_, Access::Write) => "atomic<u32>",
        _ => "u32",
    };
    let mode = if access == Access::Read { "read" } else { "read_write" };
    format!("@group(0) @binding({at}) var<storage, {mode}> {name}: array<{element}>;\n")
}

/// `<as_name>_at(i)`: an element of a binding.
pub(crate) fn reader(as_name: &str, name: &str, dtype: DType, access: Access) -> String {
    let t = compute_type(dtype);
    let narrow = per_word(dtype) > 1;
    let word = |at: &str| match access {
        Access::Join(_) => format!("atomicLoad(&{name}[{at}])"),
        Access::Write if narrow => format!("atomicLoad(&{name}[{at}])"),
        _ => format!("{name}[{at}]"),
    };
    let value = match dtype {
        DType::F32 | DType::I32 if matches!(access, Access::Join(_)) => {
            format!("bitcast<{t}>({})", word("i"))
        }
        DType::I64 if matches!(access, Access::Join(_)) => {
            format!("long_of({}, {})", word("2u * i"), word("2u * i + 1u"))
        }
        _ => match per_word(dtype) {
            1 => word("i"),
            2 => unpacked(dtype, &word("i >> 1u"), "i & 1u"),
            _ => unpacked(dtype, &word("i >> 2u"), "i & 3u"),
        },
    };
    format!("fn {as_name}_at(i: u32) -> {t} {{ return {value}; }}\n")
}

/// One of the values that lie packed in a word.
pub(crate) fn unpacked(dtype: DType, word: &str, place: &str) -> String {
    let name = match dtype {
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::I8 => "i8",
        DType::I16 => "i16",
        _ => "u8",
    };
    format!("from_{name}({word}, {place})")
}

/// The bits of a value of a packed dtype, low in a word.
pub(crate) fn bits(dtype: DType, value: &str) -> String {
    match dtype {
        DType::F16 => format!("to_f16({value})"),
        DType::BF16 => format!("to_bf16({value})"),
        DType::I16 => format!("(bitcast<u32>({value}) & 0xffffu)"),
        _ => format!("(bitcast<u32>({value}) & 0xffu)"),
    }
}

/// `<name>_put(i, v)`: writes one element, to which no other thread writes.
pub(crate) fn writer(name: &str, dtype: DType) -> String {
    let t = compute_type(dtype);
    let mut text = format!("fn {name}_put(i: u32, v: {t}) {{ ");
    match per_word(dtype) {
        1 => {
            let _ = writeln!(text, "{name}[i] = v; }}");
        }
        per => {
            let (width, mask) = (32 / per, (1u32 << (32 / per)) - 1);
            let bits = bits(dtype, "v");
            let _ = writeln!(
                text,
                "let s = (i % {per}u) * {width}u; let w = i / {per}u; \
                 atomicAnd(&{name}[w], ~({mask}u << s)); atomicOr(&{name}[w], {bits} << s); }}"
            );
        }
    }
    text
}

/// `<name>_long(i)`: an element as 64 bits hold it.
fn long_reader(name: &str, dtype: DType) -> String {
    let value = convert(&format!("{name}_at(i)"), Yield::Number(dtype), DType::I64);
    format!("fn {name}_long(i: u32) -> i64 {{ return {value}; }}\n")
}

/// `<name>_set(i, v)`: writes one element, to which other threads may write as well; one of the
/// values stays.
fn setter(name: &str, dtype: DType) -> String {
    let (t, per) = (compute_type(dtype), per_word(dtype));
    if per == 1 {
        return format!("fn {name}_set(i: u32, v: {t}) {{ {name}_put(i, v); }}\n");
    }
    let (width, mask) = (32 / per, (1u32 << (32 / per)) - 1);
    let bits = bits(dtype, "v");
    format!(
        "fn {name}_set(i: u32, v: {t}) {{\n  let s = (i % {per}u) * {width}u; let w = i / {per}u;\n  \
         var old = atomicLoad(&{name}[w]);\n  loop {{\n    \
         let word = (old & ~({mask}u << s)) | ({bits} << s);\n    \
         let swap = atomicCompareExchangeWeak(&{name}[w], old, word);\n    \
         if (swap.exchanged) {{ break; }}\n    old = swap.old_value;\n  }}\n}}\n"
    )
}

/// `<name>_join(i, v)`: combines one element with a value, from any number of threads.
fn joiner(name: &str, dtype: DType, join: Join) -> String {
    let t = compute_type(dtype);
    if dtype == DType::I64 {
        // The low words' carries go to the high words, in whichever order.
        return format!(
            "fn {name}_join(i: u32, v: i64) {{\n  let low = u32(v & 0xffffffffli);\n  \
             let old = atomicAdd(&{name}[2u * i], low);\n  \
             let carry = select(0u, 1u, old + low < low);\n  \
             atomicAdd(&{name}[2u * i + 1u], u32((v >> 32u) & 0xffffffffli) + carry);\n}}\n"
        );
    }
    if (dtype, join) == (DType::I32, Join::Sum) {
        return format!(
            "fn {name}_join(i: u32, v: i32) {{ atomicAdd(&{name}[i], bitcast<u32>(v)); }}\n"
        );
    }
    let joined = join.expression(dtype);
    format!(
        "fn {name}_join(i: u32, v: {t}) {{\n  var old = atomicLoad(&{name}[i]);\n  loop {{\n    \
         let a = bitcast<{t}>(old);\n    let joined = bitcast<u32>({joined});\n    \
         let swap = atomicCompareExchangeWeak(&{name}[i], old, joined);\n    \
         if (swap.exchanged) {{ break; }}\n    old = swap.old_value;\n  }}\n}}\n"
    )
}

/// `raise(code, at, index)`: leaves the first offence in the flag.
const RAISE: &str = "\
fn raise(code: u32, at: u32, index: i64) {
  var old = 0u;
  loop {
    let swap = atomicCompareExchangeWeak(&flag[0], 0u, code);
    old = swap.old_value;
    if (swap.exchanged || old > 0u) { break; }
  }
  if (old == 0u) {
    atomicStore(&flag[1], at);
    atomicStore(&flag[2], u32(index & 0xffffffffli));
    atomicStore(&flag[3], u32((index >> 32u) & 0xffffffffli));
  }
}
";

/// `value`, of what a kernel computing in `from` yields (or a truth value), as `to` computes.
pub(crate) fn convert(value: &str, from: Yield, to: DType) -> String {
    match (from, to) {
        (Yield::Truth, DType::Bool) => format!("select(0, 1, {value})"),
        (Yield::Truth, to) => format!("select({0}(0), {0}(1), {value})", compute_type(to)),
        (Yield::Number(DType::Bool), DType::Bool) => format!("select(1, 0, {value} == 0)"),
        (Yield::Number(from), DType::Bool) => {
            format!("select(1, 0, {value} == {}(0))", compute_type(from))
        }
        (Yield::Number(from), to) if compute_type(from) == compute_type(to) => value.to_string(),
        (Yield::Number(from), to) if from.is_float() => {
            format!("{}_of({value})", compute_type(to))
        }
        (Yield::Number(_), DType::I64) => format!("widened({value})"),
        (Yield::Number(_), to) => format!("{}({value})", compute_type(to)),
    }
}

/// What an expression yields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yield {
    Truth,
    Number(DType),
}
