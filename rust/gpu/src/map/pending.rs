//! Results that are not computed yet, so that elementwise ops one after another become one kernel.
//!
//! An op whose result lies in fresh memory waits here. The next thing that happens on the device and
//! is no such op launches what waits, in the order it was asked for, and only then goes on: nothing
//! is read or overwritten before its time. A result that nobody holds by then is not stored, but
//! computed inside the kernel of the op that uses it; one that is still held (by a variable, or saved
//! for a gradient) is launched for itself and read by the others, so nothing is computed twice.
//! A matrix product waits as well: ops on nothing but its result are part of its kernel.

use super::chain::{self, Chain, HEAD, MAX_LEAVES, MAX_WORDS, is_same_order};
use super::text::{Source, Step, number_words};
use super::{Expression, Operand};
use crate::buffer::Home;
use crate::matmul::{self, Addend, Product};
use crate::{Buffer, Device, View, window};
use base::{DType, Layout, Result, Scalar, bail};

/// Ops that wait at most. They hold their operands' memory, and their kernels are long.
const MAX_NODES: usize = 16;

/// The ops that wait on a device.
pub(crate) struct Pending {
    enabled: bool,
    nodes: Vec<Node>,
}

/// An op that waits.
struct Node {
    work: Work,
    /// The memory of the result.
    home: Home,
    dtype: DType,
    layout: Layout,
    size: Size,
    /// Another one waiting uses it.
    used: bool,
}

enum Work {
    Map { op: Expression, params: [f64; 4], inputs: [Option<Input>; 3] },
    Product { a: Held, b: Held, addend: Option<(Held, [Scalar; 2])> },
}

enum Input {
    /// The result of an earlier one waiting.
    Node(usize),
    View(Held),
    Number(Scalar),
}

/// A view that keeps its memory.
struct Held {
    buffer: Buffer,
    dtype: DType,
    layout: Layout,
}

impl Held {
    fn new(view: &View<'_>) -> Held {
        Held { buffer: view.buffer.clone(), dtype: view.dtype, layout: view.layout.clone() }
    }

    fn view(&self) -> View<'_> {
        View::new(&self.buffer, self.dtype, &self.layout)
    }
}

/// What a kernel of a node and all it uses takes at most.
#[derive(Clone, Copy)]
struct Size {
    leaves: usize,
    numbers: usize,
    /// Operands lie as the result does.
    alike: bool,
    /// It begins with a matrix product, whose kernel reads nothing else.
    product: bool,
    library: Option<DType>,
}

impl Size {
    /// Of a kernel that computes both, if there can be one.
    fn with(self, other: Size) -> Option<Size> {
        let same = match (self.library, other.library) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same.then_some(Size {
            leaves: self.leaves + other.leaves.max(1),
            numbers: self.numbers + other.numbers,
            alike: self.alike && other.alike,
            product: self.product || other.product,
            library: self.library.or(other.library),
        })
    }

    fn fits(&self, rank: usize) -> bool {
        let rank = if self.alike { 0 } else { rank };
        let words = HEAD + (self.leaves + 1) * (1 + rank) + rank + self.numbers;
        let with_product =
            !self.product || (self.leaves == 1 && matmul::WORDS + self.numbers <= MAX_WORDS);
        self.leaves <= MAX_LEAVES && words <= MAX_WORDS && with_product
    }
}

/// Whether ops wait at all: `PYRITE_GPU_FUSION`.
fn wish() -> Result<bool> {
    match std::env::var("PYRITE_GPU_FUSION").as_deref() {
        Err(_) | Ok("" | "1") => Ok(true),
        Ok("0") => Ok(false),
        Ok(other) => bail!(Value, "PYRITE_GPU_FUSION must be '0' or '1', got '{other}'"),
    }
}

impl Pending {
    pub fn new() -> Result<Pending> {
        Ok(Pending { enabled: wish()?, nodes: Vec::new() })
    }

    /// Lets an op wait; not if it cannot be part of another kernel.
    pub(super) fn defer(
        &mut self,
        op: &Expression,
        out: &View<'_>,
        operands: &[Operand<'_>],
        params: [f64; 4],
    ) -> Result<bool> {
        if !self.prepare(out, operands.iter().filter_map(Operand::view))? {
            return Ok(false);
        }
        let size = match self.size(op, out, operands, params) {
            Some(size) => size,
            None if self.nodes.is_empty() => return Ok(false),
            None => {
                self.settle()?;
                let Some(size) = self.size(op, out, operands, params) else { return Ok(false) };
                size
            }
        };
        let mut inputs = [const { None }; 3];
        for (input, operand) in inputs.iter_mut().zip(operands) {
            *input = Some(match operand {
                Operand::Scalar(scalar) => Input::Number(*scalar),
                Operand::View(view) => match self.position(view.buffer) {
                    Some(at) => {
                        self.nodes[at].used = true;
                        Input::Node(at)
                    }
                    None => Input::View(Held::new(view)),
                },
            });
        }
        self.push(Work::Map { op: *op, params, inputs }, out, size);
        Ok(true)
    }

    /// Lets a product of two matrices wait; not if its kernel needs copies of them.
    pub fn defer_product(&mut self, out: &View<'_>, product: &Product<'_>) -> Result<bool> {
        let views = || product.views();
        let plain = |view: View<'_>| view.dims().len() == 2 && !window::is_large(&[view]);
        let fits = out.layout.is_contiguous() && plain(*out) && views().all(plain);
        let floats = out.dtype.is_float() && product.a.dtype == out.dtype;
        if !fits || !floats || !self.prepare(out, views())? {
            return Ok(false);
        }
        if views().any(|view| self.position(view.buffer).is_some()) {
            self.settle()?;
        }
        let addend = product.addend.map(|add| (Held::new(&add.view), [add.beta, add.alpha]));
        let (a, b) = (Held::new(&product.a), Held::new(&product.b));
        let library = Some(DType::F32);
        let size = Size { leaves: 1, numbers: 0, alike: true, product: true, library };
        self.push(Work::Product { a, b, addend }, out, size);
        Ok(true)
    }

    fn push(&mut self, work: Work, out: &View<'_>, size: Size) {
        let (home, dtype, layout) = (out.buffer.home(), out.dtype, out.layout.clone());
        self.nodes.push(Node { work, home, dtype, layout, size, used: false });
    }

    /// Whether an op on these operands may wait; makes room for it.
    fn prepare<'a>(
        &mut self,
        out: &View<'_>,
        mut operands: impl Iterator<Item = View<'a>>,
    ) -> Result<bool> {
        let apart =
            |view: View<'_>| view.buffer != out.buffer && std::ptr::eq(view.device(), out.device());
        if !self.enabled || !out.fresh || !operands.all(apart) {
            return Ok(false);
        }
        if self.nodes.len() == MAX_NODES || self.position(out.buffer).is_some() {
            self.settle()?;
        }
        Ok(true)
    }

    fn position(&self, buffer: &Buffer) -> Option<usize> {
        self.nodes.iter().rposition(|node| node.home.is_of(buffer))
    }

    /// The size of an op together with what waits for it; `None` if they cannot be one kernel.
    fn size(
        &self,
        op: &Expression,
        out: &View<'_>,
        operands: &[Operand<'_>],
        params: [f64; 4],
    ) -> Option<Size> {
        let mut size = Size {
            leaves: 0,
            numbers: chain::passed(params),
            alike: out.layout.is_dense(),
            product: false,
            library: Step::library(op.wgsl, op.compute),
        };
        for operand in operands {
            let Operand::View(view) = operand else {
                size.numbers += number_words(op.compute);
                continue;
            };
            let Some(at) = self.position(view.buffer) else {
                size.leaves += 1;
                size.alike &= is_same_order(view.layout, out.layout);
                continue;
            };
            let node = &self.nodes[at];
            if !node.is_seen_as(view) || node.used || view.layout != out.layout {
                return None;
            }
            size = size.with(node.size)?;
        }
        size.fits(out.dims().len()).then_some(size)
    }

    /// Records kernels for all results that are still held.
    pub fn settle(&mut self) -> Result<()> {
        if self.nodes.is_empty() {
            return Ok(());
        }
        let nodes = std::mem::take(&mut self.nodes);
        let homes: Vec<Option<Buffer>> = nodes.iter().map(|node| node.home.buffer()).collect();
        let pass = Pass { nodes: &nodes, homes: &homes };
        let kept = homes.iter().enumerate().filter_map(|(at, home)| Some((at, home.as_ref()?)));
        // One that fails takes no other with it.
        kept.map(|(at, home)| pass.launch(at, home)).fold(Ok(()), Result::and)
    }
}

/// The launches of all that waits.
struct Pass<'a> {
    nodes: &'a [Node],
    homes: &'a [Option<Buffer>],
}

impl<'a> Pass<'a> {
    fn launch(&self, at: usize, home: &Buffer) -> Result<()> {
        let node = &self.nodes[at];
        let mut kernel = Kernel::default();
        self.compute(&mut kernel, at);
        if let Some((product, layout)) = kernel.product {
            let out = View::new(home, node.dtype, layout);
            return matmul::multiply(out, &product, kernel.chain.ops());
        }
        if kernel.chain.launch(View::new(home, node.dtype, &node.layout))? {
            return Ok(());
        }
        bail!(Runtime, "internal error: a kernel of too many parameters waited")
    }

    /// Adds what a node does, behind what it uses.
    fn compute(&self, kernel: &mut Kernel<'a>, at: usize) -> Source {
        if let Some(source) = kernel.steps[at] {
            return source;
        }
        let node = &self.nodes[at];
        let source = match &node.work {
            Work::Product { a, b, addend } => {
                let addend = addend.as_ref().map(|(held, [beta, alpha])| Addend {
                    view: held.view(),
                    beta: *beta,
                    alpha: *alpha,
                });
                let product = Product { a: a.view(), b: b.view(), addend };
                kernel.product = Some((product, &node.layout));
                Source::Leaf(0)
            }
            Work::Map { op, params, inputs } => {
                let mut sources = [Source::None; 3];
                for (source, input) in sources.iter_mut().zip(inputs.iter().flatten()) {
                    *source = self.source(kernel, input, &node.layout);
                }
                for input in inputs.iter().flatten() {
                    if let Input::Number(scalar) = input {
                        kernel.chain.number(*scalar, op.compute);
                    }
                }
                kernel.chain.step(op, node.dtype, sources, *params)
            }
        };
        kernel.steps[at] = Some(source);
        source
    }

    /// An input of a node whose result lies in this order.
    fn source(&self, kernel: &mut Kernel<'a>, input: &'a Input, layout: &'a Layout) -> Source {
        match input {
            Input::Node(at) => match &self.homes[*at] {
                Some(home) => kernel.chain.leaf(View::new(home, self.nodes[*at].dtype, layout)),
                None => self.compute(kernel, *at),
            },
            Input::View(held) => kernel.chain.leaf(held.view()),
            Input::Number(_) => Source::Number,
        }
    }
}

/// A kernel in the making.
#[derive(Default)]
struct Kernel<'a> {
    chain: Chain<'a>,
    /// What it begins with and the dims of that; the operand of its steps is then its result.
    product: Option<(Product<'a>, &'a Layout)>,
    /// Where the results of nodes are found.
    steps: [Option<Source>; MAX_NODES],
}

impl Node {
    /// The elements are those of the result, in its order. Those of a product may be seen under
    /// other dims: no other operand of its kernel has any.
    fn is_seen_as(&self, view: &View<'_>) -> bool {
        let row_major = || {
            self.layout.is_contiguous()
                && view.layout.is_contiguous()
                && self.layout.offset == view.layout.offset
                && self.layout.numel() == view.layout.numel()
        };
        let product = matches!(self.work, Work::Product { .. });
        self.dtype == view.dtype && (self.layout == *view.layout || (product && row_major()))
    }
}

impl Device {
    /// Launches what waits; comes before anything that is no elementwise op on fresh memory.
    pub(crate) fn settle(&self) -> Result<()> {
        self.pending().settle()
    }

    /// Whether elementwise ops wait, to become one kernel with those that use them.
    pub fn fuses(&self) -> bool {
        self.pending().enabled
    }

    /// Lets elementwise ops wait or not.
    pub fn set_fusion(&self, enabled: bool) -> Result<()> {
        let mut pending = self.pending();
        pending.enabled = enabled;
        pending.settle()
    }
}
