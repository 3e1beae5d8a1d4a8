//! The stack machine of pickle, with slots in place of values.
//!
//! Invariant: a plan calls only allowed globals, and changes only containers and objects the same
//! pickle made, so replaying it can run no code but that of the allowed names.

use super::opcode::{Op, Ops};
use super::plan::{Plan, Slot, Step};
use crate::Result;
use crate::error::bail;
use std::collections::HashMap;

/// Reads one pickle. `allowed` decides about each global by its full dotted name; persistent ids are
/// left to the owner.
pub fn read<'a>(pickle: &'a [u8], allowed: &dyn Fn(&str) -> bool) -> Result<Plan<'a>> {
    let machine = Machine {
        ops: Ops::new(pickle),
        allowed,
        protocol: 0,
        steps: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    machine.run()
}

struct Machine<'a, 'f> {
    ops: Ops<'a>,
    allowed: &'f dyn Fn(&str) -> bool,
    protocol: u8,
    steps: Vec<Step<'a>>,
    stack: Vec<Slot>,
    /// Heights of the stack where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u64, Slot>,
}

impl<'a> Machine<'a, '_> {
    fn run(mut self) -> Result<Plan<'a>> {
        loop {
            match self.ops.next()? {
                Op::Stop => {
                    let root = self.pop()?;
                    return Ok(Plan { steps: self.steps, root, end: self.ops.offset() });
                }
                op => self.step(op)?,
            }
        }
    }

    fn step(&mut self, op: Op<'a>) -> Result<()> {
        match op {
            Op::Proto(version) => self.protocol = version,
            Op::Frame | Op::Stop => {}
            Op::Mark => self.marks.push(self.stack.len()),
            Op::Pop => self.discard()?,
            Op::PopMark => drop(self.pop_mark()?),
            Op::Dup => self.stack.push(self.top()?),
            Op::None => self.push(Step::None)?,
            Op::Bool(value) => self.push(Step::Bool(value))?,
            Op::Int(value) => self.push(Step::Int(value))?,
            Op::BigInt(bytes) => self.push(Step::BigInt(bytes))?,
            Op::Float(value) => self.push(Step::Float(value))?,
            Op::Str(text) => self.push(Step::Str(text))?,
            Op::Bytes(bytes) => self.push(Step::Bytes(bytes))?,
            Op::ByteArray(bytes) => self.push(Step::ByteArray(bytes))?,
            Op::EmptyTuple => self.push(Step::Tuple(Vec::new()))?,
            Op::EmptyList => self.push(Step::List)?,
            Op::EmptyDict => self.push(Step::Dict)?,
            Op::EmptySet => self.push(Step::Set)?,
            Op::Get(index) => self.get(index)?,
            Op::Put(index) => self.put(index)?,
            Op::Memoize => self.put(self.memo.len() as u64)?,
            Op::TupleOf(_) | Op::Tuple | Op::List | Op::Dict | Op::FrozenSet => self.collect(op)?,
            Op::Append | Op::Appends | Op::SetItem | Op::SetItems | Op::AddItems => self.add(op)?,
            Op::Global(module, name) => self.global(module, name)?,
            Op::StackGlobal => self.stack_global()?,
            Op::Reduce | Op::Build | Op::New | Op::NewWithKeywords | Op::Persistent => {
                self.object(op)?;
            }
            Op::Other(code) => bail!(Pickle, "Unsupported operand {code}"),
        }
        Ok(())
    }

    /// Containers made at once from values on the stack.
    fn collect(&mut self, op: Op<'a>) -> Result<()> {
        match op {
            Op::TupleOf(len) => {
                let Some(start) =
                    self.stack.len().checked_sub(len).filter(|&at| at >= self.floor())
                else {
                    return Err(self.underflow());
                };
                let items = self.stack.split_off(start);
                self.push(Step::Tuple(items))
            }
            Op::List => {
                let items = self.pop_mark()?;
                self.push(Step::List)?;
                let list = self.top()?;
                self.change(Step::Append { list, items })
            }
            Op::Dict => {
                let pairs = self.pop_pairs()?;
                self.push(Step::Dict)?;
                let target = self.top()?;
                self.change(Step::SetItems { target, pairs })
            }
            Op::FrozenSet => {
                let items = self.pop_mark()?;
                self.push(Step::FrozenSet(items))
            }
            _ => {
                let items = self.pop_mark()?;
                self.push(Step::Tuple(items))
            }
        }
    }

    /// Values added to a container below them on the stack.
    fn add(&mut self, op: Op<'a>) -> Result<()> {
        let items = match op {
            Op::Append => vec![self.pop()?],
            Op::SetItem => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            Op::SetItems => self.pop_pairs()?,
            _ => self.pop_mark()?,
        };
        let target = self.top()?;
        let step = match (op, &self.steps[target as usize]) {
            (Op::Append | Op::Appends, Step::List | Step::Call { .. } | Step::New { .. }) => {
                Step::Append { list: target, items }
            }
            (Op::SetItem | Op::SetItems, Step::Dict | Step::Call { .. } | Step::New { .. }) => {
                Step::SetItems { target, pairs: items }
            }
            (Op::AddItems, Step::Set) => Step::AddItems { set: target, items },
            (Op::Append | Op::Appends, other) => {
                bail!(Pickle, "Can only append to lists, but got {}", kind(other))
            }
            (_, other) => {
                bail!(
                    Pickle,
                    "Can only set or add items of dicts and sets, but got {}",
                    kind(other)
                )
            }
        };
        self.change(step)
    }

    /// Calls, states and persistent ids.
    fn object(&mut self, op: Op<'a>) -> Result<()> {
        match op {
            Op::Persistent => {
                let id = self.pop()?;
                self.push(Step::Persistent(id))
            }
            Op::Build => {
                let state = self.pop()?;
                let object = self.top()?;
                match &self.steps[object as usize] {
                    Step::Call { .. } | Step::New { .. } => {
                        self.change(Step::Build { object, state })
                    }
                    other => bail!(
                        Pickle,
                        "Can only build objects the pickle made, but got {}",
                        kind(other)
                    ),
                }
            }
            Op::Reduce => {
                let args = self.pop_args()?;
                let function = self.pop_callable()?;
                self.push(Step::Call { function, args })
            }
            _ => {
                let kwargs = match op {
                    Op::NewWithKeywords => Some(self.pop_of(|step| matches!(step, Step::Dict))?),
                    _ => None,
                };
                let args = self.pop_args()?;
                let class = self.pop_callable()?;
                self.push(Step::New { class, args, kwargs })
            }
        }
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Result<()> {
        let (module, name) = if self.protocol < 3 { modern(module, name) } else { (module, name) };
        let path = format!("{module}.{name}");
        if (self.allowed)(&path) {
            return self.push(Step::Global { module, name });
        }
        let top = module.split('.').next().unwrap_or(module);
        if BLOCKED.contains(&top) {
            bail!(
                Pickle,
                "Trying to load unsupported GLOBAL {path} whose module {module} is blocked."
            );
        }
        bail!(
            Pickle,
            "Unsupported global: GLOBAL {path} was not an allowed global by default. Please use \
             `torch.serialization.add_safe_globals([{path}])` or the \
             `torch.serialization.safe_globals([{path}])` context manager to allowlist this global \
             if you trust this class/function."
        );
    }

    fn stack_global(&mut self) -> Result<()> {
        let name = self.pop()?;
        let module = self.pop()?;
        match (&self.steps[module as usize], &self.steps[name as usize]) {
            (&Step::Str(module), &Step::Str(name)) => self.global(module, name),
            _ => bail!(Pickle, "STACK_GLOBAL requires str"),
        }
    }

    fn push(&mut self, step: Step<'a>) -> Result<()> {
        let slot = self.change_slot(step)?;
        self.stack.push(slot);
        Ok(())
    }

    fn change(&mut self, step: Step<'a>) -> Result<()> {
        self.change_slot(step).map(drop)
    }

    fn change_slot(&mut self, step: Step<'a>) -> Result<Slot> {
        let Ok(slot) = Slot::try_from(self.steps.len()) else {
            bail!(Pickle, "the pickle has more than {} steps", Slot::MAX);
        };
        self.steps.push(step);
        Ok(slot)
    }

    /// The height of the innermost mark: values below it are out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Slot> {
        match self.stack.last() {
            Some(&slot) if self.stack.len() > self.floor() => Ok(slot),
            _ => Err(self.underflow()),
        }
    }

    fn pop(&mut self) -> Result<Slot> {
        let slot = self.top()?;
        self.stack.pop();
        Ok(slot)
    }

    /// `POP` removes a mark when one lies on top.
    fn discard(&mut self) -> Result<()> {
        if self.stack.len() == self.floor() && self.marks.pop().is_some() {
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn pop_mark(&mut self) -> Result<Vec<Slot>> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(self.underflow()),
        }
    }

    fn pop_pairs(&mut self) -> Result<Vec<Slot>> {
        let pairs = self.pop_mark()?;
        if !pairs.len().is_multiple_of(2) {
            bail!(Pickle, "odd number of items for SET ITEMS");
        }
        Ok(pairs)
    }

    fn pop_of(&mut self, wanted: fn(&Step<'_>) -> bool) -> Result<Slot> {
        let slot = self.pop()?;
        let step = &self.steps[slot as usize];
        if !wanted(step) {
            bail!(Pickle, "Trying to call reduce for unrecognized function: {}", kind(step));
        }
        Ok(slot)
    }

    fn pop_callable(&mut self) -> Result<Slot> {
        self.pop_of(|step| matches!(step, Step::Global { .. }))
    }

    fn pop_args(&mut self) -> Result<Slot> {
        self.pop_of(|step| matches!(step, Step::Tuple(_)))
    }

    fn get(&mut self, index: u64) -> Result<()> {
        match self.memo.get(&index) {
            Some(&slot) => self.stack.push(slot),
            None => bail!(Pickle, "Memo value not found at index {index}"),
        }
        Ok(())
    }

    fn put(&mut self, index: u64) -> Result<()> {
        let slot = self.top()?;
        self.memo.insert(index, slot);
        Ok(())
    }

    fn underflow(&self) -> crate::Error {
        crate::Error::Pickle(format!(
            "unexpected MARK or empty stack before byte {} of the pickle",
            self.ops.offset()
        ))
    }
}

/// Modules whose names are refused with a text of their own.
const BLOCKED: [&str; 4] = ["sys", "os", "posix", "nt"];

/// Protocol 2 spells some globals as Python 2 did.
fn modern<'a>(module: &'a str, name: &'a str) -> (&'a str, &'a str) {
    match (module, name) {
        ("__builtin__", "xrange") => ("builtins", "range"),
        ("__builtin__", "unicode") => ("builtins", "str"),
        ("__builtin__", "long") => ("builtins", "int"),
        ("__builtin__", name) => ("builtins", name),
        ("copy_reg", name) => ("copyreg", name),
        other => other,
    }
}

fn kind(step: &Step<'_>) -> String {
    match step {
        Step::Global { module, name } => format!("{module}.{name}"),
        Step::Call { .. } | Step::New { .. } => "an object".into(),
        Step::Persistent(_) => "a storage".into(),
        Step::None => "None".into(),
        Step::Bool(_) => "bool".into(),
        Step::Int(_) | Step::BigInt(_) => "int".into(),
        Step::Float(_) => "float".into(),
        Step::Str(_) => "str".into(),
        Step::Bytes(_) => "bytes".into(),
        Step::ByteArray(_) => "bytearray".into(),
        Step::List | Step::Append { .. } => "list".into(),
        Step::Dict | Step::SetItems { .. } => "dict".into(),
        Step::Set | Step::AddItems { .. } => "set".into(),
        Step::FrozenSet(_) => "frozenset".into(),
        Step::Tuple(_) => "tuple".into(),
        Step::Build { .. } => "a state".into(),
    }
}
