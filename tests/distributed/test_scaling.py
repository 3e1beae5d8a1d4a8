"""The model of `tests/bench/scaling.py` against its own simulation, and against what it claims."""

from __future__ import annotations

import pytest

from bench.scaling import FAST, SLOW, Link, Step, all_reduce, doubling, ring, simulate


@pytest.mark.parametrize("ranks", [2, 3, 8, 64, 1024])
@pytest.mark.parametrize("size", [4.0, 65536.0, 25e6])
def test_the_formula_is_what_the_chunks_do(ranks: int, size: float) -> None:
    assert simulate([SLOW] * ranks, size) == pytest.approx(ring(ranks, size, SLOW), rel=1e-9)


def test_one_slow_link_slows_the_whole_ring() -> None:
    slow = Link(SLOW.alpha, SLOW.rate / 2)
    unequal = simulate([slow] + [SLOW] * 7, 25e6)
    assert simulate([SLOW] * 8, 25e6) < unequal <= simulate([slow] * 8, 25e6)
    assert unequal > 1.8 * simulate([SLOW] * 8, 25e6)


def test_small_messages_double_and_large_ones_go_round() -> None:
    assert all_reduce(8, 4, SLOW) == doubling(8, 4, SLOW) < ring(8, 4, SLOW)
    assert all_reduce(8, 25e6, SLOW) == ring(8, 25e6, SLOW) < doubling(8, 25e6, SLOW)
    # The ring's latency equals its transfer where the text says.
    for link, ranks in ((SLOW, 4200), (FAST, 417)):
        transfer = 2 * 25e6 / link.rate
        assert ring(ranks, 25e6, link) == pytest.approx(2 * transfer, rel=0.01)


def test_a_step_hides_what_fits_into_backward() -> None:
    step = Step(1.0, 2.0, (1e6, 25e6, 25e6, 25e6, 24e6))
    assert step.time(1, SLOW) == 3.0
    for ranks in (8, 64):
        last = all_reduce(ranks, 24e6, SLOW)
        assert 3.0 < step.time(ranks, SLOW) < 3.0 + 1.1 * last
    # On the fast link a thousand ranks cost little more than eight, and latency is most of it.
    assert step.time(1024, FAST) < 1.03 * step.time(8, FAST)
    # What link.py measured: 33.6 MB of gradients by two ranks, 0.281 s.
    assert all_reduce(2, 8 * 1024 * 1025 * 4, SLOW) == pytest.approx(0.281, rel=0.01)
