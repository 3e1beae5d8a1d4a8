//! Matrix products, batched, of operands in any strides, plus an addend. Elementwise ops on the
//! result that wait for it (see `map/pending.rs`) are part of the kernel.

use crate::launch::Launch;
use crate::map::Step;
use crate::shader::{Access, Variant, compute_type};
use crate::window::Window;
use crate::{View, check_dtype, coop, dense};
use base::{DType, Result, Scalar, bail, ensure};

const MAX_BATCHES: usize = 65_535;

macro_rules! addend {
    () => {
        "in2_at(p.c_at + outer * p.c_outer + inner * p.c_inner + r * p.c_row + c * p.c_col)"
    };
}
/// Factors and addend, of floats and of whole numbers; an addend times 0 is not looked at.
const FLOATS: &str =
    concat!("v *= p.alpha; if (!(p.beta == 0.0)) { v += p.beta * ", addend!(), "; }");
const WHOLE: &str = concat!(
    "v *= {{T}}(bitcast<i32>(p.alpha)); let beta = bitcast<i32>(p.beta); \
     if (beta != 0) { v += {{T}}(beta) * ",
    addend!(),
    "; }"
);

/// What is added to a product: `beta * view + alpha * product`.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Addend<'a> {
    pub view: View<'a>,
    pub beta: Scalar,
    pub alpha: Scalar,
}

impl Addend<'_> {
    /// The shader's expression and its two factors.
    fn parts(&self, dtype: DType) -> Result<(&'static str, [u32; 2])> {
        let factors = [self.beta, self.alpha];
        if compute_type(dtype) == "f32" {
            return Ok((FLOATS, factors.map(|f| (f.to_f64() as f32).to_bits())));
        }
        let small = factors.map(|f| i32::try_from(f.to_i64()));
        let [Ok(beta), Ok(alpha)] = small else {
            bail!(NotImplemented, "gpu: addmm: factors beyond 32 bits; got {factors:?}");
        };
        Ok((WHOLE, [beta as u32, alpha as u32]))
    }
}

/// What is multiplied, and what is added.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub a: View<'a>,
    pub b: View<'a>,
    pub addend: Option<Addend<'a>>,
}

impl<'a> Product<'a> {
    pub fn views(&self) -> impl Iterator<Item = View<'a>> + use<'a> {
        [self.a, self.b].into_iter().chain(self.addend.map(|add| add.view))
    }

    /// With row-major copies for operands that `copy` chooses.
    fn retry(
        self,
        copy: impl Fn(&View<'_>) -> bool,
        kernel: impl FnOnce(Product<'_>) -> Result<()>,
    ) -> Result<()> {
        dense::retry(self.a, copy(&self.a), |a| {
            dense::retry(self.b, copy(&self.b), |b| match self.addend {
                None => kernel(Product { a, b, addend: None }),
                Some(add) => dense::retry(add.view, copy(&add.view), |view| {
                    kernel(Product { a, b, addend: Some(Addend { view, ..add }) })
                }),
            })
        })
    }
}

/// Words of parameters of the kernel, without those of ops on its result.
pub(crate) const WORDS: usize = 24;

/// `out[.., m, n] = a[.., m, k] @ b[.., k, n] + addend`, with equal batch dims.
pub fn matmul(out: View<'_>, a: View<'_>, b: View<'_>, addend: Option<Addend<'_>>) -> Result<()> {
    check_dtype("matmul", out.dtype)?;
    ensure!(
        out.dtype != DType::Bool,
        NotImplemented,
        "\"addmm_impl_cpu_\" not implemented for 'Bool'"
    );
    ensure!(
        compute_type(a.dtype) == compute_type(out.dtype)
            && compute_type(b.dtype) == compute_type(out.dtype),
        Runtime,
        "expected m1 and m2 to have the same dtype, but got: {} != {}",
        a.dtype,
        b.dtype
    );
    if out.numel() == 0 {
        return Ok(());
    }
    out.device().test_coop(a.dtype);
    let product = Product { a, b, addend };
    let mut pending = out.device().pending();
    if pending.defer_product(&out, &product)? {
        return Ok(());
    }
    pending.settle()?;
    drop(pending);
    dense::output(out, |out| {
        product.retry(|view| batches(view).is_none(), |product| multiply(out, &product, (&[], &[])))
    })
}

/// Sizes and steps of two merged batch dims: `[outer, inner]` each; `None` if there are more.
fn batches(view: &View<'_>) -> Option<[(usize, isize); 2]> {
    let lead = view.dims().len() - 2;
    let layout = view.layout;
    let nest = base::iter::Nest::in_order(&layout.dims[..lead], [&layout.strides[..lead]]);
    let at = |d: usize| (nest.dims[d], nest.strides[0][d]);
    match nest.dims.len() {
        0 => Some([(1, 0), (1, 0)]),
        1 => Some([(1, 0), at(0)]),
        2 => Some([at(0), at(1)]),
        _ => None,
    }
}

/// The inner batch size under which every operand's batch dims are two steps.
fn common_inner(lists: &[[(usize, isize); 2]]) -> Option<usize> {
    let inner = lists.iter().filter(|l| l[0].0 > 1).map(|l| l[1].0).min();
    let inner = inner.unwrap_or_else(|| lists[0][0].0 * lists[0][1].0);
    lists.iter().all(|l| l[0].0 == 1 || l[1].0 == inner).then_some(inner)
}

/// Records the kernel, with ops on its result and their numbers; what waits is not looked at.
pub(crate) fn multiply(
    out: View<'_>,
    product: &Product<'_>,
    then: (&'static [Step], &[u32]),
) -> Result<()> {
    let Product { a, b, .. } = product;
    let depth = a.dims()[a.dims().len() - 1];
    let size = out.device().coop().size(a.dtype).filter(|_| a.dtype == b.dtype);
    let size = size.filter(|&size| coop::is_worth(size, &out, depth));
    multiply_by(size, out, product, then)
}

/// [`multiply`] by cooperative matrices of so many rows, or without.
pub(crate) fn multiply_by(
    matrices: Option<u32>,
    out: View<'_>,
    product: &Product<'_>,
    (steps, numbers): (&'static [Step], &[u32]),
) -> Result<()> {
    let Product { a, addend, .. } = product;
    let operands: Vec<View<'_>> = product.views().collect();
    let lists: Vec<_> = operands.iter().filter_map(batches).collect();
    let Some(inner) = common_inner(&lists) else {
        let then = (steps, numbers);
        return product.retry(|_| true, |product| multiply_by(matrices, out, &product, then));
    };
    let rank = out.dims().len();
    let [m, n, k] = [out.dims()[rank - 2], out.dims()[rank - 1], a.dims()[rank - 1]];
    let count = out.numel() / (m * n);
    let side = if m.min(n) > 32 && m * n >= 64 * 64 { 4 } else { 1 };
    let tile = matrices.map_or(16 * side, |size| 4 * size as usize);
    let target = Window::of(&[out]);
    let sizes = [m, n, k, count, inner].map(|n| n as u32);
    let mut params: Vec<u32> = sizes.into_iter().chain([target.place(&out)]).collect();
    let reads: Vec<Window<'_>> = operands.iter().map(|v| Window::of(&[*v])).collect();
    for ((view, list), window) in operands.iter().zip(&lists).zip(&reads) {
        // One merged batch dim is split at the common inner size.
        let (outer, step) = if list[0].0 > 1 {
            (list[0].1, list[1].1)
        } else {
            (list[1].1 * inner as isize, list[1].1)
        };
        let strides = &view.layout.strides;
        params.push(window.place(view));
        params.extend([outer, step, strides[rank - 2], strides[rank - 1]].map(|s| s as u32));
    }
    params.resize(21, 0);
    params.push(0);
    let mut slots: Vec<_> = operands.iter().map(|v| (v.dtype, Access::Read)).collect();
    slots.push((out.dtype, Access::Write));
    let (expr, factors) = match addend {
        Some(add) => add.parts(out.dtype)?,
        None => ("", [0; 2]),
    };
    params.extend(factors);
    debug_assert_eq!(params.len(), WORDS);
    params.extend(numbers);
    let (file, side) = matrices.map_or(("matmul", side as u32), |size| ("coop_matmul", size));
    let variant = Variant { steps, ..Variant::new(file, &slots).of(expr).with(&[side]) };
    for first in (0..count).step_by(MAX_BATCHES) {
        params[21] = first as u32;
        let groups = [n.div_ceil(tile), m.div_ceil(tile), (count - first).min(MAX_BATCHES)];
        let launch = Launch { variant, reads: &reads, writes: &[target], params: &params, groups };
        out.device().dispatch(&launch)?;
    }
    Ok(())
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    for &dtype in dtypes {
        let with = if dtype.is_float() { FLOATS } else { WHOLE };
        for (expr, reads) in [("", 2), (with, 3)] {
            let mut files = vec![("matmul", 1), ("matmul", 4)];
            match dtype {
                DType::F16 => files.push(("coop_matmul", 16)),
                DType::F32 => files.push(("coop_matmul", 8)),
                _ => {}
            }
            for (file, side) in files {
                let mut slots = vec![(dtype, Access::Read); reads];
                slots.push((dtype, Access::Write));
                let plain = Variant::new(file, &slots).of(expr).with(&[side]);
                list.push(plain);
                if dtype.is_float() {
                    list.push(Variant { steps: crate::map::unary_sample(dtype), ..plain });
                }
            }
        }
    }
    list
}
