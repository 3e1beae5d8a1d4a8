"""What a backend has to be: the interface of the native communicator, which others can have too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pyrite._C import Tensor

__all__ = ["Communicator", "Options", "Pending"]

# Collective, reduction and special rank by number, timeout in seconds.
Options = tuple[str, int, int, float]


class Pending(Protocol):
    """A collective or message under way."""

    def is_completed(self) -> bool:
        """Whether it is over, well or not."""

    def check(self) -> None:
        """Raises the error it ended with, if it did."""

    def wait(self, timeout: float | None = ...) -> None:
        """Waits for its end, `timeout` seconds or as long as its own timeout."""

    @property
    def source(self) -> int:
        """Which rank a message came from."""


class Communicator(Protocol):
    """One rank's side of a group; all tensors are contiguous host memory."""

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], options: Options, /) -> None:
        """Runs a collective and waits for it."""

    def start(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], options: Options, /
    ) -> Pending:
        """Starts a collective."""

    def send(self, tensor: Tensor, peer: int, tag: int, timeout: float, /) -> Pending:
        """Starts sending a message."""

    def receive(self, tensor: Tensor, peer: int | None, tag: int, timeout: float, /) -> Pending:
        """Starts receiving a message, from one rank or any."""

    def close(self) -> None:
        """Leaves the group."""

    def abandon(self) -> None:
        """In a forked child: gives up what belongs to the parent."""
