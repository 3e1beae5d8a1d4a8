"""Records what PyTorch 2.13.0 gives for expressions: one file a group, `assert_close.json` first.

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

AUTOCAST = """\
mixed(lambda: torch.mm(X, Y))
mixed(lambda: X @ Y)
mixed(lambda: X.matmul(Y))
mixed(lambda: X.__rmatmul__(Y))
mixed(lambda: torch.bmm(X[None], Y[None]))
mixed(lambda: torch.mv(X, X[0]))
mixed(lambda: X @ X[0])
mixed(lambda: torch.dot(X[0], X[0]))
mixed(lambda: torch.addmm(torch.ones(3, 3), X, Y))
mixed(lambda: torch.baddbmm(torch.ones(1, 3, 3), X[None], Y[None]))
mixed(lambda: torch.addbmm(torch.ones(3, 3), X[None], Y[None]))
mixed(lambda: torch.addmv(X[:, 0], X, X[0]))
mixed(lambda: torch.outer(X[0], X[0]))
mixed(lambda: torch.chain_matmul(X, Y, X))
mixed(lambda: torch.einsum("ij,jk->ik", X, Y))
mixed(lambda: torch.einsum("ij->ji", X))
mixed(lambda: torch.einsum("ij,ij->ij", X, X))
mixed(lambda: torch.tensordot(X, Y, 1))
mixed(lambda: torch.inner(X, X))
mixed(lambda: F.linear(X, X, X[:, 0]))
mixed(lambda: F.linear(X.double(), X.double()))
mixed(lambda: F.linear(X.half(), X))
mixed(lambda: F.conv1d(X[None], X[None]))
mixed(lambda: F.conv2d(torch.ones(1, 2, 3, 3), torch.ones(1, 2, 2, 2)))
mixed(lambda: F.conv3d(torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2)))
mixed(lambda: F.conv_transpose2d(torch.ones(1, 2, 2, 2), torch.ones(2, 1, 2, 2)))
mixed(lambda: torch.conv_tbc(X[:, None], X[None].mT, X[:, 0]))
mixed(lambda: F.prelu(-X, X[0, :1]))
mixed(lambda: F.scaled_dot_product_attention(X[None, None], X[None, None], X[None, None]))
mixed(lambda: torch.nn.Bilinear(4, 4, 2)(X, X).dtype)
mixed(lambda: [t.dtype for t in torch.nn.MultiheadAttention(4, 2)(X[None], X[None], X[None])])
mixed(lambda: torch.nn.LSTM(4, 2)(X[None])[0].dtype)
mixed(lambda: torch.nn.GRU(4, 2)(X[None])[0].dtype)
mixed(lambda: torch.nn.RNN(4, 2)(X[None])[0].dtype)
mixed(lambda: [t.dtype for t in torch.nn.LSTMCell(4, 2)(X)])
mixed(lambda: torch.nn.GRUCell(4, 2)(X).dtype)
mixed(lambda: torch.nn.RNNCell(4, 2)(X).dtype)
mixed(lambda: torch.nn.TransformerEncoderLayer(4, 2, 8)(X).dtype)
mixed(lambda: torch.cat([X, B]))
mixed(lambda: torch.cat([B, B]))
mixed(lambda: torch.cat([B, B.half()]))
mixed(lambda: torch.cat([X.double(), B]))
mixed(lambda: torch.cat([B.int(), B.int()]))
mixed(lambda: torch.stack([X, B]))
mixed(lambda: torch.hstack([X, B]))
mixed(lambda: torch.vstack([B, B]))
mixed(lambda: torch.block_diag(X, B))
mixed(lambda: X.index_copy(0, T([0]), B[:1]))
mixed(lambda: X + B)
mixed(lambda: X * B)
mixed(lambda: B.sum())
mixed(lambda: B.prod())
mixed(lambda: B.prod(1))
mixed(lambda: B.int().prod())
mixed(lambda: B.trace())
mixed(lambda: B.softmax(1))
mixed(lambda: B.quantile(0.5))
mixed(lambda: torch.cdist(B, B))
mixed(lambda: torch.view_as_complex(B[:, :2].contiguous()))
mixed(lambda: torch.polar(B, B))
mixed(lambda: F.layer_norm(B, (4,)))
mixed(lambda: F.mse_loss(B, B))
mixed(lambda: F.mse_loss(X.double(), X.double()))
mixed(lambda: F.l1_loss(B, B))
mixed(lambda: F.smooth_l1_loss(B, B))
mixed(lambda: F.huber_loss(B, B))
mixed(lambda: F.cross_entropy(B, T([0, 1, 2])))
mixed(lambda: F.cross_entropy(B, B))
mixed(lambda: F.nll_loss(B, T([0, 1, 2])))
mixed(lambda: F.binary_cross_entropy(B, B))
mixed(lambda: F.binary_cross_entropy_with_logits(B, B))
mixed(lambda: F.kl_div(B, B, reduction="sum"))
mixed(lambda: F.poisson_nll_loss(B, B))
mixed(lambda: F.hinge_embedding_loss(B, B))
mixed(lambda: F.margin_ranking_loss(B, B, B))
mixed(lambda: F.soft_margin_loss(B, B))
mixed(lambda: F.cosine_embedding_loss(B, B, B[:, 0]))
mixed(lambda: F.triplet_margin_loss(B, B, B))
mixed(lambda: F.multi_margin_loss(B, T([0, 1, 2])))
mixed(lambda: F.gaussian_nll_loss(B, B, B))
mixed(lambda: F.pad(B[None], (1, 1), mode="reflect"))
mixed(lambda: F.pad(B[None], (1, 1), mode="replicate"))
mixed(lambda: F.pad(B[None], (1, 1), mode="circular"))
mixed(lambda: F.pad(B[None], (1, 1)))
mixed(lambda: F.max_pool2d(B[None], 2))
mixed(lambda: F.max_pool3d(torch.ones(1, 2, 2, 2).bfloat16(), 2))
mixed(lambda: F.avg_pool3d(torch.ones(1, 2, 2, 2).bfloat16(), 2))
mixed(lambda: F.grid_sample(torch.ones(1, 1, 2, 2).bfloat16(), torch.zeros(1, 1, 1, 2)))
mixed(lambda: X.clone().addmm_(X, torch.ones(4, 4)))
mixed(lambda: torch.mm(X, Y, out=torch.ones(3, 3)))
mixed(lambda: (torch.is_autocast_enabled("cpu"), torch.is_autocast_cpu_enabled()))
mixed(lambda: (torch.is_autocast_enabled(), torch.is_autocast_cache_enabled()))
mixed(lambda: (torch.get_autocast_dtype("cpu"), torch.get_autocast_gpu_dtype()))
mixed(lambda: torch.ones(2, 2) @ torch.ones(2, 2), torch.float16)
mixed(lambda: mixed(lambda: torch.ones(2, 2) @ torch.ones(2, 2), torch.float16))
torch.is_autocast_enabled("meta")
torch.get_autocast_dtype("meta")
torch.set_autocast_enabled("cpu", 3)
torch.set_autocast_dtype("cpu", 3)
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

EDGES = """\
edges(leaf() ** 2)
edges(2 ** leaf())
edges(leaf() ** leaf())
edges(leaf() % 2)
edges(leaf() % leaf())
edges(leaf().fmod(2))
edges(leaf().fmod(leaf()))
edges(leaf() + 1)
edges(leaf() * 2)
edges(leaf() / 2)
edges(leaf().masked_fill(leaf() > 0, 1))
edges(leaf().masked_fill(leaf() > 0, leaf().sum()))
edges(torch.where(leaf() > 0, leaf(), 1.))
edges(F.layer_norm(leaf(), (2,)))
edges(F.layer_norm(leaf(), (2,), leaf()[0]))
edges(F.layer_norm(leaf(), (2,), None, leaf()[0]))
edges(F.group_norm(leaf(), 1))
edges(F.batch_norm(leaf(), None, None, training=True))
edges(F.batch_norm(leaf(), None, None, None, leaf()[0], training=True))
edges(F.conv1d(leaf()[None], leaf()[None]))
edges(F.conv1d(leaf()[None], leaf()[None], leaf().sum(0)[:1]))
edges(F.conv_transpose1d(leaf()[None], leaf()[:, None]))
[g.tolist() for x in [leaf()] for g in torch.autograd.grad((x ** 2).sum(), x)]
[g.tolist() for x in [leaf()] for g in torch.autograd.grad((2 ** x).sum(), x)]
[g.tolist() for x in [leaf()] for g in torch.autograd.grad((x % 2).sum(), x)]
[g.tolist() for x in [leaf()] for g in torch.autograd.grad(x.masked_fill(x > 2, 0).sum(), x)]
[g.tolist() for x in [leaf()] for g in torch.autograd.grad(F.layer_norm(x, (2,), None, x[0]).sum(), x)]
[g.tolist() for x in [leaf()] for g in torch.autograd.grad((2 ** x).square().sum(), x)]
"""

ATTRIBUTES = """\
torch.ones(2, 3).H.shape
torch.ones(2, 3).mH.shape
torch.ones(2, 2, 3).mH.shape
torch.ones(2).H
torch.ones(2).mH
torch.ones(2, 2, 2).H
T(1.).H
T([[1+2j]]).H
torch.ones(1).is_cpu, torch.ones(1).is_xpu, torch.ones(1).is_mps, torch.ones(1).is_nested
torch.ones(1, device='meta').is_cpu
T([2.]).is_nonzero(), T(0).is_nonzero()
torch.ones(2).is_nonzero()
torch.ones(2, 3).t().dim_order()
torch.ones(2, 3).dense_dim(), torch.ones(2, 3).sparse_dim()
T([1., 2]).to_dense(dtype=torch.float64)
T([1., 2]).where(T([True, False]), 5.)
T([1.]).name, T([1.]).grad_dtype
math.copysign(1, T([1.]).const_data_ptr())
(torch.ones(2) * 1).__setstate__((False, None, {}))
leaf().exp().__setstate__((False, None, {}))
torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(T([1., 2])))
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
    record("autocast", AUTOCAST)
    record("distributions", DISTRIBUTIONS)
    record("edges", EDGES)
    record("attributes", ATTRIBUTES)
