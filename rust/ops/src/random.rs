//! Random tensors with PyTorch's streams. Everything about a call is checked before the first
//! number is drawn, so that a bad call leaves the generator where it was.

use crate::call::Dest;
use crate::create::{destination, empty_like};
use crate::node::Linear;
use crate::options::Options;
use crate::{Var, view};
use array::{Array, dispatch};
use base::promote::default_dtype;
use base::rng::{Draw, Generator, Sampling, check_randperm, default_generator};
use base::{DType, MemoryFormat, Result, ensure, shape};
use cpu::random::PerElement;
use smallvec::smallvec;
use tape::{Tensor, check_inplace, needs_history, record};

/// Where numbers come from.
type Source<'a> = Option<&'a Generator>;

fn source(generator: Source<'_>) -> &Generator {
    generator.unwrap_or_else(|| default_generator())
}

/// Draws into `out`; a complex one is filled as pairs of reals.
fn draw(out: &Array, draw: &Draw, generator: Source<'_>) -> Result<()> {
    let (out, draw) = match *draw {
        Draw::Uniform { .. } => (out.as_real(), *draw),
        Draw::Normal { mean, std } if out.dtype().is_complex() => {
            (out.as_real(), Draw::Normal { mean, std: std / std::f64::consts::SQRT_2 })
        }
        _ => (out.clone(), *draw),
    };
    dispatch::random::draw(&out, &draw, source(generator))
}

/// Parts of complex numbers are what is drawn, for the draws that know complex numbers at all.
fn check(kind: &Draw, dtype: DType) -> Result<()> {
    match kind {
        Draw::Uniform { .. } | Draw::Normal { .. } => kind.check(dtype.to_real()),
        _ => kind.check(dtype),
    }
}

/// A new tensor (or `out=`) of draws.
fn made(
    name: &str,
    dest: Dest<'_>,
    (size, kind): (&[i64], Draw),
    generator: Source<'_>,
    (options, fallback): (&Options, DType),
) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    let dtype = match dest {
        Dest::Out(target) => target.dtype(),
        _ => options.dtype.unwrap_or(fallback),
    };
    check(&kind, dtype)?;
    let out = destination(name, dest, options, &dims, fallback)?;
    draw(&out.array(), &kind, generator)?;
    Ok(out)
}

/// Draws shaped like `x`, in its memory order.
fn like(
    x: &Tensor,
    kind: Draw,
    generator: Source<'_>,
    options: &Options,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    check(&kind, options.dtype.unwrap_or_else(|| x.dtype()))?;
    let out = empty_like(x, options.dtype, options.device, format)?;
    draw(&out.array(), &kind, generator)?;
    Ok(out)
}

/// Overwrites `x` by what `fill` draws; nothing flows to the values overwritten.
fn overwrite(
    x: &Tensor,
    node: &'static str,
    fill: impl FnOnce(&Array) -> Result<()>,
) -> Result<Tensor> {
    let recorded = needs_history(&[x]);
    check_inplace(x, recorded)?;
    let edge = x.gradient_edge()?;
    fill(&x.array())?;
    x.bump_version();
    if recorded {
        tape::record_write(x, smallvec![edge], Linear::new(node, Var::zeros_like))?;
    }
    Ok(x.clone())
}

fn redraw(x: &Tensor, node: &'static str, kind: Draw, generator: Source<'_>) -> Result<Tensor> {
    check(&kind, x.dtype())?;
    overwrite(x, node, |array| draw(array, &kind, generator))
}

/// A draw whose result depends on `x` only through probabilities: no gradient, but a node.
fn recorded(out: Array, x: &Tensor, node: &'static str) -> Result<Tensor> {
    record(out, &[x], |_| Ok(Linear::new(node, Var::zeros_like)))
}

const UNIT: Draw = Draw::Uniform { from: 0.0, to: 1.0 };
const STANDARD: Draw = Draw::Normal { mean: 0.0, std: 1.0 };

fn between(low: i64, high: i64) -> Draw {
    Draw::RandomRange { from: low, to: Some(high) }
}

/// A random permutation of the numbers below `n`.
fn randperm(dest: Dest<'_>, n: i64, generator: Source<'_>, options: &Options) -> Result<Tensor> {
    let dtype = match dest {
        Dest::Out(target) => target.dtype(),
        _ => options.dtype.unwrap_or(DType::I64),
    };
    check_randperm(n, dtype)?;
    let out = destination("randperm", dest, options, &[n as usize], DType::I64)?;
    dispatch::random::permutation(&out.array(), source(generator))?;
    Ok(out)
}

/// Normals whose mean or deviation differs by element: drawn as N(0, 1), scaled, then shifted.
fn normal(dest: Dest<'_>, mean: &Var, std: &Var, generator: Source<'_>) -> Result<Tensor> {
    let (dims, like) = match (mean, std) {
        (Var::T(m), Var::T(s)) => (shape::broadcast(&m.dims(), &s.dims())?, m),
        (Var::T(t), _) | (_, Var::T(t)) => (t.dims(), t),
        _ => base::bail!(Type, "normal() needs a size when neither mean nor std is a tensor"),
    };
    let kind = match std {
        Var::S(s) => Draw::Normal { mean: 0.0, std: s.to_f64() },
        _ => STANDARD,
    };
    check(&kind, like.dtype())?;
    if let Var::T(std) = std {
        check_deviations(std)?;
    }
    let options = Options { dtype: None, device: Some(like.device()) };
    let out = destination("normal", dest, &options, &dims, like.dtype())?;
    draw(&out.array(), &kind, generator)?;
    shift(&out, mean, std)?;
    let inputs: Vec<&Tensor> = [mean, std].into_iter().filter_map(as_tensor).collect();
    if !matches!(dest, Dest::New) || !needs_history(&inputs) {
        return Ok(out);
    }
    let node = match (mean, std) {
        (Var::T(_), Var::T(_)) => "NormalBackward3",
        (Var::T(_), _) => "NormalBackward1",
        _ => "NormalBackward2",
    };
    let count = inputs.len();
    record(out.array(), &inputs, |_| {
        crate::node::Formula::new(node, count, &[], move |grads, _| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            Ok((0..count).map(|_| Some(g.clone().zeros_like())).collect())
        })
    })
}

/// Scales normals by the deviations that are a tensor and adds the mean, outside of the graph.
fn shift(out: &Tensor, mean: &Var, std: &Var) -> Result<()> {
    let _off = tape::set_grad_enabled(false);
    let mut value = Var::T(out.clone());
    if let Var::T(std) = std {
        value = value * Var::T(std.clone());
    }
    let value = (value + mean.clone()).tensor()?;
    dispatch::copy(&out.array(), &value.array())
}

fn as_tensor(var: &Var) -> Option<&Tensor> {
    match var {
        Var::T(t) => Some(t),
        _ => None,
    }
}

fn check_deviations(std: &Tensor) -> Result<()> {
    ensure!(
        !std.dtype().is_complex(),
        Runtime,
        "normal expects standard deviation to be non-complex"
    );
    if std.device().kind == base::DeviceKind::Meta {
        return Ok(());
    }
    let negative = dispatch::scalars(&std.array())?.iter().any(|s| s.to_f64() < 0.0);
    ensure!(!negative, Runtime, "normal expects all elements of std >= 0.0");
    Ok(())
}

/// Ones with the probabilities that `x` holds.
fn bernoulli(dest: Dest<'_>, x: &Tensor, generator: Source<'_>) -> Result<Tensor> {
    check_probabilities(x)?;
    let layout = crate::create::like_layout(&x.layout(), None)?;
    let out = match dest {
        Dest::Out(_) => {
            destination("bernoulli", dest, &Options::default(), &x.dims(), x.dtype())?.array()
        }
        _ => Array::empty(layout, x.dtype(), x.device())?,
    };
    dispatch::random::draw_from(&out, PerElement::Bernoulli, &x.array(), source(generator))?;
    match dest {
        Dest::Out(target) => Ok(target.clone()),
        _ => recorded(out, x, "BernoulliBackward0"),
    }
}

fn check_probabilities(p: &Tensor) -> Result<()> {
    ensure!(
        p.dtype().is_float(),
        NotImplemented,
        "\"bernoulli_tensor_cpu_p_\" not implemented for '{}'",
        p.dtype().type_name()
    );
    dispatch::random::check_probabilities(&p.array())
}

/// Ones with one probability, shaped like `x`.
fn bernoulli_number(x: &Tensor, p: f64, generator: Source<'_>) -> Result<Tensor> {
    let kind = Draw::Bernoulli { p };
    kind.check(x.dtype())?;
    let out = empty_like(x, None, None, Some(MemoryFormat::Contiguous))?.array();
    draw(&out, &kind, generator)?;
    recorded(out, x, "BernoulliBackward1")
}

/// Overwrites `x` with ones of the probabilities in `p`, expanded to its shape.
fn bernoulli_tensor(x: &Tensor, p: &Tensor, generator: Source<'_>) -> Result<Tensor> {
    check_probabilities(p)?;
    let want: Vec<i64> = x.dims().iter().map(|&d| d as i64).collect();
    let p = view::expand(p, &want, false)?.array();
    overwrite(x, "BernoulliBackward1", |array| {
        dispatch::random::draw_from(array, PerElement::Bernoulli, &p, source(generator))
    })
}

/// Draws whose parameter is the element of `x` itself.
fn from_rates(
    x: &Tensor,
    kind: PerElement,
    (kernel, node): (&str, &'static str),
    generator: Source<'_>,
) -> Result<Tensor> {
    recorded(drawn_from(x, kind, kernel, generator)?, x, node)
}

fn drawn_from(x: &Tensor, kind: PerElement, kernel: &str, generator: Source<'_>) -> Result<Array> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"{kernel}\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let layout = crate::create::like_layout(&x.layout(), None)?;
    let out = Array::empty(layout, x.dtype(), x.device())?;
    dispatch::random::draw_from(&out, kind, &x.array(), source(generator))?;
    Ok(out)
}

/// Category numbers drawn from rows of weights.
fn multinomial(
    x: &Tensor,
    samples: i64,
    replacement: bool,
    generator: Source<'_>,
) -> Result<Tensor> {
    let rank = x.rank();
    ensure!(rank == 1 || rank == 2, Runtime, "prob_dist must be 1 or 2 dim");
    ensure!(
        x.dtype().is_float(),
        Runtime,
        "multinomial only supports floating-point dtypes for input, got: {}",
        x.dtype().type_name()
    );
    ensure!(samples > 0, Runtime, "cannot sample n_sample <= 0 samples");
    let dims = x.dims();
    let samples = samples as usize;
    ensure!(
        replacement || samples <= dims[rank - 1],
        Runtime,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
    );
    let mut shape: Vec<usize> = dims.to_vec();
    shape[rank - 1] = samples;
    let out = Array::empty_contiguous(&shape, DType::I64, x.device())?;
    let sampling = Sampling { samples, replacement };
    dispatch::random::multinomial(&out, &x.array(), sampling, source(generator))?;
    Ok(Tensor::new(out))
}

/// Rows drawn from Dirichlet distributions. To be differentiated, the shares of gamma variates, which
/// are the same draws.
fn dirichlet(x: &Tensor, generator: Source<'_>) -> Result<Tensor> {
    if needs_history(&[x]) {
        let gammas = Var::from(standard_gamma(x, generator)?);
        let total = gammas.clone().then(|g| crate::reduce::sum(g, Some(&[-1]), true, None));
        return (gammas / total).tensor();
    }
    let out = Array::empty_contiguous(&x.dims(), x.dtype(), x.device())?;
    dispatch::random::dirichlet(&out, &x.array(), source(generator))?;
    Ok(Tensor::new(out))
}

/// Numbers of successes.
fn binomial(count: &Tensor, p: &Tensor, generator: Source<'_>) -> Result<Tensor> {
    for (t, name) in [(count, "count"), (p, "prob")] {
        ensure!(
            t.dtype().is_float(),
            Value,
            "binomial only supports floating-point dtypes for {name}, got: {}",
            t.dtype().type_name()
        );
    }
    let dims = shape::broadcast(&count.dims(), &p.dims())?;
    let spread = |t: &Tensor| view::expand_to(t, &dims).array().cast(count.dtype());
    let out = Array::empty_contiguous(&dims, count.dtype(), count.device())?;
    dispatch::random::binomial(&out, &spread(count)?, &spread(p)?, source(generator))?;
    recorded(out, count, "BinomialBackward0")
}

/// `random_` in its three forms.
fn random(x: &Tensor, node: &'static str, kind: Draw, generator: Source<'_>) -> Result<Tensor> {
    redraw(x, node, kind, generator)
}

crate::filling_ops! {
    /// New random tensors.
    RANDOM:
    /// Uniform in [0, 1).
    fo "rand(int[] size, *, Generator? generator=None, TensorOptions options={}) -> Tensor" => |dest, size, generator, options| made("rand", dest, (size, UNIT), generator, (&options, default_dtype()));
    /// Standard normal.
    fo "randn(int[] size, *, Generator? generator=None, TensorOptions options={}) -> Tensor" => |dest, size, generator, options| made("randn", dest, (size, STANDARD), generator, (&options, default_dtype()));
    /// Integers from 0 to below `high`.
    fo "randint(int high, int[] size, *, Generator? generator=None, TensorOptions options={}) -> Tensor" => |dest, high, size, generator, options| made("randint", dest, (size, between(0, high)), generator, (&options, DType::I64));
    /// Integers from `low` to below `high`.
    fo "randint.low(int low, int high, int[] size, *, Generator? generator=None, TensorOptions options={}) -> Tensor" => |dest, low, high, size, generator, options| made("randint", dest, (size, between(low, high)), generator, (&options, DType::I64));
    /// A random permutation of the numbers below `n`.
    fo "randperm(int n, *, Generator? generator=None, TensorOptions options={}) -> Tensor" => |dest, n, generator, options| randperm(dest, n, generator, &options);
    /// Normals with given means and deviations.
    fo "normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor" => |dest, mean, std, generator| normal(dest, &mean, &std, generator);
    /// Normals with given means.
    fo "normal.Tensor_float(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor" => |dest, mean, std, generator| normal(dest, &mean, &std, generator);
    /// Normals with given deviations.
    fo "normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor" => |dest, mean, std, generator| normal(dest, &mean, &std, generator);
    /// Normals of one mean and deviation.
    fo "normal.float_float(float mean, float std, int[] size, *, Generator? generator=None, TensorOptions options={}) -> Tensor" => |dest, mean, std, size, generator, options| made("normal", dest, (size, Draw::Normal { mean, std }), generator, (&options, default_dtype()));
    /// Ones with the input's probabilities.
    fmo "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor" => |dest, x, generator| bernoulli(dest, x, generator);
}

crate::ops! {
    /// Random tensors from others, and fills.
    RANDOM_FILLS:
    /// Uniform in [0, 1), shaped like the input.
    f "rand_like(Tensor self, *, Generator? generator=None, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, generator, options, format| like(x, UNIT, generator, &options, format);
    /// Standard normal, shaped like the input.
    f "randn_like(Tensor self, *, Generator? generator=None, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, generator, options, format| like(x, STANDARD, generator, &options, format);
    /// Integers from 0 to below `high`, shaped like the input.
    f "randint_like(Tensor self, int high, *, Generator? generator=None, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, high, generator, options, format| like(x, between(0, high), generator, &options, format);
    /// Integers from `low` to below `high`, shaped like the input.
    f "randint_like.low_dtype(Tensor self, int low, int high, *, Generator? generator=None, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, low, high, generator, options, format| like(x, between(low, high), generator, &options, format);
    /// Ones with one probability.
    fm "bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor" => |x, p, generator| bernoulli_number(x, p, generator);
    /// Poisson counts of the input's rates.
    f "poisson(Tensor self, Generator? generator=None) -> Tensor" => |x, generator| from_rates(x, PerElement::Poisson, ("poisson_cpu", "PoissonBackward0"), generator);
    /// Gamma variates of the input's shapes and scale 1.
    f "_standard_gamma(Tensor self, Generator? generator=None) -> Tensor" => |x, generator| standard_gamma(x, generator);
    /// Rows of Dirichlet variates.
    f "_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor" => |x, generator| dirichlet(x, generator);
    /// Numbers of successes.
    f "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor" => |count, prob, generator| binomial(count, prob, generator);
    /// Category numbers from rows of weights.
    fmo "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor" => |x, samples, replacement, generator| multinomial(x, samples, replacement, generator);
    /// Uniform in [from, to).
    m "uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor" => |x, from, to, generator| redraw(x, "UniformBackward0", Draw::Uniform { from, to }, generator);
    /// Normal.
    m "normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor" => |x, mean, std, generator| redraw(x, "NormalBackward0", Draw::Normal { mean, std }, generator);
    /// Integers from `from` to below `to`.
    m "random_.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor" => |x, from, to, generator| random(x, "RandomBackward0", Draw::RandomRange { from, to }, generator);
    /// Integers below `to`.
    m "random_.to(Tensor self, int to, *, Generator? generator=None) -> Tensor" => |x, to, generator| random(x, "RandomBackward1", between(0, to), generator);
    /// Integers over the dtype's range.
    m "random_(Tensor self, *, Generator? generator=None) -> Tensor" => |x, generator| random(x, "RandomBackward2", Draw::Random, generator);
    /// Ones with given probabilities.
    m "bernoulli_.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor" => |x, p, generator| bernoulli_tensor(x, p, generator);
    /// Ones with one probability.
    m "bernoulli_.float(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor" => |x, p, generator| redraw(x, "BernoulliBackward2", Draw::Bernoulli { p }, generator);
    /// Exponential with a rate.
    m "exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor" => |x, rate, generator| redraw(x, "ExponentialBackward0", Draw::Exponential { rate }, generator);
    /// Trials until the first success.
    m "geometric_(Tensor self, float p, *, Generator? generator=None) -> Tensor" => |x, p, generator| redraw(x, "GeometricBackward0", Draw::Geometric { p }, generator);
    /// Cauchy.
    m "cauchy_(Tensor self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor" => |x, median, sigma, generator| redraw(x, "CauchyBackward0", Draw::Cauchy { median, sigma }, generator);
    /// Exponentials of normals.
    m "log_normal_(Tensor self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor" => |x, mean, std, generator| redraw(x, "LogNormalBackward0", Draw::LogNormal { mean, std }, generator);
}

/// Gamma variates, differentiable by their shapes.
fn standard_gamma(x: &Tensor, generator: Source<'_>) -> Result<Tensor> {
    crate::gamma::recorded(drawn_from(x, PerElement::StandardGamma, "gamma_cpu", generator)?, x)
}
