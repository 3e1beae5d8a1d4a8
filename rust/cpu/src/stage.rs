//! Operands as flat arrays of a compute dtype, for kernels that are no elementwise map.
//!
//! [`Input`] and [`Output`] stand for a view of any strides and dtype: what is contiguous and of
//! the compute dtype is used in place, anything else goes through a contiguous copy (16-bit floats
//! through f32). [`In`] and [`Out`] are the typed arrays: bounds-checked pointers that may alias,
//! so that no reference to shared memory is ever made. Within one kernel, tasks write disjoint
//! parts.

use crate::Operand;
use crate::{Buffer, View, ViewMut};
use base::{DType, Element, Layout, Result};
use std::marker::PhantomData;

/// An array for reading.
#[derive(Clone, Copy)]
pub(crate) struct In<'a, T> {
    ptr: *const T,
    len: usize,
    memory: PhantomData<&'a T>,
}

/// An array for writing (and reading back). Copies alias.
#[derive(Clone, Copy)]
pub(crate) struct Out<'a, T> {
    ptr: *mut T,
    len: usize,
    memory: PhantomData<&'a T>,
}

// SAFETY: elements are plain numbers; tasks of one kernel write disjoint parts (module header).
unsafe impl<T: Send> Send for In<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for In<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Out<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Out<'_, T> {}

impl<T: Copy> In<'_, T> {
    /// How many elements.
    #[inline(always)]
    pub fn len(self) -> usize {
        self.len
    }

    /// Element `i`.
    #[inline(always)]
    pub fn at(self, i: usize) -> T {
        assert!(i < self.len);
        // SAFETY: `i` is inside the array.
        unsafe { self.ptr.add(i).read() }
    }

    /// `N` elements from `start`, at once: the compiler keeps them in vectors.
    #[inline(always)]
    pub fn block<const N: usize>(self, start: usize) -> [T; N] {
        let part = self.part(start, N);
        // SAFETY: the part has this many elements.
        unsafe { part.ptr.cast::<[T; N]>().read() }
    }

    /// `len` elements from `start`.
    #[inline(always)]
    pub fn part(self, start: usize, len: usize) -> Self {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: `start` is inside the array or one past its end.
        let ptr = unsafe { self.ptr.add(start) };
        In { ptr, len, memory: PhantomData }
    }

    /// Pointer to element 0.
    #[inline(always)]
    pub fn ptr(self) -> *const T {
        self.ptr
    }
}

impl<'a, T: Copy> Out<'a, T> {
    /// An array of raw memory.
    ///
    /// # Safety
    /// `ptr` is valid for `len` elements for the life `'a`.
    #[inline(always)]
    pub unsafe fn from_raw(ptr: *mut T, len: usize) -> Self {
        Out { ptr, len, memory: PhantomData }
    }

    /// How many elements.
    #[inline(always)]
    pub fn len(self) -> usize {
        self.len
    }

    /// Element `i`, which this kernel has written before.
    #[inline(always)]
    pub fn at(self, i: usize) -> T {
        self.read().at(i)
    }

    /// Writes element `i`.
    #[inline(always)]
    pub fn set(self, i: usize, value: T) {
        assert!(i < self.len);
        // SAFETY: `i` is inside the array.
        unsafe { self.ptr.add(i).write(value) }
    }

    /// Writes `N` elements from `start` at once.
    #[inline(always)]
    pub fn set_block<const N: usize>(self, start: usize, block: [T; N]) {
        let part = self.part(start, N);
        // SAFETY: the part has this many elements.
        unsafe { part.ptr.cast::<[T; N]>().write(block) }
    }

    /// Writes all elements.
    #[inline(always)]
    pub fn fill(self, value: T) {
        for i in 0..self.len {
            self.set(i, value);
        }
    }

    /// `len` elements from `start`.
    #[inline(always)]
    pub fn part(self, start: usize, len: usize) -> Self {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: `start` is inside the array or one past its end.
        let ptr = unsafe { self.ptr.add(start) };
        Out { ptr, len, memory: PhantomData }
    }

    /// The same elements for reading.
    #[inline(always)]
    pub fn read(self) -> In<'a, T> {
        In { ptr: self.ptr, len: self.len, memory: PhantomData }
    }

    /// Pointer to element 0.
    #[inline(always)]
    pub fn ptr(self) -> *mut T {
        self.ptr
    }
}

/// An operand to be read as a flat array of its compute dtype.
pub(crate) struct Input<'a> {
    ptr: *const u8,
    len: usize,
    dtype: DType,
    _copy: Option<Buffer>,
    view: PhantomData<View<'a>>,
}

// SAFETY: the memory is read through `In`, whose users answer for races.
unsafe impl Sync for Input<'_> {}
// SAFETY: the memory is written through `Out`, whose users answer for races.
unsafe impl Sync for Output<'_> {}

impl<'a> Input<'a> {
    /// Row-major elements of a view.
    pub fn new(view: View<'a>) -> Result<Input<'a>> {
        Self::cast(view, view.dtype().compute())
    }

    /// Row-major elements of a view, converted to `dtype`.
    pub fn cast(view: View<'a>, dtype: DType) -> Result<Input<'a>> {
        let (len, memory) = (view.numel(), PhantomData);
        if view.dtype() == dtype && view.is_contiguous() {
            return Ok(Input { ptr: view.bytes(), len, dtype, _copy: None, view: memory });
        }
        let layout = Layout::contiguous(view.dims());
        let copy = Buffer::uninit(len * dtype.size())?;
        let target = copy.view_mut(dtype, &layout)?;
        crate::copy(target, Operand::View(view))?;
        Ok(Input { ptr: target.bytes(), len, dtype, _copy: Some(copy), view: memory })
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The array.
    pub fn values<T: Element>(&self) -> In<'_, T> {
        assert!(T::DTYPE == self.dtype);
        In { ptr: self.ptr.cast(), len: self.len, memory: PhantomData }
    }
}

/// An operand to be written as a flat array of its compute dtype; [`Output::finish`] stores it.
#[must_use]
pub(crate) struct Output<'a> {
    target: ViewMut<'a>,
    ptr: *mut u8,
    dtype: DType,
    copy: Option<Buffer>,
}

impl<'a> Output<'a> {
    /// Row-major elements of a view; their old values are not available.
    pub fn new(target: ViewMut<'a>) -> Result<Output<'a>> {
        Self::cast(target, target.dtype().compute())
    }

    /// Row-major elements to be converted from `dtype`; their old values are not available.
    pub fn cast(target: ViewMut<'a>, dtype: DType) -> Result<Output<'a>> {
        if target.dtype() == dtype && target.is_contiguous() {
            return Ok(Output { target, ptr: target.bytes(), dtype, copy: None });
        }
        let layout = Layout::contiguous(target.dims());
        let copy = Buffer::uninit(target.numel() * dtype.size())?;
        let ptr = copy.view_mut(dtype, &layout)?.bytes();
        Ok(Output { target, ptr, dtype, copy: Some(copy) })
    }

    /// Row-major elements converted to and from `dtype`, with their old values.
    pub fn update(target: ViewMut<'a>, dtype: DType) -> Result<Output<'a>> {
        let output = Self::cast(target, dtype)?;
        if let Some(copy) = &output.copy {
            let layout = Layout::contiguous(target.dims());
            crate::copy(copy.view_mut(output.dtype, &layout)?, Operand::View(target.as_view()))?;
        }
        Ok(output)
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.target.numel()
    }

    /// The array.
    pub fn values<T: Element>(&self) -> Out<'_, T> {
        assert!(T::DTYPE == self.dtype);
        Out { ptr: self.ptr.cast(), len: self.target.numel(), memory: PhantomData }
    }

    /// Stores what was written to a copy.
    pub fn finish(self) -> Result<()> {
        if let Some(copy) = &self.copy {
            let layout = Layout::contiguous(self.target.dims());
            crate::copy(self.target, Operand::View(copy.view(self.dtype, &layout)?))?;
        }
        Ok(())
    }
}

/// [`Input::cast`] of an operand that may be missing.
pub(crate) fn input_or_none(view: Option<View<'_>>, dtype: DType) -> Result<Option<Input<'_>>> {
    view.map(|view| Input::cast(view, dtype)).transpose()
}

/// [`Output::cast`] of a result that may not be wanted.
pub(crate) fn output_or_none(
    view: Option<ViewMut<'_>>,
    dtype: DType,
) -> Result<Option<Output<'_>>> {
    view.map(|view| Output::cast(view, dtype)).transpose()
}

/// [`Output::finish`] of a result that may not be wanted.
pub(crate) fn finish_or_none(output: Option<Output<'_>>) -> Result<()> {
    output.map_or(Ok(()), Output::finish)
}

/// Working memory of a kernel that all its tasks share.
pub(crate) struct Shared<T> {
    buffer: Buffer,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Copy> Shared<T> {
    /// Room for `len` elements, contents unspecified.
    pub fn new(len: usize) -> Result<Shared<T>> {
        let buffer = Buffer::uninit(len * size_of::<T>())?;
        Ok(Shared { buffer, len, element: PhantomData })
    }

    /// The array.
    pub fn values(&self) -> Out<'_, T> {
        let ptr = if self.len == 0 { std::ptr::dangling_mut() } else { self.buffer.ptr().cast() };
        Out { ptr, len: self.len, memory: PhantomData }
    }
}
