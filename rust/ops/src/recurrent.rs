//! Recurrent networks: cells and whole layers, composed of products and activations.
//!
//! A layer walks a packed batch: step t holds the first `sizes[t]` sequences, longest first. A
//! padded batch is one whose steps all have the same size. Gates come in PyTorch's order.

use crate::autocast::lowered;
use crate::{Value, Var, dropout, join, matmul, view};
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
    hidden: &'a Tensor,
    input_bias: Option<&'a Tensor>,
    hidden_bias: Option<&'a Tensor>,
    projection: Option<&'a Tensor>,
}

/// The pieces of a list of gates.
fn pieces(x: &Tensor, count: usize) -> Result<Vec<Var>> {
    Ok(view::chunk(x, count as i64, -1)?.into_iter().map(Var::T).collect())
}

/// A product inside a network is subject to autocast.
fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let bias = bias.map(lowered).transpose()?;
    matmul::linear(&lowered(x)?, &lowered(weight)?, bias.as_ref())
}

/// One step: the part of the gates that comes from the input, and the states before.
fn step(
    cell: Cell,
    from_input: &Tensor,
    states: &[Tensor],
    by: &Weights<'_>,
) -> Result<Vec<Tensor>> {
    let h = &states[0];
    let from_hidden = linear(h, by.hidden, by.hidden_bias)?;
    match cell {
        Cell::Tanh => Ok(vec![(Var::from(from_input) + Var::from(from_hidden)).tanh().tensor()?]),
        Cell::Relu => Ok(vec![(Var::from(from_input) + Var::from(from_hidden)).relu().tensor()?]),
        Cell::Gru => {
            let (x, g) = (pieces(from_input, 3)?, pieces(&from_hidden, 3)?);
            let reset = (&x[0] + &g[0]).sigmoid();
            let update = (&x[1] + &g[1]).sigmoid();
            let fresh = (&x[2] + &(reset * &g[2])).tanh();
            Ok(vec![(&fresh + &(update * (Var::from(h) - &fresh))).tensor()?])
        }
        Cell::Lstm => {
            let gates = (Var::from(from_input) + Var::from(from_hidden)).tensor()?;
            let g = pieces(&gates, 4)?;
            let kept = g[1].clone().sigmoid() * Var::from(&states[1]);
            let c = kept + g[0].clone().sigmoid() * g[2].clone().tanh();
            let mut h = (g[3].clone().sigmoid() * c.clone().tanh()).tensor()?;
            if let Some(projection) = by.projection {
                h = linear(&h, projection, None)?;
            }
            Ok(vec![h, c.tensor()?])
        }
    }
}

/// The first `count` rows.
fn head(x: &Tensor, count: usize) -> Result<Tensor> {
    if x.dims()[0] == count { Ok(x.clone()) } else { view::narrow(x, 0, 0, count as i64) }
}

/// The rows from `from` on.
fn tail(x: &Tensor, from: usize) -> Result<Tensor> {
    view::narrow(x, 0, from as i64, (x.dims()[0] - from) as i64)
}

/// One direction of one layer over packed data; the outputs in the order of the data, and the last
/// state of each sequence.
fn walk(
    cell: Cell,
    data: &Tensor,
    sizes: &[usize],
    states: &[Tensor],
    by: &Weights<'_>,
    backwards: bool,
) -> Result<(Tensor, Vec<Tensor>)> {
    let gates = linear(data, by.input, by.input_bias)?;
    let starts: Vec<usize> = sizes
        .iter()
        .scan(0, |at, &n| {
            *at += n;
            Some(*at - n)
        })
        .collect();
    let mut outputs: Vec<Tensor> = Vec::with_capacity(sizes.len());
    let mut ended: Vec<Vec<Tensor>> = Vec::new();
    let order: Vec<usize> =
        if backwards { (0..sizes.len()).rev().collect() } else { (0..sizes.len()).collect() };
    let begin = sizes[order[0]];
    let mut now: Vec<Tensor> = states.iter().map(|s| head(s, begin)).collect::<Result<_>>()?;
    for t in order {
        let (have, want) = (now[0].dims()[0], sizes[t]);
        if want < have {
            ended.push(now.iter().map(|s| tail(s, want)).collect::<Result<_>>()?);
            now = now.iter().map(|s| head(s, want)).collect::<Result<_>>()?;
        } else if want > have {
            let fresh = |(s, first): (&Tensor, &Tensor)| {
                let rows = view::narrow(first, 0, have as i64, (want - have) as i64)?;
                join::cat(&[s.clone(), rows], 0)
            };
            now = now.iter().zip(states).map(fresh).collect::<Result<_>>()?;
        }
        let x = view::narrow(&gates, 0, starts[t] as i64, want as i64)?;
        now = step(cell, &x, &now, by)?;
        outputs.push(now[0].clone());
    }
    if backwards {
        outputs.reverse();
    }
    let last = |i: usize| -> Result<Tensor> {
        let mut parts = vec![now[i].clone()];
        parts.extend(ended.iter().rev().map(|e| e[i].clone()));
        if parts.len() == 1 { Ok(parts.remove(0)) } else { join::cat(&parts, 0) }
    };
    let finals = (0..now.len()).map(last).collect::<Result<_>>()?;
    Ok((join::cat(&outputs, 0)?, finals))
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
            hidden: &p[1],
            input_bias: self.biases.then(|| &p[2]),
            hidden_bias: self.biases.then(|| &p[3]),
            projection: (each > plain).then(|| &p[plain]),
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
                let (out, after) = walk(self.cell, &data, sizes, &before, &by, direction == 1)?;
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
    [input, hidden]: [&Tensor; 2],
    [input_bias, hidden_bias]: [Option<&Tensor>; 2],
) -> Result<Vec<Tensor>> {
    check_cell(x, states, [input, hidden])?;
    let by = Weights { input, hidden, input_bias, hidden_bias, projection: None };
    step(cell, &linear(x, input, input_bias)?, states, &by)
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
