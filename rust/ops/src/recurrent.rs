//! Recurrent networks: cells, and stacks of layers in one direction or both.
//!
//! A layer walks a packed batch: step t holds the first `sizes[t]` sequences, longest first. A
//! padded batch is one whose steps all have the same size. Gates come in PyTorch's order.
//! `definition` says what a layer computes, `layer` computes it as one node.

mod definition;
mod layer;

use crate::autocast::lowered;
use crate::{Value, dropout, join, matmul, view};
use array::dispatch;
use base::{Result, Scalar, bail, ensure};
use tape::Tensor;

/// The recurrence of a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Lstm,
    Gru,
    Tanh,
    Relu,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru => 3,
            Cell::Tanh | Cell::Relu => 1,
        }
    }

    fn states(self) -> usize {
        if self == Cell::Lstm { 2 } else { 1 }
    }
}

/// The weights of one layer and direction.
#[derive(Clone, Copy)]
struct Weights<'a> {
    input: &'a Tensor,
    input_bias: Option<&'a Tensor>,
    hidden: Hidden<'a>,
}

/// The weights of the part that is done step by step.
#[derive(Clone, Copy)]
struct Hidden<'a> {
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    projection: Option<&'a Tensor>,
}

/// A product inside a network is subject to autocast.
fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let bias = bias.map(lowered).transpose()?;
    matmul::linear(&lowered(x)?, &lowered(weight)?, bias.as_ref())
}

/// How a layer goes over packed data.
#[derive(Clone, Copy)]
struct Walk<'a> {
    cell: Cell,
    sizes: &'a [usize],
    backwards: bool,
}

impl Walk<'_> {
    /// First row and number of rows of each step, in the order they are taken.
    fn steps(&self) -> Vec<(usize, usize)> {
        let mut end = 0;
        let step = |&n: &usize| {
            end += n;
            (end - n, n)
        };
        let mut steps: Vec<_> = self.sizes.iter().map(step).collect();
        if self.backwards {
            steps.reverse();
        }
        steps
    }
}

/// What a stack of layers is told.
#[derive(Clone, Copy)]
struct Stack<'a> {
    cell: Cell,
    params: &'a [Tensor],
    biases: bool,
    layers: usize,
    dropout: f64,
    train: bool,
    bidirectional: bool,
}

impl<'a> Stack<'a> {
    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The weights of run `i`, a layer and direction.
    fn weights(&self, i: usize) -> Result<Weights<'a>> {
        let runs = self.layers * self.directions();
        let each = self.params.len().checked_div(runs).unwrap_or(0);
        let plain = if self.biases { 4 } else { 2 };
        ensure!(
            each >= plain && self.params.len() == each * runs,
            Runtime,
            "got an incorrect number of RNN parameters"
        );
        let p = &self.params[i * each..(i + 1) * each];
        ensure!(
            p[0].rank() == 2 && p[0].dims()[0].is_multiple_of(self.cell.gates()),
            Runtime,
            "RNN weights must hold {} gates\n  got {}",
            self.cell.gates(),
            base::shape::show(&p[0].dims())
        );
        Ok(Weights {
            input: &p[0],
            input_bias: self.biases.then(|| &p[2]),
            hidden: Hidden {
                weight: &p[1],
                bias: self.biases.then(|| &p[3]),
                projection: (each > plain).then(|| &p[plain]),
            },
        })
    }

    /// All layers over packed data; `states` are `(layers * directions, N, H)` each.
    fn run(
        &self,
        data: &Tensor,
        sizes: &[usize],
        states: &[Tensor],
    ) -> Result<(Tensor, Vec<Tensor>)> {
        ensure!(!sizes.is_empty(), Runtime, "Expected sequence length to be larger than 0 in RNN");
        ensure!(states.len() == self.cell.states(), Runtime, "lstm expects two hidden states");
        for state in states {
            ensure!(
                state.rank() == 3,
                Runtime,
                "RNN: Expected a 3-D hidden state, got {}-D",
                state.rank()
            );
        }
        let directions = self.directions();
        let mut data = data.clone();
        let mut finals: Vec<Vec<Tensor>> = vec![Vec::new(); states.len()];
        for layer in 0..self.layers {
            let mut outputs = Vec::with_capacity(directions);
            for direction in 0..directions {
                let i = layer * directions + direction;
                let before: Vec<Tensor> =
                    states.iter().map(|s| view::select(s, 0, i as i64)).collect::<Result<_>>()?;
                let by = self.weights(i)?;
                let gates = linear(&data, by.input, by.input_bias)?;
                let walk = Walk { cell: self.cell, sizes, backwards: direction == 1 };
                let (out, after) = layer::run(walk, &gates, &before, by.hidden)?;
                outputs.push(out);
                finals.iter_mut().zip(after).for_each(|(list, state)| list.push(state));
            }
            data = if directions == 1 { outputs.remove(0) } else { join::cat(&outputs, 1)? };
            if self.dropout > 0.0 && layer + 1 < self.layers {
                data = dropout::dropout(&data, self.dropout, self.train)?;
            }
        }
        let finals = finals.iter().map(|list| join::stack(list, 0)).collect::<Result<_>>()?;
        Ok((data, finals))
    }

    /// A padded batch `(T, N, F)`, or `(N, T, F)` with `batch_first`.
    fn padded(&self, x: &Tensor, states: &[Tensor], batch_first: bool) -> Result<Value> {
        ensure!(x.rank() == 3, Runtime, "RNN: Expected a 3-D input, got {}-D", x.rank());
        let x = if batch_first { view::transpose(x, 0, 1)? } else { x.clone() };
        let dims = x.dims();
        let (steps, batch) = (dims[0], dims[1]);
        let data = view::reshape_to(&x, &[steps * batch, dims[2]])?;
        let (out, finals) = self.run(&data, &vec![batch; steps], states)?;
        let width = out.dims()[1];
        let out = view::reshape_to(&out, &[steps, batch, width])?;
        let out = if batch_first { view::transpose(&out, 0, 1)? } else { out };
        Ok(results(out, finals))
    }

    fn packed(&self, data: &Tensor, sizes: &Tensor, states: &[Tensor]) -> Result<Value> {
        let sizes: Vec<usize> = dispatch::scalars(&sizes.array())?
            .into_iter()
            .map(|s| Scalar::to_i64(s) as usize)
            .collect();
        let rows = data.dims().first().copied().unwrap_or(0);
        let total = sizes.iter().fold(0, |sum: usize, &n| sum.saturating_add(n));
        ensure!(
            data.rank() == 2 && total == rows && !sizes.contains(&0),
            Runtime,
            "RNN: batch sizes must be positive and add up to the rows of the data; got {} for {}",
            base::shape::show(&sizes),
            base::shape::show(&data.dims())
        );
        let (out, finals) = self.run(data, &sizes, states)?;
        Ok(results(out, finals))
    }
}

/// The output, then the last states.
fn results(out: Tensor, states: Vec<Tensor>) -> Value {
    Value::Tuple(std::iter::once(out).chain(states).map(Value::Tensor).collect())
}

/// The only state as a list of states.
fn one(state: &Tensor) -> &[Tensor] {
    std::slice::from_ref(state)
}

/// One step of a cell on `(N, F)` or `(F)`.
fn cell_step(
    cell: Cell,
    x: &Tensor,
    states: &[Tensor],
    [input, weight]: [&Tensor; 2],
    [input_bias, bias]: [Option<&Tensor>; 2],
) -> Result<Vec<Tensor>> {
    check_cell(x, states, [input, weight])?;
    let gates = linear(x, input, input_bias)?;
    let by = Hidden { weight, bias, projection: None };
    if gates.rank() != 2 {
        return definition::step(cell, &gates, states, by);
    }
    let walk = Walk { cell, sizes: &[gates.dims()[0]], backwards: false };
    Ok(layer::run(walk, &gates, states, by)?.1)
}

/// The sizes of a cell's input and states, of one batch.
fn check_cell(x: &Tensor, states: &[Tensor], [input, hidden]: [&Tensor; 2]) -> Result<()> {
    let last = |t: &Tensor| t.dims().last().copied().unwrap_or(0);
    let (given, wanted) = (last(x), last(input));
    ensure!(
        given == wanted,
        Runtime,
        "input has inconsistent input_size: got {given} expected {wanted}"
    );
    for (i, state) in states.iter().enumerate() {
        let (batch, states) = (x.dims()[0], state.dims()[0]);
        ensure!(
            x.rank() < 2 || batch == states,
            Runtime,
            "Input batch size {batch} doesn't match hidden{i} batch size {states}"
        );
        let (given, wanted) = (last(state), last(hidden));
        ensure!(
            given == wanted,
            Runtime,
            "hidden{i} has inconsistent hidden_size: got {given}, expected {wanted}"
        );
    }
    Ok(())
}

fn single(
    cell: Cell,
    x: &Tensor,
    h: &Tensor,
    weights: [&Tensor; 2],
    biases: [Option<&Tensor>; 2],
) -> Result<Tensor> {
    Ok(cell_step(cell, x, one(h), weights, biases)?.remove(0))
}

fn lstm_cell(
    x: &Tensor,
    states: &[Tensor],
    weights: [&Tensor; 2],
    biases: [Option<&Tensor>; 2],
) -> Result<(Tensor, Tensor)> {
    ensure!(states.len() == 2, Runtime, "lstm_cell expects two hidden states");
    let mut after = cell_step(Cell::Lstm, x, states, weights, biases)?;
    let Some(c) = after.pop() else { bail!(Runtime, "internal error: states of an LSTM") };
    Ok((after.remove(0), c))
}

/// The number of layers of a call.
fn count(layers: i64) -> usize {
    usize::try_from(layers).unwrap_or(0)
}

crate::ops! {
    /// Recurrent layers and cells.
    RECURRENT:
    /// Long short-term memory over a padded batch.
    f lower "lstm(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)" => |x, hx, params, biases, layers, dropout, train, bidirectional, batch_first| Stack { cell: Cell::Lstm, params, biases, layers: count(layers), dropout, train, bidirectional }.padded(x, hx, batch_first);
    /// Long short-term memory over a packed batch.
    f "lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)" => |x, sizes, hx, params, biases, layers, dropout, train, bidirectional| Stack { cell: Cell::Lstm, params, biases, layers: count(layers), dropout, train, bidirectional }.packed(x, sizes, hx);
    /// Gated recurrent units over a padded batch.
    f "gru(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)" => |x, h, params, biases, layers, dropout, train, bidirectional, batch_first| Stack { cell: Cell::Gru, params, biases, layers: count(layers), dropout, train, bidirectional }.padded(x, one(h), batch_first);
    /// Gated recurrent units over a packed batch.
    f "gru.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)" => |x, sizes, h, params, biases, layers, dropout, train, bidirectional| Stack { cell: Cell::Gru, params, biases, layers: count(layers), dropout, train, bidirectional }.packed(x, sizes, one(h));
    /// An Elman network with tanh over a padded batch.
    f "rnn_tanh(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)" => |x, h, params, biases, layers, dropout, train, bidirectional, batch_first| Stack { cell: Cell::Tanh, params, biases, layers: count(layers), dropout, train, bidirectional }.padded(x, one(h), batch_first);
    /// An Elman network with tanh over a packed batch.
    f "rnn_tanh.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)" => |x, sizes, h, params, biases, layers, dropout, train, bidirectional| Stack { cell: Cell::Tanh, params, biases, layers: count(layers), dropout, train, bidirectional }.packed(x, sizes, one(h));
    /// An Elman network with ReLU over a padded batch.
    f "rnn_relu(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)" => |x, h, params, biases, layers, dropout, train, bidirectional, batch_first| Stack { cell: Cell::Relu, params, biases, layers: count(layers), dropout, train, bidirectional }.padded(x, one(h), batch_first);
    /// An Elman network with ReLU over a packed batch.
    f "rnn_relu.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)" => |x, sizes, h, params, biases, layers, dropout, train, bidirectional| Stack { cell: Cell::Relu, params, biases, layers: count(layers), dropout, train, bidirectional }.packed(x, sizes, one(h));
    /// One step of an LSTM.
    f "lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)" => |x, hx, wi, wh, bi, bh| lstm_cell(x, hx, [wi, wh], [bi, bh]);
    /// One step of a GRU.
    f "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor" => |x, h, wi, wh, bi, bh| single(Cell::Gru, x, h, [wi, wh], [bi, bh]);
    /// One step of an Elman network with tanh.
    f "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor" => |x, h, wi, wh, bi, bh| single(Cell::Tanh, x, h, [wi, wh], [bi, bh]);
    /// One step of an Elman network with ReLU.
    f "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor" => |x, h, wi, wh, bi, bh| single(Cell::Relu, x, h, [wi, wh], [bi, bh]);
}
