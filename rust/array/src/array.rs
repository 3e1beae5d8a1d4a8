//! The array: geometry and type over shared storage, without history.

use crate::{Storage, dispatch};
use base::layout::checked_bytes;
use base::{DType, Device, Layout, Result, Scalar, ensure};
use std::sync::Arc;

/// A strided array. Cloning shares the storage.
#[derive(Clone)]
pub struct Array {
    storage: Arc<Storage>,
    layout: Layout,
    dtype: DType,
}

impl Array {
    /// Uninitialised memory with the dense geometry of `layout`.
    #[inline]
    pub fn empty(layout: Layout, dtype: DType, device: Device) -> Result<Array> {
        dispatch::check_dtype(dtype, device)?;
        let nbytes = checked_bytes(&layout.dims, dtype.size())?;
        let nbytes = nbytes.max(layout.end() * dtype.size());
        let storage = Arc::new(Storage::uninit(nbytes, device)?);
        Ok(Array { storage, layout, dtype })
    }

    /// Uninitialised row-major memory.
    pub fn empty_contiguous(dims: &[usize], dtype: DType, device: Device) -> Result<Array> {
        Self::empty(Layout::contiguous(dims), dtype, device)
    }

    /// Zeros, row-major.
    pub fn zeros(dims: &[usize], dtype: DType, device: Device) -> Result<Array> {
        dispatch::check_dtype(dtype, device)?;
        let nbytes = checked_bytes(dims, dtype.size())?;
        let storage = Arc::new(Storage::zeroed(nbytes, device)?);
        Ok(Array { storage, layout: Layout::contiguous(dims), dtype })
    }

    /// One value everywhere, row-major.
    pub fn full(dims: &[usize], value: Scalar, dtype: DType, device: Device) -> Result<Array> {
        let out = Self::empty_contiguous(dims, dtype, device)?;
        dispatch::fill(&out, value)?;
        Ok(out)
    }

    /// Geometry over existing storage; checked against its size.
    pub fn over(storage: Arc<Storage>, layout: Layout, dtype: DType) -> Result<Array> {
        let need = layout.end().saturating_mul(dtype.size());
        ensure!(
            need <= storage.nbytes(),
            Runtime,
            "setStorage: sizes {}, strides {}, storage offset {}, and itemsize {} requiring a storage size of {need} are out of bounds for storage of size {}",
            base::shape::show(&layout.dims),
            base::shape::show(&layout.strides),
            layout.offset,
            dtype.size(),
            storage.nbytes()
        );
        Ok(Array { storage, layout, dtype })
    }

    /// The same memory under another geometry that the caller derived by the view algebra.
    #[inline]
    pub fn view(&self, layout: Layout) -> Array {
        Array { storage: self.storage.clone(), layout, dtype: self.dtype }
    }

    /// The same bytes as elements of another dtype, under a geometry the caller derived.
    pub fn reinterpret(&self, layout: Layout, dtype: DType) -> Array {
        Array { storage: self.storage.clone(), layout, dtype }
    }

    /// A complex array as pairs of reals in a last dimension of 2; a real array itself.
    pub fn as_real(&self) -> Array {
        if !self.dtype.is_complex() {
            return self.clone();
        }
        let mut layout = self.layout.clone();
        layout.offset *= 2;
        layout.strides = layout.strides.iter().map(|s| s * 2).collect();
        layout.dims.push(2);
        layout.strides.push(1);
        self.reinterpret(layout, self.dtype.to_real())
    }

    /// Geometry.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Sizes.
    #[inline]
    pub fn dims(&self) -> &[usize] {
        &self.layout.dims
    }

    /// Element type.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where it lies.
    #[inline]
    pub fn device(&self) -> Device {
        self.storage.device()
    }

    /// Number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// The shared memory.
    #[inline]
    pub fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// The address of element 0; 0 for empty arrays.
    pub fn address(&self) -> usize {
        match self.storage.address() {
            0 => 0,
            start => start + self.layout.offset * self.dtype.size(),
        }
    }

    /// Both lie in the same storage.
    pub fn shares_storage(&self, other: &Array) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// How many arrays hold this storage.
    #[inline]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.storage)
    }

    /// Its elements are all that the storage has room for.
    pub fn fills_storage(&self) -> bool {
        self.numel() * self.dtype.size() == self.storage.nbytes()
    }

    /// Itself when row-major, else a row-major copy.
    pub fn contiguous(&self) -> Result<Array> {
        if self.layout.is_contiguous() { Ok(self.clone()) } else { self.copied() }
    }

    /// A row-major copy.
    pub fn copied(&self) -> Result<Array> {
        self.copied_as(Layout::contiguous(self.dims()), self.dtype)
    }

    /// A copy with the given dense geometry and dtype.
    pub fn copied_as(&self, layout: Layout, dtype: DType) -> Result<Array> {
        let out = Array::empty(layout, dtype, self.device())?;
        dispatch::copy(&out, self)?;
        Ok(out)
    }

    /// Itself, or a cast copy in the same memory order.
    pub fn cast(&self, dtype: DType) -> Result<Array> {
        if dtype == self.dtype {
            return Ok(self.clone());
        }
        self.copied_as(base::layout::preserved_layout(&self.layout), dtype)
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Array")
            .field("dtype", &self.dtype)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}
