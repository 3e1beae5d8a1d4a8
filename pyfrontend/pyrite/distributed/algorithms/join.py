"""Training with uneven inputs: a rank without a batch shadows the collectives of the others.

Invariant: in each iteration all ranks of the group call the same collectives, those that have
joined through the hooks of the objects they train with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pyrite.distributed as dist
from pyrite import _C

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a rank does once it has no more inputs."""

    def main_hook(self) -> None:
        """Called for each iteration of the other ranks."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called when no rank has inputs left.

        Args:
            is_last_joiner: whether this rank was among the last to run out.
        """


@dataclass
class _JoinConfig:
    """How a `Joinable` takes part."""

    enable: bool = False
    throw_on_early_termination: bool = False
    is_first_joinable: bool = False


class Joinable(ABC):
    """An object with collectives in its iterations, whose ranks may join."""

    def __init__(self) -> None:
        super().__init__()
        self._join_config = _JoinConfig()

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """The hook that shadows the object; gets the keyword arguments of `Join`."""

    @property
    @abstractmethod
    def join_device(self) -> Any:
        """Where `Join` makes its small messages."""

    @property
    @abstractmethod
    def join_process_group(self) -> Any:
        """The ranks."""


class Join:
    """A context in which the ranks may have different numbers of iterations.

    Args:
        joinables: the objects with collectives, in the order of their collectives.
        enable: False for a context without effect.
        throw_on_early_termination: all ranks raise as soon as one runs out of inputs.
        kwargs: handed to each `join_hook`.

    Raises:
        ValueError: there are no objects, or their groups differ.
    """

    def __init__(
        self,
        joinables: Sequence[Joinable],
        enable: bool = True,
        throw_on_early_termination: bool = False,
        **kwargs: Any,
    ) -> None:
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        self._joinables = list(joinables)
        self._hooks = [joinable.join_hook(**kwargs) for joinable in self._joinables]
        self._enable = enable
        self._throw = throw_on_early_termination
        self._group = self._joinables[0].join_process_group
        if any(joinable.join_process_group is not self._group for joinable in self._joinables):
            raise ValueError("Using join context manager with multiple process groups")

    def __enter__(self) -> None:
        for index, joinable in enumerate(self._joinables):
            joinable._join_config = _JoinConfig(self._enable, self._throw, index == 0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for joinable in self._joinables:
            joinable._join_config = _JoinConfig()
        if not self._enable or kind is not None:
            return
        last = True
        while _count(self._group, 0) > 0:
            if self._throw:
                raise _exhausted()
            last = False
            for hook in self._hooks:
                hook.main_hook()
        for hook in self._hooks:
            hook.post_hook(last)

    @staticmethod
    def notify_join_context(joinable: Joinable) -> int | None:
        """Tells the ranks that have joined that this one begins an iteration.

        Args:
            joinable: the object; only the first one of a context speaks.

        Returns:
            How many ranks have an iteration left; None outside of a context.

        Raises:
            RuntimeError: a rank has joined, and the context is to end early.
        """
        config = joinable._join_config
        if not config.enable or not config.is_first_joinable:
            return None
        group = joinable.join_process_group
        active = _count(group, 1)
        if config.throw_on_early_termination and active < dist.get_world_size(group):
            raise _exhausted()
        return active


def _count(group: Any, mine: int) -> int:
    """The sum over the ranks."""
    number = _C.tensor([mine])
    dist.all_reduce(number, group=group)
    return int(number.item())


def _exhausted() -> RuntimeError:
    return RuntimeError(
        "Detected at least one rank that exhausted inputs. Throwing across all ranks."
    )
