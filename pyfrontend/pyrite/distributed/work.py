"""Collectives under way: what `async_op=True` returns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pyrite.distributed.engine import Pending
from pyrite.futures import Future

__all__ = ["Work"]


class Work:
    """A collective that runs on the communication thread.

    Its tensors belong to it until it is over: reading or writing them earlier gives unspecified
    numbers. Results of tensors that are not contiguous host memory are there after `wait` or after
    `is_completed` has answered True.
    """

    def __init__(self, native: Pending, finish: Callable[[], None], result: list[Any]) -> None:
        self._native = native
        self._finish = [finish]
        self._result = result

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Blocks until it is over; other threads run meanwhile, and Ctrl-C ends the wait.

        Args:
            timeout: how long to wait; None or zero for as long as the collective's own timeout.

        Returns:
            True.

        Raises:
            DistError: it failed; the subclass says how.
        """
        self._native.wait(timeout.total_seconds() if timeout else None)
        self._complete()
        return True

    def synchronize(self) -> None:
        """The same as `wait`."""
        self.wait()

    def is_completed(self) -> bool:
        """Whether it is over, well or not."""
        if not self._native.is_completed():
            return False
        if self.exception() is None:
            self._complete()
        return True

    def is_success(self) -> bool:
        """Whether it is over and has not failed."""
        return self._native.is_completed() and self.exception() is None

    def exception(self) -> BaseException | None:
        """The error it ended with, if it did."""
        try:
            self._native.check()
        except Exception as error:
            return error
        return None

    def result(self) -> list[Any]:
        """Its output tensors."""
        return list(self._result)

    def _source_rank(self) -> int:
        """The rank in the group that a message came from."""
        return self._native.source

    def get_future(self) -> Future[list[Any]]:
        """Its output tensors, once somebody waits for them; what communication hooks return."""

        def result() -> list[Any]:
            self.wait()
            return self.result()

        return Future.of(result)

    def _complete(self) -> None:
        steps, self._finish = self._finish, []
        for step in steps:
            step()

    def _after(self, step: Callable[[], None]) -> None:
        """Adds what has to happen when the results are there."""
        self._finish.append(step)
