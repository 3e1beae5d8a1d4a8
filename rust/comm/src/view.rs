//! Memory that a collective reads and writes: raw pointer and length, never a reference.
//!
//! Invariant: whoever makes a [`View`] keeps the memory valid until the job that holds it is done.
//! Others may write the memory meanwhile (Python threads do); that gives unspecified numbers, as
//! every byte is a valid byte.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// A piece of memory.
#[derive(Clone, Copy)]
pub struct View {
    ptr: *mut u8,
    len: usize,
}

// SAFETY: a view is an address and a length; its accesses state their own conditions.
unsafe impl Send for View {}

impl View {
    /// No memory.
    pub const EMPTY: View = View { ptr: std::ptr::NonNull::dangling().as_ptr(), len: 0 };

    /// Names memory.
    ///
    /// # Safety
    /// While the view or a copy of it is in use, `ptr` is valid for reads and writes of `len`
    /// bytes (for reads only, where the view is only read).
    pub const unsafe fn new(ptr: *mut u8, len: usize) -> View {
        if len == 0 { View::EMPTY } else { View { ptr, len } }
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The first byte's address.
    pub fn ptr(self) -> *mut u8 {
        self.ptr
    }

    /// The bytes from `start` on, at most `len` of them; never beyond the end.
    pub fn part(self, start: usize, len: usize) -> View {
        debug_assert!(start + len <= self.len, "{start} + {len} of {}", self.len);
        let start = start.min(self.len);
        // SAFETY: `start` is inside the memory or its end, and the length stays inside.
        unsafe { View::new(self.ptr.add(start), len.min(self.len - start)) }
    }

    /// The bytes from `start` on.
    pub fn rest(self, start: usize) -> View {
        self.part(start, self.len - start.min(self.len))
    }

    /// Copies as many bytes as both have.
    pub fn copy_from(self, source: View) {
        // SAFETY: both are valid for this length; `copy` allows overlap.
        unsafe { std::ptr::copy(source.ptr, self.ptr, self.len.min(source.len)) };
    }

    /// Copies bytes in, as many as both have.
    pub fn write(self, bytes: &[u8]) {
        // SAFETY: both are valid for this length; `copy` allows overlap.
        unsafe { std::ptr::copy(bytes.as_ptr(), self.ptr, self.len.min(bytes.len())) };
    }

    /// Appends its bytes to a vector.
    pub fn append_to(self, bytes: &mut Vec<u8>) {
        // SAFETY: the memory is valid for reads of its length, and the copy ends at once.
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(self.ptr, self.len) });
    }

    /// One `send` of the system.
    pub fn send(self, mut stream: &TcpStream) -> io::Result<usize> {
        // SAFETY: the memory is valid for reads; the slice lives for the system call, which reads
        // whatever bytes are there.
        stream.write(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }

    /// One `recv` of the system.
    pub fn receive(self, mut stream: &TcpStream) -> io::Result<usize> {
        // SAFETY: the memory is valid for writes and was given to this job; the slice lives for
        // the system call, which is the only access through it.
        stream.read(unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len) })
    }
}

/// Memory of our own, aligned for every dtype, that grows and is reused.
#[derive(Default)]
pub struct Scratch(Vec<u128>);

impl Scratch {
    /// `len` bytes with unspecified contents; valid until the next call.
    pub fn take(&mut self, len: usize) -> View {
        let words = len.div_ceil(16);
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
        // SAFETY: the vector has room for `len` bytes; it is neither moved nor shrunk before the
        // next call.
        unsafe { View::new(self.0.as_mut_ptr().cast(), len) }
    }
}
