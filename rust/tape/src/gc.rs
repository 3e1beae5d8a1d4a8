//! What a garbage collector of the layer above must know: which foreign objects (hooks, contexts of
//! user functions) exist only through one tensor.
//!
//! Locks are tried, never waited for, and a walk ends after [`REACH`] nodes: what is not shown counts
//! as held from elsewhere, so a cycle through a deep graph lives until the graph goes, while a
//! collection during a long forward pass does not walk all of it again and again.

use crate::Tensor;
use crate::node::{Edge, NodeRef};
use std::any::Any;
use std::sync::Arc;

const REACH: usize = 1000;

impl Tensor {
    /// Shows `visit` the foreign objects that die when this handle, being the last one, goes.
    pub fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        if !self.is_last_handle() {
            return;
        }
        self.try_meta(|meta| {
            meta.hooks.visit(visit);
            visit_nodes(&meta.edge, visit);
        });
    }
}

/// Walks nodes with one owner; those cannot be reached twice.
fn visit_nodes(edge: &Edge, visit: &mut dyn FnMut(&dyn Any)) {
    let mut stack: Vec<&NodeRef> = edge.node().into_iter().collect();
    for _ in 0..REACH {
        let Some(node) = stack.pop() else {
            return;
        };
        if Arc::strong_count(node) == 1 {
            node.hooks.visit(visit);
            node.body.visit_owned(visit);
            stack.extend(node.edges.iter().filter_map(Edge::node));
        }
    }
}
