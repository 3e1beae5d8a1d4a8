//! Views: a tensor that shares memory with a base. Writing through either changes the history of
//! both; a view whose base was written since gets its node anew, lazily.

use crate::{Edge, Tensor, algebra};
use base::{Layout, Result};
use std::sync::Arc;

/// Makes the view again from its base, for views that geometry alone does not describe.
pub type Replay = Arc<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// How a view came about; decides whether it may be written under autograd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Creation {
    Default,
    MultiOutput,
    NoGrad,
    Inference,
    Function,
}

/// What a view remembers.
#[derive(Clone)]
pub struct ViewMeta {
    /// The tensor whose memory this is; never itself a view.
    pub base: Tensor,
    /// Only for views that change the dtype.
    pub replay: Option<Replay>,
    /// How it came about.
    pub creation: Creation,
    /// The version at which its node was right.
    pub seen: u64,
}

impl ViewMeta {
    /// A view of a tensor that got its history by a later write has that history too.
    pub(crate) fn inherits_grad(&self, view: &Tensor) -> bool {
        self.seen != view.version_count() && self.base.requires_grad()
    }
}

impl Tensor {
    /// Regenerates the node of a view whose memory was written since the node was made.
    pub(crate) fn refresh_view(&self) {
        let Some(view) = self.meta(|m| m.and_then(|m| m.view.clone())) else {
            return;
        };
        let now = self.version_count();
        if view.seen == now || !view.base.requires_grad() {
            return;
        }
        let layout = self.layout();
        if let Ok(edge) = regenerate(&view, &layout) {
            let old = self.meta_mut(|m| {
                if let Some(v) = &mut m.view {
                    v.seen = now;
                }
                std::mem::replace(&mut m.edge, edge)
            });
            drop(old);
        }
    }
}

fn regenerate(view: &ViewMeta, layout: &Layout) -> Result<Edge> {
    let _on = crate::set_grad_enabled(true);
    let again = match &view.replay {
        Some(replay) => replay(&view.base)?,
        None => algebra()?.as_strided(&view.base, layout)?,
    };
    Ok(again.gradient_edge())
}
