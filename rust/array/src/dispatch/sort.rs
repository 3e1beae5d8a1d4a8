//! Order along one dimension, groups of equal elements, places in sorted sequences.

use super::{Host, Place, ask_host, gpu_view, on_device, place, store};
use crate::Array;
use base::{DType, Device, Result, Scalar};
use cpu::sort as kernels;

/// The elements in order along `dim` and where they were; stable.
pub fn sort(
    values: &Array,
    indices: &Array,
    x: &Array,
    dim: usize,
    descending: bool,
) -> Result<()> {
    on_device(
        values,
        |host, target| {
            kernels::sort(
                Some(target),
                Some(host.view_mut(indices)?),
                host.view(x)?,
                dim,
                descending,
            )
        },
        |target| gpu::sort::sort(target, gpu_view(indices)?, gpu_view(x)?, dim, descending),
    )
}

/// The `k` largest or smallest elements along `dim`, best first, and where they were.
pub fn topk(
    values: &Array,
    indices: &Array,
    x: &Array,
    dim: usize,
    k: usize,
    largest: bool,
) -> Result<()> {
    on_device(
        values,
        |host, target| {
            kernels::topk(target, host.view_mut(indices)?, host.view(x)?, dim, k, largest)
        },
        |target| gpu::sort::sort(target, gpu_view(indices)?, gpu_view(x)?, dim, largest),
    )
}

/// One element of the order along a dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rank {
    /// The k-th smallest, from 1.
    Kth(usize),
    /// The lower median.
    Median,
    /// The lower median of those that are not NaN.
    NanMedian,
    /// The most frequent.
    Mode,
}

/// The element of that rank along `dim` and where it was.
pub fn rank(kind: Rank, values: &Array, indices: &Array, x: &Array, dim: usize) -> Result<()> {
    let on_host = |host: &Host, target: cpu::ViewMut<'_>| {
        let (indices, x) = (host.view_mut(indices)?, host.view(x)?);
        match kind {
            Rank::Kth(k) => kernels::kthvalue(target, indices, x, dim, k),
            Rank::Median => kernels::median(target, indices, x, dim, false),
            Rank::NanMedian => kernels::median(target, indices, x, dim, true),
            Rank::Mode => kernels::mode(target, indices, x, dim),
        }
    };
    on_device(values, on_host, |target| {
        let kind = match kind {
            Rank::Kth(k) => gpu::sort::Rank::Kth(k),
            Rank::Median => gpu::sort::Rank::Median,
            Rank::NanMedian => gpu::sort::Rank::NanMedian,
            Rank::Mode => gpu::sort::Rank::Mode,
        };
        gpu::sort::rank(kind, target, gpu_view(indices)?, gpu_view(x)?, dim)
    })
}

/// For each value the place before which it stands in its sorted sequence.
pub fn searchsorted(
    out: &Array,
    sequence: &Array,
    values: &Array,
    sorter: Option<&Array>,
    right: bool,
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            let sorter = sorter.map(|a| host.view(a)).transpose()?;
            kernels::searchsorted(target, host.view(sequence)?, host.view(values)?, sorter, right)
        },
        |target| {
            let sorter = sorter.map(gpu_view).transpose()?;
            let (sequence, values) = (gpu_view(sequence)?, gpu_view(values)?);
            gpu::sort::searchsorted(target, sequence, values, sorter, right)
        },
    )
}

/// Equal elements or slices, group by group; all int64 vectors.
pub struct Groups {
    /// Position of the first one of each group.
    pub first: Array,
    /// The group of each one.
    pub inverse: Array,
    /// How many each group has.
    pub counts: Array,
}

impl Groups {
    fn empty(len: usize, count: usize, device: Device) -> Result<Groups> {
        let vector = |n| Array::empty_contiguous(&[n], DType::I64, device);
        Ok(Groups { first: vector(len)?, inverse: vector(count)?, counts: vector(len)? })
    }

    fn from_host(found: &kernels::Groups, device: Device) -> Result<Groups> {
        let groups = Groups::empty(found.first.len(), found.inverse.len(), device)?;
        let lists = [&found.first, &found.inverse, &found.counts];
        for (to, list) in [&groups.first, &groups.inverse, &groups.counts].into_iter().zip(lists) {
            store(to, &list.iter().map(|&v| Scalar::Int(v)).collect::<Vec<_>>())?;
        }
        Ok(groups)
    }

    fn from_gpu(found: &gpu::compact::Groups, count: usize, device: Device) -> Result<Groups> {
        let groups = Groups::empty(found.len, count, device)?;
        let [first, inverse, counts] =
            [&groups.first, &groups.inverse, &groups.counts].map(gpu_view);
        found.write(first?, inverse?, counts?)?;
        Ok(groups)
    }
}

/// Groups of equal elements of the flattened array: in ascending order, or of neighbours only.
pub fn unique(x: &Array, sorted: bool) -> Result<Groups> {
    if let Place::Gpu(_) = place(x) {
        let found = gpu::compact::Groups::of_elements(gpu_view(x)?, sorted)?;
        return Groups::from_gpu(&found, x.numel(), x.device());
    }
    let kernel = if sorted { kernels::unique } else { kernels::unique_consecutive };
    Groups::from_host(&ask_host("unique", x, |host| kernel(host.view(x)?))?, x.device())
}

/// Groups of equal rows of a matrix.
pub fn unique_rows(x: &Array, sorted: bool) -> Result<Groups> {
    if let Place::Gpu(_) = place(x) {
        let found = gpu::compact::Groups::of_rows(gpu_view(x)?, sorted)?;
        return Groups::from_gpu(&found, x.dims()[0], x.device());
    }
    let found = ask_host("unique", x, |host| kernels::unique_rows(host.view(x)?, sorted))?;
    Groups::from_host(&found, x.device())
}
