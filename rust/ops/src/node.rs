//! Nodes of ops that are not elementwise: a name, what is saved, and a formula.

use crate::Var;
use array::Array;
use base::Result;
use parking_lot::Mutex;
use std::any::Any;
use tape::{Backward, Context, Edge, Grads, SavedInput, SavedOutput, Tensor};

/// `log_softmax` to `LogSoftmax`, `log1p` to `Log1P`.
pub fn camel(name: &str) -> String {
    let mut upper = true;
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c != '_' {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
        }
        upper = c == '_' || c.is_ascii_digit();
    }
    out
}

/// A linear op of one input: nothing is kept but what the closure captured (shapes, numbers).
pub struct Linear<F> {
    name: &'static str,
    vjp: F,
    piecewise: bool,
}

impl<F: Fn(Var) -> Var + Send + Sync + 'static> Linear<F> {
    /// A node whose input gradient is `vjp` of the output gradient.
    pub fn new(name: &'static str, vjp: F) -> Self {
        Linear { name, vjp, piecewise: false }
    }

    /// A node that is linear only where the input stays within one piece (a maximum, a choice).
    pub fn piecewise(name: &'static str, vjp: F) -> Self {
        Linear { name, vjp, piecewise: true }
    }
}

impl<F: Fn(Var) -> Var + Send + Sync + 'static> Backward for Linear<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads> {
        let grad = match &grads[0] {
            Some(grad) => Some((self.vjp)(Var::from(grad)).tensor()?),
            None => None,
        };
        let grad = match grad {
            Some(grad) if self.piecewise => Some(piecewise(grad, &cx.node.edges)),
            grad => grad,
        };
        Ok(std::iter::once(grad).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The node of a gradient that is constant in the inputs of its op: its own gradient is nothing.
struct Flat;

impl Backward for Flat {
    fn name(&self) -> &'static str {
        "FlatBackward0"
    }

    fn vjp(&self, _: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads> {
        Ok(std::iter::repeat_n(None, cx.node.edges.len()).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The gradient of a piecewise linear op. Recorded, it does not depend on the inputs, which lie
/// behind `edges`: its derivative towards them is zero, which is not the same as no history.
pub(crate) fn piecewise(grad: Tensor, edges: &[Edge]) -> Tensor {
    if !tape::grad_enabled() || grad.requires_grad() {
        return grad;
    }
    let flat = grad.detach();
    tape::attach(&flat, edges.iter().cloned().collect(), Flat);
    flat
}

/// A linear function of `x` made of several ops as one node.
pub(crate) fn linear<F>(
    name: &'static str,
    x: &Tensor,
    value: impl FnOnce() -> Result<Tensor>,
    vjp: F,
) -> Result<Tensor>
where
    F: Fn(Var) -> Var + Send + Sync + 'static,
{
    let value = {
        let _off = tape::set_grad_enabled(false);
        value()?
    };
    tape::record(value.array(), &[x], |_| Ok(Linear::new(name, vjp)))
}

/// What a [`Formula`] is given.
pub struct Saved {
    /// Saved inputs and outputs in the order they were named.
    pub vars: Vec<Var>,
    /// Which inputs' gradients are wanted.
    pub needs: Vec<bool>,
}

type Rule = dyn Fn(&[Option<Tensor>], &Saved) -> Result<Vec<Option<Var>>> + Send + Sync;

/// The general node: any number of inputs, outputs and saved values.
pub struct Formula {
    name: &'static str,
    inputs: usize,
    saved: Mutex<Option<Vec<Slot>>>,
    rule: Box<Rule>,
    joint: bool,
    /// The edge of each input, where optional ones are absent.
    places: Option<Vec<usize>>,
}

#[derive(Clone)]
enum Slot {
    Input(SavedInput),
    Output(SavedOutput),
    Bare(Array),
}

impl Slot {
    /// Reading it runs a user's code.
    fn is_packed(&self) -> bool {
        match self {
            Slot::Input(input) => input.is_packed(),
            Slot::Output(output) => output.is_packed(),
            Slot::Bare(_) => false,
        }
    }
}

/// Something a formula keeps.
pub enum Keep<'a> {
    /// An input, with its history.
    Input(&'a Tensor),
    /// An output, by its number.
    Output(&'a Tensor, usize),
    /// A by-product nobody differentiates (a mean, a mask, indices).
    Bare(&'a Array),
}

impl Formula {
    /// A node with `inputs` edges that keeps `keeps` and takes gradients by `rule`.
    pub fn new(
        name: &'static str,
        inputs: usize,
        keeps: &[Keep<'_>],
        rule: impl Fn(&[Option<Tensor>], &Saved) -> Result<Vec<Option<Var>>> + Send + Sync + 'static,
    ) -> Result<Formula> {
        let slots = keeps
            .iter()
            .map(|keep| {
                Ok(match keep {
                    Keep::Input(tensor) => Slot::Input(SavedInput::new(tensor)?),
                    Keep::Output(tensor, index) => Slot::Output(SavedOutput::new(tensor, *index)?),
                    Keep::Bare(array) => Slot::Bare((*array).clone()),
                })
            })
            .collect::<Result<Vec<Slot>>>()?;
        Ok(Formula {
            name,
            inputs,
            saved: Mutex::new(Some(slots)),
            rule: Box::new(rule),
            joint: false,
            places: None,
        })
    }

    /// All gradients count as results of one op of all inputs: recorded, each has their history even
    /// where it does not depend on them.
    #[must_use]
    pub fn joint(self) -> Formula {
        Formula { joint: true, ..self }
    }
}

impl Formula {
    /// What is saved; the lock is not held where reading it runs a user's code.
    fn saved_vars(&self, node: &tape::NodeRef) -> Result<Vec<Var>> {
        let read = |slots: &[Slot]| slots.iter().map(|slot| self.read(slot, node)).collect();
        let saved = self.saved.lock();
        let Some(slots) = saved.as_deref() else {
            return tape::again();
        };
        if !slots.iter().any(Slot::is_packed) {
            return read(slots);
        }
        let slots = slots.to_vec();
        drop(saved);
        read(&slots)
    }

    fn read(&self, slot: &Slot, node: &tape::NodeRef) -> Result<Var> {
        Ok(Var::T(match slot {
            Slot::Input(input) => input.get(self.name)?,
            Slot::Output(output) => output.get(node)?,
            Slot::Bare(array) => Tensor::new(array.clone()),
        }))
    }
}

impl Backward for Formula {
    fn name(&self) -> &'static str {
        self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads> {
        if grads.iter().all(Option::is_none) {
            return Ok(std::iter::repeat_n(None, cx.node.edges.len()).collect());
        }
        let vars = self.saved_vars(cx.node)?;
        let place = |i: usize| self.places.as_ref().map_or(i, |places| places[i]);
        let needs = (0..self.inputs).map(|i| cx.needs(place(i))).collect();
        let grads = (self.rule)(grads, &Saved { vars, needs })?;
        let settled = |g: Tensor| if self.joint { piecewise(g, &cx.node.edges) } else { g };
        let mut all: Grads = std::iter::repeat_n(None, cx.node.edges.len()).collect();
        for (i, grad) in grads.into_iter().enumerate() {
            all[place(i)] = grad.map(Var::tensor).transpose()?.map(settled);
        }
        Ok(all)
    }

    fn release(&self) {
        let mut saved = self.saved.lock();
        let keeps = saved.as_ref().is_some_and(|slots| !slots.is_empty());
        let old = if keeps { saved.take() } else { None };
        drop(saved);
        drop(old);
    }

    fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        for slot in self.saved.try_lock().iter().filter_map(|saved| saved.as_ref()).flatten() {
            if let Slot::Input(input) = slot {
                input.visit_owned(visit);
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Records an op some of whose inputs may be absent: those leave an edge to nowhere, so that every
/// input keeps its place among `next_functions`. The body is of the inputs that are present.
pub(crate) fn record_optional(
    out: Array,
    inputs: &[Option<&Tensor>],
    body: impl FnOnce(&[&Tensor]) -> Result<Formula>,
) -> Result<Tensor> {
    let out = Tensor::new(out);
    let present: Vec<&Tensor> = inputs.iter().flatten().copied().collect();
    if !out.dtype().is_differentiable() || !tape::needs_history(&present) {
        return Ok(out);
    }
    let edge =
        |input: Option<&Tensor>| input.map_or_else(|| Ok(Edge::default()), Tensor::gradient_edge);
    let edges = inputs.iter().copied().map(edge).collect::<Result<_>>()?;
    let places = Some((0..inputs.len()).filter(|&i| inputs[i].is_some()).collect());
    tape::attach(&out, edges, Formula { places, ..body(&present)? });
    Ok(out)
}

/// The error of a formula asked for a gradient it was not given.
pub(crate) fn absent() -> Result<Tensor> {
    base::bail!(Runtime, "internal error: a formula ran without a gradient")
}
