//! The walks that this thread is in: what hooks may ask about the backward pass around them.

use crate::node::NodeRef;
use base::{Result, bail};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Work put off to the end of a walk.
pub type Callback = Box<dyn FnOnce() -> Result<()>>;

struct Running {
    id: i64,
    roots: Vec<NodeRef>,
    /// With inputs: the nodes that lead to one; otherwise all that the roots reach will run.
    path: Option<Rc<HashSet<u64>>>,
    callbacks: RefCell<Vec<Callback>>,
}

thread_local! {
    static WALKS: RefCell<Vec<Rc<Running>>> = const { RefCell::new(Vec::new()) };
}

static NEXT: AtomicI64 = AtomicI64::new(0);

fn innermost() -> Option<Rc<Running>> {
    WALKS.with(|w| w.borrow().last().cloned())
}

/// Marks a walk as running until the guard is dropped.
pub(crate) struct Guard(Rc<Running>);

impl Guard {
    pub(crate) fn enter(roots: Vec<NodeRef>, path: Option<Rc<HashSet<u64>>>) -> Guard {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let running = Rc::new(Running { id, roots, path, callbacks: RefCell::default() });
        WALKS.with(|w| w.borrow_mut().push(running.clone()));
        Guard(running)
    }

    /// Runs what was put off, also what that puts off in turn.
    pub(crate) fn finish(&self) -> Result<()> {
        loop {
            let batch = std::mem::take(&mut *self.0.callbacks.borrow_mut());
            if batch.is_empty() {
                return Ok(());
            }
            batch.into_iter().try_for_each(|callback| callback())?;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let left = WALKS.with(|w| w.borrow_mut().pop());
        drop(left);
    }
}

/// The number of the innermost walk on this thread; -1 outside of any.
pub fn current_walk() -> i64 {
    innermost().map_or(-1, |walk| walk.id)
}

/// Whether no walk on this thread is limited to the way to its inputs.
pub fn runs_everything() -> bool {
    WALKS.with(|w| w.borrow().iter().all(|walk| walk.path.is_none()))
}

/// Puts `callback` off to the end of the innermost walk.
pub fn queue_callback(callback: Callback) -> Result<()> {
    let Some(walk) = innermost() else {
        bail!(Runtime, "Final callbacks can only be installed during backward pass.");
    };
    walk.callbacks.borrow_mut().push(callback);
    Ok(())
}

/// Whether the innermost walk runs `node`, now or later or before.
pub fn will_run(node: &NodeRef) -> Result<bool> {
    let Some(walk) = innermost() else {
        bail!(Runtime, "_get_should_execute_nodes should only be called during the backward pass");
    };
    Ok(match &walk.path {
        Some(path) => path.contains(&node.sequence()),
        None => reaches(&walk.roots, node),
    })
}

fn reaches(roots: &[NodeRef], target: &NodeRef) -> bool {
    let mut seen: HashSet<u64> = HashSet::new();
    let mut stack: Vec<NodeRef> = roots.to_vec();
    while let Some(node) = stack.pop() {
        if node.sequence() == target.sequence() {
            return true;
        }
        if node.sequence() > target.sequence() && seen.insert(node.sequence()) {
            stack.extend(node.edges.iter().filter_map(|edge| edge.node().cloned()));
        }
    }
    false
}
