//! Random fills. The generator's stream is locked for one fill; an output without memory or without
//! elements draws nothing.

use super::{gpu_view, not_on_gpu, on_cpu, on_device};
use crate::{Array, overlap};
use base::Result;
use base::rng::{Draw, Generator, Sampling};
use cpu::random::{self, PerElement};

/// Fills with the next values of `draw`. Complex outputs are pairs of reals.
pub fn draw(out: &Array, draw: &Draw, generator: &Generator) -> Result<()> {
    overlap::check_output(out)?;
    on_device(
        out,
        |_, target| match *draw {
            Draw::Normal { mean, std } => {
                random::normal(target, &mut generator.lock(), (mean, std))
            }
            _ => random::fill(target, &mut generator.lock(), draw),
        },
        |target| gpu::random::draw(target, draw),
    )
}

/// Fills with values of which each has a parameter of its own.
pub fn draw_from(
    out: &Array,
    kind: PerElement,
    parameter: &Array,
    generator: &Generator,
) -> Result<()> {
    overlap::check_output(out)?;
    on_device(
        out,
        |host, target| {
            random::fill_from(target, &mut generator.lock(), kind, host.view(parameter)?)
        },
        |target| match kind {
            PerElement::Bernoulli => gpu::multinomial::bernoulli(target, gpu_view(parameter)?),
            kind => not_on_gpu(name(kind), out.device()),
        },
    )
}

fn name(kind: PerElement) -> &'static str {
    match kind {
        PerElement::Bernoulli => "bernoulli",
        PerElement::Poisson => "poisson",
        PerElement::StandardGamma => "_standard_gamma",
    }
}

/// Fails unless all elements are probabilities.
pub fn check_probabilities(p: &Array) -> Result<()> {
    on_device(
        p,
        |host, _| random::check_probabilities(host.view(p)?),
        gpu::multinomial::check_probabilities,
    )
}

/// Draws category numbers from rows of weights.
pub fn multinomial(
    out: &Array,
    weights: &Array,
    sampling: Sampling,
    generator: &Generator,
) -> Result<()> {
    let weights = weights.contiguous()?;
    on_device(
        out,
        |host, target| {
            random::multinomial(target, &mut generator.lock(), host.view(&weights)?, sampling)
        },
        |target| gpu::multinomial::multinomial(target, gpu_view(&weights)?, sampling),
    )
}

/// Draws the rows of a row-major output from Dirichlet distributions.
pub fn dirichlet(out: &Array, alpha: &Array, generator: &Generator) -> Result<()> {
    let alpha = alpha.contiguous()?;
    on_cpu("_sample_dirichlet", out, |host, target| {
        random::dirichlet(target, &mut generator.lock(), host.view(&alpha)?)
    })
}

/// Draws numbers of successes; all three arrays are row-major and of one shape and dtype.
pub fn binomial(out: &Array, count: &Array, p: &Array, generator: &Generator) -> Result<()> {
    let (count, p) = (count.contiguous()?, p.contiguous()?);
    on_cpu("binomial", out, |host, target| {
        random::binomial(target, &mut generator.lock(), host.view(&count)?, host.view(&p)?)
    })
}

/// Fills a vector with a random permutation of `0..n`.
pub fn permutation(out: &Array, generator: &Generator) -> Result<()> {
    on_device(
        out,
        |_, target| random::permutation(target, &mut generator.lock()),
        gpu::multinomial::permutation,
    )
}
