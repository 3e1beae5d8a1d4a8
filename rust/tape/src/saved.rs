//! Values kept for the backward pass, with the check that nobody wrote to them since.

use crate::mode::{self, Packed};
use crate::tensor::Meta;
use crate::{Edge, NodeRef, Tensor, Unpack, Version};
use array::Array;
use base::{Result, bail, ensure};
use std::any::Any;

/// The error of a second walk over a graph whose saved values are gone.
#[cold]
pub fn again<T>() -> Result<T> {
    bail!(
        Runtime,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
    )
}

/// A value as it is, or what hooks made of it (rare, hence behind a box: nodes stay small).
#[derive(Clone)]
enum Kept<T, P> {
    Plain(T),
    Packed(Box<P>),
}

/// An input of an op, kept with its history.
#[derive(Clone)]
pub struct SavedInput {
    /// A packed input with where its gradients go; a plain one knows by itself.
    kept: Kept<Tensor, (Packed, Edge)>,
    version: u64,
}

impl SavedInput {
    /// Keeps `tensor` as it is now.
    pub fn new(tensor: &Tensor) -> Result<SavedInput> {
        ensure!(
            !tensor.is_inference(),
            Runtime,
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        );
        let kept = match mode::pack(|| tensor.clone())? {
            Some(packed) => Kept::Packed(Box::new((packed, tensor.gradient_edge()?))),
            None => Kept::Plain(tensor.clone()),
        };
        Ok(SavedInput { kept, version: tensor.version_count() })
    }

    /// Whether getting it runs a user's code: no lock may be held then.
    pub fn is_packed(&self) -> bool {
        matches!(self.kept, Kept::Packed(_))
    }

    /// Shows the tensor it keeps to a garbage collector.
    pub fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        if let Kept::Plain(tensor) = &self.kept {
            visit(tensor);
        }
    }

    /// The tensor, unless its memory was written since. `op` names the op that kept it.
    pub fn get(&self, op: &str) -> Result<Tensor> {
        match &self.kept {
            Kept::Packed(packed) => unpack(&*packed.0, &packed.1),
            Kept::Plain(tensor) => {
                check(&tensor.array(), tensor.version_count(), self.version, op, || {
                    let node = tensor.grad_fn().ok().flatten()?;
                    Some((node, tensor.output_number()))
                })?;
                Ok(tensor.clone())
            }
        }
    }
}

/// An output of an op, kept bare so that node and tensor do not own each other.
#[derive(Clone)]
pub struct SavedOutput(Box<Output>);

#[derive(Clone)]
struct Output {
    kept: Kept<(Array, Version), Packed>,
    version: u64,
    index: usize,
}

impl SavedOutput {
    /// Keeps output number `index`, whose tensor carries `version`.
    pub fn new(tensor: &Tensor, index: usize) -> Result<SavedOutput> {
        let kept = match mode::pack(|| tensor.detach())? {
            Some(packed) => Kept::Packed(Box::new(packed)),
            None => Kept::Plain((tensor.array(), tensor.version())),
        };
        Ok(SavedOutput(Box::new(Output { kept, version: tensor.version_count(), index })))
    }

    /// Whether getting it runs a user's code: no lock may be held then.
    pub fn is_packed(&self) -> bool {
        matches!(self.0.kept, Kept::Packed(_))
    }

    /// The output, attached to its own `node` again.
    pub fn get(&self, node: &NodeRef) -> Result<Tensor> {
        let Output { kept, version: seen, index } = &*self.0;
        let edge = Edge::to(node.clone(), *index);
        match kept {
            Kept::Packed(packed) => unpack(&***packed, &edge),
            Kept::Plain((array, version)) => {
                let at = || Some((node.clone(), *index));
                check(array, version.get(), *seen, node.body.name(), at)?;
                let meta = Meta { edge, ..Meta::default() };
                let meta = Some(Box::new(meta));
                Ok(Tensor::build(array.clone(), Some(version.clone()), meta, false))
            }
        }
    }
}

/// What unpacking gives, as the result of the node that made the packed value.
fn unpack(packed: &dyn Unpack, edge: &Edge) -> Result<Tensor> {
    let tensor = packed.unpack()?;
    if edge.leads_somewhere() {
        return Ok(Tensor::with_edge(tensor.array(), edge.clone()));
    }
    Ok(tensor)
}

/// A node's name without "Backward" and the number behind it.
fn op_of(node: &str) -> &str {
    let bare = node.trim_end_matches(|c: char| c.is_ascii_digit());
    bare.strip_suffix("Backward").unwrap_or(node)
}

fn check(
    array: &Array,
    now: u64,
    then: u64,
    op: &str,
    producer: impl FnOnce() -> Option<(NodeRef, usize)>,
) -> Result<()> {
    if now == then {
        return Ok(());
    }
    let dims: Vec<String> = array.layout().dims.iter().map(ToString::to_string).collect();
    let origin = producer().map_or_else(String::new, |(node, index)| {
        format!(", which is output {index} of {},", op_of(node.body.name()))
    });
    let hint = if crate::anomaly_mode().0 {
        "the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed in there or anywhere later. Good luck!"
    } else {
        "enable anomaly detection to find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    };
    bail!(
        Runtime,
        "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.{}Tensor [{}]]{origin} is at version {now}; expected version {then} instead. Hint: {hint}\n  {op}: saved the tensor at version {then}; it was written {} time(s) since",
        array.dtype().type_name(),
        dims.join(", "),
        now - then
    )
}
