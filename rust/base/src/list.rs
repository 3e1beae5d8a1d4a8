//! A short list of small `Copy` values: six inline, more on the heap.
//!
//! Dims and strides are cloned for every view; keeping them inline makes that a plain copy.

use std::fmt;
use std::ops::{Deref, DerefMut};

const INLINE: usize = 6;

/// A list that holds up to six elements without allocating; a cache line in size, for `usize`. That is
/// what the second box is for: it makes the pointer a thin one.
#[derive(Clone)]
pub struct List<T: Copy + Default> {
    inline: [T; INLINE],
    len: u32,
    heap: Option<Box<Box<[T]>>>,
}

/// The sizes of a tensor, outermost first.
pub type Dims = List<usize>;
/// The steps of a tensor in elements, outermost first.
pub type Strides = List<isize>;

impl<T: Copy + Default> List<T> {
    /// An empty list.
    #[inline]
    pub fn new() -> Self {
        List { inline: [T::default(); INLINE], len: 0, heap: None }
    }

    /// `len` copies of `value`.
    #[inline]
    pub fn filled(value: T, len: usize) -> Self {
        if len <= INLINE {
            let mut inline = [T::default(); INLINE];
            inline[..len].fill(value);
            List { inline, len: len as u32, heap: None }
        } else {
            let heap = Some(Box::new(vec![value; len].into_boxed_slice()));
            List { inline: [T::default(); INLINE], len: len as u32, heap }
        }
    }

    /// A copy of `values`.
    #[inline]
    pub fn from_slice(values: &[T]) -> Self {
        let mut list = Self::filled(T::default(), values.len());
        list.copy_from_slice(values);
        list
    }

    /// Appends `value`.
    #[inline]
    pub fn push(&mut self, value: T) {
        self.insert(self.len(), value);
    }

    /// Inserts `value` before position `at`.
    #[inline]
    pub fn insert(&mut self, at: usize, value: T) {
        let len = self.len();
        if len < INLINE {
            self.inline.copy_within(at..len, at + 1);
            self.inline[at] = value;
            self.len += 1;
        } else {
            let mut grown = self.to_vec();
            grown.insert(at, value);
            *self = Self::from_slice(&grown);
        }
    }

    /// Removes and returns the element at `at`.
    pub fn remove(&mut self, at: usize) -> T {
        let mut rest = self.to_vec();
        let value = rest.remove(at);
        *self = Self::from_slice(&rest);
        value
    }
}

impl<T: Copy + Default> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy + Default> Deref for List<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        match &self.heap {
            None => &self.inline[..self.len as usize],
            Some(heap) => heap,
        }
    }
}

impl<T: Copy + Default> DerefMut for List<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.heap {
            None => &mut self.inline[..self.len as usize],
            Some(heap) => heap,
        }
    }
}

impl<T: Copy + Default + PartialEq> PartialEq for List<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

impl<T: Copy + Default + Eq> Eq for List<T> {}

impl<T: Copy + Default + fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Copy + Default> FromIterator<T> for List<T> {
    #[inline]
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        let mut list = Self::new();
        for value in iter {
            list.push(value);
        }
        list
    }
}

impl<'a, T: Copy + Default> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_past_the_inline_part_and_back() {
        let mut dims: Dims = (0..10).collect();
        assert_eq!(&*dims, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        dims.insert(2, 99);
        assert_eq!(dims.remove(2), 99);
        while dims.len() > 1 {
            dims.remove(0);
        }
        assert_eq!(&*dims, &[9]);
    }
}
