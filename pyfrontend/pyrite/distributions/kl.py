"""Kullback-Leibler divergence between two distributions, by a table of pairs of classes.

KL(p || q) = E_p[log p - log q]; each formula is its closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

from pyrite import _C

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import EULER, Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_Formula = Callable[[Any, Any], _C.Tensor]
_FORMULAS: dict[tuple[type, type], _Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[_Formula], _Formula]:
    """Decorator: the function gives `kl_divergence(p, q)` for these classes and their subclasses.

    Raises:
        TypeError: something that is no class.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):  # Pyro's own base is no `Distribution`
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def register(formula: _Formula) -> _Formula:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return register


def kl_divergence(p: Distribution, q: Distribution) -> _C.Tensor:
    """KL(p || q) for each element of the batch, in nats.

    Raises:
        NotImplementedError: no formula is registered for these classes.
    """
    for pair in product(type(p).__mro__, type(q).__mro__):
        if pair in _FORMULAS:
            return _FORMULAS[pair](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p: Bernoulli, q: Bernoulli) -> _C.Tensor:
    from pyrite.nn.functional import softplus

    infinity = float("inf")
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = one.masked_fill(q.probs == 0, infinity).masked_fill(p.probs == 0, 0)
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = zero.masked_fill(q.probs == 1, infinity).masked_fill(p.probs == 1, 0)
    return one + zero


@register_kl(Categorical, Categorical)
def _categorical_categorical(p: Categorical, q: Categorical) -> _C.Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand_as(terms), float("inf"))
    return terms.masked_fill((p.probs == 0).expand_as(terms), 0).sum(-1)


@register_kl(Normal, Normal)
def _normal_normal(p: Normal, q: Normal) -> _C.Tensor:
    ratio = (p.scale / q.scale).pow(2)
    distance = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + distance - 1 - ratio.log())


@register_kl(Uniform, Uniform)
def _uniform_uniform(p: Uniform, q: Uniform) -> _C.Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return result.masked_fill((q.low > p.low) | (q.high < p.high), float("inf"))


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> _C.Tensor:
    width = p.high - p.low
    density = (math.sqrt(2 * math.pi) * q.scale / width).log()
    spread = width.pow(2) / 12
    distance = ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return density + 0.5 * (spread + distance) / q.scale.pow(2)


@register_kl(Normal, Uniform)
def _normal_uniform(p: Normal, q: Uniform) -> _C.Tensor:
    from pyrite import broadcast_shapes

    shape = broadcast_shapes(p.batch_shape, q.batch_shape)
    return _C.full(shape, float("inf"), dtype=p.loc.dtype, device=p.loc.device)


def _infinite(value: _C.Tensor) -> _C.Tensor:
    return _C.full_like(value, float("inf"))


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_one_hot(p: OneHotCategorical, q: OneHotCategorical) -> _C.Tensor:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p: Binomial, q: Binomial) -> _C.Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    more = (p.total_count > q.total_count).expand_as(kl)
    return kl.masked_fill(more, float("inf"))


@register_kl(Beta, Beta)
def _beta_beta(p: Beta, q: Beta) -> _C.Tensor:
    total_p = p.concentration1 + p.concentration0
    total_q = q.concentration1 + q.concentration0
    volume = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    volume = volume - p.concentration1.lgamma() - p.concentration0.lgamma() - total_q.lgamma()
    first = (p.concentration1 - q.concentration1) * p.concentration1.digamma()
    second = (p.concentration0 - q.concentration0) * p.concentration0.digamma()
    return volume + first + second + (total_q - total_p) * total_p.digamma()


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p: Cauchy, q: Cauchy) -> _C.Tensor:
    square = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return square.log() - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: Any, q: Any) -> _C.Tensor:
    from_p = p._log_norm() + (-p.probs).log1p()
    from_q = q._log_norm() + (-q.probs).log1p()
    divergence: _C.Tensor = p.mean * (p.logits - q.logits) + from_p - from_q
    return divergence


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p: Dirichlet, q: Dirichlet) -> _C.Tensor:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    volume = total_p.lgamma() - total_q.lgamma()
    volume = volume - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    slope = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return volume + ((p.concentration - q.concentration) * slope).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p: Exponential, q: Exponential) -> _C.Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> _C.Tensor:
    ratio = q.rate / p.rate
    known = -q.concentration * ratio.log() + ratio + q.concentration.lgamma()
    return known + q.concentration * EULER - (1 + EULER)


@register_kl(Gamma, Gamma)
def _gamma_gamma(p: Gamma, q: Gamma) -> _C.Tensor:
    rates = q.concentration * (p.rate / q.rate).log()
    shapes = q.concentration.lgamma() - p.concentration.lgamma()
    slope = (p.concentration - q.concentration) * p.concentration.digamma()
    return rates + shapes + slope + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> _C.Tensor:
    entropy = -p.entropy()
    return entropy - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Geometric, Geometric)
def _geometric_geometric(p: Geometric, q: Geometric) -> _C.Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p: Gumbel, q: Gumbel) -> _C.Tensor:
    ratio = p.scale / q.scale
    near, far = q.loc / q.scale, p.loc / q.scale
    distance = far - near
    tail = (-distance + (1 + ratio).lgamma()).exp()
    return -ratio.log() + distance + ratio * EULER + tail - (1 + EULER)


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p: HalfNormal, q: HalfNormal) -> _C.Tensor:
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p: Laplace, q: Laplace) -> _C.Tensor:
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> _C.Tensor:
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    spread = 0.5 * (2 * ratio / math.pi).log()
    mean = 0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)
    return -spread + ratio + mean / variance - 1


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_multivariate(p: MultivariateNormal, q: MultivariateNormal) -> _C.Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot "
            "be computed"
        )
    own, other = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    volume = [t.diagonal(dim1=-2, dim2=-1).log().sum(-1) for t in (other, own)]
    trace = _C.linalg_solve_triangular(other, own, upper=False).pow(2).sum((-2, -1))
    moved = _C.linalg_solve_triangular(other, (q.loc - p.loc).unsqueeze(-1), upper=False)
    distance = moved.squeeze(-1).pow(2).sum(-1)
    return volume[0] - volume[1] + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(Pareto, Pareto)
def _pareto_pareto(p: Pareto, q: Pareto) -> _C.Tensor:
    scale_ratio, alpha_ratio = p.scale / q.scale, q.alpha / p.alpha
    result = q.alpha * scale_ratio.log() - alpha_ratio.log() + alpha_ratio - 1
    return result.masked_fill(p.scale < q.scale, float("inf"))


@register_kl(Poisson, Poisson)
def _poisson_poisson(p: Poisson, q: Poisson) -> _C.Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> _C.Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> _C.Tensor:
    distance = p.loc - q.loc
    ratio, steps = p.scale / q.scale, distance / p.scale
    known = math.sqrt(2 / math.pi) * p.scale * (-0.5 * steps.pow(2)).exp()
    known = (known + distance * (math.sqrt(0.5) * steps).erf()) / q.scale
    return -ratio.log() + known - (0.5 + 0.5 * math.log(0.5 * math.pi))


@register_kl(Exponential, Normal)
def _exponential_normal(p: Exponential, q: Normal) -> _C.Tensor:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    volume = 0.5 * (square * variance * 2 * math.pi).log()
    return volume - 1 + (1 / square - q.loc / p.rate + q.loc.pow(2) / 2) / variance


@register_kl(Gamma, Normal)
def _gamma_normal(p: Gamma, q: Normal) -> _C.Tensor:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    volume = 0.5 * (square * variance * 2 * math.pi).log()
    volume = volume - p.concentration - p.concentration.lgamma()
    known = volume + (p.concentration - 1) * p.concentration.digamma()
    moments = p.concentration.pow(2) + p.concentration
    moments = 0.5 * moments / square - q.loc * p.concentration / p.rate + 0.5 * q.loc.pow(2)
    return known + moments / variance


@register_kl(Exponential, Poisson)
@register_kl(Exponential, Uniform)
@register_kl(Gamma, Uniform)
@register_kl(Exponential, Beta)
@register_kl(Gamma, Beta)
def _positive_elsewhere(p: Any, q: Any) -> _C.Tensor:
    return _infinite(p.rate)


@register_kl(Laplace, Beta)
@register_kl(Laplace, Exponential)
@register_kl(Laplace, Gamma)
@register_kl(Laplace, Uniform)
@register_kl(Normal, Beta)
@register_kl(Normal, Exponential)
@register_kl(Normal, Gamma)
def _real_elsewhere(p: Any, q: Any) -> _C.Tensor:
    return _infinite(p.loc)


@register_kl(Independent, Independent)
def _independent_independent(p: Independent, q: Independent) -> _C.Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    result = kl_divergence(p.base_dist, q.base_dist)
    return _sum_rightmost(result, p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: TransformedDistribution, q: TransformedDistribution) -> _C.Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)
