//! Tables of vectors: rows by index, bags of rows, one-hot codes.
//!
//! Taking rows is linear in the table; its adjoint adds each gradient to the row it came from. The
//! two maps are each other's gradients.

use crate::node::Linear;
use crate::{Var, cast, create, range, view};
use array::Array;
use array::dispatch::{self, Extreme};
use base::{DType, Device, Dims, Result, Scalar, bail, ensure};
use std::sync::Arc;
use tape::{Tensor, record};

/// Which rows are taken, and how their gradients count.
struct Rows {
    indices: Array,
    count: usize,
    padding: Option<usize>,
    by_frequency: bool,
}

fn check_indices(indices: &Tensor, op: &str) -> Result<()> {
    ensure!(
        matches!(indices.dtype(), DType::I64 | DType::I32),
        Runtime,
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for {op})",
        indices.dtype().type_name()
    );
    Ok(())
}

fn take(weight: &Tensor, by: &Arc<Rows>) -> Result<Tensor> {
    let mut dims = Dims::from_slice(by.indices.dims());
    dims.push(weight.dims()[1]);
    let out = Array::empty_contiguous(&dims, weight.dtype(), weight.device())?;
    dispatch::embedding(&out, &weight.array(), &by.indices)?;
    let by = by.clone();
    record(out, &[weight], |_| {
        Ok(Linear::new("EmbeddingBackward0", move |g: Var| g.then(|g| add(g, &by))))
    })
}

/// The adjoint of [`take`].
fn add(g: &Tensor, by: &Arc<Rows>) -> Result<Tensor> {
    let width = g.dims().last().copied().unwrap_or(1);
    let out = Array::empty_contiguous(&[by.count, width], g.dtype(), g.device())?;
    dispatch::embedding_backward(&out, &g.array(), &by.indices, by.padding, by.by_frequency)?;
    let by = by.clone();
    record(out, &[g], |_| {
        Ok(Linear::new("EmbeddingDenseBackwardBackward0", move |g: Var| {
            let taken = g.then(|g| take(g, &by));
            match by.padding {
                Some(row) => {
                    let padded = Var::T(Tensor::new(by.indices.clone())).eq(row as i64);
                    Var::from(0.0).where_(padded.then(|m| view::unsqueeze(m, -1)), taken)
                }
                None => taken,
            }
        }))
    })
}

/// Rows of a table; the gradient of row `padding_idx` stays zero.
pub fn embedding(
    weight: &Tensor,
    indices: &Tensor,
    padding_idx: i64,
    by_frequency: bool,
    sparse: bool,
) -> Result<Tensor> {
    ensure!(weight.rank() == 2, Runtime, "'weight' must be 2-D");
    ensure!(
        !(sparse && tape::needs_history(&[weight])),
        NotImplemented,
        "embedding: sparse gradients are not available"
    );
    check_indices(indices, "embedding")?;
    let rows = Rows {
        indices: indices.array().contiguous()?,
        count: weight.dims()[0],
        padding: usize::try_from(padding_idx).ok(),
        by_frequency,
    };
    take(weight, &Arc::new(rows))
}

/// Rows that `indices` names and whose norm exceeds `max_norm` are scaled down to it, in place.
pub fn embedding_renorm_(
    weight: &Tensor,
    indices: &Tensor,
    max_norm: f64,
    norm_type: f64,
) -> Result<Tensor> {
    check_indices(indices, "embedding_renorm_")?;
    ensure!(
        weight.rank() == 2,
        Runtime,
        "Expected 2-dimensional tensor, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for embedding_renorm_)",
        weight.rank()
    );
    let _silent = tape::set_grad_enabled(false);
    let rows = Rows {
        indices: indices.array().contiguous()?,
        count: weight.dims()[0],
        padding: None,
        by_frequency: false,
    };
    let mut dims = indices.dims();
    dims.push(1);
    let ones = create::full(&dims, Scalar::Int(1), weight.dtype(), weight.device())?;
    let used = Var::from(add(&ones, &Arc::new(rows))).gt(0i64);
    let order = Scalar::Float(norm_type);
    let norms = Var::from(crate::vector_norm::vector_norm(weight, order, Some(&[1]), true, None)?);
    let shrunk = Var::from(weight) * (Var::from(max_norm) / (&norms + &Var::from(1e-7)));
    let scaled = shrunk.where_(used.logical_and(norms.gt(max_norm)), Var::from(weight));
    crate::inplace::copy_(weight, &scaled.tensor()?)
}

/// How a bag of rows becomes one row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bag {
    Sum,
    Mean,
    Max,
}

/// The bag of each index, and for each bag the number of indices that count.
struct Bags {
    owners: Vec<i64>,
    counts: Vec<i64>,
    starts: Vec<i64>,
}

fn bags_of(indices: &[i64], offsets: &[i64], padding: i64, include_last: bool) -> Result<Bags> {
    ensure!(
        !(include_last && offsets.is_empty()),
        Runtime,
        "include_last_offset: number of offset should be at least 1"
    );
    let bags = offsets.len() - usize::from(include_last);
    ensure!(
        offsets.first() == Some(&0) || offsets.is_empty(),
        Runtime,
        "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {}",
        offsets.first().copied().unwrap_or_default()
    );
    let last = offsets.last().copied().unwrap_or_default();
    ensure!(
        last <= indices.len() as i64,
        Runtime,
        "offsets[-1] can not be greater than input's length({}) but got offsets[-1] of {last}",
        indices.len()
    );
    ensure!(
        offsets.is_sorted(),
        Runtime,
        "embedding_bag: offsets must not decrease; got {}",
        base::shape::show(offsets)
    );
    let (mut owners, mut counts) = (Vec::with_capacity(indices.len()), vec![0; bags]);
    for bag in 0..bags {
        let end = offsets.get(bag + 1).map_or(indices.len(), |&e| e as usize);
        for &index in &indices[offsets[bag] as usize..end] {
            owners.push(bag as i64);
            counts[bag] += i64::from(index != padding);
        }
    }
    Ok(Bags { owners, counts, starts: offsets[..bags].to_vec() })
}

fn ints(x: &Tensor) -> Result<Vec<i64>> {
    Ok(dispatch::scalars(&x.array())?.into_iter().map(Scalar::to_i64).collect())
}

fn stored(values: &[i64], device: Device) -> Result<Tensor> {
    let out = Array::empty_contiguous(&[values.len()], DType::I64, device)?;
    let scalars: Vec<Scalar> = values.iter().map(|&v| Scalar::Int(v)).collect();
    dispatch::store(&out, &scalars)?;
    Ok(Tensor::new(out))
}

/// What a bag op is told beside its operands.
#[derive(Clone, Copy)]
struct BagSettings {
    by_frequency: bool,
    mode: i64,
    sparse: bool,
    include_last: bool,
    padding: Option<i64>,
}

fn check_rows(numbers: &[i64], rows: i64) -> Result<()> {
    for (i, number) in numbers.iter().enumerate() {
        ensure!(
            (0..rows).contains(number),
            Runtime,
            "Index {i} of input takes value {number} which is not in the valid range [0, {rows})"
        );
    }
    Ok(())
}

/// Rows of each bag summed, averaged or maximised; also the bag of each index, its size and, for
/// maxima, the rows that won.
fn embedding_bag(
    weight: &Tensor,
    indices: &Tensor,
    offsets: &Tensor,
    weights: Option<&Tensor>,
    by: BagSettings,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    check_indices(indices, "embedding_bag")?;
    ensure!(
        !(by.sparse && tape::needs_history(&[weight])),
        NotImplemented,
        "embedding_bag: sparse gradients are not available"
    );
    let mode = match by.mode {
        0 => Bag::Sum,
        1 => Bag::Mean,
        2 => Bag::Max,
        other => bail!(Runtime, "embedding_bag: mode must be 0, 1 or 2, got {other}"),
    };
    ensure!(
        weights.is_none() || mode == Bag::Sum,
        Runtime,
        "embedding_bag: per_sample_weights only supported with mode='sum'"
    );
    ensure!(
        weight.rank() == 2,
        Runtime,
        "weight has to be a 2D Tensor, but got Tensor of dimension {}",
        weight.rank()
    );
    let rows = weight.dims()[0] as i64;
    let padding = by.padding.map_or(-1, |p| if p < 0 { p + rows } else { p });
    let numbers = ints(indices)?;
    check_rows(&numbers, rows)?;
    let bags = bags_of(&numbers, &ints(offsets)?, padding, by.include_last)?;
    let count = bags.counts.len();
    let stored = |values: &[i64]| stored(values, weight.device());
    let (owner, sizes, starts) =
        (stored(&bags.owners)?, stored(&bags.counts)?, stored(&bags.starts)?);
    let taken = view::narrow(indices, 0, 0, bags.owners.len() as i64)?;
    let mut values = Var::from(embedding(weight, &taken, padding, by.by_frequency, false)?);
    if let Some(weights) = weights {
        let used = view::narrow(weights, 0, 0, bags.owners.len() as i64)?;
        values = values * Var::from(view::unsqueeze(&used, 1)?);
    }
    let skipped = Var::from(&taken).eq(padding).then(|m| view::unsqueeze(m, 1));
    if mode == Bag::Max {
        let out = largest(&values.tensor()?, &numbers, &bags, padding)?;
        return Ok((out, owner, sizes.clone(), sizes));
    }
    let kept = Var::from(0.0).where_(skipped, values).tensor()?;
    let gathered = Rows { indices: owner.array(), count, padding: None, by_frequency: false };
    let sums = Var::from(add(&kept, &Arc::new(gathered))?);
    let out = match mode {
        Bag::Mean => {
            let divisor = bags.counts.iter().map(|&c| c.max(1)).collect::<Vec<i64>>();
            let divisor = cast::to_dtype(&stored(&divisor)?, weight.dtype())?;
            sums / Var::from(view::unsqueeze(&divisor, 1)?)
        }
        _ => sums,
    };
    Ok((out.tensor()?, owner, sizes, starts))
}

/// The largest row values of each bag; zeros for empty bags.
fn largest(values: &Tensor, numbers: &[i64], bags: &Bags, padding: i64) -> Result<Tensor> {
    let width = values.dims()[1];
    let mut rows = Vec::with_capacity(bags.counts.len());
    for bag in 0..bags.counts.len() as i64 {
        let places: Vec<i64> = (0..numbers.len().min(bags.owners.len()))
            .filter(|&i| bags.owners[i] == bag && numbers[i] != padding)
            .map(|i| i as i64)
            .collect();
        rows.push(if places.is_empty() {
            create::zeros(&[width], values.dtype(), values.device())?
        } else {
            let chosen = crate::index::index_select(values, 0, &stored(&places, values.device())?)?;
            crate::extremum::along("max", "MaxBackward0", Extreme::Largest, &chosen, 0, false)?.0
        });
    }
    crate::join::stack(&rows, 0)
}

/// Rows of zeros with a 1 at each class, int64.
pub fn one_hot(x: &Tensor, classes: i64) -> Result<Tensor> {
    ensure!(
        x.dtype() == DType::I64,
        Runtime,
        "one_hot is only applicable to index tensor of type LongTensor."
    );
    let mut classes = classes;
    if x.numel() == 0 {
        ensure!(classes > 0, Runtime, "Can not infer total number of classes from empty tensor.");
        let mut dims = x.dims();
        dims.push(classes as usize);
        return create::zeros(&dims, DType::I64, x.device());
    }
    let numbers = ints(x)?;
    let largest = numbers.iter().copied().max().unwrap_or(0);
    ensure!(numbers.iter().all(|&v| v >= 0), Runtime, "Class values must be non-negative.");
    if classes == -1 {
        classes = largest + 1;
    } else {
        ensure!(classes >= 1, Runtime, "num_classes should be positive");
        ensure!(largest < classes, Runtime, "Class values must be smaller than num_classes.");
    }
    let all = range::indices(classes as usize, x.device())?;
    let hits = Var::from(view::unsqueeze(&create::contiguous(x)?, -1)?).eq(Var::from(all));
    hits.then(|h| cast::to_dtype(h, DType::I64)).tensor()
}

crate::ops! {
    /// Tables of vectors.
    EMBEDDINGS:
    /// Rows of a table by index.
    f "embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor" => |w, i, padding, frequency, sparse| embedding(w, i, padding, frequency, sparse);
    /// Scales down rows of too large a norm, in place.
    f "embedding_renorm_(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor" => |w, i, max, order| embedding_renorm_(w, i, max, order);
    /// Bags of rows, each made one row.
    f "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None) -> (Tensor, Tensor, Tensor, Tensor)" => |w, i, offsets, by_frequency, mode, sparse, weights, include_last, padding| embedding_bag(w, i, offsets, weights, BagSettings { by_frequency, mode, sparse, include_last, padding });
    /// Rows of zeros with a 1 at each class.
    f "one_hot(Tensor self, int num_classes=-1) -> Tensor" => |x, classes| one_hot(x, classes);
}
