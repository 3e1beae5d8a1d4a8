//! What a garbage collector of the layer above must know: which foreign objects (hooks, contexts of
//! user functions) and which tensors that keep their objects exist only through one tensor.
//!
//! Locks are tried, never waited for, and a walk ends after [`REACH`] nodes: what is not shown counts
//! as held from elsewhere, so a cycle through a deep graph lives until the graph goes, while a
//! collection during a long forward pass does not walk all of it again and again.

use crate::Tensor;
use crate::node::{Edge, NodeRef};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

const REACH: usize = 1000;

impl Tensor {
    /// Shows `visit` the foreign objects, and the tensors, that die when this handle, being the
    /// last one, goes.
    pub fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        if !self.is_last_handle() {
            return;
        }
        self.try_meta(|meta| {
            meta.hooks.visit(visit);
            let mut met = Met::default();
            if let Some(view) = &meta.view {
                met.tensor(&view.base, visit);
            }
            visit_nodes(&meta.edge, &mut met, visit);
        });
    }
}

/// How often a walk has met what has several owners; met as often as it has owners, it has no other.
#[derive(Default)]
struct Met(HashMap<usize, usize>);

impl Met {
    fn is_all(&mut self, id: usize, owners: usize) -> bool {
        if owners == 1 {
            return true;
        }
        let met = self.0.entry(id).or_insert(0);
        *met += 1;
        *met == owners
    }

    /// Shows a tensor that keeps its object when all handles but the object's have been met.
    fn tensor(&mut self, tensor: &Tensor, visit: &mut dyn FnMut(&dyn Any)) {
        if tensor.keeps_wrapper() && self.is_all(tensor.id(), tensor.handles() - 1) {
            visit(tensor);
        }
    }
}

/// Walks the nodes that have no owner outside of the walk.
fn visit_nodes(edge: &Edge, met: &mut Met, visit: &mut dyn FnMut(&dyn Any)) {
    let mut stack: Vec<&NodeRef> = edge.node().into_iter().collect();
    for _ in 0..REACH {
        let Some(node) = stack.pop() else {
            return;
        };
        if met.is_all(Arc::as_ptr(node).cast::<()>() as usize, Arc::strong_count(node)) {
            node.hooks.visit(visit);
            node.body.visit_owned(&mut |held| match held.downcast_ref::<Tensor>() {
                Some(tensor) => met.tensor(tensor, visit),
                None => visit(held),
            });
            stack.extend(node.edges.iter().filter_map(Edge::node));
        }
    }
}
