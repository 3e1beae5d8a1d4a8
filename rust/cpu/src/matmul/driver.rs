//! Blocking and threads of one real matrix product, f32 or f64.
//!
//! A path (dot products, scaled rows, tiles) is chosen by shape and steps alone, and each element's
//! sum over k is cut at the same places on every path through the tiles: neither the number of
//! threads nor the way rows and columns are shared out changes a bit of the result.

use super::pack::{Matrix, pack_left, pack_right};
use super::tile::{Axpy, Dots, Kernel, Multiply, Tile};
use crate::scratch::Scratch;
use crate::{num_threads, parallel_chunks};

/// What the sum is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<T> {
    /// Nothing: the result's old contents are not read.
    Zero,
    /// A factor times this matrix, which may be the result itself.
    Scaled(T, Matrix<T>),
}

/// `c[m x n] = alpha * a[m x k] * b[k x n] + start`, `c` contiguous along n.
#[derive(Clone, Copy)]
pub(crate) struct Product<T> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Matrix<T>,
    pub b: Matrix<T>,
    pub c: *mut T,
    pub c_row: isize,
    pub alpha: T,
    pub start: Start<T>,
}

// SAFETY: pointers and plain numbers; the threads of one product write disjoint parts of `c`.
unsafe impl<T> Send for Product<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Product<T> {}

/// Multiply-adds below which one thread is faster than two.
const SERIAL: usize = 400_000;
/// Elements of `b` that stay in the second-level cache and are read in place.
const DIRECT: usize = 32 * 1024;
/// Bytes of one column of a packed block.
const DEPTH: usize = 2048;
/// Columns of a packed block shared by all threads, and of one a thread packs for itself.
const SHARED_COLS: usize = 3072;
const OWN_COLS: usize = 512;
/// Rows a thread takes at a time.
const ROWS: usize = 192;
/// Rows up to which dot products beat packing a transposed `b`.
const DOT_ROWS: usize = 24;

enum Path {
    Dots,
    Axpy,
    Tiles,
}

impl<T: Multiply> Product<T> {
    /// Computes the product on as many threads as its size is worth.
    ///
    /// # Safety
    /// `a`, `b` and the start matrix are readable, `c` writable over their m, n and k, and `c` does
    /// not overlap `a` or `b`.
    pub unsafe fn run(&self) {
        let upright = self.oriented();
        let p = &upright;
        if p.m == 0 || p.n == 0 {
            return;
        }
        let tasks = if p.work() < SERIAL { 1 } else { 4 * num_threads() };
        let chunk = |len: usize, unit: usize, cross: usize| {
            let least = (SERIAL / 8).div_ceil(cross * p.k.max(1));
            len.div_ceil(tasks).max(least).next_multiple_of(unit)
        };
        // SAFETY: disjoint pieces of the caller's product.
        unsafe {
            match p.path() {
                _ if tasks == 1 || num_threads() == 1 => p.serial(),
                Path::Dots => p.by_cols(chunk(p.n, 4, p.m)),
                Path::Axpy => p.by_cols(chunk(p.n, 64, p.m)),
                Path::Tiles => {
                    let kernel = T::kernel();
                    let in_place = p.b.col == 1 && p.n * p.k <= DIRECT;
                    if in_place && p.m >= 4 * kernel.rows() {
                        p.by_rows(chunk(p.m, kernel.rows(), p.n));
                    } else if p.m <= 64 || p.k <= 8 {
                        p.by_cols(chunk(p.n, kernel.cols(), p.m));
                    } else {
                        p.shared(kernel);
                    }
                }
            }
        }
    }

    /// Multiply-adds.
    pub fn work(&self) -> usize {
        self.m.saturating_mul(self.n).saturating_mul(self.k)
    }

    /// A single column becomes a single row.
    fn oriented(&self) -> Product<T> {
        if self.n != 1 || self.m == 1 || self.c_row != 1 {
            return *self;
        }
        let start = match self.start {
            Start::Zero => Start::Zero,
            Start::Scaled(beta, from) => Start::Scaled(beta, from.transposed()),
        };
        let (a, b) = (self.b.transposed(), self.a.transposed());
        Product { m: 1, n: self.m, a, b, start, ..*self }
    }

    fn path(&self) -> Path {
        if self.b.row == 1 && self.m <= DOT_ROWS && (self.b.col != 1 || self.n == 1) {
            Path::Dots
        } else if self.b.col == 1 && self.m == 1 {
            Path::Axpy
        } else {
            Path::Tiles
        }
    }

    /// Rows and columns of a piece, as a product of its own.
    fn piece(&self, row: usize, rows: usize, col: usize, cols: usize) -> Product<T> {
        let start = match self.start {
            Start::Zero => Start::Zero,
            Start::Scaled(beta, from) => Start::Scaled(beta, from.from(row, col)),
        };
        let c = self.c.wrapping_offset(row as isize * self.c_row).wrapping_add(col);
        let (a, b) = (self.a.from(row, 0), self.b.from(0, col));
        Product { m: rows, n: cols, a, b, c, start, ..*self }
    }

    unsafe fn by_cols(&self, chunk: usize) {
        parallel_chunks(self.n, chunk, &|from, to| {
            // SAFETY: columns of different tasks are disjoint.
            unsafe { self.piece(0, self.m, from, to - from).serial_on(&self.path()) }
        });
    }

    unsafe fn by_rows(&self, chunk: usize) {
        parallel_chunks(self.m, chunk, &|from, to| {
            // SAFETY: rows of different tasks are disjoint.
            unsafe { self.piece(from, to - from, 0, self.n).tiles(self.reads_in_place()) }
        });
    }

    /// Computes the product in this thread.
    ///
    /// # Safety
    /// As [`Product::run`].
    pub unsafe fn serial(&self) {
        let upright = self.oriented();
        if upright.m > 0 && upright.n > 0 {
            // SAFETY: the caller's.
            unsafe { upright.serial_on(&upright.path()) }
        }
    }

    unsafe fn serial_on(&self, path: &Path) {
        // SAFETY: the caller's.
        unsafe {
            match path {
                Path::Dots => self.dots(),
                Path::Axpy => self.axpy(),
                Path::Tiles => self.tiles(self.reads_in_place()),
            }
        }
    }

    /// As [`Product::serial`], reading `b` (contiguous along n) in place whatever its size: for
    /// callers that have just written it to cached memory.
    ///
    /// # Safety
    /// As [`Product::run`].
    pub unsafe fn serial_in_place(&self) {
        if self.m > 0 && self.n > 0 {
            // SAFETY: the caller's.
            unsafe { self.tiles(true) }
        }
    }

    fn reads_in_place(&self) -> bool {
        self.b.col == 1 && self.n * self.k <= DIRECT
    }

    /// Writes the start value; says whether sums are to be added to it.
    unsafe fn begin(&self) -> bool {
        let Start::Scaled(beta, from) = self.start else {
            return false;
        };
        if beta == T::ONE && from.ptr == self.c && from.row == self.c_row && from.col == 1 {
            return true;
        }
        for i in 0..self.m {
            let row = from.from(i, 0);
            // SAFETY: the start matrix and `c` cover m x n.
            unsafe {
                let c = self.c.offset(i as isize * self.c_row);
                for j in 0..self.n {
                    *c.add(j) = beta * *row.ptr.offset(j as isize * row.col);
                }
            }
        }
        true
    }

    /// Zeroes `c` where nothing was written by [`Product::begin`].
    unsafe fn clear(&self) {
        for i in 0..self.m {
            // SAFETY: `c` covers m x n.
            unsafe {
                let c = self.c.offset(i as isize * self.c_row);
                for j in 0..self.n {
                    c.add(j).write(T::ZERO);
                }
            }
        }
    }

    unsafe fn dots(&self) {
        let kernel = T::kernel();
        let mut scratch = Scratch::new::<T>(if self.a.col == 1 { 0 } else { self.m * self.k });
        // SAFETY: 4 x 4 blocks of the caller's product; `a` is copied where it has gaps.
        unsafe {
            let accumulate = self.begin();
            let mut a = self.a;
            if a.col != 1 {
                let copy = scratch.ptr::<T>();
                for i in 0..self.m {
                    for p in 0..self.k {
                        copy.add(i * self.k + p).write(*a.from(i, p).ptr);
                    }
                }
                a = Matrix { ptr: copy.cast_const(), row: self.k as isize, col: 1 };
            }
            for i in (0..self.m).step_by(4) {
                for j in (0..self.n).step_by(4) {
                    let block = Dots {
                        k: self.k,
                        a: a.from(i, 0).ptr,
                        a_row: a.row,
                        b: self.b.from(0, j).ptr,
                        b_row: self.b.col,
                        c: self.c.offset(i as isize * self.c_row).add(j),
                        c_row: self.c_row,
                        alpha: self.alpha,
                        accumulate,
                    };
                    kernel.dots((self.m - i).min(4), (self.n - j).min(4), &block);
                }
            }
        }
    }

    unsafe fn axpy(&self) {
        let kernel = T::kernel();
        // SAFETY: rows of `b` and the single row of `c`, both contiguous along n.
        unsafe {
            if !self.begin() {
                self.clear();
            }
            for p in (0..self.k).step_by(4) {
                let rows = (self.k - p).min(4);
                let mut x = [T::ZERO; 4];
                for (r, x) in x.iter_mut().enumerate().take(rows) {
                    *x = self.alpha * *self.a.from(0, p + r).ptr;
                }
                let b = self.b.from(p, 0);
                kernel.axpy(&Axpy { x, rows, b: b.ptr, b_row: b.row, y: self.c, cols: self.n });
            }
        }
    }

    /// Blocks of tiles in this thread, `b` read in place or packed here.
    unsafe fn tiles(&self, in_place: bool) {
        let kernel = T::kernel();
        let depth = depth::<T>(self.k);
        // SAFETY: pieces of the caller's product; scratch holds every panel of a block.
        unsafe {
            if self.k == 0 {
                if !self.begin() {
                    self.clear();
                }
                return;
            }
            let cols = if in_place { self.n } else { OWN_COLS.next_multiple_of(kernel.cols()) };
            let width = cols.min(self.n).next_multiple_of(kernel.cols());
            let mut scratch = Scratch::new::<T>(if in_place { 0 } else { width * depth });
            for j in (0..self.n).step_by(cols) {
                let part = self.piece(0, self.m, j, cols.min(self.n - j));
                for p in (0..self.k).step_by(depth) {
                    let k = depth.min(self.k - p);
                    let b = part.b.from(p, 0);
                    let right = if in_place {
                        Right::InPlace(b)
                    } else {
                        pack_panels(b, k, part.n, kernel, scratch.ptr());
                        Right::Packed(scratch.ptr())
                    };
                    part.block(kernel, p, k, right);
                }
            }
        }
    }

    /// Blocks of tiles on all threads: `b` is packed together, then rows are shared out.
    unsafe fn shared(&self, kernel: &Kernel<T>) {
        let depth = depth::<T>(self.k);
        let cols = SHARED_COLS.next_multiple_of(kernel.cols());
        let width = cols.min(self.n).next_multiple_of(kernel.cols());
        let mut scratch = Scratch::new::<T>(width * depth);
        let packed = Shared(scratch.ptr::<T>());
        let tasks = self.m.div_ceil(ROWS).next_multiple_of(num_threads());
        let rows = self.m.div_ceil(tasks).next_multiple_of(kernel.rows());
        for j in (0..self.n).step_by(cols) {
            let part = self.piece(0, self.m, j, cols.min(self.n - j));
            for p in (0..self.k).step_by(depth) {
                let k = depth.min(self.k - p);
                let b = part.b.from(p, 0);
                parallel_chunks(part.n, 4 * kernel.cols(), &|from, to| {
                    // SAFETY: panels of different tasks are disjoint parts of the scratch.
                    unsafe {
                        let to_ptr = packed.ptr().add(from * k);
                        pack_panels(b.from(0, from), k, to - from, kernel, to_ptr);
                    }
                });
                parallel_chunks(self.m, rows, &|from, to| {
                    let piece = part.piece(from, to - from, 0, part.n);
                    // SAFETY: rows of different tasks are disjoint; packing is complete.
                    unsafe { piece.block(kernel, p, k, Right::Packed(packed.ptr())) }
                });
            }
        }
    }

    /// One block of k for all rows and columns of this product.
    unsafe fn block(&self, kernel: &Kernel<T>, p: usize, k: usize, right: Right<T>) {
        let height = kernel.rows();
        let pack = self.a.col != 1 && self.n > kernel.cols();
        let step = if pack { ROWS / height * height } else { self.m };
        let mut scratch = Scratch::new::<T>(if pack { step * k } else { 0 });
        // SAFETY: tiles of the caller's product; scratch holds `step` rows of `a`.
        unsafe {
            let accumulate = p > 0 || self.begin();
            for row in (0..self.m).step_by(step) {
                let rows = step.min(self.m - row);
                let left = self.a.from(row, p);
                if pack {
                    pack_left(left, rows, k, height, scratch.ptr());
                }
                for j in (0..self.n).step_by(kernel.cols()) {
                    let (b, b_row, padded) = match right {
                        Right::InPlace(b) => (b.from(0, j).ptr, b.row, false),
                        Right::Packed(panels) => {
                            (panels.add(j * k).cast_const(), kernel.cols() as isize, true)
                        }
                    };
                    for i in (0..rows).step_by(height) {
                        let (a, a_row, a_col) = if pack {
                            (scratch.ptr::<T>().add(i * k).cast_const(), 1, height as isize)
                        } else {
                            (left.from(i, 0).ptr, left.row, left.col)
                        };
                        let tile = Tile {
                            k,
                            a,
                            a_row,
                            a_col,
                            b,
                            b_row,
                            c: self.c.offset((row + i) as isize * self.c_row).add(j),
                            c_row: self.c_row,
                            cols: kernel.cols().min(self.n - j),
                            padded,
                            alpha: self.alpha,
                            accumulate,
                        };
                        kernel.tile(height.min(rows - i), &tile);
                    }
                }
            }
        }
    }
}

/// Where a block of `b` is read from.
#[derive(Clone, Copy)]
enum Right<T> {
    InPlace(Matrix<T>),
    Packed(*mut T),
}

#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: the threads of one product write disjoint panels, then only read.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn ptr(&self) -> *mut T {
        self.0
    }
}

/// Length of the blocks k is cut into: equal parts of at most [`DEPTH`] bytes.
fn depth<T>(k: usize) -> usize {
    let blocks = k.div_ceil(DEPTH / size_of::<T>()).max(1);
    k.div_ceil(blocks).next_multiple_of(8).max(1)
}

/// Packs `b[k x cols]` panel by panel.
unsafe fn pack_panels<T: Multiply>(
    b: Matrix<T>,
    k: usize,
    cols: usize,
    kernel: &Kernel<T>,
    to: *mut T,
) {
    let width = kernel.cols();
    for j in (0..cols).step_by(width) {
        // SAFETY: `to` holds cols rounded up to whole panels.
        unsafe { pack_right(b.from(0, j), k, width.min(cols - j), kernel, to.add(j * k)) }
    }
}
