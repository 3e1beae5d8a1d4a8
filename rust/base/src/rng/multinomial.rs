//! Drawing categories by weight.
//!
//! Several draws with replacement invert the cumulative sum; a single draw, or draws without
//! replacement, take the largest of weight / exponential (Efraimidis and Spirakis, 2006).

use super::draw::Draw;
use super::stream::Stream;
use crate::{DType, Element, Result, ensure};

/// How many draws from each row, and whether a category may come twice.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Sampling {
    pub samples: usize,
    pub replacement: bool,
}

/// Draws from each row of `weights` (rows of `categories`, one after another) into the rows of `out`
/// (rows of `sampling.samples`). Fails on a row that is no distribution.
pub fn multinomial<T: Element>(
    stream: &mut Stream,
    weights: &[T],
    categories: usize,
    sampling: Sampling,
    out: &mut [i64],
) -> Result<()> {
    let Sampling { samples, replacement } = sampling;
    ensure!(samples > 0, Runtime, "cannot sample n_sample <= 0 samples");
    ensure!(
        replacement || samples <= categories,
        Runtime,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
    );
    if weights.is_empty() || categories == 0 {
        return Ok(());
    }
    if replacement && samples > 1 {
        let mut rows = weights.chunks_exact(categories).zip(out.chunks_exact_mut(samples));
        return rows.try_for_each(|(row, out)| invert(stream, row, out));
    }
    for row in weights.chunks_exact(categories) {
        check_race(row)?;
    }
    let mut times = vec![T::default(); weights.len()];
    Draw::Exponential { rate: 1.0 }.fill(stream, &mut times);
    let rows = weights.chunks_exact(categories).zip(times.chunks_exact(categories));
    for ((row, times), out) in rows.zip(out.chunks_exact_mut(samples)) {
        race(row, times, out);
    }
    Ok(())
}

fn invert<T: Element>(stream: &mut Stream, row: &[T], out: &mut [i64]) -> Result<()> {
    let mut cumulative = Vec::with_capacity(row.len());
    let mut total = 0.0;
    for weight in row {
        let weight = weight.to_scalar().to_f64();
        ensure!(
            weight >= 0.0 || weight.is_nan(),
            Runtime,
            "invalid multinomial distribution (encountering probability entry < 0)"
        );
        ensure!(
            weight.is_finite(),
            Runtime,
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
        );
        total = narrow::<T>(total + weight);
        cumulative.push(total);
    }
    ensure!(total > 0.0, Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
    for value in &mut cumulative {
        *value = narrow::<T>(*value / total);
    }
    let last = cumulative.len() - 1;
    cumulative[last] = 1.0;
    for category in out {
        let u = stream.uniform_f64();
        *category = cumulative.partition_point(|&value| value < u) as i64;
    }
    Ok(())
}

/// A double sum rounded to the type weights accumulate in: doubles as they are, others as `f32`.
fn narrow<T: Element>(value: f64) -> f64 {
    if T::DTYPE == DType::F64 { value } else { f64::from(value as f32) }
}

fn check_race<T: Element>(row: &[T]) -> Result<()> {
    let mut total = 0.0;
    for weight in row {
        let weight = weight.to_scalar().to_f64();
        ensure!(
            weight >= 0.0 && weight.is_finite(),
            Runtime,
            "probability tensor contains either `inf`, `nan` or element < 0"
        );
        total += weight;
    }
    ensure!(total > 0.0, Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
    Ok(())
}

/// The categories of the largest scores, largest first; equal scores keep their order.
fn race<T: Element>(row: &[T], times: &[T], out: &mut [i64]) {
    let score = |i: usize| {
        let quotient = row[i].to_scalar().to_f64() / times[i].to_scalar().to_f64();
        T::from_scalar(narrow::<T>(quotient).into()).to_scalar().to_f64()
    };
    let scores: Vec<f64> = (0..row.len()).map(score).collect();
    let first = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
    let mut order: Vec<usize> = (0..row.len()).collect();
    let taken = out.len();
    if taken < order.len() {
        order.select_nth_unstable_by(taken - 1, first);
        order.truncate(taken);
    }
    order.sort_unstable_by(first);
    for (category, index) in out.iter_mut().zip(order) {
        *category = index as i64;
    }
}
