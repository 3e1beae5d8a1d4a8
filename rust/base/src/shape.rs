//! Shape rules: one pure function a rule, shared by every op and device, with PyTorch's texts.

use crate::{Dims, List, Result, bail, ensure};

/// `[2, 3]`, as error messages print shapes.
pub fn show<T: std::fmt::Display>(dims: &[T]) -> String {
    let parts: Vec<String> = dims.iter().map(ToString::to_string).collect();
    format!("[{}]", parts.join(", "))
}

/// The number of elements, refused where it overflows an address.
pub fn numel(dims: &[usize]) -> Result<usize> {
    let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    match count {
        Some(n) if isize::try_from(n).is_ok() => Ok(n),
        _ if dims.contains(&0) => Ok(0),
        _ => bail!(Runtime, "numel: integer multiplication overflow"),
    }
}

/// The shape both operands repeat to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Dims> {
    let rank = a.len().max(b.len());
    let size =
        |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |at| dims[at]);
    let mut out = Dims::filled(1, rank);
    for i in (0..rank).rev() {
        let (x, y) = (size(a, i), size(b, i));
        out[i] = match (x, y) {
            _ if x == y => x,
            (1, _) => y,
            (_, 1) => x,
            _ => bail!(
                Shape,
                "The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {i}"
            ),
        };
    }
    numel(&out)?;
    Ok(out)
}

/// The shape all operands repeat to.
pub fn broadcast_all<'a>(shapes: impl IntoIterator<Item = &'a [usize]>) -> Result<Dims> {
    let mut out = Dims::new();
    for dims in shapes {
        out = broadcast(&out, dims)?;
    }
    Ok(out)
}

/// Negative dimensions count from the end; a 0-d tensor accepts 0 and -1.
pub fn wrap_dim(dim: i64, rank: usize) -> Result<usize> {
    let range = rank.max(1) as i64;
    ensure!(
        (-range..range).contains(&dim),
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got {dim})",
        -range,
        range - 1
    );
    Ok(if dim < 0 { dim + range } else { dim } as usize)
}

/// Marks the dimensions a reduction works on; an empty list means all of them.
pub fn dim_mask(dims: &[i64], rank: usize) -> Result<List<bool>> {
    let mut mask = List::filled(dims.is_empty(), rank.max(1));
    for &dim in dims {
        let d = wrap_dim(dim, rank)?;
        ensure!(!mask[d], Runtime, "dim {d} appears multiple times in the list of dims");
        mask[d] = true;
    }
    Ok(mask)
}

/// The result's shape when the marked dimensions are reduced.
pub fn reduced(dims: &[usize], mask: &[bool], keepdim: bool) -> Dims {
    let mut out = Dims::new();
    for (d, &n) in dims.iter().enumerate() {
        if !mask[d] {
            out.push(n);
        } else if keepdim {
            out.push(1);
        }
    }
    out
}

/// Sizes given by a user: none negative.
pub fn sizes(dims: &[i64]) -> Result<Dims> {
    for &d in dims {
        ensure!(
            d >= 0,
            Runtime,
            "Trying to create tensor with negative dimension {d}: {}",
            show(dims)
        );
    }
    Ok(dims.iter().map(|&d| d as usize).collect())
}

/// Fills in the one size given as -1.
pub fn infer_size(dims: &[i64], numel: usize) -> Result<Dims> {
    let mut unknown = None;
    let mut known = 1usize;
    for (i, &d) in dims.iter().enumerate() {
        match d {
            -1 if unknown.is_some() => bail!(Runtime, "only one dimension can be inferred"),
            -1 => unknown = Some(i),
            d if d < 0 => {
                bail!(Runtime, "invalid shape dimension {d} at index {i} of shape {}", show(dims))
            }
            d => known = known.saturating_mul(d as usize),
        }
    }
    let mut out: Dims = dims.iter().map(|&d| d.max(0) as usize).collect();
    match unknown {
        None if known == numel => Ok(out),
        Some(at) if (1..=numel.max(1)).contains(&known) && numel.is_multiple_of(known) => {
            out[at] = numel / known;
            Ok(out)
        }
        Some(_) if known == 0 && numel == 0 => bail!(
            Runtime,
            "cannot reshape tensor of 0 elements into shape {} because the unspecified dimension size -1 can be any value and is ambiguous",
            show(dims)
        ),
        _ => bail!(Runtime, "shape '{}' is invalid for input of size {numel}", show(dims)),
    }
}

/// The sizes `expand` asks for, with -1 meaning "as it is".
pub fn expand(have: &[usize], want: &[i64]) -> Result<Dims> {
    ensure!(
        want.len() >= have.len(),
        Runtime,
        "expand: the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({}); got sizes {} for a tensor of shape {}",
        want.len(),
        have.len(),
        show(want),
        show(have)
    );
    let lead = want.len() - have.len();
    let mut out = Dims::new();
    for (i, &w) in want.iter().enumerate() {
        let size = i.checked_sub(lead).map(|at| have[at]);
        out.push(match (w, size) {
            (-1, Some(n)) => n,
            (-1, None) => bail!(
                Runtime,
                "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
            ),
            (w, _) if w < 0 => bail!(Runtime, "invalid shape dimension {w}"),
            (w, None | Some(1)) => w as usize,
            (w, Some(n)) if n as i64 == w => n,
            (w, Some(n)) => bail!(
                Runtime,
                "The expanded size of the tensor ({w}) must match the existing size ({n}) at non-singleton dimension {i}.  Target sizes: {}.  Tensor sizes: {}",
                show(want),
                show(have)
            ),
        });
    }
    numel(&out)?;
    Ok(out)
}

/// The dimensions that summing must remove or shrink to undo a broadcast from `small` to `large`.
pub fn broadcast_dims(small: &[usize], large: &[usize]) -> List<i64> {
    let lead = large.len() - small.len();
    (0..large.len())
        .filter(|&i| i < lead || (small[i - lead] == 1 && large[i] != 1))
        .map(|i| i as i64)
        .collect()
}

/// Start, length and clamped bounds of `start:stop:step` on a dimension of `size`.
pub fn slice(
    size: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> Result<(usize, usize)> {
    ensure!(step > 0, Runtime, "slice step must be positive");
    let size = size as i64;
    let clamp = |v: i64| if v < 0 { (v.saturating_add(size)).max(0) } else { v.min(size) };
    let start = clamp(start.unwrap_or(0));
    let stop = clamp(stop.unwrap_or(i64::MAX)).max(start);
    let len = (stop - start + step - 1) / step;
    Ok((start as usize, len as usize))
}

/// An index into a dimension, negative from the end.
pub fn wrap_index(index: i64, size: usize, dim: usize) -> Result<usize> {
    let n = size as i64;
    ensure!(
        (-n..n).contains(&index),
        Index,
        "index {index} is out of bounds for dimension {dim} with size {size}"
    );
    Ok(if index < 0 { index + n } else { index } as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_repeats_ones_and_missing_leads() {
        assert_eq!(&*broadcast(&[3, 1], &[2, 1, 4]).unwrap(), &[2, 3, 4]);
        assert_eq!(&*broadcast(&[0], &[1]).unwrap(), &[0]);
        assert!(broadcast(&[2], &[3]).is_err());
    }

    #[test]
    fn slices_clamp_like_python() {
        assert_eq!(slice(5, Some(-2), None, 1).unwrap(), (3, 2));
        assert_eq!(slice(5, Some(1), Some(100), 3).unwrap(), (1, 2));
        assert_eq!(slice(5, Some(4), Some(2), 1).unwrap(), (4, 0));
    }

    #[test]
    fn one_size_is_inferred() {
        assert_eq!(&*infer_size(&[2, -1], 6).unwrap(), &[2, 3]);
        assert!(infer_size(&[-1, 0], 0).is_err());
        assert!(infer_size(&[4, -1], 6).is_err());
    }
}
