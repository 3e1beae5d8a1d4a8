//! Elementwise kernels as values: a row's closure becomes a pair of a function pointer and the
//! dtypes it reads and writes.
//!
//! The constructors are `const`, so tables of kernels are `static`s; the closure must capture
//! nothing, because only its type is kept and a value of it is made up again inside the loop. Each
//! kernel is one contiguous loop; strides, broadcasting and casts are the driver's (see `map`).

use crate::arch::simd;
use base::{DType, Element};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Run-time parameters of a row (a slope, bounds, an exponent), the same for all elements.
pub type Params = [f64; 4];

/// One contiguous run: inputs, output (overlapping none of them), number of elements, parameters.
///
/// # Safety
/// Of a call: as many inputs as the kernel reads, each valid for `n` elements of its input dtype;
/// the output valid for `n` elements of its output dtype; all aligned.
pub type MapFn = unsafe fn(ins: *const *const u8, out: *mut u8, n: usize, params: &Params);

/// An elementwise kernel.
#[derive(Clone, Copy)]
pub struct Kernel {
    pub(crate) run: MapFn,
    pub(crate) inputs: usize,
    pub(crate) input: DType,
    pub(crate) output: DType,
}

/// A row's kernels, indexed by `dtype.compute() as usize`.
pub type Table = [Option<Kernel>; DType::COUNT];

impl Kernel {
    /// The dtype it computes in.
    pub const fn input(&self) -> DType {
        self.input
    }

    /// How many inputs it reads.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// The dtype it produces.
    pub const fn output(&self) -> DType {
        self.output
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({} x {} -> {})", self.inputs, self.input, self.output)
    }
}

/// A function that captures nothing. Only values of zero size pass the constructors below.
#[inline(always)]
fn conjure<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    // SAFETY: F has no size, so any aligned pointer reads it; it is inhabited and free of ownership,
    // because a constructor was given a value and F is Copy.
    unsafe { *NonNull::<F>::dangling().as_ref() }
}

/// The inputs and the output of a run as slices.
#[inline(always)]
unsafe fn slices<'a, T, U, const N: usize>(
    ins: *const *const u8,
    out: *mut u8,
    n: usize,
) -> ([&'a [T]; N], &'a mut [MaybeUninit<U>]) {
    // SAFETY: the contract of `MapFn`, which this is only called under.
    unsafe {
        let ins = std::array::from_fn(|i| std::slice::from_raw_parts((*ins.add(i)).cast::<T>(), n));
        (ins, std::slice::from_raw_parts_mut(out.cast(), n))
    }
}

simd! {
    unsafe fn run1[T: Element, U: Element, F: RowFn1<T, U>](
        ins: *const *const u8, out: *mut u8, n: usize, params: &Params,
    ) {
        // SAFETY: the contract of `MapFn`.
        let ([a], out) = unsafe { slices::<T, U, 1>(ins, out, n) };
        let f = conjure::<F>();
        for i in 0..n {
            out[i].write(f.call(a[i], params));
        }
    }
}

simd! {
    unsafe fn run2[T: Element, U: Element, F: RowFn2<T, U>](
        ins: *const *const u8, out: *mut u8, n: usize, params: &Params,
    ) {
        // SAFETY: the contract of `MapFn`.
        let ([a, b], out) = unsafe { slices::<T, U, 2>(ins, out, n) };
        let f = conjure::<F>();
        for i in 0..n {
            out[i].write(f.call(a[i], b[i], params));
        }
    }
}

simd! {
    unsafe fn run3[T: Element, U: Element, F: RowFn3<T, U>](
        ins: *const *const u8, out: *mut u8, n: usize, params: &Params,
    ) {
        // SAFETY: the contract of `MapFn`.
        let ([a, b, c], out) = unsafe { slices::<T, U, 3>(ins, out, n) };
        let f = conjure::<F>();
        for i in 0..n {
            out[i].write(f.call(a[i], b[i], c[i], params));
        }
    }
}

macro_rules! row_functions {
    ($($trait:ident $plain:ident $with:ident ($($arg:ident),+) [$($t:ident),+];)*) => {$(
        /// A row's function on single elements.
        trait $trait<T, U>: Copy + 'static {
            fn call(self, $($arg: T,)+ params: &Params) -> U;
        }

        #[derive(Clone, Copy)]
        struct $plain<F>(F);
        impl<T, U, F: Fn($($t),+) -> U + Copy + 'static> $trait<T, U> for $plain<F> {
            #[inline(always)]
            fn call(self, $($arg: T,)+ _: &Params) -> U {
                (self.0)($($arg),+)
            }
        }

        #[derive(Clone, Copy)]
        struct $with<F>(F);
        impl<T, U, F: Fn($($t,)+ &Params) -> U + Copy + 'static> $trait<T, U> for $with<F> {
            #[inline(always)]
            fn call(self, $($arg: T,)+ params: &Params) -> U {
                (self.0)($($arg,)+ params)
            }
        }
    )*};
}

row_functions! {
    RowFn1 Plain1 With1 (a) [T];
    RowFn2 Plain2 With2 (a, b) [T, T];
    RowFn3 Plain3 With3 (a, b, c) [T, T, T];
}

const fn kernel<T: Element, U: Element>(run: MapFn, inputs: usize) -> Kernel {
    Kernel { run, inputs, input: T::DTYPE, output: U::DTYPE }
}

/// A kernel of one input.
pub const fn unary<T: Element, U: Element, F>(_: F) -> Kernel
where
    F: Fn(T) -> U + Copy + 'static,
{
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    kernel::<T, U>(run1::<T, U, Plain1<F>>, 1)
}

/// A kernel of one input and parameters.
pub const fn unary_with<T: Element, U: Element, F>(_: F) -> Kernel
where
    F: Fn(T, &Params) -> U + Copy + 'static,
{
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    kernel::<T, U>(run1::<T, U, With1<F>>, 1)
}

/// A kernel of two inputs of one dtype.
pub const fn binary<T: Element, U: Element, F>(_: F) -> Kernel
where
    F: Fn(T, T) -> U + Copy + 'static,
{
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    kernel::<T, U>(run2::<T, U, Plain2<F>>, 2)
}

/// A kernel of two inputs of one dtype and parameters.
pub const fn binary_with<T: Element, U: Element, F>(_: F) -> Kernel
where
    F: Fn(T, T, &Params) -> U + Copy + 'static,
{
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    kernel::<T, U>(run2::<T, U, With2<F>>, 2)
}

/// A kernel of three inputs of one dtype.
pub const fn ternary<T: Element, U: Element, F>(_: F) -> Kernel
where
    F: Fn(T, T, T) -> U + Copy + 'static,
{
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    kernel::<T, U>(run3::<T, U, Plain3<F>>, 3)
}

/// A kernel of three inputs of one dtype and parameters.
pub const fn ternary_with<T: Element, U: Element, F>(_: F) -> Kernel
where
    F: Fn(T, T, T, &Params) -> U + Copy + 'static,
{
    const { assert!(size_of::<F>() == 0, "a row's function must not capture anything") };
    kernel::<T, U>(run3::<T, U, With3<F>>, 3)
}
