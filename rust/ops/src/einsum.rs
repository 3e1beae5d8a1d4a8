//! Sums of products by index letters, as a chain of batched matrix products.

use crate::autocast::lowered;
use crate::{Var, matmul, reduce, view};
use base::{Dims, Result, ensure};
use tape::Tensor;

/// An operand of an einsum: its letters, one a dimension.
struct Labelled {
    tensor: Tensor,
    letters: Vec<u32>,
}

/// Dots of an ellipsis get letters of their own, counted from the last dimension.
const DOTS: u32 = 1000;

fn letters(text: &str, rank: Option<usize>, number: usize) -> Result<Vec<u32>> {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let (before, after) = match text.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (text.as_str(), None),
    };
    for c in before.chars().chain(after.unwrap_or_default().chars()) {
        ensure!(
            c.is_ascii_alphabetic(),
            Runtime,
            "einsum(): invalid subscript given at index {} in the equation string, subscripts must be in [a-zA-Z]",
            text.find(c).unwrap_or(0)
        );
    }
    let named = before.len() + after.map_or(0, str::len);
    let mut list: Vec<u32> = before.chars().map(u32::from).collect();
    if let Some(after) = after {
        let spread = rank.unwrap_or(named).saturating_sub(named) as u32;
        list.extend((0..spread).rev().map(|i| DOTS + i));
        list.extend(after.chars().map(u32::from));
    }
    if let Some(rank) = rank {
        ensure!(
            list.len() == rank,
            Runtime,
            "einsum(): the number of subscripts in the equation ({named}) {} the number of dimensions ({rank}) for operand {number}{}",
            if after.is_some() { "is more than" } else { "does not match" },
            if after.is_some() { "" } else { " and no ellipsis was given" }
        );
    }
    Ok(list)
}

/// A letter that comes twice takes the diagonal of its dimensions.
fn diagonals(mut operand: Labelled, number: usize) -> Result<Labelled> {
    let mut i = 0;
    while i < operand.letters.len() {
        let letter = operand.letters[i];
        let Some(j) = (i + 1..operand.letters.len()).find(|&j| operand.letters[j] == letter) else {
            i += 1;
            continue;
        };
        let dims = operand.tensor.dims();
        ensure!(
            dims[i] == dims[j],
            Runtime,
            "einsum(): subscript {} is repeated for operand {number} but the sizes don't match, {} != {}",
            char::from_u32(letter).unwrap_or('.'),
            dims[j],
            dims[i]
        );
        let taken = view::diagonal(&operand.tensor, 0, i as i64, j as i64)?;
        let order: Vec<i64> = (0..i as i64)
            .chain(std::iter::once(taken.rank() as i64 - 1))
            .chain(i as i64..taken.rank() as i64 - 1)
            .collect();
        operand.tensor = view::permute(&taken, &order)?;
        operand.letters.remove(j);
    }
    Ok(operand)
}

/// Sums of products by index letters: `"ij,jk->ik"`.
pub fn einsum(equation: &str, tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "einsum(): must provide at least one operand");
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation, None),
    };
    let texts: Vec<&str> = left.split(',').collect();
    ensure!(
        texts.len() == tensors.len(),
        Runtime,
        "einsum(): {} operands were provided than specified in the equation",
        if texts.len() > tensors.len() { "fewer" } else { "more" }
    );
    let mut operands = Vec::with_capacity(tensors.len());
    let mut all = Vec::new();
    for (number, (text, tensor)) in texts.iter().zip(tensors).enumerate() {
        let letters = letters(text, Some(tensor.rank()), number)?;
        all.extend_from_slice(&letters);
        operands.push(diagonals(Labelled { tensor: tensor.clone(), letters }, number)?);
    }
    let output = output_letters(right, &all, operands.len())?;
    check_sizes(&operands)?;
    contract_all(&operands, &output)
}

/// The letters of the result; without a right side those that come once among `all` of the left.
fn output_letters(right: Option<&str>, all: &[u32], operands: usize) -> Result<Vec<u32>> {
    let dots = all.iter().filter(|&&l| l >= DOTS).max().map_or(0, |&l| l - DOTS + 1);
    let Some(right) = right else {
        let mut once: Vec<u32> = all
            .iter()
            .copied()
            .filter(|l| *l < DOTS && all.iter().filter(|m| *m == l).count() == 1)
            .collect();
        once.sort_unstable();
        return Ok((0..dots).rev().map(|i| DOTS + i).chain(once).collect());
    };
    let named = right.chars().filter(char::is_ascii_alphabetic).count();
    let rank = if right.contains("...") { named + dots as usize } else { named };
    let list = letters(right, Some(rank), operands)?;
    for (i, l) in list.iter().enumerate() {
        let shown = char::from_u32(*l).unwrap_or('.');
        ensure!(
            !list[..i].contains(l),
            Runtime,
            "einsum(): output subscript {shown} appears more than once in the output"
        );
        ensure!(
            all.contains(l),
            Runtime,
            "einsum(): output subscript {shown} does not appear in the equation for any input operand"
        );
    }
    Ok(list)
}

fn check_sizes(operands: &[Labelled]) -> Result<()> {
    let mut sizes: Vec<(u32, usize)> = Vec::new();
    for (number, operand) in operands.iter().enumerate() {
        for (&letter, &n) in operand.letters.iter().zip(operand.tensor.dims().iter()) {
            match sizes.iter_mut().find(|(l, _)| *l == letter) {
                None => sizes.push((letter, n)),
                Some((_, have)) if *have == 1 => *have = n,
                Some((_, have)) => ensure!(
                    n == *have || n == 1,
                    Runtime,
                    "einsum(): subscript {} has size {n} for operand {number} which does not broadcast with previously seen size {have}",
                    char::from_u32(letter).unwrap_or('.')
                ),
            }
        }
    }
    Ok(())
}

/// The letters of the output, then those to be summed: the dots first, the others by the alphabet.
fn all_letters(operands: &[Labelled], output: &[u32]) -> Vec<u32> {
    let mut summed: Vec<u32> = operands
        .iter()
        .flat_map(|o| o.letters.iter().copied())
        .filter(|l| !output.contains(l))
        .collect();
    summed.sort_unstable_by_key(|&l| if l >= DOTS { (0, u32::MAX - l) } else { (1, l) });
    summed.dedup();
    output.iter().copied().chain(summed).collect()
}

/// Dimensions in the order of `letters`, missing ones of size 1.
fn aligned(operand: &Labelled, letters: &[u32]) -> Result<Tensor> {
    let mut tensor = operand.tensor.clone();
    let mut order = Vec::with_capacity(letters.len());
    for letter in letters {
        order.push(match operand.letters.iter().position(|l| l == letter) {
            Some(place) => place as i64,
            None => {
                tensor = view::unsqueeze(&tensor, -1)?;
                tensor.rank() as i64 - 1
            }
        });
    }
    view::permute(&tensor, &order)
}

/// Contracts operands from the left; a dimension is summed when the last two that have it meet, or
/// in the only one that has it.
fn contract_all(operands: &[Labelled], output: &[u32]) -> Result<Tensor> {
    let letters = all_letters(operands, output);
    let aligned: Vec<Tensor> =
        operands.iter().map(|o| aligned(o, &letters)).collect::<Result<_>>()?;
    let summed = output.len()..letters.len();
    let mut holders: Vec<usize> =
        (0..letters.len()).map(|d| aligned.iter().filter(|t| t.dims()[d] != 1).count()).collect();
    let mut result = aligned[0].clone();
    if aligned.len() == 1 && !summed.is_empty() {
        let gone: Vec<i64> = summed.map(|d| d as i64).collect();
        return reduce::sum(&result, Some(&gone), false, None);
    }
    for next in &aligned[1..] {
        let (mut left, mut right, mut both) = (Vec::new(), Vec::new(), Vec::new());
        for d in summed.clone() {
            let (in_left, in_right) = (result.dims()[d] != 1, next.dims()[d] != 1);
            match (in_left, in_right, holders[d]) {
                (true, true, 2) => both.push(d),
                (true, true, _) => holders[d] -= 1,
                (true, false, 1) => left.push(d as i64),
                (false, true, 1) => right.push(d as i64),
                _ => {}
            }
        }
        result = contract(&summed_over(&result, &left)?, &summed_over(next, &right)?, &both)?;
    }
    if summed.is_empty() {
        return Ok(result);
    }
    let dims: Dims = result.dims()[..output.len()].iter().copied().collect();
    view::reshape_to(&result, &dims)
}

fn summed_over(tensor: &Tensor, dims: &[i64]) -> Result<Tensor> {
    if dims.is_empty() {
        return Ok(tensor.clone());
    }
    reduce::sum(tensor, Some(dims), true, None)
}

/// The product of two tensors of equal rank, summed over `inner` dimensions, which both have, by
/// a batched matrix product: kept dimensions of both are the batch, the others stand side by side
/// in the order that leaves the result contiguous where one does.
fn contract(a: &Tensor, b: &Tensor, inner: &[usize]) -> Result<Tensor> {
    if inner.is_empty() {
        return (Var::from(a) * Var::from(b)).tensor();
    }
    let (x, y) = (a.dims(), b.dims());
    let kept = || (0..x.len()).filter(|d| !inner.contains(d));
    let batch: Vec<usize> = kept().filter(|&d| x[d] != 1 && y[d] != 1).collect();
    let rows: Vec<usize> = kept().filter(|&d| x[d] != 1 && y[d] == 1).collect();
    let columns: Vec<usize> = kept().filter(|&d| x[d] == 1).collect();
    match (rows.first(), columns.last()) {
        (Some(first), Some(last)) if last < first => {
            product(b, a, [&batch, &columns, inner, &rows])
        }
        _ => product(a, b, [&batch, &rows, inner, &columns]),
    }
}

/// `a` has the dimensions of batch, rows and inner, `b` those of batch, inner and columns.
fn product(a: &Tensor, b: &Tensor, parts: [&[usize]; 4]) -> Result<Tensor> {
    let [batch, rows, inner, columns] = parts;
    let volume = |t: &Tensor, dims: &[usize]| dims.iter().map(|&d| t.dims()[d]).product::<usize>();
    let block = |t: &Tensor, parts: [&[usize]; 4]| -> Result<Tensor> {
        let order: Vec<i64> = parts.concat().iter().map(|&d| d as i64).collect();
        let sizes = [volume(t, parts[0]), volume(t, parts[1]), volume(t, parts[2])];
        view::reshape_to(&view::permute(t, &order)?, &sizes)
    };
    let x = lowered(&block(a, [batch, rows, inner, columns])?)?;
    let y = lowered(&block(b, [batch, inner, columns, rows])?)?;
    let order = [batch, rows, inner, columns].concat();
    let mut back = vec![0; order.len()];
    let mut dims = Dims::new();
    for (place, &d) in order.iter().enumerate() {
        back[d] = place as i64;
        dims.push(if inner.contains(&d) { 1 } else { a.dims()[d].max(b.dims()[d]) });
    }
    view::permute(&view::reshape_to(&matmul::bmm(&x, &y)?, &dims)?, &back)
}

crate::ops! {
    /// Sums of products by index letters.
    EINSUM:
    /// Sums of products by index letters.
    fw "einsum(str equation, Tensor[] tensors) -> Tensor" => |equation, tensors| einsum(equation, tensors);
}
