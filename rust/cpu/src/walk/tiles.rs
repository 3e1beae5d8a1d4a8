//! Tiles: inputs that are contiguous along another dimension than the output.
//!
//! Walking such an input along the output's rows would fetch a cache line for each element. A tile
//! of 16 rows uses each line whole: its columns are read as they lie and turned into rows.

use super::blocks::{BLOCK_BYTES, Blocks, Place};
use super::{CHUNK, MAX_INPUTS, Run, Walk, element};
use crate::gather::transpose;
use crate::pool::parallel_chunks;

/// Rows of a tile.
const ROWS: usize = 16;
/// Elements below which tiles are not worth the while.
const SMALL: usize = 1024;

impl Walk {
    /// The dimension along which some input is contiguous, if not the innermost.
    pub(super) fn tiled_dim(&self) -> Option<usize> {
        let inner = self.nest.dims.len().checked_sub(1)?;
        if self.nest.inner() < ROWS || self.nest.numel() < SMALL {
            return None;
        }
        let turned = |d: usize| self.lanes().any(|(i, _)| self.is_turned(i, d));
        (0..inner).find(|&d| self.nest.dims[d] >= ROWS / 2 && turned(d))
    }

    /// Input `i` is contiguous along `dim`.
    fn is_turned(&self, i: usize, dim: usize) -> bool {
        self.nest.strides[i + 1][dim] == 1 && self.nest.inner_stride(i + 1).abs() > 1
    }

    pub(super) fn run_tiles(&self, dim: usize, run: &Run<'_>) {
        let (inner, rows) = (self.nest.inner(), self.nest.dims[dim]);
        let bands = rows.div_ceil(ROWS);
        let planes = self.nest.numel() / (inner * rows);
        let per_task = (CHUNK / (ROWS * inner)).max(1);
        parallel_chunks(planes * bands, per_task, &|start, end| {
            let mut blocks = Blocks::new(self, super::BLOCK);
            for band in start..end {
                let first = band % bands * ROWS;
                let mut at = self.plane(band / bands, dim);
                for (at, strides) in at.iter_mut().zip(&self.nest.strides) {
                    *at += first as isize * strides[dim];
                }
                self.run_band(dim, at, ROWS.min(rows - first), &mut blocks, run);
            }
        });
    }

    /// Offsets of a plane, counted over the dimensions that are neither `dim` nor the innermost.
    fn plane(&self, index: usize, dim: usize) -> [isize; MAX_INPUTS + 1] {
        let mut rest = index;
        let mut at = [0; MAX_INPUTS + 1];
        for d in (0..self.nest.dims.len() - 1).rev().filter(|&d| d != dim) {
            let i = (rest % self.nest.dims[d]) as isize;
            rest /= self.nest.dims[d];
            for (at, strides) in at.iter_mut().zip(&self.nest.strides) {
                *at += i * strides[d];
            }
        }
        at
    }

    /// Up to `ROWS` rows, from offsets `at` on.
    fn run_band(
        &self,
        dim: usize,
        at: [isize; MAX_INPUTS + 1],
        rows: usize,
        blocks: &mut Blocks,
        run: &Run<'_>,
    ) {
        let widest = self.lanes().map(|(_, lane)| lane.from.size()).max().unwrap_or(1).max(4);
        let columns = BLOCK_BYTES / ROWS / widest;
        let inner = self.nest.inner();
        let steps: [isize; MAX_INPUTS + 1] = std::array::from_fn(|i| self.nest.inner_stride(i));
        for first in (0..inner).step_by(columns) {
            let n = columns.min(inner - first);
            let mut turned = [None; MAX_INPUTS];
            for (i, lane) in self.lanes().filter(|&(i, _)| self.is_turned(i, dim)) {
                let offset = at[i + 1] + first as isize * steps[i + 1];
                let src = element(lane.ptr, offset, lane.from);
                let block = blocks.gather_block(i);
                // SAFETY: `n` columns of `rows` elements inside the input; a block has room for
                // ROWS * columns of the widest elements.
                unsafe { transpose(lane.from.size(), src, steps[i + 1], block, [rows, n]) };
                turned[i] = Some(block);
            }
            for r in 0..rows {
                let offset = |i: usize| {
                    at[i] + r as isize * self.nest.strides[i][dim] + first as isize * steps[i]
                };
                let mut places = self.places(offset, &steps);
                for (i, block) in turned.iter().enumerate() {
                    if let Some(block) = block {
                        let ptr = block.wrapping_add(r * n * self.lanes[i].from.size());
                        places[i] = Place { ptr, stride: 1 };
                    }
                }
                let ptr = element(self.out, offset(0), self.out_dtype);
                blocks.process(self, n, &places, Place { ptr, stride: steps[0] }, run);
            }
        }
    }
}
