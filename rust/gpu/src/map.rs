//! Elementwise kernels: any expression over broadcast operands of any dtypes and strides. Copies,
//! casts, fills and selections are expressions too.
//!
//! Operands are walked as a loop nest of merged dimensions; the shader's index arithmetic is
//! written out for its rank. An operand that shares the output's buffer is read through it.

use crate::launch::{Launch, spread};
use crate::shader::{self, Access, Variant, Yield, compute_type, convert, per_word};
use crate::view::{no_kernel, too_many_dims};
use crate::window::{self, Window};
use crate::{Buffer, Device, View, check_dtype};
use base::iter::Nest;
use base::{DType, Layout, Result, Scalar};
use std::fmt::Write;

/// An operand.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// Elements that broadcast to the output.
    View(View<'a>),
    /// One number.
    Scalar(Scalar),
}

impl<'a> Operand<'a> {
    fn view(&self) -> Option<View<'a>> {
        match self {
            Operand::View(view) => Some(*view),
            Operand::Scalar(_) => None,
        }
    }
}

/// An elementwise op.
#[derive(Clone, Copy)]
pub struct Expression {
    /// The op's name, for errors.
    pub name: &'static str,
    /// WGSL in `x` (or `a`, `b`, `c`) and `p0` to `p3`.
    pub wgsl: &'static str,
    /// The type it computes in.
    pub compute: DType,
    /// It yields truth values.
    pub truth: bool,
}

/// Words of parameters before those of the operands.
const HEAD: usize = 6;
const MAX_WORDS: usize = 32;
const MAX_OPERANDS: usize = 3;
/// Operands and output.
const ALL: usize = MAX_OPERANDS + 1;

/// `constants[0]`: rank; `[1]`: how the output is written; `[2]`: two bits an operand; `[3]`: truth.
mod how {
    pub const ELEMENTS: u32 = 0;
    pub const WORDS: u32 = 1;
    pub const VIEW: u32 = 0;
    pub const SCALAR: u32 = 1;
    pub const SHARED: u32 = 2;
}

/// `out = expression(operands)`, in place where an operand is the output.
pub fn map(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
) -> Result<()> {
    check_dtype(op.name, op.compute)?;
    check_dtype(op.name, out.dtype)?;
    if op.wgsl.is_empty() || operands.len() > MAX_OPERANDS {
        return Err(no_kernel(op.name, format!("on gpu:{}", out.device().index())));
    }
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    let views = operands.iter().filter_map(Operand::view).chain([out]);
    if views.clone().any(|v| window::is_large(&[v])) {
        return map_halves(op, out, operands, params);
    }
    let walk = Walk::plan(&out, operands);
    if walk.words(operands) > MAX_WORDS {
        return map_dense(op, out, operands, params);
    }
    launch(op, out, operands, params, &walk)
}

/// Of more than one binding holds: by halves, as long as it takes.
fn map_halves(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
) -> Result<()> {
    let expanded: Vec<Option<Layout>> = operands
        .iter()
        .map(|operand| {
            operand.view().map(|view| Layout {
                dims: out.layout.dims.clone(),
                strides: broadcast(&view, out.dims()),
                offset: view.layout.offset,
            })
        })
        .collect();
    let views = operands
        .iter()
        .zip(&expanded)
        .filter_map(|(operand, layout)| Some(View { layout: layout.as_ref()?, ..operand.view()? }));
    let all: Vec<View<'_>> = views.chain([out]).collect();
    let large = all.iter().find(|view| window::is_large(&[**view]));
    let Some(d) = large.and_then(|view| window::widest(view, |_| true)) else {
        return Err(too_many_dims(op.name, out.dims()));
    };
    for half in 0..2 {
        let to = window::halves(out.layout, d)[half].clone();
        let layouts: Vec<Option<Layout>> = expanded
            .iter()
            .map(|layout| layout.as_ref().map(|l| window::halves(l, d)[half].clone()))
            .collect();
        let parts: Vec<Operand<'_>> = operands
            .iter()
            .zip(&layouts)
            .map(|(operand, layout)| match (operand, layout) {
                (Operand::View(view), Some(layout)) => Operand::View(View { layout, ..*view }),
                _ => *operand,
            })
            .collect();
        map(op, View { layout: &to, ..out }, &parts, params)?;
    }
    Ok(())
}

/// With too many dimensions for the parameters: first brings operands into the output's order.
fn map_dense(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
) -> Result<()> {
    let strided =
        operands.iter().position(|o| matches!(o, Operand::View(v) if !is_same_order(v, &out)));
    let layout = base::layout::preserved_layout(out.layout);
    let dtype = match strided.map(|at| &operands[at]) {
        Some(Operand::View(view)) => view.dtype,
        _ => out.dtype,
    };
    let nbytes = layout.end() * dtype.size();
    let buffer = out.device().allocate(nbytes, false)?;
    let dense = View::new(&buffer, dtype, &layout);
    let Some(at) = strided else {
        if out.layout.is_dense() {
            return Err(too_many_dims(op.name, out.dims()));
        }
        map(op, dense, operands, params)?;
        return copy(out, dense);
    };
    if let Operand::View(view) = &operands[at] {
        copy(dense, *view)?;
    }
    let mut list = operands.to_vec();
    list[at] = Operand::View(dense);
    map(op, out, &list, params)
}

fn is_same_order(view: &View<'_>, out: &View<'_>) -> bool {
    view.layout.dims == out.layout.dims && view.layout.strides == out.layout.strides
}

/// Casts and copies; source and target share no elements.
pub fn copy(out: View<'_>, source: View<'_>) -> Result<()> {
    let (name, wgsl) = ("copy_", "x");
    let op = Expression { name, wgsl, compute: source.dtype, truth: false };
    map(&op, out, &[Operand::View(source)], [0.0; 4])
}

/// One number everywhere.
pub fn fill(out: View<'_>, value: Scalar) -> Result<()> {
    let op = Expression { name: "fill_", wgsl: "x", compute: out.dtype, truth: false };
    map(&op, out, &[Operand::Scalar(value)], [0.0; 4])
}

impl Device {
    /// Memory full of zeros.
    pub fn zeros(&'static self, nbytes: usize) -> Result<Buffer> {
        let buffer = self.allocate(nbytes, false)?;
        let layout = Layout::contiguous(&[nbytes.div_ceil(4)]);
        fill(View::new(&buffer, DType::I32, &layout), Scalar::Int(0))?;
        Ok(buffer)
    }
}

/// `a` where the condition holds, else `b`.
pub fn where_(out: View<'_>, condition: View<'_>, a: Operand<'_>, b: Operand<'_>) -> Result<()> {
    let wgsl = "select(b, a, !is_zero(c))";
    let op = Expression { name: "where", wgsl, compute: out.dtype, truth: false };
    map(&op, out, &[a, b, Operand::View(condition)], [0.0; 4])
}

/// The merged loops over the output and the operands.
struct Walk {
    nest: Nest<ALL>,
}

impl Walk {
    fn plan(out: &View<'_>, operands: &[Operand<'_>]) -> Walk {
        let rank = out.dims().len();
        let mut strides: [base::Strides; ALL] = std::array::from_fn(|_| base::Strides::new());
        strides[0] = out.layout.strides.clone();
        for (slot, operand) in strides[1..].iter_mut().zip(operands) {
            *slot = match operand {
                Operand::View(view) => broadcast(view, out.dims()),
                Operand::Scalar(_) => (0..rank).map(|_| 0).collect(),
            };
        }
        for slot in strides.iter_mut().skip(1 + operands.len()) {
            *slot = (0..rank).map(|_| 0).collect();
        }
        let [o, a, b, c] = &strides;
        Walk { nest: Nest::plan(out.dims(), [o, a, b, c]) }
    }

    fn rank(&self) -> usize {
        self.nest.dims.len()
    }

    fn words(&self, operands: &[Operand<'_>]) -> usize {
        let rank = self.rank();
        let each = |o: &Operand<'_>| if matches!(o, Operand::View(_)) { 1 + rank } else { 2 };
        HEAD + operands.iter().map(each).sum::<usize>() + 1 + 2 * rank
    }
}

fn broadcast(view: &View<'_>, dims: &[usize]) -> base::Strides {
    let lead = dims.len() - view.dims().len();
    let stride = |d: usize| {
        let repeated = d < lead || (view.dims()[d - lead] == 1 && dims[d] != 1);
        if repeated { 0 } else { view.layout.strides[d - lead] }
    };
    (0..dims.len()).map(stride).collect()
}

fn launch(
    op: &Expression,
    out: View<'_>,
    operands: &[Operand<'_>],
    params: [f64; 4],
    walk: &Walk,
) -> Result<()> {
    let n = out.numel();
    let per = per_word(out.dtype);
    let dense = walk.nest.is_flat(0) && out.layout.offset.is_multiple_of(per);
    let words = per > 1 && dense;
    let device = out.device();
    let mut variant = Variant::new("map", &[]).of(op.wgsl);
    let shares = |view: &View<'_>| std::ptr::eq(view.buffer, out.buffer);
    let mut sharing = [out; ALL];
    for (slot, view) in
        sharing.iter_mut().zip(operands.iter().filter_map(Operand::view).filter(shares))
    {
        *slot = view;
    }
    let target = Window::of(&sharing);
    let mut reads = [target; MAX_OPERANDS];
    let (mut count, mut kinds) = (0, 0);
    let mut immediates = Immediates::new(n, params);
    for (i, operand) in operands.iter().enumerate() {
        let dtype = match operand {
            Operand::Scalar(scalar) => {
                kinds |= how::SCALAR << (2 * i);
                immediates.scalar(*scalar, op.compute);
                op.compute
            }
            Operand::View(view) => {
                let window = if shares(view) { target } else { Window::of(&[*view]) };
                if shares(view) {
                    kinds |= how::SHARED << (2 * i);
                } else {
                    reads[count] = window;
                    count += 1;
                }
                immediates.view(window.place(view), &walk.nest.strides[1 + i]);
                view.dtype
            }
        };
        check_dtype(op.name, dtype)?;
        variant.slots[1 + i] = Some((dtype, Access::Read));
    }
    immediates.view(target.place(&out), &walk.nest.strides[0]);
    immediates.dims(&walk.nest.dims);
    let access = if words { Access::Words } else { Access::Write };
    variant.slots[0] = Some((out.dtype, access));
    variant.slots[1 + MAX_OPERANDS] = Some((op.compute, Access::Read));
    let written = if words { how::WORDS } else { how::ELEMENTS };
    variant.consts = [walk.rank() as u32, written, kinds, u32::from(op.truth)];
    let threads = if words { n.div_ceil(per) } else { n };
    let groups = spread(threads.div_ceil(GROUP));
    immediates.words[1] = (groups[0] * GROUP) as u32;
    device.launch(&Launch {
        variant,
        reads: &reads[..count],
        writes: &[target],
        params: immediates.used(),
        groups,
    })
}

const GROUP: usize = 256;

struct Immediates {
    words: [u32; MAX_WORDS],
    used: usize,
}

impl Immediates {
    fn new(n: usize, params: [f64; 4]) -> Immediates {
        let mut words = [0; MAX_WORDS];
        words[0] = n as u32;
        for (slot, number) in words[2..HEAD].iter_mut().zip(params) {
            *slot = (number as f32).to_bits();
        }
        Immediates { words, used: HEAD }
    }

    fn push(&mut self, word: u32) {
        self.words[self.used] = word;
        self.used += 1;
    }

    fn scalar(&mut self, scalar: Scalar, compute: DType) {
        let bits = if compute.is_float() {
            u64::from((scalar.to_f64() as f32).to_bits())
        } else {
            scalar.to_i64() as u64
        };
        self.push(bits as u32);
        self.push((bits >> 32) as u32);
    }

    fn view(&mut self, place: u32, strides: &[isize]) {
        self.push(place);
        for &step in strides {
            self.push(step as u32);
        }
    }

    fn dims(&mut self, dims: &[usize]) {
        for &size in dims {
            self.push(size as u32);
        }
    }

    fn used(&self) -> &[u32] {
        &self.words[..self.used]
    }
}

/// The shader of a variant.
pub(crate) fn text(variant: &Variant, file: &str) -> String {
    Writer::new(variant).write(file)
}

/// What the text is made from: the slots are output, operands, compute type.
struct Writer<'a> {
    variant: &'a Variant,
    rank: usize,
    out: (DType, Access),
    operands: Vec<(DType, u32)>,
    compute: DType,
}

impl Writer<'_> {
    fn new(variant: &Variant) -> Writer<'_> {
        let kind = |i: usize| variant.consts[2] >> (2 * i) & 3;
        let operands = variant.slots[1..=MAX_OPERANDS].iter().flatten().enumerate();
        Writer {
            variant,
            rank: variant.consts[0] as usize,
            out: variant.slots[0].unwrap_or((DType::F32, Access::Write)),
            operands: operands.map(|(i, slot)| (slot.0, kind(i))).collect(),
            compute: variant.slots[1 + MAX_OPERANDS].map_or(DType::F32, |slot| slot.0),
        }
    }

    fn write(&self, file: &str) -> String {
        let mut functions = self.element();
        functions += &self.place();
        let body = file
            .replace("{{FIELDS}}", &self.fields())
            .replace("{{FUNCTIONS}}", &functions)
            .replace("{{STORE}}", &self.store());
        shader::assemble(&self.bindings(), &body, self.compute)
    }

    fn fields(&self) -> String {
        let mut text = String::new();
        for (i, (_, kind)) in self.operands.iter().enumerate() {
            if *kind == how::SCALAR {
                let _ = write!(text, ", low{i}: u32, high{i}: u32");
            } else {
                let _ = write!(text, ", at{i}: u32");
                text += &self.each_dim(&format!("s{i}"));
            }
        }
        text += ", at: u32";
        text += &self.each_dim("s");
        text += &self.each_dim("d");
        text
    }

    /// A field for each dimension of the walk.
    fn each_dim(&self, name: &str) -> String {
        (0..self.rank).fold(String::new(), |text, d| text + ", " + name + &format!("_{d}: u32"))
    }

    fn bindings(&self) -> String {
        let (mut text, mut at) = (String::new(), 0);
        let (dtype, access) = self.out;
        for (i, (dtype, kind)) in self.operands.iter().enumerate() {
            let name = format!("in{i}");
            match *kind {
                how::SHARED => text += &shader::reader(&name, "out0", *dtype, access),
                how::VIEW => {
                    text += &shader::binding(at, &name, *dtype, Access::Read);
                    text += &shader::reader(&name, &name, *dtype, Access::Read);
                    at += 1;
                }
                _ => {}
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
        let views = (0..self.operands.len()).filter(|&i| self.operands[i].1 != how::SCALAR);
        let names: Vec<String> = views.map(|i| i.to_string()).collect();
        text += &self.index(&names);
        let letters: &[&str] = if self.operands.len() == 1 { &["x"] } else { &["a", "b", "c"] };
        for ((i, (dtype, kind)), letter) in self.operands.iter().enumerate().zip(letters) {
            let loaded = if *kind == how::SCALAR {
                self.scalar(i)
            } else {
                let value = format!("in{i}_at(j{i})");
                convert(&value, Yield::Number(*dtype), self.compute)
            };
            let _ = writeln!(text, "  let {letter} = {loaded};");
        }
        for k in 0..4 {
            if self.variant.expr.contains(&format!("p{k}")) {
                let _ = writeln!(text, "  let p{k} = p.p{k};");
            }
        }
        let yields =
            if self.variant.consts[3] == 1 { Yield::Truth } else { Yield::Number(self.compute) };
        let value = convert("value", yields, self.out.0);
        let _ = writeln!(text, "  let value = {};\n  return {value};\n}}", self.variant.expr);
        text
    }

    fn scalar(&self, i: usize) -> String {
        match compute_type(self.compute) {
            "f32" => format!("bitcast<f32>(p.low{i})"),
            "i64" => format!("(i64(bitcast<i32>(p.high{i})) << 32u) | i64(p.low{i})"),
            _ => format!("bitcast<i32>(p.low{i})"),
        }
    }

    /// Offsets of operands at position `i`, in variables `j<name>`.
    fn index(&self, names: &[String]) -> String {
        let mut text = String::new();
        for name in names {
            let _ = writeln!(text, "  var j{name} = p.at{name};");
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

/// Variants for tests: casts between all dtypes, fills, in-place and strided forms.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    let read = Access::Read;
    for &from in dtypes {
        for &to in dtypes {
            for access in [Access::Words, Access::Write] {
                if access == Access::Words && per_word(to) == 1 {
                    continue;
                }
                let rank = if access == Access::Words { 1 } else { 3 };
                let mut cast = Variant::new("map", &[(to, access), (from, read)]).of("x");
                cast.slots[1 + MAX_OPERANDS] = Some((from, read));
                list.push(cast.with(&[rank, 0, how::VIEW, 0]));
                list.push(cast.with(&[rank, 0, how::SCALAR, 0]));
                if from == to {
                    list.push(cast.with(&[rank, 0, how::SHARED, 0]));
                }
            }
        }
    }
    list
}

/// The variant of a row for one dtype, for tests.
pub fn sample(op: &Expression, out: DType, operands: usize) -> Variant {
    let access = if per_word(out) > 1 { Access::Words } else { Access::Write };
    let mut variant = Variant::new("map", &[(out, access)]).of(op.wgsl);
    for slot in &mut variant.slots[1..=operands] {
        *slot = Some((op.compute, Access::Read));
    }
    variant.slots[1 + MAX_OPERANDS] = Some((op.compute, Access::Read));
    variant.with(&[2, 0, 0, u32::from(op.truth)])
}
