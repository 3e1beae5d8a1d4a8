"""Random numbers: PyTorch's streams, draw by draw, and calls that fail without drawing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
from recorded import cases, check

CALLS = cases("random_calls")
STREAMS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data/streams.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("expression", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_call_is_pytorchs(expression: str) -> None:
    check(expression, CALLS[expression])


def exact(value: Any) -> Any:
    """Numbers as hexadecimal text, so that equal means equal bit by bit."""
    if isinstance(value, list):
        return [exact(part) for part in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else (value + 0.0).hex()
    return int(value)


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case["id"])
def test_stream_is_pytorchs(case: dict[str, Any]) -> None:
    results: list[Any] = []
    exec("\n".join(case["code"]), {"P": torch, "out": results.append})
    found = [exact(r.tolist() if hasattr(r, "tolist") else r) for r in results]
    assert found == case["expect"]


FAILING = [
    "torch.rand(2, dtype=torch.int64)",
    "torch.randint(5, 3, (2,))",
    "torch.randint(300, (2,), dtype=torch.uint8)",
    "torch.randperm(-1)",
    "torch.normal(0.0, -1.0, (2,))",
    "torch.normal(torch.zeros(2), -torch.ones(2))",
    "torch.bernoulli(torch.tensor([0.5, 2.0]))",
    "torch.multinomial(torch.ones(3), 4)",
    "torch.multinomial(torch.tensor([-1.0, 1.0]), 1)",
    "torch.ones(2).uniform_(3, 1)",
    "torch.ones(2).exponential_(-1)",
    "torch.ones(2, dtype=torch.int64).normal_()",
    "torch.ones(2).expand(3, 2).normal_()",
    "torch.ones(2).bernoulli_(torch.ones(3) / 2)",
    "torch.rand(2, dtype=torch.float64, out=torch.ones(2))",
]


@pytest.mark.parametrize("call", FAILING)
def test_a_bad_call_draws_nothing(call: str) -> None:
    before = torch.get_rng_state()
    with pytest.raises((RuntimeError, NotImplementedError)):
        eval(call, {"torch": torch})
    assert torch.get_rng_state().equal(before)


def test_generators_are_independent_streams() -> None:
    a, b = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    default = torch.get_rng_state()
    assert torch.randn(40, generator=a).equal(torch.randn(40, generator=b))
    assert torch.get_rng_state().equal(default)
    fork, state = a.clone_state(), a.get_state()
    first = torch.rand(3, generator=a)
    assert torch.rand(3, generator=fork).equal(first)
    assert a.set_state(state) is a and torch.rand(3, generator=a).equal(first)


GENERATOR_CALLS = [
    "torch.rand(3, generator=g)",
    "torch.randn(3, generator=g)",
    "torch.randint(9, (3,), generator=g)",
    "torch.randperm(9, generator=g)",
    "torch.normal(0.0, 1.0, (3,), generator=g)",
    "torch.normal(torch.zeros(3), 1.0, generator=g)",
    "torch.bernoulli(torch.full((9,), 0.5), generator=g)",
    "torch.multinomial(torch.ones(9), 5, generator=g)",
    "torch.poisson(torch.full((9,), 5.0), generator=g)",
    "torch.rand_like(torch.ones(3), generator=g)",
    *(
        f"torch.ones(9).{name}(generator=g)"
        for name in "uniform_ normal_ random_ bernoulli_ exponential_ cauchy_ log_normal_".split()
    ),
    "torch.ones(9).geometric_(0.3, generator=g)",
]


@pytest.mark.parametrize("call", GENERATOR_CALLS)
def test_generator_argument_is_the_only_source(call: str) -> None:
    before = torch.get_rng_state()
    draws = [eval(call, {"torch": torch, "g": torch.Generator().manual_seed(s)}) for s in (1, 1, 2)]
    assert torch.get_rng_state().equal(before)
    assert draws[0].equal(draws[1]) and not draws[0].equal(draws[2])


def test_fork_rng_leaves_the_stream_where_it_was() -> None:
    torch.manual_seed(1)
    with torch.random.fork_rng():
        torch.rand(5)
    after = torch.rand(3)
    torch.manual_seed(1)
    assert torch.rand(3).equal(after)


def test_random_writes_are_in_the_graph() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.uniform_()
    assert type(y.grad_fn).__name__ == "UniformBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.normal_()
