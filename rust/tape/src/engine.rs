//! The engine: runs nodes by falling sequence number. A node's consumers always carry a larger
//! number, so no pass over the graph is needed to count dependencies. Where hooks wait for leaves,
//! one counts the leaves' consumers: a leaf that an older graph keeps alive has the smallest number.

use crate::node::{Context, Edge, Grads, NodeRef, drop_node};
use crate::{Tensor, algebra, anomaly, hooks, running, set_grad_enabled, sparse};
use base::{Result, bail, ensure, shape};
use smallvec::smallvec;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// What a backward walk is asked for.
#[derive(Clone, Copy, Default)]
pub struct Request {
    /// Keep saved values for another walk.
    pub retain_graph: bool,
    /// Record the walk itself, for higher derivatives.
    pub create_graph: bool,
    /// Allow inputs that no root depends on.
    pub allow_unused: bool,
}

/// Accumulates gradients of the roots into leaves, or only into `inputs` when given.
pub fn backward(
    roots: &[Tensor],
    seeds: Vec<Option<Tensor>>,
    inputs: Option<&[Tensor]>,
    request: Request,
) -> Result<()> {
    inputs.unwrap_or_default().iter().try_for_each(Tensor::retain_grad)?;
    walk(roots, seeds, inputs, false, request).map(drop)
}

/// The gradients of the roots with respect to `inputs`.
pub fn gradients(
    roots: &[Tensor],
    seeds: Vec<Option<Tensor>>,
    inputs: &[Tensor],
    request: Request,
) -> Result<Vec<Option<Tensor>>> {
    let captured = walk(roots, seeds, Some(inputs), true, request)?;
    if let Some(i) = captured.iter().position(Option::is_none).filter(|_| !request.allow_unused) {
        bail!(
            Runtime,
            "The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
        );
    }
    Ok(captured)
}

fn walk(
    roots: &[Tensor],
    seeds: Vec<Option<Tensor>>,
    inputs: Option<&[Tensor]>,
    capture: bool,
    request: Request,
) -> Result<Vec<Option<Tensor>>> {
    // The starts come first: they keep alive the node of a leaf that is root and target at once.
    let starts = start(roots, seeds)?;
    let mut walk = Walk::new(inputs, capture, request)?;
    let _mode = set_grad_enabled(request.create_graph);
    if inputs.is_some() {
        walk.find_path(&starts);
    } else if hooks::leaves_have_hooks() {
        walk.count_consumers(&starts);
    }
    let nodes = starts.iter().filter_map(|(edge, _)| edge.node().cloned()).collect();
    let running = running::Guard::enter(nodes, walk.path.clone());
    for (i, (edge, seed)) in starts.into_iter().enumerate() {
        walk.deliver(&edge, seed, "root", i)?;
    }
    walk.run()?;
    running.finish()?;
    Ok(walk.captured)
}

/// Pairs each root's edge with its seed: ones for scalars.
fn start(roots: &[Tensor], seeds: Vec<Option<Tensor>>) -> Result<Vec<(Edge, Tensor)>> {
    let mut starts = Vec::new();
    for (i, (root, seed)) in roots.iter().zip(seeds).enumerate() {
        let edge = root.gradient_edge()?;
        ensure!(
            edge.leads_somewhere(),
            Runtime,
            "element {i} of tensors does not require grad and does not have a grad_fn"
        );
        let seed = match seed {
            Some(seed) => {
                let (want, have) = (root.dims(), seed.dims());
                ensure!(
                    want == have,
                    Runtime,
                    "Mismatch in shape: grad_output[{i}] has a shape of torch.Size({}) and output[{i}] has a shape of torch.Size({}).",
                    shape::show(&have),
                    shape::show(&want)
                );
                seed
            }
            None => {
                ensure!(
                    root.numel() == 1,
                    Runtime,
                    "grad can be implicitly created only for scalar outputs"
                );
                ensure!(
                    !root.dtype().is_complex(),
                    Runtime,
                    "grad can be implicitly created only for real scalar outputs but got torch.{}",
                    root.dtype().name()
                );
                algebra()?.ones_like(root)?
            }
        };
        starts.push((edge, seed));
    }
    Ok(starts)
}

struct Walk {
    request: Request,
    /// Nodes waiting for the rest of their gradients, by sequence number.
    pending: BTreeMap<u64, (NodeRef, Grads)>,
    /// The only waiting node of a chain, which thus never touches the map.
    next: Option<(NodeRef, Grads)>,
    /// The nodes of `inputs`, each with the outputs asked for and their positions.
    targets: HashMap<u64, Vec<(usize, usize)>>,
    /// Whether gradients are caught at the targets, or accumulated as elsewhere.
    capture: bool,
    captured: Vec<Option<Tensor>>,
    /// With targets: the nodes that lead to one.
    path: Option<Rc<HashSet<u64>>>,
    /// How many edges to each node without edges have not been passed, where that is counted.
    consumers: HashMap<u64, usize>,
}

impl Walk {
    fn new(inputs: Option<&[Tensor]>, capture: bool, request: Request) -> Result<Walk> {
        let mut targets: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
        for (i, input) in inputs.unwrap_or_default().iter().enumerate() {
            let edge = input.gradient_edge()?;
            match edge.node() {
                Some(node) => targets.entry(node.sequence()).or_default().push((edge.output, i)),
                None if capture => {
                    bail!(Runtime, "One of the differentiated Tensors does not require grad")
                }
                None => bail!(Runtime, "can't retain_grad on Tensor that has requires_grad=False"),
            }
        }
        Ok(Walk {
            request,
            pending: BTreeMap::new(),
            next: None,
            targets,
            capture,
            captured: vec![None; inputs.map_or(0, <[Tensor]>::len)],
            path: None,
            consumers: HashMap::new(),
        })
    }

    fn count_consumers(&mut self, starts: &[(Edge, Tensor)]) {
        let mut seen: HashSet<u64> = HashSet::new();
        let mut stack: Vec<&NodeRef> = starts.iter().filter_map(|(e, _)| e.node()).collect();
        while let Some(node) = stack.pop() {
            if !seen.insert(node.sequence()) {
                continue;
            }
            for next in node.edges.iter().filter_map(Edge::node) {
                if next.edges.is_empty() {
                    *self.consumers.entry(next.sequence()).or_default() += 1;
                } else {
                    stack.push(next);
                }
            }
        }
    }

    /// The ends of the graph that get nothing more now that this node has run.
    fn completed_by(&mut self, node: &NodeRef) -> Vec<(NodeRef, Grads)> {
        let mut completed = Vec::new();
        for end in node.edges.iter().filter_map(Edge::node) {
            let Some(left) = self.consumers.get_mut(&end.sequence()) else {
                continue;
            };
            *left = left.saturating_sub(1);
            if *left == 0 {
                let is_end = |(next, _): &mut (NodeRef, Grads)| next.sequence() == end.sequence();
                let waiting = self.next.take_if(is_end);
                completed.extend(waiting.or_else(|| self.pending.remove(&end.sequence())));
            }
        }
        completed
    }

    /// Marks the nodes from which a target can be reached. Edges lead to smaller sequence numbers,
    /// so one sweep in rising order settles it.
    fn find_path(&mut self, starts: &[(Edge, Tensor)]) {
        let lowest = self.targets.keys().min().copied().unwrap_or(u64::MAX);
        let mut found: BTreeMap<u64, NodeRef> = BTreeMap::new();
        let mut stack: Vec<NodeRef> =
            starts.iter().filter_map(|(e, _)| e.node().cloned()).collect();
        while let Some(node) = stack.pop() {
            if node.sequence() < lowest || found.contains_key(&node.sequence()) {
                continue;
            }
            stack.extend(node.edges.iter().filter_map(|e| e.node().cloned()));
            found.insert(node.sequence(), node);
        }
        let mut path: HashSet<u64> = HashSet::new();
        for (sequence, node) in &found {
            let leads = |e: &Edge| e.node().is_some_and(|n| path.contains(&n.sequence()));
            if self.targets.contains_key(sequence) || node.edges.iter().any(leads) {
                path.insert(*sequence);
            }
        }
        self.path = Some(Rc::new(path));
    }

    fn wanted(&self, node: &NodeRef) -> bool {
        self.path.as_ref().is_none_or(|path| path.contains(&node.sequence()))
    }

    /// Adds a gradient to what waits at the end of an edge.
    fn deliver(&mut self, edge: &Edge, grad: Tensor, from: &str, index: usize) -> Result<()> {
        let Some(node) = edge.node().filter(|n| self.wanted(n)) else {
            return Ok(());
        };
        let output = &node.outputs[edge.output];
        let grad = if grad.is_sparse() && !(node.body.takes_sparse() && output.fits(&grad)) {
            sparse::dense(&grad)?.into_owned()
        } else {
            grad
        };
        let grad = output.conform(grad, from, index)?;
        let sequence = node.sequence();
        if let Some((next, grads)) = &mut self.next {
            if next.sequence() == sequence {
                return add_to(&mut grads[edge.output], grad);
            }
        } else if self.pending.is_empty() {
            let mut grads: Grads = smallvec![None; node.outputs.len()];
            grads[edge.output] = Some(grad);
            self.next = Some((node.clone(), grads));
            return Ok(());
        }
        if let Some((next, grads)) = self.next.take() {
            self.pending.insert(next.sequence(), (next, grads));
        }
        let (_, grads) = self
            .pending
            .entry(sequence)
            .or_insert_with(|| (node.clone(), smallvec![None; node.outputs.len()]));
        add_to(&mut grads[edge.output], grad)
    }

    fn run(&mut self) -> Result<()> {
        while let Some((node, grads)) =
            self.next.take().or_else(|| self.pending.pop_last().map(|(_, entry)| entry))
        {
            let mut result = self.reported_step(&node, grads);
            for (end, grads) in self.completed_by(&node) {
                result = result.and_then(|()| self.reported_step(&end, grads));
            }
            drop_node(node);
            result?;
        }
        Ok(())
    }

    fn reported_step(&mut self, node: &NodeRef, grads: Grads) -> Result<()> {
        let result = self.step(node, grads);
        if result.is_err() {
            anomaly::report(node);
        }
        result
    }

    fn step(&mut self, node: &NodeRef, mut grads: Grads) -> Result<()> {
        let hooked = !node.hooks.is_empty();
        let goes_on = self.goes_on(node);
        if goes_on {
            // PyTorch's order: a gradient caught on the way has not seen the tensor's hooks.
            self.catch(node, &grads);
        }
        if hooked {
            node.hooks.on_tensors(&mut grads)?;
        }
        node.body.enter(&mut grads)?;
        if !goes_on {
            self.catch(node, &grads);
            return Ok(());
        }
        if hooked {
            node.hooks.before(&mut grads)?;
        }
        let path = self.path.as_deref();
        let needed = |i: usize| match (path, node.edges[i].node()) {
            (Some(path), Some(to)) => path.contains(&to.sequence()),
            _ => true,
        };
        let mut out = node.body.vjp(&grads, &Context::new(node, &needed))?;
        anomaly::check(node, &out)?;
        if hooked {
            node.hooks.after(&mut out, &grads)?;
        }
        drop(grads);
        if !self.request.retain_graph {
            node.body.release();
        }
        for (i, (edge, grad)) in node.edges.iter().zip(out).enumerate() {
            if let Some(grad) = grad {
                self.deliver(edge, grad, node.body.name(), i)?;
            }
        }
        Ok(())
    }

    /// Catches what is wanted of this node's gradients.
    fn catch(&mut self, node: &NodeRef, grads: &Grads) {
        if !self.capture {
            return;
        }
        for &(output, at) in self.targets.get(&node.sequence()).into_iter().flatten() {
            self.captured[at].clone_from(&grads[output]);
        }
    }

    /// Whether the node is to run: not where only its gradients are asked for.
    fn goes_on(&self, node: &NodeRef) -> bool {
        if !self.targets.contains_key(&node.sequence()) {
            return true;
        }
        let accumulates = !self.capture && node.edges.is_empty();
        accumulates || node.edges.iter().any(|e| e.node().is_some_and(|n| self.wanted(n)))
    }
}

fn add_to(slot: &mut Option<Tensor>, grad: Tensor) -> Result<()> {
    *slot = Some(match slot.take() {
        None => grad,
        Some(have) => sparse::add(&have, &grad)?,
    });
    Ok(())
}
