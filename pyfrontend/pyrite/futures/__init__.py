"""Values that are there later: what a collective or a communication hook promises.

A future here has no thread: whoever waits first does the work that is left, others wait until the
value is there. Invariant: the work and each function given to `then` run once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")
S = TypeVar("S")


class Future(Generic[T]):
    """A value that is computed, or set, later.

    Args:
        devices: inert: work on a device is in order in any case.
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._done = False
        self._arrival = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._compute: Callable[[], Any] | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []

    @classmethod
    def of(cls, compute: Callable[[], T]) -> Future[T]:
        """A future whose value `compute` returns when somebody waits for it."""
        future = cls()
        future._compute = compute
        return future

    def done(self) -> bool:
        """Whether the value, or an error, is there."""
        return self._done

    def wait(self) -> T:
        """The value; blocks until it is there.

        Raises:
            Exception: what `set_exception` was given, or what the work raised.
        """
        compute, self._compute = self._compute, None
        if compute is not None and not self._done:
            try:
                self._finish(compute(), None)
            except Exception as error:
                self._finish(None, error)
        self._arrival.wait()
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def value(self) -> T:
        """The value, without blocking.

        Raises:
            RuntimeError: it is not there, and there is no work that would make it.
        """
        if not self._done and self._compute is None:
            raise RuntimeError("Future.value: it is not there yet; wait() blocks until it is")
        return self.wait()

    def then(self, callback: Callable[[Future[T]], S]) -> Future[S]:
        """A future of what `callback` makes of this one, as soon as it is done."""

        def compute() -> S:
            self._settle()
            return callback(self)

        def arrived(_: Future[T]) -> None:
            if later._compute is not None:  # else somebody waits already, and goes on now
                later._settle()

        later = Future.of(compute)
        self.add_done_callback(arrived)
        return later

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Calls `callback` with this future as soon as it is done."""
        if self._done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def set_result(self, result: T) -> None:
        """Sets the value.

        Raises:
            RuntimeError: it was set before.
        """
        if self._done:
            raise RuntimeError("Future can only be marked completed once.")
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Lets every `wait` raise an error."""
        self._finish(None, result)

    def _settle(self) -> None:
        try:
            self.wait()
        except Exception as error:
            if error is not self._error:
                raise

    def _finish(self, value: Any, error: BaseException | None) -> None:
        self._done, self._value, self._error = True, value, error
        self._arrival.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future that is done when all of them are, with or without an error."""

    def compute() -> list[Future[Any]]:
        for future in futures:
            future._settle()
        return list(futures)

    return Future.of(compute)


def wait_all(futures: Sequence[Future[Any]]) -> list[Any]:
    """The values of all of them."""
    return [future.wait() for future in futures]
