//! Results that are not computed yet, so that elementwise ops one after another become one kernel.
//!
//! An op whose result lies in fresh memory waits here. The next thing that happens on the device and
//! is no such op launches what waits, in the order it was asked for, and only then goes on: nothing
//! is read or overwritten before its time. A result that nobody holds by then is not stored, but
//! computed inside the kernel of the op that uses it; one that is still held (by a variable, or saved
//! for a gradient) is launched for itself and read by the others, so nothing is computed twice.

use super::chain::{self, Chain, HEAD, MAX_LEAVES, MAX_WORDS};
use super::text::{Source, Step, number_words};
use super::{Expression, Operand};
use crate::buffer::Home;
use crate::{Buffer, Device, View};
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
    op: Expression,
    params: [f64; 4],
    inputs: [Option<Input>; 3],
    /// The memory of the result.
    home: Home,
    dtype: DType,
    layout: Layout,
    size: Size,
    /// Another one waiting uses it.
    used: bool,
}

enum Input {
    /// The result of an earlier one waiting.
    Node(usize),
    View(Buffer, DType, Layout),
    Number(Scalar),
}

/// What a kernel of a node and all it uses takes at most.
#[derive(Clone, Copy)]
struct Size {
    leaves: usize,
    numbers: usize,
    /// Operands lie as the result does.
    alike: bool,
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
            library: self.library.or(other.library),
        })
    }

    fn fits(&self, rank: usize) -> bool {
        let rank = if self.alike { 0 } else { rank };
        let words = HEAD + (self.leaves + 1) * (1 + rank) + rank + self.numbers;
        self.leaves <= MAX_LEAVES && words <= MAX_WORDS
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
        let views = || operands.iter().filter_map(Operand::view);
        let here = |view: View<'_>| std::ptr::eq(view.device(), out.device());
        if !self.enabled || !out.fresh || views().any(|v| v.buffer == out.buffer || !here(v)) {
            return Ok(false);
        }
        if self.nodes.len() == MAX_NODES || self.position(out.buffer).is_some() {
            self.settle()?;
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
                    None => Input::View(view.buffer.clone(), view.dtype, view.layout.clone()),
                },
            });
        }
        let (home, dtype, layout) = (out.buffer.home(), out.dtype, out.layout.clone());
        self.nodes.push(Node { op: *op, params, inputs, home, dtype, layout, size, used: false });
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
            library: Step::library(op.wgsl, op.compute),
        };
        for operand in operands {
            let Operand::View(view) = operand else {
                size.numbers += number_words(op.compute);
                continue;
            };
            let Some(at) = self.position(view.buffer) else {
                size.leaves += 1;
                size.alike &= chain::is_same_order(view.layout, out.layout);
                continue;
            };
            let node = &self.nodes[at];
            let alike = node.dtype == view.dtype
                && node.layout == *view.layout
                && chain::is_same_order(view.layout, out.layout);
            if !alike || node.used {
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
        let mut chain = Chain::default();
        let mut steps = [None; MAX_NODES];
        self.compute(&mut chain, &mut steps, at);
        let node = &self.nodes[at];
        if chain.launch(View::new(home, node.dtype, &node.layout))? {
            return Ok(());
        }
        bail!(Runtime, "internal error: {}: a kernel of too many parameters waited", node.op.name)
    }

    /// Adds the step of a node, behind those of what it uses.
    fn compute(
        &self,
        chain: &mut Chain<'a>,
        steps: &mut [Option<Source>; MAX_NODES],
        at: usize,
    ) -> Source {
        if let Some(source) = steps[at] {
            return source;
        }
        let node = &self.nodes[at];
        let mut sources = [Source::None; 3];
        for (source, input) in sources.iter_mut().zip(&node.inputs) {
            *source = match input {
                Some(Input::Node(other)) => match &self.homes[*other] {
                    Some(home) => chain.leaf(self.nodes[*other].view(home)),
                    None => self.compute(chain, steps, *other),
                },
                Some(Input::View(buffer, dtype, layout)) => {
                    chain.leaf(View::new(buffer, *dtype, layout))
                }
                Some(Input::Number(_)) => Source::Number,
                None => Source::None,
            };
        }
        for input in node.inputs.iter().flatten() {
            if let Input::Number(scalar) = input {
                chain.number(*scalar, node.op.compute);
            }
        }
        let source = chain.step(&node.op, node.dtype, sources, node.params);
        steps[at] = Some(source);
        source
    }
}

impl Node {
    fn view<'a>(&'a self, home: &'a Buffer) -> View<'a> {
        View::new(home, self.dtype, &self.layout)
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
