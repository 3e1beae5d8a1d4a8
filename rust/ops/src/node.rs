//! Nodes of ops that are not elementwise: a name, what is saved, and a formula.

use crate::Var;
use array::Array;
use base::Result;
use parking_lot::Mutex;
use std::any::Any;
use tape::{Backward, Context, Grads, SavedInput, SavedOutput, Tensor};

/// `log_softmax` to `LogSoftmax`.
pub fn camel(name: &str) -> String {
    name.split('_')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut chars = part.chars();
            chars.next().map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + chars.as_str())
        })
        .collect()
}

/// A linear op of one input: nothing is kept but what the closure captured (shapes, numbers).
pub struct Linear<F> {
    name: &'static str,
    vjp: F,
}

impl<F: Fn(Var) -> Var + Send + Sync + 'static> Linear<F> {
    /// A node whose input gradient is `vjp` of the output gradient.
    pub fn new(name: &'static str, vjp: F) -> Self {
        Linear { name, vjp }
    }
}

impl<F: Fn(Var) -> Var + Send + Sync + 'static> Backward for Linear<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], _: &Context<'_>) -> Result<Grads> {
        let grad = match &grads[0] {
            Some(grad) => Some((self.vjp)(Var::from(grad)).tensor()?),
            None => None,
        };
        Ok(std::iter::once(grad).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
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
}

enum Slot {
    Input(SavedInput),
    Output(SavedOutput),
    Bare(Array),
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
        Ok(Formula { name, inputs, saved: Mutex::new(Some(slots)), rule: Box::new(rule) })
    }
}

impl Backward for Formula {
    fn name(&self) -> &'static str {
        self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads> {
        if grads.iter().all(Option::is_none) {
            return Ok(std::iter::repeat_n(None, self.inputs).collect());
        }
        let vars = {
            let saved = self.saved.lock();
            let Some(slots) = &*saved else {
                return tape::again();
            };
            slots
                .iter()
                .map(|slot| {
                    Ok(Var::T(match slot {
                        Slot::Input(input) => input.get(self.name)?,
                        Slot::Output(output) => output.get(cx.node)?,
                        Slot::Bare(array) => Tensor::new(array.clone()),
                    }))
                })
                .collect::<Result<Vec<Var>>>()?
        };
        let needs = (0..self.inputs).map(|i| cx.needs(i)).collect();
        let grads = (self.rule)(grads, &Saved { vars, needs })?;
        grads.into_iter().map(|g| g.map(Var::tensor).transpose()).collect()
    }

    fn release(&self) {
        let saved = self.saved.lock().take();
        drop(saved);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The error of a formula asked for a gradient it was not given.
pub(crate) fn absent() -> Result<Tensor> {
    base::bail!(Runtime, "internal error: a formula ran without a gradient")
}
