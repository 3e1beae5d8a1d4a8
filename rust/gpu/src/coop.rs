//! Cooperative matrices (tensor cores, simdgroup matrices): which of them matrix products may use.
//!
//! Drivers are not believed: before the first product of a dtype its kernel multiplies matrices of
//! small whole numbers, and is used only if every sum is exact. The processor's sums are the judge.

use crate::adapter::Adapter;
use crate::dense::Room;
use crate::matmul::{self, Product};
use crate::{Device, View};
use base::{DType, Result};
use std::sync::OnceLock;
use wgpu::{CooperativeMatrixProperties, CooperativeScalarType, Features};

/// What a device needs for the kernel.
pub(crate) const FEATURES: Features =
    Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(Features::SHADER_F16);

/// Threads of a subgroup, as the kernel assumes.
const SUBGROUP: u32 = 32;

/// The matrices of a device that passed the self test, by dtype.
#[derive(Default)]
pub(crate) struct Coop {
    half: OnceLock<Option<u32>>,
    single: OnceLock<Option<u32>>,
}

impl Coop {
    fn slot(&self, dtype: DType) -> Option<&OnceLock<Option<u32>>> {
        match dtype {
            DType::F16 => Some(&self.half),
            DType::F32 => Some(&self.single),
            _ => None,
        }
    }

    /// Rows of the matrices that a product of a dtype may use, once it has been tested.
    pub fn size(&self, dtype: DType) -> Option<u32> {
        self.slot(dtype).and_then(|slot| *slot.get()?)
    }
}

/// Rows of the matrices an adapter has for a dtype, of those the kernel is written for.
fn offered(
    features: Features,
    subgroups: (u32, u32),
    list: &[CooperativeMatrixProperties],
    dtype: DType,
) -> Option<u32> {
    if !features.contains(FEATURES) || subgroups != (SUBGROUP, SUBGROUP) {
        return None;
    }
    let scalar = match dtype {
        DType::F16 => CooperativeScalarType::F16,
        DType::F32 => CooperativeScalarType::F32,
        _ => return None,
    };
    let fits = |p: &&CooperativeMatrixProperties| {
        let square = p.m_size == p.n_size && p.n_size == p.k_size;
        square
            && [8, 16].contains(&p.m_size)
            && p.ab_type == scalar
            && p.cr_type == CooperativeScalarType::F32
    };
    list.iter().filter(fits).map(|p| p.m_size).max()
}

/// The size, if the test of it passes. One that cannot be run has not passed.
fn trusted(size: Option<u32>, test: impl FnOnce(u32) -> Result<bool>) -> Option<u32> {
    size.filter(|&size| matches!(test(size), Ok(true)))
}

impl Device {
    /// Tests the matrices for products of a dtype, the first time. Nothing may wait on the device's
    /// locks: the test is run and read.
    pub(crate) fn test_coop(&'static self, dtype: DType) {
        if let Some(slot) = self.coop().slot(dtype) {
            slot.get_or_init(|| {
                let Adapter { raw, .. } = self.adapter();
                let info = raw.get_info();
                let subgroups = (info.subgroup_min_size, info.subgroup_max_size);
                let list = raw.cooperative_matrix_properties();
                let size = offered(self.raw().features(), subgroups, &list, dtype);
                trusted(size, |size| self.multiplies(size, dtype))
            });
        }
    }

    /// Whether the kernel's sums are exact, at the edges of tiles too.
    fn multiplies(&'static self, size: u32, dtype: DType) -> Result<bool> {
        let [m, n, k] = [9 * size as usize + 3, 5 * size as usize + 1, 3 * size as usize + 5];
        let whole = |i: usize| ((i * 7 + i / 5) % 9) as f32 - 4.0;
        let [a, b] = [[m, k], [k, n]].map(|dims| -> Result<Room> {
            let words = Room::new(self, &dims, DType::F32)?;
            let bytes: Vec<u8> =
                (0..dims[0] * dims[1]).flat_map(|i| whole(i).to_le_bytes()).collect();
            self.write(words.view().buffer, &bytes)?;
            let room = Room::new(self, &dims, dtype)?;
            crate::map::copy(room.view(), words.view())?;
            Ok(room)
        });
        let (a, b, out) = (a?, b?, Room::new(self, &[m, n], DType::F32)?);
        let product = Product { a: a.view(), b: b.view(), addend: None };
        matmul::multiply_by(Some(size), out.view(), &product, (&[], &[]))?;
        let bytes = self.read(out.view().buffer, 0..4 * m * n)?;
        let expected = (0..m * n).map(|at| {
            let (row, col) = (at / n, at % n);
            (0..k).map(|i| whole(row * k + i) * whole(i * n + col)).sum::<f32>()
        });
        Ok(bytes.chunks_exact(4).zip(expected).all(|(word, sum)| word == sum.to_le_bytes()))
    }
}

/// Whether a product is large enough for tiles of such matrices.
pub(crate) fn is_worth(size: u32, out: &View<'_>, depth: usize) -> bool {
    let tile = 4 * size as usize;
    let rank = out.dims().len();
    out.dims()[rank - 2..].iter().all(|&n| n >= tile) && depth >= tile
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Error, Kind};

    fn properties(size: u32, ab_type: CooperativeScalarType) -> CooperativeMatrixProperties {
        CooperativeMatrixProperties {
            m_size: size,
            n_size: size,
            k_size: size,
            ab_type,
            cr_type: CooperativeScalarType::F32,
            saturating_accumulation: false,
        }
    }

    #[test]
    fn matrices_are_chosen_by_dtype_and_subgroup() {
        let vulkan = [properties(16, CooperativeScalarType::F16)];
        let metal = [properties(8, CooperativeScalarType::F32)];
        let of = |list: &[_], dtype| offered(FEATURES, (32, 32), list, dtype);
        assert_eq!(of(&vulkan, DType::F16), Some(16));
        assert_eq!(of(&vulkan, DType::F32), None);
        assert_eq!(of(&metal, DType::F32), Some(8));
        assert_eq!(of(&metal, DType::BF16), None);
        assert_eq!(offered(FEATURES, (16, 32), &vulkan, DType::F16), None);
        assert_eq!(offered(Features::SHADER_F16, (32, 32), &vulkan, DType::F16), None);
        let long = CooperativeMatrixProperties { k_size: 8, ..vulkan[0] };
        let narrow =
            CooperativeMatrixProperties { cr_type: CooperativeScalarType::F16, ..vulkan[0] };
        assert_eq!(of(&[long, narrow], DType::F16), None);
    }

    #[test]
    fn what_fails_its_test_is_not_used() {
        let broken = || Error::new(Kind::Runtime, "the shader does not compile");
        assert_eq!(trusted(Some(16), |_| Ok(true)), Some(16));
        assert_eq!(trusted(Some(16), |_| Ok(false)), None);
        assert_eq!(trusted(Some(16), |_| Err(broken())), None);
        assert_eq!(trusted(None, |_| Ok(true)), None);
    }
}
