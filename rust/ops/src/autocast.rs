//! Autocast: ops that gain from it compute in a lower dtype, those that need it in float32.
//!
//! Layer 4, above the tape, so that gradients pass through the casts. Each row of the op table owns
//! its policy; which row has which is PyTorch's list for the CPU. The mode lies below all other modes
//! of its thread. `op_` and `out=` spellings are left alone, as the user chose their dtype.

use crate::call::{self, Dest, Mode, OpDef};
use crate::cast::to_dtype;
use crate::value::Value;
use crate::write::tensors;
use base::{DType, DeviceKind, Result, bail};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use tape::{Tensor, WeakTensor};

/// What autocast does with the operands of an op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cast {
    /// Nothing.
    None,
    /// To the lower dtype.
    Lower,
    /// To float32.
    F32,
    /// To float32 if any of them is, else to the lower dtype.
    Widest,
}

/// The policy of a row, from the word in its declaration.
#[macro_export]
macro_rules! autocast_policy {
    () => {
        $crate::autocast::Cast::None
    };
    (lower) => {
        $crate::autocast::Cast::Lower
    };
    (f32) => {
        $crate::autocast::Cast::F32
    };
    (widest) => {
        $crate::autocast::Cast::Widest
    };
}

/// Autocast for one kind of device.
#[derive(Clone, Copy)]
struct Switch {
    on: bool,
    dtype: DType,
}

/// Casts of parameters by the parameter's address and the dtype.
type Casts = HashMap<(usize, DType), (WeakTensor, Tensor)>;

thread_local! {
    static HOST: Cell<Switch> = const { Cell::new(Switch { on: false, dtype: DType::BF16 }) };
    static GPU: Cell<Switch> = const { Cell::new(Switch { on: false, dtype: DType::F16 }) };
    static KEEPS_CASTS: Cell<bool> = const { Cell::new(true) };
    static CASTS: RefCell<Casts> = RefCell::new(HashMap::new());
    static NESTING: Cell<usize> = const { Cell::new(0) };
}

fn switch(kind: DeviceKind) -> Switch {
    match kind {
        DeviceKind::Cpu => HOST.get(),
        DeviceKind::Gpu => GPU.get(),
        DeviceKind::Meta => Switch { on: false, dtype: DType::F32 },
    }
}

fn set_switch(kind: DeviceKind, switch: Switch) {
    match kind {
        DeviceKind::Cpu => HOST.set(switch),
        DeviceKind::Gpu => GPU.set(switch),
        DeviceKind::Meta => {}
    }
}

/// Whether ops on this kind of device are cast on this thread.
pub fn is_enabled(kind: DeviceKind) -> bool {
    switch(kind).on
}

/// Turns casting on or off for a kind of device.
pub fn set_enabled(kind: DeviceKind, on: bool) {
    let any = || HOST.get().on || GPU.get().on;
    let before = any();
    set_switch(kind, Switch { on, ..switch(kind) });
    match (before, any()) {
        (false, true) => call::push_mode_below(Rc::new(Autocast)),
        (true, false) => call::pop_mode_below(),
        _ => {}
    }
}

/// The lower dtype of a kind of device.
pub fn dtype(kind: DeviceKind) -> DType {
    switch(kind).dtype
}

/// Changes the lower dtype of a kind of device.
pub fn set_dtype(kind: DeviceKind, dtype: DType) {
    set_switch(kind, Switch { dtype, ..switch(kind) });
}

/// Whether casts of parameters are kept for their next use.
pub fn is_cache_enabled() -> bool {
    KEEPS_CASTS.get()
}

/// Chooses whether casts of parameters are kept.
pub fn set_cache_enabled(on: bool) {
    KEEPS_CASTS.set(on);
}

/// Forgets kept casts.
pub fn clear_cache() {
    let casts = CASTS.take();
    drop(casts);
}

/// Notes that a context begins; returns how many there are now.
pub fn increment_nesting() -> usize {
    NESTING.set(NESTING.get() + 1);
    NESTING.get()
}

/// Notes that a context ends; returns how many are left.
pub fn decrement_nesting() -> usize {
    NESTING.set(NESTING.get().saturating_sub(1));
    NESTING.get()
}

struct Autocast;

impl Mode for Autocast {
    fn enter(&self, op: &'static OpDef, values: &[Value], dest: Dest<'_>) -> Option<Result<Value>> {
        if op.cast == Cast::None || !matches!(dest, Dest::New) {
            return None;
        }
        let kind = tensors(values).into_iter().map(|t| t.device().kind).find(|k| switch(*k).on)?;
        Some(recast(op.cast, values, kind).and_then(|values| call::call(op, &values, dest)))
    }
}

/// The operands as the policy wants them.
fn recast(policy: Cast, values: &[Value], kind: DeviceKind) -> Result<Vec<Value>> {
    let to = match policy {
        Cast::Lower => switch(kind).dtype,
        Cast::Widest => widest(&tensors(values), kind)?,
        Cast::F32 | Cast::None => DType::F32,
    };
    let one = |t: &Tensor| cast(t, to, kind);
    values
        .iter()
        .map(|value| {
            Ok(match value {
                Value::Tensor(t) => Value::Tensor(one(t)?),
                Value::Tensors(list) => {
                    Value::Tensors(list.iter().map(one).collect::<Result<_>>()?)
                }
                other => other.clone(),
            })
        })
        .collect()
}

/// Floats on the device, except float64, which the user asked for by name.
fn is_eligible(x: &Tensor, kind: DeviceKind) -> bool {
    matches!(x.dtype(), DType::F16 | DType::BF16 | DType::F32) && x.device().kind == kind
}

fn widest(operands: &[&Tensor], kind: DeviceKind) -> Result<DType> {
    let mut widest = switch(kind).dtype;
    for x in operands.iter().filter(|x| is_eligible(x, kind)) {
        match x.dtype() {
            DType::F32 => widest = DType::F32,
            dtype if dtype == widest || widest == DType::F32 => {}
            _ => bail!(Runtime, "Unexpected floating ScalarType in at::autocast::prioritize"),
        }
    }
    Ok(widest)
}

/// A parameter is cast once in a context, so that its gradients meet at one node.
fn cast(x: &Tensor, to: DType, kind: DeviceKind) -> Result<Tensor> {
    if !is_eligible(x, kind) || x.dtype() == to {
        return Ok(x.clone());
    }
    let is_parameter = x.dtype() == DType::F32 && x.requires_grad() && x.is_leaf() && !x.is_view();
    if !is_parameter || to != switch(kind).dtype || !KEEPS_CASTS.get() || !tape::grad_enabled() {
        return to_dtype(x, to);
    }
    let key = (x.id(), to);
    let kept = CASTS.with_borrow(|casts| {
        casts.get(&key).filter(|(source, _)| source.is(x)).map(|(_, kept)| kept.clone())
    });
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let fresh = to_dtype(x, to)?;
    let old = CASTS.with_borrow_mut(|casts| casts.insert(key, (x.downgrade(), fresh.clone())));
    drop(old);
    Ok(fresh)
}

/// An operand of a product inside an op that PyTorch composes of products: what `lower` makes of it.
pub(crate) fn lowered(x: &Tensor) -> Result<Tensor> {
    within(x, |switch| switch.dtype)
}

/// An operand of a part in float32 inside an op that PyTorch composes of parts.
pub(crate) fn raised(x: &Tensor) -> Result<Tensor> {
    within(x, |_| DType::F32)
}

fn within(x: &Tensor, to: impl Fn(Switch) -> DType) -> Result<Tensor> {
    let kind = x.device().kind;
    let switch = switch(kind);
    if switch.on { cast(x, to(switch), kind) } else { Ok(x.clone()) }
}
