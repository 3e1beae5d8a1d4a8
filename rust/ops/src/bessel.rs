//! Bessel and Airy functions; like PyTorch's, without derivatives.

use cpu::math::{Real, bessel};

#[inline(always)]
fn by_f64<T: Real>(x: T, f: impl Fn(f64) -> f64) -> T {
    T::from_f64(f(x.to_f64()))
}

crate::unary! { BESSEL:
    /// The Bessel function of the first kind, order 0.
    special_bessel_j0 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::j0(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The Bessel function of the first kind, order 1.
    special_bessel_j1 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::j1(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The Bessel function of the second kind, order 0.
    special_bessel_y0 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::y0(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The Bessel function of the second kind, order 1.
    special_bessel_y1 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::y1(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The modified Bessel function of the first kind, order 0.
    special_modified_bessel_i0 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::modified_i0(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The modified Bessel function of the first kind, order 1.
    special_modified_bessel_i1 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::modified_i1(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The modified Bessel function of the second kind, order 0.
    special_modified_bessel_k0 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::k(0.0, x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The modified Bessel function of the second kind, order 1.
    special_modified_bessel_k1 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::k(1.0, x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The modified Bessel function of the second kind, order 0, times exp(x).
    special_scaled_modified_bessel_k0 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::scaled_k(0.0, x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The modified Bessel function of the second kind, order 1, times exp(x).
    special_scaled_modified_bessel_k1 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::scaled_k(1.0, x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The spherical Bessel function of order 0.
    special_spherical_bessel_j0 { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::spherical_j0(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The Airy function of the first kind.
    special_airy_ai { out: Same, unary: [Float => |x| by_f64(x, |x| bessel::airy_ai(x))], wgsl: "", vjp: [none], sample: 0.5..4.0 }
}
