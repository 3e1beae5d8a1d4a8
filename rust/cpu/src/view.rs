//! Dtype-erased strided views: what a kernel reads and writes.
//!
//! A view is a raw pointer to element 0, a dtype and a geometry borrowed from the caller's
//! `Layout`. It is made by [`Buffer::view`](crate::Buffer::view), which has checked that every
//! index lies inside the buffer and that the pointer is aligned; kernels build on that invariant.
//! Views alias freely and element values may change under a reader (another thread may write), so
//! no kernel may let memory safety depend on a value it has read twice.

use base::{DType, Element};
use std::marker::PhantomData;

macro_rules! accessors {
    ($name:ident) => {
        impl $name<'_> {
            /// Sizes.
            #[inline]
            pub fn dims(&self) -> &[usize] {
                self.dims
            }

            /// Steps in elements.
            #[inline]
            pub fn strides(&self) -> &[isize] {
                self.strides
            }

            /// Type of the elements.
            #[inline]
            pub fn dtype(&self) -> DType {
                self.dtype
            }

            /// How many dimensions.
            #[inline]
            pub fn rank(&self) -> usize {
                self.dims.len()
            }

            /// How many elements.
            #[inline]
            pub fn numel(&self) -> usize {
                self.dims.iter().product()
            }

            /// Row-major without gaps.
            #[inline]
            pub fn is_contiguous(&self) -> bool {
                let mut step = 1isize;
                for (&n, &stride) in self.dims.iter().zip(self.strides).rev() {
                    if n != 1 && stride != step {
                        return self.numel() == 0;
                    }
                    step *= n as isize;
                }
                true
            }
        }
    };
}

/// A strided view for reading.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    ptr: *const u8,
    dtype: DType,
    dims: &'a [usize],
    strides: &'a [isize],
}

/// A strided view for writing. Copies alias: the caller sees to it that one kernel writes at a time.
#[derive(Clone, Copy, Debug)]
pub struct ViewMut<'a> {
    ptr: *mut u8,
    dtype: DType,
    dims: &'a [usize],
    strides: &'a [isize],
    buffer: PhantomData<&'a mut [u8]>,
}

accessors!(View);
accessors!(ViewMut);

// SAFETY: a view is a pointer and plain data; every access through it is an `unsafe` operation in a
// kernel, which partitions the elements among its threads.
unsafe impl Send for View<'_> {}
// SAFETY: as above.
unsafe impl Sync for View<'_> {}
// SAFETY: as above.
unsafe impl Send for ViewMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for ViewMut<'_> {}

impl<'a> View<'a> {
    /// A view of raw memory.
    ///
    /// # Safety
    /// For the life `'a`, `ptr` is aligned for `dtype` and every index in `dims` reaches, through
    /// `strides` (of the same length), an initialised or at least allocated element.
    #[inline]
    pub unsafe fn from_raw(
        ptr: *const u8,
        dtype: DType,
        dims: &'a [usize],
        strides: &'a [isize],
    ) -> View<'a> {
        View { ptr, dtype, dims, strides }
    }

    /// Pointer to element 0.
    #[inline]
    pub(crate) fn bytes(self) -> *const u8 {
        self.ptr
    }

    /// Typed pointer to element 0; `T` is the view's dtype.
    #[inline]
    pub(crate) fn ptr<T: Element>(self) -> *const T {
        debug_assert_eq!(T::DTYPE, self.dtype);
        self.ptr.cast()
    }

    /// The geometry, for as long as the layout lives.
    #[inline]
    pub(crate) fn geometry(self) -> (&'a [usize], &'a [isize]) {
        (self.dims, self.strides)
    }
}

impl<'a> ViewMut<'a> {
    /// A writable view of raw memory.
    ///
    /// # Safety
    /// As [`View::from_raw`], and the memory may be written.
    #[inline]
    pub unsafe fn from_raw(
        ptr: *mut u8,
        dtype: DType,
        dims: &'a [usize],
        strides: &'a [isize],
    ) -> ViewMut<'a> {
        ViewMut { ptr, dtype, dims, strides, buffer: PhantomData }
    }

    /// The same elements for reading.
    #[inline]
    pub fn as_view(self) -> View<'a> {
        View { ptr: self.ptr, dtype: self.dtype, dims: self.dims, strides: self.strides }
    }

    /// Pointer to element 0.
    #[inline]
    pub(crate) fn bytes(self) -> *mut u8 {
        self.ptr
    }

    /// Typed pointer to element 0; `T` is the view's dtype.
    #[inline]
    pub(crate) fn ptr<T: Element>(self) -> *mut T {
        debug_assert_eq!(T::DTYPE, self.dtype);
        self.ptr.cast()
    }

    /// The geometry, for as long as the layout lives.
    #[inline]
    pub(crate) fn geometry(self) -> (&'a [usize], &'a [isize]) {
        (self.dims, self.strides)
    }
}

impl<'a> From<ViewMut<'a>> for View<'a> {
    fn from(view: ViewMut<'a>) -> View<'a> {
        view.as_view()
    }
}
