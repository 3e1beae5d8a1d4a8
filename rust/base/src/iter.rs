//! Loop nests: how to walk several strided operands of one shape together.
//!
//! A nest has its dimensions ordered by the first operand's strides (outermost first), without
//! sizes of 1, and adjacent dimensions merged wherever every operand allows it. An elementwise
//! kernel then sees the fewest and longest runs, whatever the layouts of its operands.

use crate::{Dims, Strides};
use std::ops::Range;

/// Merged loops over `N` operands; offsets are in elements from each operand's first element.
#[derive(Clone, Debug)]
pub struct Nest<const N: usize> {
    /// Sizes, outermost first; empty for a single element.
    pub dims: Dims,
    /// Steps of each operand, aligned with `dims`.
    pub strides: [Strides; N],
}

impl<const N: usize> Nest<N> {
    /// Plans the walk. Each operand's strides have the length of `dims` (0 where it repeats).
    pub fn plan(dims: &[usize], strides: [&[isize]; N]) -> Self {
        let mut order: Dims = (0..dims.len()).filter(|&d| dims[d] != 1).collect();
        let key = |d: usize| strides.map(|s| -s[d].abs());
        sort_dims(&mut order, |a, b| key(a) > key(b));
        let mut nest = Nest { dims: Dims::new(), strides: [const { None }; N].map(new_strides) };
        for &d in &*order {
            nest.push(dims[d], strides.map(|s| s[d]));
        }
        nest
    }

    /// The walk in row-major order of `dims`, merged but not reordered.
    pub fn in_order(dims: &[usize], strides: [&[isize]; N]) -> Self {
        let mut nest = Nest { dims: Dims::new(), strides: [const { None }; N].map(new_strides) };
        for d in (0..dims.len()).filter(|&d| dims[d] != 1) {
            nest.push(dims[d], strides.map(|s| s[d]));
        }
        nest
    }

    /// Adds an innermost dimension, merging it with the one outside it where all strides allow.
    fn push(&mut self, size: usize, steps: [isize; N]) {
        if let Some(last) = self.dims.len().checked_sub(1)
            && (0..N).all(|i| self.strides[i][last] == steps[i] * size as isize)
        {
            self.dims[last] *= size;
            for (strides, step) in self.strides.iter_mut().zip(steps) {
                strides[last] = step;
            }
            return;
        }
        self.dims.push(size);
        for (strides, step) in self.strides.iter_mut().zip(steps) {
            strides.push(step);
        }
    }

    /// How many elements the walk visits.
    pub fn numel(&self) -> usize {
        self.dims.iter().product()
    }

    /// Length of the innermost run.
    pub fn inner(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    /// Step of operand `i` inside a run.
    pub fn inner_stride(&self, i: usize) -> isize {
        self.strides[i].last().copied().unwrap_or(1)
    }

    /// Operand `i` lies without gaps in the order of the walk.
    pub fn is_flat(&self, i: usize) -> bool {
        let mut step = 1isize;
        for (&n, &s) in self.dims.iter().zip(&self.strides[i]).rev() {
            if s != step {
                return false;
            }
            step *= n as isize;
        }
        true
    }

    /// Operand `i` repeats one element.
    pub fn is_constant(&self, i: usize) -> bool {
        !self.dims.is_empty() && self.strides[i].iter().all(|&s| s == 0)
    }

    /// The offsets of the element at position `at` of the walk.
    pub fn offsets(&self, at: usize) -> [isize; N] {
        let mut offsets = [0isize; N];
        let mut rest = at;
        for d in (0..self.dims.len()).rev() {
            let index = (rest % self.dims[d]) as isize;
            rest /= self.dims[d];
            for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                *offset += index * strides[d];
            }
        }
        offsets
    }

    /// Calls `visit(offsets of the first element, length)` for each piece of an innermost run that
    /// lies in the range of positions, in order.
    pub fn for_each_run(&self, range: Range<usize>, mut visit: impl FnMut([isize; N], usize)) {
        if range.is_empty() {
            return;
        }
        let rank = self.dims.len();
        if rank == 0 {
            visit([0; N], 1);
            return;
        }
        let mut index = Dims::filled(0, rank);
        let mut rest = range.start;
        for d in (0..rank).rev() {
            index[d] = rest % self.dims[d];
            rest /= self.dims[d];
        }
        let mut offsets = self.offsets(range.start);
        let mut left = range.len();
        let rows: [isize; N] = std::array::from_fn(|i| self.row_stride(i));
        loop {
            let run = (self.dims[rank - 1] - index[rank - 1]).min(left);
            visit(offsets, run);
            left -= run;
            if left == 0 {
                return;
            }
            // Most runs are whole rows, and not the last of their plane.
            if rank > 1 && run == self.dims[rank - 1] && index[rank - 2] + 1 < self.dims[rank - 2] {
                index[rank - 2] += 1;
                for (offset, row) in offsets.iter_mut().zip(rows) {
                    *offset += row;
                }
            } else {
                self.advance(&mut index, &mut offsets, run);
            }
        }
    }

    /// Calls `visit(offsets of the first element, rows, length)` for pieces of the range, in order:
    /// whole neighbouring runs together, as rows along the second innermost dimension, and the
    /// partial runs at both ends as one row each.
    pub fn for_each_plane(
        &self,
        range: Range<usize>,
        mut visit: impl FnMut([isize; N], usize, usize),
    ) {
        let rank = self.dims.len();
        if rank < 2 {
            self.for_each_run(range, |offsets, n| visit(offsets, 1, n));
            return;
        }
        let (inner, rows) = (self.dims[rank - 1], self.dims[rank - 2]);
        let mut at = range.start;
        while at < range.end {
            let left = range.end - at;
            let (row, column) = (at / inner % rows, at % inner);
            let (count, length) = if column > 0 || left < inner {
                (1, left.min(inner - column))
            } else {
                ((left / inner).min(rows - row), inner)
            };
            visit(self.offsets(at), count, length);
            at += count * length;
        }
    }

    /// Step of operand `i` from one row to the next.
    pub fn row_stride(&self, i: usize) -> isize {
        self.strides[i].len().checked_sub(2).map_or(0, |d| self.strides[i][d])
    }

    /// Steps `run` elements to the start of the next run (the current one ends there).
    fn advance(&self, index: &mut [usize], offsets: &mut [isize; N], run: usize) {
        let mut d = index.len() - 1;
        let mut step = run;
        loop {
            index[d] += step;
            for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                *offset += step as isize * strides[d];
            }
            if index[d] < self.dims[d] || d == 0 {
                return;
            }
            for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                *offset -= index[d] as isize * strides[d];
            }
            index[d] = 0;
            d -= 1;
            step = 1;
        }
    }
}

fn new_strides(_: Option<()>) -> Strides {
    Strides::new()
}

/// Stable insertion sort: ranks are small and mostly sorted already.
fn sort_dims(order: &mut [usize], after: impl Fn(usize, usize) -> bool) {
    for i in 1..order.len() {
        let mut at = i;
        while at > 0 && after(order[at - 1], order[at]) {
            order.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    fn visited<const N: usize>(nest: &Nest<N>, range: Range<usize>) -> Vec<[isize; N]> {
        let mut seen = Vec::new();
        nest.for_each_run(range, |start, n| {
            for k in 0..n as isize {
                let mut at = start;
                for (i, offset) in at.iter_mut().enumerate() {
                    *offset += k * nest.inner_stride(i);
                }
                seen.push(at);
            }
        });
        seen
    }

    #[test]
    fn contiguous_operands_merge_to_one_run() {
        let l = Layout::contiguous(&[2, 1, 3, 4]);
        let nest = Nest::plan(&l.dims, [&l.strides, &l.strides]);
        assert_eq!(&*nest.dims, &[24]);
        assert!(nest.is_flat(0) && nest.is_flat(1));
    }

    #[test]
    fn dims_follow_the_first_operand() {
        let out = Layout::dense_in_order(&[2, 3, 4], &[2, 0, 1]);
        let input = Layout::contiguous(&[2, 3, 4]);
        let nest = Nest::plan(&out.dims, [&out.strides, &input.strides]);
        assert_eq!(&*nest.dims, &[4, 6]);
        assert_eq!(&*nest.strides[0], &[6, 1]);
        assert_eq!(&*nest.strides[1], &[1, 4]);
        assert!(nest.is_flat(0) && !nest.is_flat(1));
    }

    #[test]
    fn broadcast_operands_keep_zero_steps() {
        let out = Layout::contiguous(&[5, 3]);
        let nest = Nest::plan(&out.dims, [&out.strides, &[0, 1], &[0, 0]]);
        assert_eq!(&*nest.dims, &[5, 3]);
        assert!(nest.is_constant(2) && !nest.is_constant(1));
    }

    #[test]
    fn a_single_element_and_no_element() {
        let one = Nest::plan(&[1, 1], [&[1, 1]]);
        assert_eq!((one.numel(), one.inner()), (1, 1));
        assert_eq!(visited(&one, 0..1), vec![[0]]);
        let none = Nest::plan(&[3, 0], [&[1, 1]]);
        assert_eq!(none.numel(), 0);
        assert!(visited(&none, 0..0).is_empty());
    }

    #[test]
    fn planes_of_any_range_visit_the_positions_in_order() {
        let dims = [3, 4, 5];
        let nest = Nest::in_order(&dims, [&[100, 7, 2], &[0, 1, 0]]);
        let all: Vec<[isize; 2]> = (0..60).map(|at| nest.offsets(at)).collect();
        for start in 0..60 {
            for end in start..=60 {
                let mut seen = Vec::new();
                nest.for_each_plane(start..end, |at, rows, n| {
                    for k in 0..rows * n {
                        let (r, c) = ((k / n) as isize, (k % n) as isize);
                        let step = |i: usize| r * nest.row_stride(i) + c * nest.inner_stride(i);
                        seen.push([at[0] + step(0), at[1] + step(1)]);
                    }
                });
                assert_eq!(seen, all[start..end]);
            }
        }
    }

    #[test]
    fn runs_of_any_range_visit_the_positions_in_order() {
        let dims = [3, 4, 5];
        let nest = Nest::in_order(&dims, [&[100, 7, 2], &[0, 1, 0]]);
        let all: Vec<[isize; 2]> = (0..60).map(|at| nest.offsets(at)).collect();
        assert_eq!(all[59], [2 * 100 + 3 * 7 + 4 * 2, 3]);
        for start in 0..60 {
            for end in start..=60 {
                assert_eq!(visited(&nest, start..end), all[start..end]);
            }
        }
    }
}
