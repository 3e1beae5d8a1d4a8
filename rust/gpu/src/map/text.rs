//! The shader text of elementwise kernels: loads of the operands under the index arithmetic of the
//! rank at hand, one block a step, the store.

use crate::shader::{self, Access, Variant, Yield, compute_type, convert, per_word};
use base::DType;
use parking_lot::Mutex;
use rustc_hash::FxHasher;
use std::collections::HashSet;
use std::fmt::Write;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

/// One op of a kernel, as far as the text depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Step {
    /// The expression, in `x` (or `a`, `b`, `c`) and `p0` to `p3`.
    pub(crate) wgsl: &'static str,
    /// The type it computes in.
    pub(crate) compute: DType,
    /// It yields truth values.
    pub(crate) truth: bool,
    /// The type of its result, to which it is rounded.
    pub(crate) dtype: DType,
    pub(crate) sources: [Source; 3],
    /// How many of its parameters are passed; the others are 0.
    pub(crate) params: u8,
}

/// Where an operand of a step comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(crate) enum Source {
    #[default]
    None,
    /// A binding.
    Leaf(u8),
    /// The result of an earlier step.
    Step(u8),
    /// The kernel's parameters.
    Number,
}

impl Step {
    fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        self.sources.iter().copied().take_while(|source| *source != Source::None)
    }

    /// The library it may call functions of: that of floats or that of its type. Numbers that are
    /// only converted need none.
    pub fn library(wgsl: &str, compute: DType) -> Option<DType> {
        match compute {
            compute if compute.is_float() => Some(DType::F32),
            _ if wgsl == "x" => None,
            compute => Some(compute),
        }
    }
}

type Known = HashSet<&'static [Step], BuildHasherDefault<FxHasher>>;

/// The same steps, kept for good, so that kernels are told apart by an address.
pub(crate) fn intern(steps: &[Step]) -> &'static [Step] {
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock();
    if let Some(found) = known.get(steps) {
        return found;
    }
    let kept: &'static [Step] = Box::leak(steps.into());
    known.insert(kept);
    kept
}

/// `constants[0]`: rank, 0 where all lies alike; `[1]`: how the output is written; `[2]`: a bit for
/// each operand that is read through the output.
pub(super) mod how {
    pub const ELEMENTS: u32 = 0;
    pub const WORDS: u32 = 1;
}

/// The shader of a variant.
pub(crate) fn text(variant: &Variant, file: &str) -> String {
    Writer::new(variant).write(file)
}

/// The library functions that steps call are those of this type.
fn library(steps: &[Step]) -> DType {
    steps.iter().find_map(|s| Step::library(s.wgsl, s.compute)).unwrap_or(steps[0].compute)
}

/// What the text is made from: the slots are output and operands.
struct Writer<'a> {
    steps: &'a [Step],
    rank: usize,
    out: (DType, Access),
    operands: Vec<(DType, bool)>,
}

impl Writer<'_> {
    fn new(variant: &Variant) -> Writer<'_> {
        let shared = |i: usize| variant.consts[2] >> i & 1 == 1;
        let operands = variant.slots[1..].iter().flatten().enumerate();
        Writer {
            steps: variant.steps,
            rank: variant.consts[0] as usize,
            out: variant.slots[0].unwrap_or((DType::F32, Access::Write)),
            operands: operands.map(|(i, slot)| (slot.0, shared(i))).collect(),
        }
    }

    fn write(&self, file: &str) -> String {
        let mut functions = self.element();
        functions += &self.place();
        let body = file
            .replace("{{FIELDS}}", &self.fields())
            .replace("{{FUNCTIONS}}", &functions)
            .replace("{{STORE}}", &self.store());
        shader::assemble(&self.bindings(), &body, library(self.steps))
    }

    fn fields(&self) -> String {
        let mut text = String::new();
        for i in 0..self.operands.len() {
            let _ = write!(text, ", at{i}: u32");
            text += &self.each_dim(&format!("s{i}"));
        }
        text += ", at: u32";
        text += &self.each_dim("s");
        text += &self.each_dim("d");
        text + &number_fields(self.steps)
    }

    /// A field for each dimension of the walk.
    fn each_dim(&self, name: &str) -> String {
        (0..self.rank).fold(String::new(), |text, d| text + ", " + name + &format!("_{d}: u32"))
    }

    fn bindings(&self) -> String {
        let (mut text, mut at) = (String::new(), 0);
        let (dtype, access) = self.out;
        for (i, (dtype, shared)) in self.operands.iter().enumerate() {
            let name = format!("in{i}");
            if *shared {
                text += &shader::reader(&name, "out0", *dtype, access);
            } else {
                text += &shader::binding(at, &name, *dtype, Access::Read);
                text += &shader::reader(&name, &name, *dtype, Access::Read);
                at += 1;
            }
        }
        text += &shader::binding(at, "out0", dtype, access);
        if access == Access::Write {
            text += &shader::writer("out0", dtype);
        }
        text
    }

    /// `element(i)`: the result at position i of the walk, as the output's dtype computes.
    fn element(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "fn element(i: u32) -> {} {{", compute_type(self.out.0));
        let names: Vec<String> = (0..self.operands.len()).map(|i| i.to_string()).collect();
        text += &self.index(&names);
        for i in 0..self.operands.len() {
            let _ = writeln!(text, "  let e{i} = in{i}_at(j{i});");
        }
        text += &statements(self.steps, |i| (format!("e{i}"), self.operands[i].0));
        let _ = writeln!(text, "  return v{};\n}}", self.steps.len() - 1);
        text
    }

    /// Offsets of operands at position `i`, in variables `j<name>`.
    fn index(&self, names: &[String]) -> String {
        let mut text = String::new();
        for name in names {
            let start = if self.rank == 0 { " + i" } else { "" };
            let _ = writeln!(text, "  var j{name} = p.at{name}{start};");
        }
        if names.is_empty() {
            return text;
        }
        text += if self.rank > 1 { "  var r = i;\n" } else { "" };
        for d in (0..self.rank).rev() {
            let coordinate = if self.rank == 1 {
                "i".to_string()
            } else if d == 0 {
                "r".to_string()
            } else {
                let _ = writeln!(text, "  let c{d} = r % p.d_{d}; r = r / p.d_{d};");
                format!("c{d}")
            };
            for name in names {
                let _ = writeln!(text, "  j{name} += {coordinate} * p.s{name}_{d};");
            }
        }
        text
    }

    /// `place(i)`: where the output's element at position i of the walk lies.
    fn place(&self) -> String {
        let index = self.index(&[String::new()]);
        format!("fn place(i: u32) -> u32 {{\n{index}  return j;\n}}\n")
    }

    fn store(&self) -> String {
        let (dtype, access) = self.out;
        if access != Access::Words {
            return "  if (i >= p.n) { return; }\n  out0_put(place(i), element(i));\n".to_string();
        }
        let per = per_word(dtype);
        let (width, mask) = (32 / per, (1u32 << (32 / per)) - 1);
        let bits = shader::bits(dtype, "v");
        format!(
            "  let first = i * {per}u;\n  if (first >= p.n) {{ return; }}\n  \
             let w = p.at / {per}u + i;\n  var word = out0[w];\n  \
             for (var k = 0u; k < min({per}u, p.n - first); k += 1u) {{\n    \
             let v = element(first + k);\n    let s = k * {width}u;\n    \
             word = (word & ~({mask}u << s)) | ({bits} << s);\n  }}\n  out0[w] = word;\n"
        )
    }
}

/// Words of a number among the operands of a step.
pub(super) fn number_words(compute: DType) -> usize {
    if compute == DType::I64 { 2 } else { 1 }
}

/// A field for each word of numbers and parameters, in the order of the steps.
pub(crate) fn number_fields(steps: &[Step]) -> String {
    let words = |step: &Step| {
        let numbers = step.sources().filter(|source| *source == Source::Number).count();
        numbers * number_words(step.compute) + usize::from(step.params)
    };
    let count = steps.iter().map(words).sum::<usize>();
    (0..count).fold(String::new(), |text, k| text + &format!(", k{k}: u32"))
}

/// A block for each step, whose result is `v<number of the step>`; `leaf` says how operands are
/// read and of which dtype they are.
pub(crate) fn statements(steps: &[Step], leaf: impl Fn(usize) -> (String, DType)) -> String {
    let (mut text, mut word) = (String::new(), 0);
    for (i, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "  var v{i}: {};\n  {{", compute_type(step.dtype));
        let letters = if step.sources().count() == 1 { ["x", "", ""] } else { ["a", "b", "c"] };
        for (source, letter) in step.sources().zip(letters) {
            let (value, dtype) = match source {
                Source::Leaf(at) => leaf(at.into()),
                Source::Step(at) => (format!("v{at}"), steps[usize::from(at)].dtype),
                Source::Number | Source::None => {
                    word += number_words(step.compute);
                    (number(step.compute, word), step.compute)
                }
            };
            let mut value = convert(&value, Yield::Number(dtype), step.compute);
            // Two operands may be one value, of whose difference compilers say 0, also for NaN.
            if letter == "b" && step.compute.is_float() {
                value = opaque(&value);
            }
            let _ = writeln!(text, "    let {letter} = {value};");
        }
        for k in (0..4).filter(|k| step.wgsl.contains(&format!("p{k}"))) {
            if k < usize::from(step.params) {
                let _ = writeln!(text, "    let p{k} = bitcast<f32>(p.k{});", word + k);
            } else {
                let _ = writeln!(text, "    let p{k} = 0.0;");
            }
        }
        word += usize::from(step.params);
        let yields = if step.truth { Yield::Truth } else { Yield::Number(step.compute) };
        let value = convert("value", yields, step.dtype);
        let rounded = if i + 1 == steps.len() { value } else { rounded(step.dtype, &value) };
        let _ = writeln!(text, "    let value = {};\n    v{i} = {rounded};\n  }}", step.wgsl);
    }
    text
}

/// Steps on a value `v` that another kernel computed, of a dtype, and the name of what comes of it.
pub(crate) fn epilogue(steps: &[Step], dtype: DType) -> (String, String) {
    let Some(last) = steps.len().checked_sub(1) else { return (String::new(), "v".to_string()) };
    let text = statements(steps, |_| ("e0".to_string(), dtype));
    (format!("let e0 = {};\n{text}", rounded(dtype, "v")), format!("v{last}"))
}

/// The number that ends before a word of the parameters.
fn number(compute: DType, end: usize) -> String {
    match compute_type(compute) {
        "f32" => format!("bitcast<f32>(p.k{})", end - 1),
        "i64" => format!("long_of(p.k{}, p.k{})", end - 2, end - 1),
        _ => format!("bitcast<i32>(p.k{})", end - 1),
    }
}

/// The value as memory of a dtype would give it back, lest a compiler treats several ops as one:
/// contracted, or worse.
fn rounded(dtype: DType, value: &str) -> String {
    let packed = per_word(dtype) > 1 && dtype != DType::Bool;
    let value = if packed {
        shader::unpacked(dtype, &shader::bits(dtype, value), "0u")
    } else {
        value.to_string()
    };
    if dtype.is_float() { opaque(&value) } else { value }
}

/// The same float, by way of a number that only the host knows to be 0.
fn opaque(value: &str) -> String {
    format!("bitcast<f32>(bitcast<u32>({value}) ^ nothing())")
}

/// Variants for tests: casts between all dtypes, fills, in-place and strided forms.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    for &from in dtypes {
        for &to in dtypes {
            for access in [Access::Words, Access::Write] {
                if access == Access::Words && per_word(to) == 1 {
                    continue;
                }
                let rank = if access == Access::Words { 1 } else { 3 };
                let cast = |source| {
                    let slots = [(to, access), (from, Access::Read)];
                    let slots = if source == Source::Number { &slots[..1] } else { &slots };
                    let steps = [step(("x", from, false), to, &[source])];
                    Variant { steps: intern(&steps), ..Variant::new("map", slots) }
                };
                list.push(cast(Source::Leaf(0)).with(&[rank, 0, 0]));
                list.push(cast(Source::Leaf(0)).with(&[0, 0, 0]));
                list.push(cast(Source::Number).with(&[rank, 0, 0]));
                if from == to {
                    list.push(cast(Source::Leaf(0)).with(&[rank, 0, 1]));
                }
            }
        }
        list.push(chain(from));
    }
    list
}

fn step(op: (&'static str, DType, bool), dtype: DType, sources: &[Source]) -> Step {
    let (wgsl, compute, truth) = op;
    let mut step = Step { wgsl, compute, truth, dtype, sources: Default::default(), params: 0 };
    step.sources[..sources.len()].copy_from_slice(sources);
    step
}

/// A step with a number and a parameter, for tests of kernels that go on with some.
pub(crate) fn unary_sample(dtype: DType) -> &'static [Step] {
    let sources = [Source::Leaf(0), Source::Number];
    let step = step(("max_nan(a, b) * p0", dtype.compute(), false), dtype, &sources);
    intern(&[Step { params: 1, ..step }])
}

/// Steps one after another, with numbers and parameters.
fn chain(dtype: DType) -> Variant {
    let access = if per_word(dtype) > 1 { Access::Words } else { Access::Write };
    let slots = [(dtype, access), (dtype, Access::Read), (DType::Bool, Access::Read)];
    let compute = dtype.compute();
    let chosen = [Source::Step(0), Source::Leaf(0), Source::Leaf(1)];
    let mut steps = [
        step(("a", compute, false), dtype, &[Source::Leaf(0), Source::Number]),
        step(("select(b, a, !is_zero(c))", compute, false), dtype, &chosen),
        step(("x", compute, false), dtype, &[Source::Step(1)]),
    ];
    if dtype.is_float() {
        (steps[2].wgsl, steps[2].params) = ("x * p0 + p1", 1);
    }
    Variant { steps: intern(&steps), ..Variant::new("map", &slots) }
}

/// The variant of a row for one dtype, for tests.
pub fn sample(op: &super::Expression, out: DType, operands: usize) -> Variant {
    let access = if per_word(out) > 1 { Access::Words } else { Access::Write };
    let mut variant = Variant::new("map", &[(out, access)]);
    let mut sources = [Source::None; 3];
    for (i, source) in sources[..operands].iter_mut().enumerate() {
        *source = Source::Leaf(i as u8);
        variant.slots[1 + i] = Some((op.compute, Access::Read));
    }
    let step = Step { sources, params: 4, ..step((op.wgsl, op.compute, op.truth), out, &[]) };
    Variant { steps: intern(&[step]), ..variant }.with(&[2])
}
