//! Geometry of a tensor over its storage, and the view algebra: every view op is a function from
//! layout to layout here. `output_layout` is the one source of the strides of elementwise results.

use crate::{Dims, Result, Strides, bail, ensure, shape};

/// Sizes, steps (both in elements) and where element 0 lies in the storage.
#[derive(Clone, PartialEq, Debug)]
pub struct Layout {
    /// Sizes.
    pub dims: Dims,
    /// Steps; never negative.
    pub strides: Strides,
    /// Position of the first element in the storage.
    pub offset: usize,
}

/// Orders of dimensions in memory that a user can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum MemoryFormat {
    Contiguous,
    Preserve,
    ChannelsLast,
    ChannelsLast3d,
}

impl MemoryFormat {
    /// The name Python shows.
    pub const fn name(self) -> &'static str {
        match self {
            MemoryFormat::Contiguous => "contiguous_format",
            MemoryFormat::Preserve => "preserve_format",
            MemoryFormat::ChannelsLast => "channels_last",
            MemoryFormat::ChannelsLast3d => "channels_last_3d",
        }
    }

    /// Dimensions from outermost to innermost in memory, for a format that fixes them.
    fn order(self, rank: usize) -> Option<&'static [usize]> {
        match (self, rank) {
            (MemoryFormat::ChannelsLast, 4) => Some(&[0, 2, 3, 1]),
            (MemoryFormat::ChannelsLast3d, 5) => Some(&[0, 2, 3, 4, 1]),
            _ => None,
        }
    }
}

impl Layout {
    /// Row-major.
    #[inline]
    pub fn contiguous(dims: &[usize]) -> Layout {
        let mut strides = Strides::filled(1, dims.len());
        let mut step = 1isize;
        for i in (0..dims.len()).rev() {
            strides[i] = step;
            step = step.saturating_mul(dims[i].max(1) as isize);
        }
        Layout { dims: Dims::from_slice(dims), strides, offset: 0 }
    }

    /// Dense, with `order` naming the dimensions from outermost to innermost in memory. Sizes of 0
    /// count as such unless the order is row-major, as in PyTorch.
    pub fn dense_in_order(dims: &[usize], order: &[usize]) -> Layout {
        if order.iter().enumerate().all(|(i, &d)| i == d) {
            return Self::contiguous(dims);
        }
        let mut strides = Strides::filled(1, dims.len());
        let mut step = 1isize;
        for &d in order.iter().rev() {
            strides[d] = step;
            step = step.saturating_mul(dims[d] as isize);
        }
        Layout { dims: Dims::from_slice(dims), strides, offset: 0 }
    }

    /// Dense in a memory format (`Preserve` means row-major here).
    pub fn in_format(dims: &[usize], format: MemoryFormat) -> Result<Layout> {
        let rank = match format {
            MemoryFormat::Contiguous | MemoryFormat::Preserve => return Ok(Self::contiguous(dims)),
            MemoryFormat::ChannelsLast => 4,
            MemoryFormat::ChannelsLast3d => 5,
        };
        if let Some(order) = format.order(dims.len()) {
            return Ok(Self::dense_in_order(dims, order));
        }
        bail!(Runtime, "required rank {rank} tensor to use {} format", format.name())
    }

    /// How many elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.dims.iter().product()
    }

    /// How many dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// Row-major without gaps (sizes of 1 and empty tensors put no demand on strides).
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        let mut step = 1isize;
        for i in (0..self.dims.len()).rev() {
            if self.dims[i] == 0 {
                return true;
            }
            if self.dims[i] != 1 && self.strides[i] != step {
                return self.numel() == 0;
            }
            step *= self.dims[i] as isize;
        }
        true
    }

    /// Contiguous in the given order of dimensions.
    pub fn is_contiguous_in(&self, format: MemoryFormat) -> bool {
        let Some(order) = format.order(self.rank()) else {
            return matches!(format, MemoryFormat::Contiguous | MemoryFormat::Preserve)
                && self.is_contiguous();
        };
        let mut step = 1isize;
        for &d in order.iter().rev() {
            if self.dims[d] != 1 {
                if self.strides[d] != step {
                    return false;
                }
                step *= self.dims[d] as isize;
            }
        }
        true
    }

    /// Strides say channels-last, unambiguously, though there may be gaps: what propagates through
    /// convolutions and pools.
    pub fn suggested_format(&self) -> MemoryFormat {
        for format in [MemoryFormat::ChannelsLast, MemoryFormat::ChannelsLast3d] {
            if let Some(order) = format.order(self.rank())
                && self.strides_follow(order)
            {
                return format;
            }
        }
        MemoryFormat::Contiguous
    }

    fn strides_follow(&self, order: &[usize]) -> bool {
        if self.strides[1] == 0 {
            return false;
        }
        let mut least = 0isize;
        for &d in order.iter().rev() {
            if self.dims[d] == 0 || self.strides[d] < least {
                return false;
            }
            // An N11C layout with stride[0] == stride[1] is read as contiguous, as in PyTorch.
            if d == 0 && least == self.strides[1] {
                return false;
            }
            least = self.strides[d];
            if self.dims[d] > 1 {
                least *= self.dims[d] as isize;
            }
        }
        true
    }

    /// Each element has its own place and there are no gaps, in some order of dimensions.
    pub fn is_dense(&self) -> bool {
        if self.numel() == 0 {
            return true;
        }
        if self.rank() == 1 {
            return self.dims[0] < 2 || self.strides[0] == 1;
        }
        let mut order: Dims = (0..self.rank()).collect();
        order.sort_by_key(|&d| (self.dims[d] >= 2, self.strides[d]));
        let mut step = 1isize;
        for &d in order.iter().filter(|&&d| self.dims[d] >= 2) {
            if self.strides[d] != step {
                return false;
            }
            step *= self.dims[d] as isize;
        }
        true
    }

    /// No two indices may reach the same element (conservative: false when it cannot be told).
    pub fn is_non_overlapping(&self) -> bool {
        let mut order: Dims = (0..self.rank()).filter(|&d| self.dims[d] > 1).collect();
        order.sort_by_key(|&d| self.strides[d]);
        let mut reach = 0isize;
        for &d in &order {
            if self.strides[d] <= reach {
                return false;
            }
            reach += (self.dims[d] as isize - 1) * self.strides[d];
        }
        true
    }

    /// Some element is surely reached by two indices: writing there is refused.
    #[inline]
    pub fn has_internal_overlap(&self) -> bool {
        self.numel() > 0 && self.dims.iter().zip(&self.strides).any(|(&n, &s)| n > 1 && s == 0)
    }

    /// One past the last element reached, relative to the storage's start; 0 for empty tensors.
    #[inline]
    pub fn end(&self) -> usize {
        if self.numel() == 0 {
            return 0;
        }
        let span: isize =
            self.dims.iter().zip(&self.strides).map(|(&n, &s)| (n as isize - 1) * s).sum();
        self.offset + span as usize + 1
    }

    /// Swaps two dimensions.
    pub fn transpose(&self, a: usize, b: usize) -> Layout {
        let mut out = self.clone();
        out.dims.swap(a, b);
        out.strides.swap(a, b);
        out
    }

    /// Dimension `i` of the result is dimension `order[i]` of this.
    pub fn permute(&self, order: &[usize]) -> Layout {
        Layout {
            dims: order.iter().map(|&d| self.dims[d]).collect(),
            strides: order.iter().map(|&d| self.strides[d]).collect(),
            offset: self.offset,
        }
    }

    /// `len` elements of a dimension from `start` in steps of `step`.
    pub fn slice(&self, dim: usize, start: usize, len: usize, step: usize) -> Layout {
        let mut out = self.clone();
        out.offset += start * self.strides[dim] as usize;
        out.dims[dim] = len;
        out.strides[dim] *= step as isize;
        out
    }

    /// One index of a dimension; the dimension goes.
    pub fn select(&self, dim: usize, index: usize) -> Layout {
        let mut out = self.clone();
        out.offset += index * self.strides[dim] as usize;
        out.dims.remove(dim);
        out.strides.remove(dim);
        out
    }

    /// A new dimension of size 1 before `dim`.
    pub fn unsqueeze(&self, dim: usize) -> Layout {
        let mut out = self.clone();
        let step = match self.dims.get(dim) {
            Some(&n) => n as isize * self.strides[dim],
            None => 1,
        };
        out.dims.insert(dim, 1);
        out.strides.insert(dim, step);
        out
    }

    /// Drops the dimensions of size 1 among those marked.
    pub fn squeeze(&self, marked: impl Fn(usize) -> bool) -> Layout {
        let keep = |d: &usize| !(self.dims[*d] == 1 && marked(*d));
        Layout {
            dims: (0..self.rank()).filter(keep).map(|d| self.dims[d]).collect(),
            strides: (0..self.rank()).filter(keep).map(|d| self.strides[d]).collect(),
            offset: self.offset,
        }
    }

    /// Repeats dimensions of size 1 (and new leading ones) with stride 0. The caller has checked
    /// that the shapes broadcast.
    pub fn expand(&self, dims: &[usize]) -> Layout {
        let lead = dims.len() - self.rank();
        let mut strides = Strides::filled(0, dims.len());
        for i in (0..dims.len()).rev() {
            if i >= lead {
                let same = self.dims[i - lead] == dims[i];
                strides[i] = if same { self.strides[i - lead] } else { 0 };
            } else if dims[i] == 1 && i + 1 < dims.len() {
                strides[i] = dims[i + 1] as isize * strides[i + 1];
            } else if dims[i] == 1 {
                strides[i] = 1;
            }
        }
        Layout { dims: Dims::from_slice(dims), strides, offset: self.offset }
    }

    /// The same elements under other sizes, when that needs no copy.
    pub fn view(&self, dims: &[usize]) -> Option<Layout> {
        let strides = self.view_strides(dims)?;
        Some(Layout { dims: Dims::from_slice(dims), strides, offset: self.offset })
    }

    fn view_strides(&self, dims: &[usize]) -> Option<Strides> {
        if self.numel() == 0 && *self.dims == *dims {
            return Some(self.strides.clone());
        }
        if self.numel() == 0 {
            return Some(Layout::contiguous(dims).strides);
        }
        let mut strides = Strides::filled(1, dims.len());
        if self.rank() == 0 {
            return Some(strides);
        }
        // Walk from the innermost dimension; each chunk of dims that is contiguous among itself
        // must be filled exactly by a run of the new dims.
        let mut new_dim = dims.len();
        let mut base = self.strides[self.rank() - 1];
        let mut chunk = 1usize;
        for d in (0..self.rank()).rev() {
            chunk *= self.dims[d];
            let ends =
                d == 0 || (self.dims[d - 1] != 1 && self.strides[d - 1] != chunk as isize * base);
            if !ends {
                continue;
            }
            let mut filled = 1usize;
            while new_dim > 0 && (filled < chunk || dims[new_dim - 1] == 1) {
                strides[new_dim - 1] = filled as isize * base;
                filled *= dims[new_dim - 1];
                new_dim -= 1;
            }
            if filled != chunk {
                return None;
            }
            if d > 0 {
                base = self.strides[d - 1];
                chunk = 1;
            }
        }
        (new_dim == 0).then_some(strides)
    }

    /// The diagonal of two dimensions, appended as the last one.
    pub fn diagonal(&self, offset: isize, dim1: usize, dim2: usize) -> Layout {
        let (rows, cols) = (self.dims[dim1] as isize, self.dims[dim2] as isize);
        let len = if offset >= 0 { rows.min(cols - offset) } else { (rows + offset).min(cols) };
        let mut out = self.clone();
        if len > 0 {
            let (dim, by) = if offset >= 0 { (dim2, offset) } else { (dim1, -offset) };
            out.offset += by as usize * self.strides[dim] as usize;
        }
        let step = self.strides[dim1] + self.strides[dim2];
        for d in [dim1.max(dim2), dim1.min(dim2)] {
            out.dims.remove(d);
            out.strides.remove(d);
        }
        out.dims.push(len.max(0) as usize);
        out.strides.push(step);
        out
    }

    /// Windows of `size` every `step` along a dimension, as a new last dimension.
    pub fn unfold(&self, dim: usize, size: usize, step: usize) -> Layout {
        let mut out = self.clone();
        if self.rank() == 0 {
            out.dims.push(size);
            out.strides.push(1);
            return out;
        }
        out.dims[dim] = (self.dims[dim] - size) / step + 1;
        out.strides[dim] = self.strides[dim] * step as isize;
        out.dims.push(size);
        out.strides.push(self.strides[dim]);
        out
    }

    /// Arbitrary geometry; the caller checks the storage's bounds.
    pub fn as_strided(dims: &[usize], strides: &[isize], offset: usize) -> Result<Layout> {
        ensure!(dims.len() == strides.len(), Runtime, "mismatch in length of strides and shape");
        ensure!(
            strides.iter().all(|&s| s >= 0),
            Runtime,
            "as_strided: Negative strides are not supported at the moment, got strides: {strides:?}"
        );
        Ok(Layout { dims: Dims::from_slice(dims), strides: Strides::from_slice(strides), offset })
    }
}

/// The layout of an elementwise result: the operands' own when they agree on a dense one, else
/// dimensions ordered as the operands order them in memory, the left one deciding first.
pub fn output_layout(dims: &[usize], inputs: &[&Layout]) -> Layout {
    let row_major = Layout::contiguous(dims);
    let plain =
        |l: &&Layout| l.rank() == 0 || l.dims == row_major.dims && l.strides == row_major.strides;
    if inputs.iter().all(plain) {
        return row_major;
    }
    let same_shape = inputs.iter().all(|l| *l.dims == *dims);
    if same_shape && let Some(first) = inputs.first() {
        if inputs.iter().all(|l| l.is_contiguous()) {
            return row_major;
        }
        if inputs.iter().all(|l| l.is_contiguous_in(MemoryFormat::ChannelsLast)) && dims.len() == 4
        {
            return Layout::dense_in_order(dims, &[0, 2, 3, 1]);
        }
        if first.is_dense() && inputs.iter().all(|l| l.strides == first.strides) {
            return Layout { offset: 0, ..(*first).clone() };
        }
    }
    let strides: Vec<Strides> = inputs.iter().map(|l| broadcast_strides(l, dims)).collect();
    Layout::dense_in_order(dims, &memory_order(dims, &strides))
}

/// The layout `*_like` and `clone` give: the input's own where it is dense, else dense with its
/// dimensions in the same order.
pub fn preserved_layout(input: &Layout) -> Layout {
    if input.is_dense() {
        return Layout { offset: 0, ..input.clone() };
    }
    let strides = [input.strides.clone()];
    Layout::dense_in_order(&input.dims, &memory_order(&input.dims, &strides))
}

/// Steps along the dimensions that a layout is broadcast to; 0 where elements are repeated.
pub fn broadcast_strides(layout: &Layout, dims: &[usize]) -> Strides {
    let lead = dims.len() - layout.rank();
    (0..dims.len())
        .map(|i| {
            let repeated = i < lead || (layout.dims[i - lead] == 1 && dims[i] != 1);
            if repeated { 0 } else { layout.strides[i - lead] }
        })
        .collect()
}

/// Dimensions from outermost to innermost: an insertion sort whose comparison may be undecided
/// (stride 0), which is why an ordinary sort would not do.
fn memory_order(dims: &[usize], strides: &[Strides]) -> Dims {
    let rank = dims.len();
    let mut perm: Dims = (0..rank).rev().collect();
    for i in 1..rank {
        let mut moving = i;
        for at in (0..i).rev() {
            match compare(dims, strides, perm[at], perm[moving]) {
                1 => {
                    perm.swap(at, moving);
                    moving = at;
                }
                -1 => break,
                _ => {}
            }
        }
    }
    perm.iter().rev().copied().collect()
}

fn compare(dims: &[usize], strides: &[Strides], inner: usize, outer: usize) -> i32 {
    for s in strides {
        let (a, b) = (s[inner], s[outer]);
        if a == 0 || b == 0 {
            continue;
        }
        if a != b {
            return if a < b { -1 } else { 1 };
        }
        if dims[inner] > dims[outer] {
            return 1;
        }
    }
    0
}

/// Refuses to make `count` things of type `T` where memory for them cannot be had: a list that
/// grows beyond memory would abort the process.
pub fn ensure_room<T>(count: usize) -> Result<()> {
    let mut probe: Vec<T> = Vec::new();
    ensure!(
        probe.try_reserve_exact(count).is_ok(),
        OutOfMemory,
        "not enough memory for {count} pieces of {} bytes",
        size_of::<T>()
    );
    Ok(())
}

/// Numbers of elements that would overflow an address, refused before anything is allocated. Nothing
/// takes no bytes, but its strides are numbers too.
pub fn checked_bytes(dims: &[usize], element: usize) -> Result<usize> {
    let fits = |n: Option<usize>| n.filter(|&n| isize::try_from(n).is_ok());
    if dims.contains(&0) {
        let outermost = dims.iter().skip(1).try_fold(1usize, |n, &d| n.checked_mul(d.max(1)));
        ensure!(fits(outermost).is_some(), Runtime, "Stride calculation overflowed");
        return Ok(0);
    }
    match fits(dims.iter().try_fold(element, |n, &d| n.checked_mul(d))) {
        Some(bytes) => Ok(bytes),
        None => {
            bail!(Runtime, "Storage size calculation overflowed with sizes={}", shape::show(dims))
        }
    }
}
