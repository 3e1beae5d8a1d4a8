//! Sums of products by index letters, as a chain of batched matrix products.

use crate::autocast::lowered;
use crate::{matmul, reduce, view};
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
fn diagonals(mut operand: Labelled) -> Result<Labelled> {
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
            "einsum(): subscript {} is repeated for operand 0 but the sizes don't match, {} != {}",
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
    for (number, (text, tensor)) in texts.iter().zip(tensors).enumerate() {
        let letters = letters(text, Some(tensor.rank()), number)?;
        operands.push(diagonals(Labelled { tensor: tensor.clone(), letters })?);
    }
    let output = output_letters(right, &operands)?;
    check_sizes(&operands)?;
    contract_all(operands, &output)
}

fn output_letters(right: Option<&str>, operands: &[Labelled]) -> Result<Vec<u32>> {
    let all: Vec<u32> = operands.iter().flat_map(|o| o.letters.iter().copied()).collect();
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
    let list = letters(right, Some(rank), operands.len())?;
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

/// Contracts operands from the left; a letter is summed once nobody needs it any more.
fn contract_all(mut operands: Vec<Labelled>, output: &[u32]) -> Result<Tensor> {
    let mut result = operands.remove(0);
    while !operands.is_empty() {
        let next = operands.remove(0);
        let later = |l: u32| output.contains(&l) || operands.iter().any(|o| o.letters.contains(&l));
        result = contract(result, next, &later)?;
    }
    let gone: Vec<i64> = (0..result.letters.len())
        .filter(|&i| !output.contains(&result.letters[i]))
        .map(|i| i as i64)
        .collect();
    if !gone.is_empty() {
        result.tensor = reduce::sum(&result.tensor, Some(&gone), false, None)?;
        result.letters.retain(|l| output.contains(l));
    }
    arranged(&result, output)
}

/// Dimensions in the order of `letters`, missing ones of size 1.
fn arranged(operand: &Labelled, letters: &[u32]) -> Result<Tensor> {
    let present: Vec<i64> = letters
        .iter()
        .filter_map(|l| operand.letters.iter().position(|m| m == l))
        .map(|i| i as i64)
        .collect();
    let ordered = view::permute(&operand.tensor, &present)?;
    let mut sizes = ordered.dims().to_vec().into_iter();
    let dims: Dims = letters
        .iter()
        .map(|l| if operand.letters.contains(l) { sizes.next().unwrap_or(1) } else { 1 })
        .collect();
    if *ordered.dims() == *dims { Ok(ordered) } else { view::reshape_to(&ordered, &dims) }
}

/// Two operands into one by a batched matrix product: shared letters that are kept are the batch,
/// shared letters nobody needs later are summed, the others stand side by side.
fn contract(a: Labelled, b: Labelled, later: &dyn Fn(u32) -> bool) -> Result<Labelled> {
    let a = summed(a, &b.letters, later)?;
    let b = summed(b, &a.letters, later)?;
    let size =
        |o: &Labelled, l: u32| o.letters.iter().position(|m| *m == l).map(|i| o.tensor.dims()[i]);
    let joint = |l: u32| size(&a, l).unwrap_or(1).max(size(&b, l).unwrap_or(1));
    let in_both = |l: u32| matches!((size(&a, l), size(&b, l)), (Some(m), Some(n)) if m == n);
    let shared: Vec<u32> = a.letters.iter().copied().filter(|&l| b.letters.contains(&l)).collect();
    let inner: Vec<u32> = shared.iter().copied().filter(|&l| !later(l) && in_both(l)).collect();
    let batch: Vec<u32> = shared.iter().copied().filter(|l| !inner.contains(l)).collect();
    let left: Vec<u32> = a.letters.iter().copied().filter(|l| !shared.contains(l)).collect();
    let right: Vec<u32> = b.letters.iter().copied().filter(|l| !shared.contains(l)).collect();
    let sizes = |list: &[u32]| -> Dims { list.iter().map(|&l| joint(l)).collect() };
    let volume = |list: &[u32]| list.iter().map(|&l| joint(l)).product::<usize>();
    let block = |o: &Labelled, rows: &[u32], columns: &[u32]| -> Result<Tensor> {
        let order: Vec<u32> = batch.iter().chain(rows).chain(columns).copied().collect();
        let wide = view::expand_to(&arranged(o, &order)?, &sizes(&order));
        view::reshape_to(&wide, &[volume(&batch), volume(rows), volume(columns)])
    };
    let (mut x, mut y) = (block(&a, &left, &inner)?, block(&b, &inner, &right)?);
    if !inner.is_empty() {
        (x, y) = (lowered(&x)?, lowered(&y)?);
    }
    let product = matmul::bmm(&x, &y)?;
    let letters: Vec<u32> = batch.iter().chain(&left).chain(&right).copied().collect();
    let mut result = Labelled { tensor: view::reshape_to(&product, &sizes(&letters))?, letters };
    let gone: Vec<u32> = result.letters.iter().copied().filter(|&l| !later(l)).collect();
    if !gone.is_empty() {
        result = summed(result, &[], later)?;
    }
    Ok(result)
}

/// Sums letters that neither the other operand nor anybody later needs.
fn summed(mut o: Labelled, other: &[u32], later: &dyn Fn(u32) -> bool) -> Result<Labelled> {
    let gone: Vec<i64> = (0..o.letters.len())
        .filter(|&i| !later(o.letters[i]) && !other.contains(&o.letters[i]))
        .map(|i| i as i64)
        .collect();
    if !gone.is_empty() {
        o.tensor = reduce::sum(&o.tensor, Some(&gone), false, None)?;
        o.letters.retain(|&l| later(l) || other.contains(&l));
    }
    Ok(o)
}

crate::ops! {
    /// Sums of products by index letters.
    EINSUM:
    /// Sums of products by index letters.
    fw "einsum(str equation, Tensor[] tensors) -> Tensor" => |equation, tensors| einsum(equation, tensors);
}
