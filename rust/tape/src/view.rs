//! Views: a tensor that shares memory with a base. Writing through either changes the history of
//! both; a view whose base was written since gets its node anew, lazily.

use crate::{Edge, NodeRef, Tensor, algebra};
use base::{Layout, Result, bail};
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

/// What a refused write did: it went through the view itself, or through its base or a sibling.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Direct,
    Indirect,
}

/// Refuses a write under autograd that the view's way of coming about does not allow. `edge` is the
/// view's own, for the name of what made it.
pub(crate) fn check_creation(creation: Creation, edge: &Edge, write: Write) -> Result<()> {
    let object = match write {
        Write::Direct => "is being",
        Write::Indirect => "its base or another view of its base has been",
    };
    let place = |node: &NodeRef| {
        let name = node.body.name().trim_end_matches(|c: char| c.is_ascii_digit());
        let name = name.strip_suffix("Backward").unwrap_or(name);
        format!("Output {} of {name} is a view", edge.output)
    };
    let made_off = |mode: &str, remedy: &str| -> Result<()> {
        let made = match edge.node() {
            Some(node) => format!("{} of a view which was created in", place(node)),
            None => "A view was created in".to_string(),
        };
        bail!(
            Runtime,
            "{made} {mode} mode and {object} modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the {remedy} block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        )
    };
    let place = || edge.node().map_or_else(|| "A view".to_string(), place);
    match creation {
        Creation::Default => Ok(()),
        Creation::NoGrad => made_off("no_grad", "no_grad"),
        Creation::Inference => made_off("inference", "inference_mode"),
        Creation::MultiOutput => bail!(
            Runtime,
            "{} and {object} modified inplace. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.",
            place()
        ),
        Creation::Function => bail!(
            Runtime,
            "{} and {object} modified inplace. This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function.",
            place()
        ),
    }
}

impl Tensor {
    /// Regenerates the node of a view whose memory was written since the node was made. Fails where
    /// the view's way of coming about does not allow such a write.
    pub fn refresh_view(&self) -> Result<()> {
        let stale = |view: &&ViewMeta| view.seen != self.version_count();
        let found = self.meta(|m| {
            m.and_then(|m| m.view.as_ref().filter(stale).cloned().map(|v| (v, m.edge.clone())))
        });
        let Some((view, edge)) = found else {
            return Ok(());
        };
        if !view.base.requires_grad() {
            return Ok(());
        }
        let now = self.version_count();
        check_creation(view.creation, &edge, Write::Indirect)?;
        let edge = regenerate(&view, &self.layout())?;
        let old = self.meta_mut(|m| {
            if let Some(v) = &mut m.view {
                v.seen = now;
            }
            std::mem::replace(&mut m.edge, edge)
        });
        drop(old);
        Ok(())
    }
}

fn regenerate(view: &ViewMeta, layout: &Layout) -> Result<Edge> {
    let _on = crate::set_grad_enabled(true);
    let again = match &view.replay {
        Some(replay) => replay(&view.base)?,
        None => algebra()?.as_strided(&view.base, layout)?,
    };
    again.gradient_edge()
}
