//! A growing array in the allocator's memory: what a kernel needs for a line that may be long.
//!
//! Unlike a `Vec`, whose memory comes fresh from the system each time, it lies in blocks that are
//! kept for reuse; the page faults of fresh memory cost more than a sort.

use crate::Buffer;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

/// Plain values, one after the other; only those written are ever seen.
pub(crate) struct Room<T: Copy> {
    memory: Option<Buffer>,
    len: usize,
    capacity: usize,
    values: std::marker::PhantomData<T>,
}

impl<T: Copy> Room<T> {
    pub const fn new() -> Room<T> {
        Room { memory: None, len: 0, capacity: 0, values: std::marker::PhantomData }
    }

    fn ptr(&self) -> *mut T {
        const { assert!(align_of::<T>() <= crate::alloc::ALIGN) };
        self.memory.as_ref().map_or(std::ptr::dangling_mut(), |buffer| buffer.ptr().cast())
    }

    /// Forgets all values and makes sure that `count` fit.
    pub fn reset(&mut self, count: usize) {
        self.len = 0;
        if count <= self.capacity {
            return;
        }
        let Ok(layout) = std::alloc::Layout::array::<T>(count) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>());
        };
        self.memory = None;
        match Buffer::uninit(layout.size()) {
            Ok(buffer) => self.memory = Some(buffer),
            Err(_) => std::alloc::handle_alloc_error(layout),
        }
        self.capacity = count;
    }

    /// Forgets all values and takes `count` values from an iterator (or fewer, if it ends).
    pub fn fill(&mut self, count: usize, values: impl Iterator<Item = T>) {
        self.reset(count);
        // SAFETY: there is place for `count` values, whose memory need not be initialised.
        let places =
            unsafe { std::slice::from_raw_parts_mut(self.ptr().cast::<MaybeUninit<T>>(), count) };
        let mut written = 0;
        for (place, value) in places.iter_mut().zip(values) {
            place.write(value);
            written += 1;
        }
        self.len = written;
    }

    /// Forgets all values and takes the `count` that `write` puts at the address it is given.
    ///
    /// # Safety
    /// `write` initialises that many values there.
    pub unsafe fn fill_with(&mut self, count: usize, write: impl FnOnce(*mut u8)) {
        self.reset(count);
        write(self.ptr().cast());
        self.len = count;
    }

    /// Where values are put: place for as many as it was last reset to, contents unspecified.
    pub fn place(&mut self) -> *mut u8 {
        self.ptr().cast()
    }

    /// Keeps the first `count` values.
    pub fn truncate(&mut self, count: usize) {
        self.len = self.len.min(count);
    }
}

impl<T: Copy> Deref for Room<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` values have been written, and nobody else has the memory.
        unsafe { std::slice::from_raw_parts(self.ptr(), self.len) }
    }
}

impl<T: Copy> DerefMut for Room<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.ptr(), self.len) }
    }
}
