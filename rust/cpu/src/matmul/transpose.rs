//! Transposition of a block of 16 x 16 f32 in AVX-512 registers, for packing operands that are
//! contiguous along k.
#![allow(clippy::wildcard_imports)]

use std::arch::x86_64::*;

/// Rows and columns of a block.
const SIDE: usize = super::tile::BLOCK;

/// `to[p * to_row + j] = from[j * from_row + p]` for p and j below [`SIDE`].
///
/// # Safety
/// The CPU has AVX-512 F; `from` is readable and `to` writable over the block.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose_f32(from: *const f32, from_row: isize, to: *mut f32, to_row: usize) {
    // SAFETY: row j of `from` is 16 elements, as is row p of `to`.
    unsafe {
        let rows: [__m512; SIDE] =
            std::array::from_fn(|j| _mm512_loadu_ps(from.offset(j as isize * from_row)));
        // Pairs of rows, then quadruples: each 128-bit lane becomes a transposed 4 x 4 block.
        let pairs: [__m512; SIDE] = std::array::from_fn(|i| {
            let (a, b) = (rows[i & !1], rows[i | 1]);
            if i % 2 == 0 { _mm512_unpacklo_ps(a, b) } else { _mm512_unpackhi_ps(a, b) }
        });
        let quads: [__m512; SIDE] = std::array::from_fn(|i| {
            let base = i / 4 * 4 + i % 4 / 2;
            let (a, b) = (_mm512_castps_pd(pairs[base]), _mm512_castps_pd(pairs[base + 2]));
            let pd = if i % 2 == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) };
            _mm512_castpd_ps(pd)
        });
        // quads[4 g + c]: rows 4g..4g+4 of columns c, c + 4, c + 8, c + 12, one per lane.
        for c in 0..4 {
            let (a, b) = (quads[c], quads[4 + c]);
            let (d, e) = (quads[8 + c], quads[12 + c]);
            let (even, odd) =
                (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
            let (even2, odd2) =
                (_mm512_shuffle_f32x4::<0x88>(d, e), _mm512_shuffle_f32x4::<0xdd>(d, e));
            let row = |p: usize| to.add(p * to_row);
            _mm512_storeu_ps(row(c), _mm512_shuffle_f32x4::<0x88>(even, even2));
            _mm512_storeu_ps(row(c + 8), _mm512_shuffle_f32x4::<0xdd>(even, even2));
            _mm512_storeu_ps(row(c + 4), _mm512_shuffle_f32x4::<0x88>(odd, odd2));
            _mm512_storeu_ps(row(c + 12), _mm512_shuffle_f32x4::<0xdd>(odd, odd2));
        }
    }
}
