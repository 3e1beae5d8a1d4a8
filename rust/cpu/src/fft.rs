//! Discrete Fourier transforms of lines: Cooley and Tukey's recursion over the prime factors of the
//! length, Bluestein's convolution where a factor is large. Computed in complex128.

use crate::room::Room;
use crate::rows::Rows;
use crate::{View, ViewMut};
use base::{Complex64, Result, ensure};
use std::f64::consts::PI;

/// The largest prime factor that is transformed by its definition.
const DIRECT: usize = 64;

/// `out[k] = scale * sum_j x[j] exp(sign 2 pi i j k / n)` along `dim`, sign -1 for a forward
/// transform and 1 for an inverse one. Both are complex.
pub fn fft(out: ViewMut<'_>, x: View<'_>, dim: usize, inverse: bool, scale: f64) -> Result<()> {
    ensure!(out.dims() == x.dims(), Runtime, "internal error: fft of {:?}", x.dims());
    let length = x.dims().get(dim).copied().unwrap_or(1);
    let plan = Plan::new(length, inverse);
    let rows = Rows::new([x, out.as_view()], dim)?;
    rows.for_each(
        || (Room::new(), Room::<Complex64>::new(), vec![Complex64::ZERO; length]),
        |(raw, line, result), [x, out]| {
            x.read(raw, line);
            plan.run(line, result);
            for v in result.iter_mut() {
                *v *= scale;
            }
            // SAFETY: `out` is a view for writing; each line is visited once.
            unsafe { out.write(result, raw) };
        },
    );
    Ok(())
}

/// What a length needs to know once.
struct Plan {
    /// `exp(sign 2 pi i k / n)`.
    roots: Vec<Complex64>,
    factors: Vec<usize>,
    chirp: Option<Box<Chirp>>,
}

/// Bluestein: `j k = (j^2 + k^2 - (k - j)^2) / 2` makes a convolution of a transform.
struct Chirp {
    /// `exp(sign pi i j^2 / n)`.
    turns: Vec<Complex64>,
    /// The transform of the conjugate turns, wrapped around.
    kernel: Vec<Complex64>,
    forward: Plan,
    backward: Plan,
}

impl Plan {
    fn new(n: usize, inverse: bool) -> Plan {
        let sign = if inverse { 1.0 } else { -1.0 };
        let root = |k: usize| Complex64::from_polar(1.0, sign * 2.0 * PI * k as f64 / n as f64);
        let factors = prime_factors(n);
        let direct = factors.iter().all(|&f| f <= DIRECT);
        let chirp = (!direct).then(|| Box::new(Chirp::new(n, sign)));
        Plan { roots: (0..n).map(root).collect(), factors, chirp }
    }

    fn run(&self, x: &[Complex64], out: &mut [Complex64]) {
        match &self.chirp {
            Some(chirp) => chirp.run(x, out),
            None => self.split(x, 1, out, &self.factors),
        }
    }

    /// The transform of every `step`-th number of `x`: that of each residue class, and then theirs.
    fn split(&self, x: &[Complex64], step: usize, out: &mut [Complex64], factors: &[usize]) {
        let [factor, rest @ ..] = factors else {
            if let (Some(out), Some(&x)) = (out.first_mut(), x.first()) {
                *out = x;
            }
            return;
        };
        let (n, part) = (out.len(), out.len() / factor);
        for (r, part) in out.chunks_exact_mut(part).enumerate() {
            self.split(&x[r * step..], step * factor, part, rest);
        }
        let turn = self.roots.len() / n;
        let mut column = [Complex64::ZERO; DIRECT];
        let column = &mut column[..*factor];
        for k in 0..part {
            for (r, c) in column.iter_mut().enumerate() {
                *c = out[r * part + k] * self.roots[r * k * turn];
            }
            for q in 0..*factor {
                let root = |r: usize| self.roots[(r * q % factor) * part * turn];
                out[q * part + k] = column.iter().enumerate().map(|(r, &c)| c * root(r)).sum();
            }
        }
    }
}

impl Chirp {
    fn new(n: usize, sign: f64) -> Chirp {
        let wide = (2 * n - 1).next_power_of_two();
        // j^2 modulo 2n keeps the angle small, and exact.
        let turn = |j: usize| {
            let square = (j as u128 * j as u128 % (2 * n) as u128) as f64;
            Complex64::from_polar(1.0, sign * PI * square / n as f64)
        };
        let turns: Vec<Complex64> = (0..n).map(turn).collect();
        let mut wrapped = vec![Complex64::ZERO; wide];
        for (j, turn) in turns.iter().enumerate() {
            wrapped[j] = turn.conj();
            wrapped[(wide - j) % wide] = turn.conj();
        }
        let (forward, backward) = (Plan::new(wide, false), Plan::new(wide, true));
        let mut kernel = vec![Complex64::ZERO; wide];
        forward.run(&wrapped, &mut kernel);
        Chirp { turns, kernel, forward, backward }
    }

    fn run(&self, x: &[Complex64], out: &mut [Complex64]) {
        let wide = self.kernel.len();
        let mut padded = vec![Complex64::ZERO; wide];
        for ((p, x), turn) in padded.iter_mut().zip(x).zip(&self.turns) {
            *p = x * turn;
        }
        let mut spectrum = vec![Complex64::ZERO; wide];
        self.forward.run(&padded, &mut spectrum);
        spectrum.iter_mut().zip(&self.kernel).for_each(|(s, k)| *s *= k / wide as f64);
        self.backward.run(&spectrum, &mut padded);
        for ((out, p), turn) in out.iter_mut().zip(&padded).zip(&self.turns) {
            *out = p * turn;
        }
    }
}

/// Prime factors in ascending order.
fn prime_factors(mut n: usize) -> Vec<usize> {
    let (mut factors, mut f) = (Vec::new(), 2);
    while n > 1 {
        while n.is_multiple_of(f) {
            factors.push(f);
            n /= f;
        }
        f = if f * f > n { n.max(f + 1) } else { f + 1 };
    }
    factors
}
