"""How a training step scales with the number of ranks: an alpha-beta model and its simulation.

    python tests/bench/scaling.py

A message of S bytes takes alpha + S / B: alpha is the time of an empty one, B the link's rate. Then

- recursive doubling takes ceil(log2 N) x (alpha + S / B), and wins for small messages;
- a ring takes 2 (N - 1) x (alpha + S / (N B)): its second part tends to 2 S / B and hardly depends
  on N, its first part grows with N and equals the second one at N = S / (alpha B).

DDP sends a bucket as soon as its gradients are there, one after the other, while backward goes on:
the step ends with the later of backward and the last bucket. So a step does not grow with N while
2 (bytes) / B fits into backward, until latency takes over: with 25 MB buckets at N = 4200 for
1 Gbit/s (alpha 50 us), but at N = 400 for 25 Gbit/s (alpha 20 us), where larger buckets help.

`simulate` moves every chunk of every rank by itself and agrees with the formulas; it takes unequal
links too. What the model leaves out: connections are a full mesh, three for each pair of ranks, so
that a rank of 1,024 holds 3,069 of them (`ulimit -n`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """What connects two ranks: seconds of an empty message, bytes per second."""

    alpha: float
    rate: float

    def time(self, size: float) -> float:
        """Seconds of one message."""
        return self.alpha + size / self.rate


SLOW = Link(50e-6, 119e6)  # 1 Gbit/s, as measured by link.py
FAST = Link(20e-6, 3e9)  # 25 Gbit/s


def doubling(ranks: int, size: float, link: Link) -> float:
    """Seconds of an all-reduce by recursive doubling."""
    return math.ceil(math.log2(ranks)) * link.time(size) if ranks > 1 else 0.0


def ring(ranks: int, size: float, link: Link) -> float:
    """Seconds of an all-reduce by a ring."""
    return 2 * (ranks - 1) * link.time(size / ranks)


def all_reduce(ranks: int, size: float, link: Link) -> float:
    """Seconds of an all-reduce by the faster algorithm."""
    return min(doubling(ranks, size, link), ring(ranks, size, link))


def simulate(links: Sequence[Link], size: float) -> float:
    """Seconds of a ring whose rank r sends over `links[r]`: chunk by chunk, rank by rank."""
    ranks = len(links)
    done = [0.0] * ranks
    for _ in range(2 * (ranks - 1)):
        arrived = [done[r - 1] + links[r - 1].time(size / ranks) for r in range(ranks)]
        # A rank goes on when its own message is out and its neighbour's is in.
        sent = [done[r] + links[r].time(size / ranks) for r in range(ranks)]
        done = [max(pair) for pair in zip(arrived, sent, strict=True)]
    return max(done)


@dataclass(frozen=True)
class Step:
    """A training step of one rank: seconds of its passes, bytes of its buckets in order of use."""

    forward: float
    backward: float
    buckets: tuple[float, ...]

    def time(self, ranks: int, link: Link) -> float:
        """Seconds with so many ranks."""
        total, ready, end = sum(self.buckets), self.forward, 0.0
        for size in self.buckets:
            ready += self.backward * size / total
            end = max(end, ready) + (all_reduce(ranks, size, link) if ranks > 1 else 0.0)
        return max(end, self.forward + self.backward)


def main() -> None:
    """Prints how a step of 25 million parameters, 1 s of computation, scales."""
    buckets = (1e6, 25e6, 25e6, 25e6, 24e6)
    print(
        f"{'link':>10} {'ranks':>6} {'step s':>8} {'efficiency':>11} {'all-reduce of 25 MB s':>22}"
    )
    for name, link in (("1 Gbit/s", SLOW), ("25 Gbit/s", FAST)):
        for ranks in (1, 2, 8, 64, 1024):
            step = Step(1 / 3, 2 / 3, buckets).time(ranks, link)
            reduce = all_reduce(ranks, 25e6, link)
            print(f"{name:>10} {ranks:>6} {step:8.3f} {1 / step:11.2f} {reduce:22.4f}")


if __name__ == "__main__":
    main()
