//! Keys in the order of elements, packed with an index; sorting of such pairs.

use crate::room::Room;
use base::Element;

/// Pairs below which comparison sorting is faster.
const SHORT: usize = 768;
/// Bits of a digit.
const BITS: u32 = 11;
/// Values of a digit.
const RADIX: usize = 1 << BITS;

/// An element with a key.
pub(super) trait Key: Element {
    /// A key and an index in one integer.
    type Pair: Pair;
    fn key(self) -> <Self::Pair as Pair>::Key;
}

/// A key in the high half of an integer, an index in the low half.
pub(super) trait Pair: Copy + Ord + Default {
    type Key: std::ops::Not<Output = Self::Key> + Copy + Ord;
    /// Digits of the key.
    const DIGITS: u32;
    fn new(key: Self::Key, index: usize) -> Self;
    fn index(self) -> usize;
    fn key(self) -> Self::Key;
    /// Digit `d` of the key, least significant first.
    fn digit(self, d: u32) -> usize;
}

macro_rules! pair {
    ($($pair:ty, $key:ty, $digits:expr;)*) => {$(
        impl Pair for $pair {
            type Key = $key;
            const DIGITS: u32 = $digits;
            #[inline(always)]
            fn new(key: $key, index: usize) -> Self {
                (key as $pair) << <$key>::BITS | index as $pair
            }
            #[inline(always)]
            fn index(self) -> usize {
                self as $key as usize
            }
            #[inline(always)]
            fn key(self) -> $key {
                (self >> <$key>::BITS) as $key
            }
            #[inline(always)]
            fn digit(self, d: u32) -> usize {
                (self >> (<$key>::BITS + BITS * d)) as usize & (RADIX - 1)
            }
        }
    )*};
}
pair! {
    u64, u32, 3;
    u128, u64, 6;
}

macro_rules! integer_key {
    ($($ty:ty => $pair:ty, |$x:ident| $key:expr;)*) => {$(
        impl Key for $ty {
            type Pair = $pair;
            #[inline(always)]
            fn key(self) -> <$pair as Pair>::Key {
                let $x = self;
                $key
            }
        }
    )*};
}
integer_key! {
    u8 => u64, |x| u32::from(x);
    i8 => u64, |x| (i32::from(x) as u32) ^ (1 << 31);
    i16 => u64, |x| (i32::from(x) as u32) ^ (1 << 31);
    i32 => u64, |x| (x as u32) ^ (1 << 31);
    i64 => u128, |x| (x as u64) ^ (1 << 63);
    // Negative numbers have all bits inverted, others the sign; adding 0 turns -0 into 0.
    f32 => u64, |x| {
        let bits = (x + 0.0).to_bits();
        let key = bits ^ (((bits as i32) >> 31) as u32 | 1 << 31);
        if x.is_nan() { u32::MAX } else { key }
    };
    f64 => u128, |x| {
        let bits = (x + 0.0).to_bits();
        let key = bits ^ (((bits as i64) >> 63) as u64 | 1 << 63);
        if x.is_nan() { u64::MAX } else { key }
    };
}

/// Sorts pairs, given in the order of their indices.
pub(super) fn sort_pairs<P: Pair>(pairs: &mut Room<P>, spare: &mut Room<P>) {
    if pairs.len() < SHORT {
        pairs.sort_unstable();
        return;
    }
    let mut counts = vec![[0usize; RADIX]; P::DIGITS as usize];
    for pair in pairs.iter() {
        for (d, counts) in counts.iter_mut().enumerate() {
            counts[pair.digit(d as u32)] += 1;
        }
    }
    spare.fill(pairs.len(), std::iter::repeat(P::default()));
    for (d, counts) in counts.iter_mut().enumerate() {
        if counts.contains(&pairs.len()) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &pair in pairs.iter() {
            let place = &mut counts[pair.digit(d as u32)];
            spare[*place] = pair;
            *place += 1;
        }
        std::mem::swap(pairs, spare);
    }
}
