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
from .categorical import Categorical
from .distribution import Distribution
from .normal import Normal
from .uniform import Uniform

__all__ = ["kl_divergence", "register_kl"]

_Formula = Callable[[Any, Any], _C.Tensor]
_FORMULAS: dict[tuple[type, type], _Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[_Formula], _Formula]:
    """Decorator: the function gives `kl_divergence(p, q)` for these classes and their subclasses.

    Raises:
        TypeError: a class that is no distribution.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
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
