//! Ops that exist only in place: copies, fills, and changes of a tensor's own geometry.

use crate::node::Linear;
use crate::write::overwrite;
use crate::{Var, cast, view};
use array::{Array, dispatch};
use base::{Layout, Result, Scalar, ensure, shape};
use smallvec::smallvec;
use tape::{Edge, Tensor, check_inplace, needs_history, rebase_history};

/// `x[...] = source`, with broadcast and cast.
pub fn copy_(x: &Tensor, source: &Tensor) -> Result<Tensor> {
    check_inplace(x, needs_history(&[x, source]))?;
    let dims = x.dims();
    let fits = shape::broadcast(&dims, &source.dims()).is_ok_and(|d| d == dims);
    if !fits {
        let want: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        shape::expand(&source.dims(), &want)?;
    }
    let recorded = needs_history(&[x, source]) && x.dtype().is_differentiable();
    dispatch::copy(&x.array(), &cast::to_copy_if_elsewhere(source, x.device())?)?;
    x.bump_version();
    if recorded {
        let edges = smallvec![x.gradient_edge(), source.gradient_edge()];
        let alias = x.detach();
        tape::attach(&alias, edges, CopyBody { device: source.device() });
        rebase_history(x, alias.gradient_edge());
    }
    Ok(x.clone())
}

/// The node of `copy_`: nothing flows to what was overwritten.
struct CopyBody {
    device: base::Device,
}

impl tape::Backward for CopyBody {
    fn name(&self) -> &'static str {
        "CopyBackwards"
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &tape::Context<'_>) -> Result<tape::Grads> {
        let Some(g) = &grads[0] else {
            return Ok(smallvec![None, None]);
        };
        let old = if cx.needs(0) { Some((Var::from(g) * 0.0).tensor()?) } else { None };
        let moved = crate::create::to(g, None, Some(self.device), false, None)?;
        Ok(smallvec![old, cx.needs(1).then_some(moved)])
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Every element becomes `value`.
pub fn fill_(x: &Tensor, value: Scalar) -> Result<Tensor> {
    let recorded = needs_history(&[x]);
    check_inplace(x, recorded)?;
    dispatch::fill(&x.array(), value)?;
    x.bump_version();
    if recorded {
        let alias = x.detach();
        let edges = smallvec![x.gradient_edge()];
        tape::attach(&alias, edges, Linear::new("FillBackward0", |g: Var| g * 0.0));
        rebase_history(x, alias.gradient_edge());
    }
    Ok(x.clone())
}

/// Every element becomes 0.
pub fn zero_(x: &Tensor) -> Result<Tensor> {
    let recorded = needs_history(&[x]);
    check_inplace(x, recorded)?;
    dispatch::fill(&x.array(), Scalar::Int(0))?;
    x.bump_version();
    if recorded {
        let alias = x.detach();
        let edges = smallvec![x.gradient_edge()];
        tape::attach(&alias, edges, Linear::new("ZeroBackward0", |g: Var| g * 0.0));
        rebase_history(x, alias.gradient_edge());
    }
    Ok(x.clone())
}

/// Overwrites `x` with a freshly computed `result` and moves the history.
pub fn assign(x: &Tensor, result: &Tensor) -> Result<Tensor> {
    overwrite(x, &x.array(), result)?;
    Ok(x.clone())
}

/// Gives `x` the geometry of one of its own views (`transpose_`, `unsqueeze_`, ...).
pub fn become_view(x: &Tensor, viewed: &Tensor) -> Result<Tensor> {
    check_inplace(x, needs_history(&[x]))?;
    let edge: Edge = viewed.gradient_edge();
    x.replace_array(viewed.array());
    x.bump_version();
    if edge.leads_somewhere() {
        x.set_gradient_edge(edge);
    }
    Ok(x.clone())
}

/// Changes the size in place, keeping the storage where it is large enough.
pub fn resize_(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    ensure!(
        !x.requires_grad(),
        Runtime,
        "cannot resize variables that require grad"
    );
    let dims = shape::sizes(size)?;
    let array = x.array();
    let layout = Layout { offset: array.layout().offset, ..Layout::contiguous(&dims) };
    let fits = layout.end() * array.dtype().size() <= array.storage().nbytes();
    let resized = if fits {
        array.view(layout)
    } else {
        let grown = Array::empty_contiguous(&dims, array.dtype(), array.device())?;
        let kept = array.numel().min(grown.numel());
        let flat = |a: &Array| a.view(Layout { offset: a.layout().offset, ..Layout::contiguous(&[kept]) });
        if array.layout().is_contiguous() {
            dispatch::copy(&flat(&grown), &flat(&array))?;
        }
        grown
    };
    x.replace_array(resized);
    Ok(x.clone())
}
