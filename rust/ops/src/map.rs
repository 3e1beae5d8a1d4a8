//! Elementwise ops: one row says what an op is, this machinery does the rest for all of them.
//!
//! A row becomes a `static MapRow` of plain function pointers. Promotion, broadcasting, output
//! layout, in-place and `out=` forms and recording are here, once. A gradient that comes out larger
//! than its input (broadcasting) or of another dtype is brought back by the engine.

use crate::call::Dest;
use crate::{Var, write};
use array::{Array, MapOp, Operand, dispatch};
use base::promote::{Class, Promotion, default_dtype};
use base::{DType, Device, Dims, Layout, Result, bail, layout, shape};
use cpu::Params;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::any::Any;
use std::sync::OnceLock;
use tape::{Backward, Context, Edge, Grads, SavedInput, SavedOutput, Tensor};

/// The node of an op that PyTorch has no derivative for.
const UNDERIVED: &str = "NotImplemented";

/// No run-time parameters.
pub const NONE: Params = [0.0; 4];

/// Type of the result, from the type computed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Out {
    Same,
    Bool,
    Real,
}

/// One half of a derivative: what it needs kept and how it is taken.
#[derive(Clone, Copy)]
pub struct Half {
    /// Bits 0..3 for the inputs, bit 3 for the output.
    pub keeps: u8,
    /// The gradient of one input.
    pub vjp: fn(Var, &Kept) -> Var,
}

/// What a derivative formula sees: inputs 0..3, the output, the parameters.
pub struct Kept {
    /// Inputs, then the output at 3; only those kept are set.
    pub vars: [Var; 4],
    /// The op's parameters.
    pub params: Params,
}

/// An elementwise op.
pub struct MapRow {
    /// Name and kernels.
    pub op: MapOp,
    /// What it computes.
    pub doc: &'static str,
    /// The node's name where it is not `<Op>Backward0`. Three names between bars: for two tensors,
    /// for a number on the left, for a number on the right.
    pub node: Option<&'static str>,
    /// Type of the result.
    pub out: Out,
    /// The derivative towards each input.
    pub vjps: [Option<Half>; 3],
    /// The domain tests draw from.
    pub sample: (f64, f64),
    /// The node's name, made on first use.
    pub name: OnceLock<String>,
}

impl MapRow {
    /// Without an integer kernel, integers are computed in the default float.
    fn to_float(&self) -> bool {
        self.op.cpu[DType::I64 as usize].is_none()
    }

    /// The number among the operands for which the op has an overload of its own, told by a name of
    /// its own: such a number has no edge, nor has one of an op without a derivative.
    fn number_without_edge(&self, ins: &[Var]) -> Option<usize> {
        let number = ins.iter().position(|v| matches!(v, Var::S(_)))?;
        let mut names = self.node?.split('|');
        let general = names.next()?;
        let own = names.nth(number).is_some_and(|name| name != general);
        (own || general == UNDERIVED).then_some(number)
    }

    fn node_name(&'static self, ins: &[Var]) -> &'static str {
        let Some(names) = self.node else {
            return self.name.get_or_init(|| crate::node::camel(self.op.name) + "Backward0");
        };
        let number = ins.iter().position(|v| matches!(v, Var::S(_))).map_or(0, |i| i + 1);
        names.split('|').nth(number).or_else(|| names.split('|').next()).unwrap_or(names)
    }
}

/// Types and shape of a call, settled before anything runs.
struct Plan {
    compute: DType,
    result: DType,
    dims: Dims,
    device: Device,
}

/// The arrays of the operands that are tensors, read once for the whole call.
type Arrays = [Option<Array>; 3];

fn arrays_of(ins: &[Var]) -> Arrays {
    let mut arrays = [None, None, None];
    for (array, input) in arrays.iter_mut().zip(ins) {
        if let Var::T(tensor) = input {
            *array = Some(tensor.array());
        }
    }
    arrays
}

fn plan(row: &MapRow, ins: &[Var], arrays: &Arrays) -> Result<Plan> {
    let mut promotion = Promotion::new();
    let mut dims = Dims::new();
    let mut device: Option<(Device, bool)> = None;
    for (input, array) in ins.iter().zip(arrays) {
        match input {
            Var::S(scalar) => promotion = promotion.with_scalar(*scalar),
            Var::Bad(error) => return Err(error.clone()),
            Var::T(_) => {}
        }
        if let Some(a) = array {
            let zero_dim = a.dims().is_empty();
            let class = if zero_dim { Class::ZeroDim } else { Class::Dim };
            promotion = promotion.with(a.dtype(), class);
            if dims.is_empty() {
                dims = a.layout().dims.clone();
            } else if *a.dims() != *dims {
                dims = shape::broadcast(&dims, a.dims())?;
            }
            device = Some(same_device(device, a.device(), zero_dim)?);
        }
    }
    let promoted = promotion.result();
    let compute = if row.to_float() && promoted.is_integral() {
        crate::refuse::integers(row.op.name, promoted)?;
        default_dtype()
    } else {
        promoted
    };
    crate::refuse::check(row, compute)?;
    let result = match row.out {
        Out::Same => compute,
        Out::Bool => DType::Bool,
        Out::Real => compute.to_real(),
    };
    Ok(Plan { compute, result, dims, device: device.map_or(Device::CPU, |(d, _)| d) })
}

/// All tensors of an op lie on one device; a 0-d host tensor may go anywhere.
fn same_device(
    have: Option<(Device, bool)>,
    new: Device,
    zero_dim: bool,
) -> Result<(Device, bool)> {
    match have {
        None => Ok((new, zero_dim)),
        Some((d, _)) if d == new => Ok((d, false)),
        Some((d, true)) if d == Device::CPU => Ok((new, zero_dim)),
        Some(kept) if zero_dim && new == Device::CPU => Ok(kept),
        Some((d, _)) => bail!(
            Device,
            "Expected all tensors to be on the same device, but found at least two devices, {d} and {new}!"
        ),
    }
}

/// Applies a row and returns a new tensor.
pub fn apply(row: &'static MapRow, ins: &[Var], params: Params) -> Result<Tensor> {
    map(row, ins, params, Dest::New)
}

/// Applies a row of one input inside a formula.
pub fn apply_var(row: &'static MapRow, x: Var) -> Var {
    match x {
        Var::Bad(error) => Var::Bad(error),
        x => apply(row, &[x], NONE).into(),
    }
}

/// Applies a row of two inputs inside a formula.
pub fn of2(row: &'static MapRow, a: Var, b: Var) -> Var {
    match (&a, &b) {
        (Var::Bad(error), _) | (_, Var::Bad(error)) => Var::Bad(error.clone()),
        _ => apply(row, &[a, b], NONE).into(),
    }
}

/// Applies a row: the whole life of an elementwise op.
pub fn map(row: &'static MapRow, ins: &[Var], params: Params, dest: Dest<'_>) -> Result<Tensor> {
    let arrays = arrays_of(ins);
    let plan = plan(row, ins, &arrays)?;
    match dest {
        Dest::New => {
            let out = Array::empty(
                result_layout(&plan.dims, &arrays[..ins.len()]),
                plan.result,
                plan.device,
            )?;
            run(row, plan.compute, &out, (ins, &arrays), &params)?;
            let out = Tensor::new(out);
            record(row, ins, params, &out)?;
            Ok(out)
        }
        Dest::InPlace(target) => map_in_place(row, &plan, (ins, &arrays), params, target),
        Dest::Out(target) => {
            let inputs: Vec<&Tensor> = ins.iter().filter_map(as_tensor).collect();
            write::check_out(row.op.name, &inputs, target)?;
            write::check_cast(plan.result, target.dtype())?;
            write::resize_out(target, &plan.dims)?;
            run(row, plan.compute, &target.array(), (ins, &arrays), &params)?;
            target.bump_version();
            Ok(target.clone())
        }
    }
}

fn map_in_place(
    row: &'static MapRow,
    plan: &Plan,
    (ins, arrays): (&[Var], &Arrays),
    params: Params,
    target: &Tensor,
) -> Result<Tensor> {
    let wanted = wanted(ins);
    tape::check_inplace(target, wanted != 0)?;
    let array = target.array();
    write::check_fits(&array, &plan.dims, plan.result)?;
    if wanted == 0 || !plan.result.is_differentiable() {
        run(row, plan.compute, &array, (ins, arrays), &params)?;
        target.bump_version();
        return Ok(target.clone());
    }
    let kept = keeps(row, wanted);
    let mut ins: SmallVec<[Var; 3]> = ins.iter().cloned().collect();
    if kept & 1 != 0 {
        ins[0] = Var::T(write::snapshot(target)?);
    }
    let edges = edges(row, &ins)?;
    let mut slots = MapBody::inputs(kept, &ins)?;
    run(row, plan.compute, &array, (&ins, arrays), &params)?;
    target.bump_version();
    MapBody::keep_output(kept, &mut slots, target)?;
    tape::record_write(target, edges, MapBody::new(row, &ins, params, slots))?;
    Ok(target.clone())
}

/// The tensor that it is, if it is one.
pub(crate) fn as_tensor(var: &Var) -> Option<&Tensor> {
    match var {
        Var::T(tensor) => Some(tensor),
        _ => None,
    }
}

fn result_layout(dims: &[usize], arrays: &[Option<Array>]) -> Layout {
    let number = Layout::contiguous(&[]);
    let layouts: SmallVec<[&Layout; 3]> =
        arrays.iter().map(|array| array.as_ref().map_or(&number, Array::layout)).collect();
    layout::output_layout(dims, &layouts)
}

fn run(
    row: &MapRow,
    compute: DType,
    out: &Array,
    (ins, arrays): (&[Var], &Arrays),
    params: &Params,
) -> Result<()> {
    let simpler = crate::power::simpler(row, ins);
    let (row, ins) = simpler.map_or((row, ins), |simpler| (simpler, &ins[..1]));
    let mut operands = [Operand::Scalar(base::Scalar::Int(0)); 3];
    for ((operand, input), array) in operands.iter_mut().zip(ins).zip(arrays) {
        match (input, array) {
            (Var::S(scalar), _) => *operand = Operand::Scalar(*scalar),
            (_, Some(array)) => *operand = Operand::Array(array),
            _ => {}
        }
    }
    dispatch::map(&row.op, compute, out, &operands[..ins.len()], params)
}

/// The inputs that gradients are wanted for, a bit each; none while recording is off.
fn wanted(ins: &[Var]) -> u8 {
    if !tape::grad_enabled() {
        return 0;
    }
    let asks = |v: &Var| as_tensor(v).is_some_and(Tensor::requires_grad);
    ins.iter().enumerate().fold(0, |mask, (i, v)| mask | u8::from(asks(v)) << i)
}

fn edges(row: &MapRow, ins: &[Var]) -> Result<SmallVec<[Edge; 2]>> {
    let number = row.number_without_edge(ins);
    let mut edges = SmallVec::new();
    for (_, input) in ins.iter().enumerate().filter(|(i, _)| Some(*i) != number) {
        edges.push(match input {
            Var::T(tensor) => tensor.gradient_edge()?,
            _ => Edge::default(),
        });
    }
    Ok(edges)
}

/// The union of what the halves that will be taken need.
fn keeps(row: &MapRow, wanted: u8) -> u8 {
    row.vjps
        .iter()
        .enumerate()
        .filter(|(i, _)| wanted & (1 << i) != 0)
        .filter_map(|(_, half)| half.as_ref())
        .fold(0, |mask, half| mask | half.keeps)
}

fn record(row: &'static MapRow, ins: &[Var], params: Params, out: &Tensor) -> Result<()> {
    let derivable = row.vjps.iter().any(Option::is_some);
    if !derivable || !out.dtype().is_differentiable() {
        return Ok(());
    }
    let wanted = wanted(ins);
    if wanted != 0 {
        let kept = keeps(row, wanted);
        let mut slots = MapBody::inputs(kept, ins)?;
        MapBody::keep_output(kept, &mut slots, out)?;
        tape::attach(out, edges(row, ins)?, MapBody::new(row, ins, params, slots));
    }
    Ok(())
}

#[derive(Clone)]
enum Slot {
    Empty,
    Scalar(base::Scalar),
    Input(SavedInput),
    Output(SavedOutput),
}

impl Slot {
    /// Reading it runs a user's code.
    fn is_packed(&self) -> bool {
        match self {
            Slot::Input(input) => input.is_packed(),
            Slot::Output(output) => output.is_packed(),
            Slot::Empty | Slot::Scalar(_) => false,
        }
    }
}

/// Inputs 0..3, then the output.
type Slots = [Slot; 4];

/// The node of an elementwise op.
struct MapBody {
    row: &'static MapRow,
    name: &'static str,
    params: Params,
    /// The operand that has no edge.
    number: Option<u8>,
    saved: Mutex<Option<Slots>>,
}

impl MapBody {
    /// What the derivatives need of the inputs; taken before a write in place, whose mark on an
    /// input that is also the target then shows.
    fn inputs(kept: u8, ins: &[Var]) -> Result<Slots> {
        let mut slots = [Slot::Empty, Slot::Empty, Slot::Empty, Slot::Empty];
        for (i, input) in ins.iter().enumerate().filter(|(i, _)| kept & (1 << i) != 0) {
            slots[i] = match input {
                Var::S(scalar) => Slot::Scalar(*scalar),
                Var::T(tensor) => Slot::Input(SavedInput::new(tensor)?),
                Var::Bad(error) => return Err(error.clone()),
            };
        }
        Ok(slots)
    }

    fn keep_output(kept: u8, slots: &mut Slots, out: &Tensor) -> Result<()> {
        if kept & 8 != 0 {
            slots[3] = Slot::Output(SavedOutput::new(out, 0)?);
        }
        Ok(())
    }

    #[inline]
    fn new(row: &'static MapRow, ins: &[Var], params: Params, slots: Slots) -> MapBody {
        let number = row.number_without_edge(ins).map(|i| i as u8);
        let name = row.node_name(ins);
        MapBody { row, name, params, number, saved: Mutex::new(Some(slots)) }
    }

    /// Reads what is saved; the lock is not held where that runs a user's code.
    fn with_saved<R>(&self, read: impl FnOnce(&Slots) -> Result<R>) -> Result<R> {
        let saved = self.saved.lock();
        let Some(slots) = &*saved else {
            return tape::again();
        };
        if !slots.iter().any(Slot::is_packed) {
            return read(slots);
        }
        let slots = slots.clone();
        drop(saved);
        read(&slots)
    }

    fn kept(&self, cx: &Context<'_>) -> Result<Kept> {
        self.with_saved(|slots| {
            let mut vars = [const { Var::S(base::Scalar::Int(0)) }; 4];
            for (var, slot) in vars.iter_mut().zip(slots) {
                match slot {
                    Slot::Empty => {}
                    Slot::Scalar(scalar) => *var = Var::S(*scalar),
                    Slot::Input(input) => *var = Var::T(input.get(self.name)?),
                    Slot::Output(output) => *var = Var::T(output.get(cx.node)?),
                }
            }
            Ok(Kept { vars, params: self.params })
        })
    }
}

impl Backward for MapBody {
    fn name(&self) -> &str {
        self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads> {
        let edges = cx.node.edges.len();
        let Some(grad) = &grads[0] else {
            return Ok(std::iter::repeat_n(None, edges).collect());
        };
        let kept = self.kept(cx)?;
        let operands =
            (0..self.row.vjps.len()).filter(|i| Some(*i) != self.number.map(usize::from));
        (0..edges)
            .zip(operands)
            .map(|(edge, i)| match &self.row.vjps[i] {
                Some(half) if cx.needs(edge) => {
                    let found = (half.vjp)(Var::T(grad.clone()), &kept).tensor()?;
                    let varies = |k: usize| {
                        half.keeps & (1 << k) != 0
                            && as_tensor(&kept.vars[k]).is_some_and(Tensor::requires_grad)
                    };
                    Ok(Some(if (0..4).any(varies) {
                        crate::node::piecewise(found, &cx.node.edges)
                    } else {
                        found
                    }))
                }
                _ => Ok(None),
            })
            .collect()
    }

    fn release(&self) {
        let mut saved = self.saved.lock();
        let keeps = saved.iter().flatten().any(|slot| !matches!(slot, Slot::Empty));
        let old = if keeps { saved.take() } else { None };
        drop(saved);
        drop(old);
    }

    fn saved(&self, name: &str, node: &tape::NodeRef) -> Option<Result<Tensor>> {
        let at = match name {
            "self" => 0,
            "other" | "exponent" => 1,
            "result" => 3,
            _ => return None,
        };
        self.with_saved(|slots| {
            Ok(match &slots[at] {
                Slot::Input(input) => Some(input.get(self.name)?),
                Slot::Output(output) => Some(output.get(node)?),
                Slot::Empty | Slot::Scalar(_) => None,
            })
        })
        .transpose()
    }

    fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        for slot in self.saved.try_lock().iter().filter_map(|saved| saved.as_ref()).flatten() {
            if let Slot::Input(input) = slot {
                input.visit_owned(visit);
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
