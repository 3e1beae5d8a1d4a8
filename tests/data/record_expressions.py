"""Records what PyTorch 2.13.0 gives for expressions: `assert_close.json`, `distributions.json`.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_expressions.py`.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from outcome import outcome

ASSERT_CLOSE = """\
assert_close(1.0, 2.0)
assert_close(1, 2)
assert_close(1, 1.0)
assert_close(1, 1.0, check_dtype=False)
assert_close(True, False)
assert_close(None, 1)
assert_close(None, None)
assert_close(1.0, 1.0 + 1e-8)
assert_close(math.nan, math.nan)
assert_close(math.nan, math.nan, equal_nan=True)
assert_close(math.inf, 1.0)
assert_close(1j, 2j)
assert_close(T([1.0, 2, 3]), T([1.0, 2, 4]))
assert_close(T([1, 2, 3]), T([1, 2, 4]))
assert_close(T([1.0, 2, 3]), T([1.0, 2]))
assert_close(T([1.0, 2]), T([1.0, 2], dtype=torch.float64))
assert_close(T([1.0, 2]), T([1.0, 2.5], dtype=torch.float64), check_dtype=False)
assert_close(T([True, False]), T([True, True]))
assert_close(T([[1.0, 2], [3, 4]]), T([[1.0, 2], [5, 9]]), rtol=0, atol=0)
assert_close(T([[1.0, 2], [3, 4]]), T([[1.0, 2], [5, 9]]), rtol=0.1, atol=0)
assert_close(T(1.0), T(2.0))
assert_close(T([1.0, math.nan]), T([1.0, math.nan]))
assert_close(T([1.0, math.nan]), T([1.0, math.nan]), equal_nan=True)
assert_close([T([1.0]), T([2.0])], [T([1.0]), T([3.0])])
assert_close([T([1.0])], [T([1.0]), T([3.0])])
assert_close({"a": T([1.0]), "b": [1, 2]}, {"a": T([1.0]), "b": [1, 3]})
assert_close({"a": 1}, {"b": 1})
assert_close(T([1.0]), 1.0)
assert_close("a", "a")
assert_close(T([1.0]), T([2.0]), rtol=1)
assert_close(T([1.0]), T([2.0]), msg="hello")
assert_close(T([1.0]), T([2.0]), msg=lambda text: "X " + text)
assert_close(torch.ones(2, 3).t(), torch.ones(3, 2), check_stride=True)
assert_close(torch.ones(0), torch.ones(0))
assert_close(T([1 + 2j]), T([1 + 3j]))
assert_close(T([1.0], dtype=torch.bfloat16), T([1.1], dtype=torch.bfloat16))
assert_close(torch.nn.Parameter(T([1.0])), T([1.0]))
assert_close(T([200], dtype=torch.uint8), T([100], dtype=torch.uint8))
assert_close((1, 2), [1, 2])
"""

DISTRIBUTIONS = """\
D.Categorical(probs=T([.25,.75]))
D.Categorical(T([.25,.75]), T([1.,2]))
D.Categorical()
D.Categorical(T(1.))
D.Categorical(logits=T([1.,2.]))
D.Categorical(logits=T([1.,2.])).probs
D.Categorical(logits=T([1.,2.])).log_prob(T([0,1,1]))
D.Categorical(logits=T([[1.,2.],[3,1]])).sample((5,))
D.Categorical(logits=T([[1.,2.],[3,1]])).sample()
D.Categorical(logits=T([[1.,2.],[3,1]])).entropy()
D.Categorical(T([-1.,2.]))
D.Categorical(T([.25,.75])).log_prob(T(5))
D.Categorical(T([.25,.75])).log_prob(T(0.5))
D.Categorical(T([.25,.75])).expand((3,))
D.Categorical(T([.25,.75])).expand((3,)).sample((2,))
D.Categorical(T([.25,.75])).mean
D.Categorical(T([.25,.75])).variance
D.Categorical(T([.25,.75])).mode
D.Categorical(T([.25,.75])).support
D.Categorical(T([[.25,.75]]*3)).enumerate_support()
D.Categorical(T([[.25,.75]]*3)).enumerate_support(expand=False)
D.Categorical(T([.25,.75])).rsample()
D.Categorical(T([.25,.75])).cdf(T(1))
D.Categorical(T([.25,.75])).perplexity()
D.Categorical(T([0.,.75])).entropy()
D.Categorical(logits=T([-math.inf,.75])).entropy()
D.Normal(0,1)
D.Normal(T([0.,1]),T([1.,2.]))
D.Normal(T([0.,1]),T([1.,-2.]))
D.Normal(T([0.,float('nan')]),T([1.,2.]))
D.Normal(0.,1.).sample()
D.Normal(T([0.,1]),T([1.,2.])).sample((3,))
D.Normal(T([0.,1]),T([1.,2.])).rsample((3,))
D.Normal(T([0.,1]),T([1.,2.])).sample_n(3)
D.Normal(0.,1.).log_prob(1.)
D.Normal(0.,1.).log_prob(T(1.))
D.Normal(0.3,1.7).log_prob(T([1.,2.]))
D.Normal(0.,1.).cdf(T(1.))
D.Normal(0.,1.).icdf(T(.3))
D.Normal(0.,1.).entropy()
D.Normal(0.,1.).stddev, D.Normal(0.,2.).variance
D.Normal(0.,1.).expand((2,))
D.Normal(0,1,validate_args=False).log_prob(1.)
D.Bernoulli(T([.3,1.3]))
D.Bernoulli(.3)
D.Bernoulli()
D.Bernoulli(logits=T([.3,1.3]))
D.Bernoulli(logits=T([.3,1.3])).probs
D.Bernoulli(T([.3,.5])).logits
D.Bernoulli(T([.3,.5])).mode
D.Bernoulli(T([.3,.5])).sample((4,))
D.Bernoulli(T([.3,.5])).entropy()
D.Bernoulli(T([.3,.5])).variance
D.Bernoulli(T([.3,.5])).log_prob(T([0.,1.]))
D.Bernoulli(T([.3,.5])).log_prob(T([0.,.5]))
D.Bernoulli(T([.3,.5])).enumerate_support()
D.Bernoulli(T([.3,.5])).expand((3,2))
D.Uniform(0,1)
D.Uniform(T([0.,1]),T([1.,0.5]))
D.Uniform(T([0.,1]),T([1.,2]))
D.Uniform(T([0.,1]),T([1.,2])).sample((2,))
D.Uniform(T([0.,1]),T([1.,2])).rsample((2,))
D.Uniform(0.,2.).log_prob(T(1.))
D.Uniform(0.,2.).log_prob(T(2.))
D.Uniform(0.,2.).log_prob(T(3.))
D.Uniform(0.,2.,validate_args=False).log_prob(T(3.))
D.Uniform(0.,2.).mode
D.Uniform(0.,2.).mean, D.Uniform(0.,2.).stddev, D.Uniform(0.,2.).variance
D.Uniform(0.,2.).support
D.Uniform(0.,2.).cdf(T(1.5))
D.Uniform(0.,2.).icdf(T(.5))
D.Uniform(0.,2.).entropy()
D.kl_divergence(D.Normal(0.,1.),D.Normal(1.,2.))
D.kl_divergence(D.Normal(0.,1.),D.Uniform(1.,2.))
D.kl_divergence(D.Uniform(0.,1.),D.Normal(1.,2.))
D.kl_divergence(D.Uniform(0.,1.),D.Uniform(-1.,2.))
D.kl_divergence(D.Uniform(0.,1.),D.Uniform(.5,2.))
D.kl_divergence(D.Categorical(T([.25,.75])),D.Categorical(T([.5,.5])))
D.kl_divergence(D.Categorical(T([.25,.75])),D.Categorical(T([0.,1])))
D.kl_divergence(D.Categorical(T([[.25,.75]]*2)),D.Categorical(T([0.5,.5])))
D.kl_divergence(D.Categorical(T([.25,.75])),D.Normal(0.,1.))
D.kl_divergence(D.Bernoulli(T([.3,0.,1.])),D.Bernoulli(T([.1,.2,0.])))
D.Categorical.arg_constraints
D.Normal.arg_constraints
D.constraints.simplex, D.constraints.interval(0,1)
D.constraints.greater_than(0), D.constraints.positive
D.Normal('a',1)
D.Normal(T([0.,1]),T([1.,2.,3.]))
D.Normal(0.,1.).log_prob(T([1.,float('nan')]))
D.Normal(T([0.,1]),T([1.,2.])).log_prob(T([1.,2,3]))
D.Normal(T([0]),T([1]))
D.Normal(T([0.]).double(),1.).sample((2,)).dtype
D.Normal(0.,1.).has_rsample, D.Categorical(T([1.])).has_rsample
"""


def record(name: str, expressions: str) -> None:
    """Writes one outcome a line."""
    rows = {expression: outcome(expression, torch) for expression in expressions.splitlines()}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    Path(__file__).with_name(f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is PyTorch 2.13.0, not {torch.__version__}")
    warnings.simplefilter("ignore")
    record("assert_close", ASSERT_CLOSE)
    record("distributions", DISTRIBUTIONS)
