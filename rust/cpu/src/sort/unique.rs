//! Groups of equal elements: what `unique` and `unique_consecutive` are made of.

use super::pair::{Key, Pair, sort_pairs};
use super::{check_length, key_dtype, refuse_complex};
use crate::View;
use crate::cast::cast;
use crate::dispatch::dispatch;
use crate::gather::gather;
use crate::room::Room;
use base::iter::Nest;
use base::{Element, Result, ensure};

/// Equal elements, group by group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Position of the first element of each group.
    pub first: Vec<i64>,
    /// The group of each element.
    pub inverse: Vec<i64>,
    /// How many elements each group has.
    pub counts: Vec<i64>,
}

impl Groups {
    /// Groups of positions given in an order that puts equal ones side by side.
    fn of(order: &[usize], equal: impl Fn(usize, usize) -> bool) -> Groups {
        let mut groups = Groups { inverse: vec![0; order.len()], ..Groups::default() };
        for (i, &position) in order.iter().enumerate() {
            if i == 0 || !equal(order[i - 1], position) {
                groups.first.push(position as i64);
                groups.counts.push(0);
            }
            let last = groups.counts.len() - 1;
            groups.counts[last] += 1;
            groups.inverse[position] = last as i64;
        }
        groups
    }
}

/// Groups of the elements of `x` (flattened), in ascending order; each NaN is its own group.
pub fn unique(x: View<'_>) -> Result<Groups> {
    flat(x, true)
}

/// Groups of neighbouring equal elements of `x` (flattened); each NaN is its own group.
pub fn unique_consecutive(x: View<'_>) -> Result<Groups> {
    flat(x, false)
}

fn flat(x: View<'_>, sorted: bool) -> Result<Groups> {
    refuse_complex("unique", x)?;
    let dims = [x.numel()];
    // SAFETY: only the number of elements is looked at.
    check_length(unsafe { View::from_raw(x.bytes(), x.dtype(), &dims, &[1]) }, 0)?;
    dispatch!("unique", key_dtype(x.dtype()), [real], T => {
        let elements = flatten::<T>(x);
        let order = if sorted { sorted_positions(&elements) } else { (0..elements.len()).collect() };
        Ok(Groups::of(&order, |a, b| elements[a] == elements[b]))
    })
}

fn sorted_positions<T: Key>(elements: &[T]) -> Vec<usize> {
    let make = |(i, x): (usize, &T)| T::Pair::new(x.key(), i);
    let mut pairs = Room::new();
    pairs.fill(elements.len(), elements.iter().enumerate().map(make));
    sort_pairs(&mut pairs, &mut Room::new());
    pairs.iter().map(|pair| pair.index()).collect()
}

/// Groups of equal rows of the 2-d `x`: in lexicographic order, or of neighbours only.
pub fn unique_rows(x: View<'_>, sorted: bool) -> Result<Groups> {
    refuse_complex("unique", x)?;
    ensure!(x.rank() == 2, Runtime, "internal error: rows of {:?}", x.dims());
    let (rows, width) = (x.dims()[0], x.dims()[1]);
    dispatch!("unique_dim", key_dtype(x.dtype()), [real], T => {
        let elements = flatten::<T>(x);
        let row = |i: usize| &elements[i * width..(i + 1) * width];
        let mut order: Vec<usize> = (0..rows).collect();
        if sorted {
            order.sort_by(|&a, &b| row(a).iter().map(|x| x.key()).cmp(row(b).iter().map(|x| x.key())));
        }
        Ok(Groups::of(&order, |a, b| row(a) == row(b)))
    })
}

/// All elements in row-major order, cast to `T`.
pub(super) fn flatten<T: Element>(x: View<'_>) -> Vec<T> {
    let mut elements = vec![T::default(); x.numel()];
    let mut raw = vec![[0u64; 2]; x.numel()];
    let (raw, to) = (raw.as_mut_ptr().cast::<u8>(), elements.as_mut_ptr().cast::<u8>());
    let nest = Nest::in_order(x.dims(), [x.strides()]);
    let (size, mut done) = (x.dtype().size(), 0);
    nest.for_each_run(0..nest.numel(), |[at], n| {
        let from = x.bytes().wrapping_offset(at * size as isize);
        // SAFETY: a run of elements of x; `raw` has room for all of them.
        unsafe { gather(size, from, nest.inner_stride(0), raw.add(done * size), n) };
        done += n;
    });
    // SAFETY: both vectors have room for `done` elements, all of `raw`'s were written.
    unsafe { cast(x.dtype(), T::DTYPE, raw, to, done) };
    elements
}
