"""Line search for LBFGS: a step length that satisfies the strong Wolfe conditions.

Layer L6. First an interval that must hold such a step is bracketed by extrapolation, then cubic
interpolation narrows it. Values and slopes may be numbers or 0-d tensors.

Source: Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 3.5 and 3.6; constants and
safeguards as in minFunc (Schmidt, 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pyrite._C import Tensor

_SUFFICIENT_DECREASE = 1e-4
_CURVATURE = 0.9


class Point(NamedTuple):
    """A position on the line: step length, value, gradient and slope along the line."""

    t: Any
    value: float
    grad: Tensor
    slope: Any


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Step at the minimum of the cubic through two points and their slopes, kept within bounds.

    Without a real minimum the answer is the middle of the bounds, which default to the points.
    """
    low, high = bounds or ((a.t, b.t) if a.t <= b.t else (b.t, a.t))
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    discriminant = d1**2 - a.slope * b.slope
    if not discriminant >= 0:
        return (low + high) / 2.0
    d2 = discriminant**0.5
    first, last = (a, b) if a.t <= b.t else (b, a)
    ratio = (last.slope + d2 - d1) / (last.slope - first.slope + 2 * d2)
    return min(max(last.t - (last.t - first.t) * ratio, low), high)


class StrongWolfe:
    """One search along a line.

    Args:
        evaluate: gives value and gradient at a step length.
        direction: flat direction of the line.
        start: the point at step length 0.
        tolerance_change: length of a move below which the search ends.
        max_iterations: evaluations allowed beside the first.
    """

    def __init__(
        self,
        evaluate: Callable[[Any], tuple[float, Tensor]],
        direction: Tensor,
        start: Point,
        tolerance_change: float,
        max_iterations: int,
    ) -> None:
        self._evaluate = evaluate
        self._direction = direction
        self._start = start
        self._tolerance = tolerance_change
        self._left = max_iterations
        self.evaluations = 0

    def search(self, t: Any) -> Point:
        """The best point found, from a first guess of the step length."""
        bracket = self._bracket(t)
        return bracket[0] if len(bracket) == 1 else self._zoom(bracket)

    def _at(self, t: Any) -> Point:
        value, grad = self._evaluate(t)
        self.evaluations += 1
        return Point(t, value, grad, grad.dot(self._direction))

    def _is_too_high(self, point: Point) -> bool:
        start = self._start
        return bool(point.value > start.value + _SUFFICIENT_DECREASE * point.t * start.slope)

    def _is_flat(self, point: Point) -> bool:
        return bool(abs(point.slope) <= -_CURVATURE * self._start.slope)

    def _bracket(self, t: Any) -> list[Point]:
        """A point that satisfies both conditions, or two with such a point between them."""
        previous, point = self._start, self._at(t)
        extrapolations = 0
        while self._left > 0:
            rises = extrapolations > 1 and point.value >= previous.value
            if self._is_too_high(point) or rises:
                return [previous, point]
            if self._is_flat(point):
                return [point]
            if point.slope >= 0:
                return [previous, point]
            bounds = (point.t + 0.01 * (point.t - previous.t), point.t * 10)
            t = cubic_minimum(previous, point, bounds)
            previous, point = point, self._at(t)
            extrapolations += 1
            self._left -= 1
        return [self._start, point]

    def _zoom(self, bracket: list[Point]) -> Point:
        """Narrow the bracket; `low` is the index of its end with the lower value."""
        low = 0 if bracket[0].value <= bracket[1].value else 1
        scale = self._direction.abs().max()
        stalled = False
        while self._left > 0:
            if abs(bracket[1].t - bracket[0].t) * scale < self._tolerance:
                break
            t, stalled = self._trial(bracket, stalled)
            point = self._at(t)
            self._left -= 1
            if self._is_too_high(point) or point.value >= bracket[low].value:
                bracket[1 - low] = point
                low = 0 if bracket[0].value <= bracket[1].value else 1
                continue
            if self._is_flat(point):
                return point
            if point.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = point
        return bracket[low]

    @staticmethod
    def _trial(bracket: list[Point], stalled: bool) -> tuple[Any, bool]:
        """Next step length, and whether it lies so close to an end that progress is small.

        The second time in a row (or outside the bracket) it is moved a tenth of the bracket
        inwards.
        """
        t = cubic_minimum(bracket[0], bracket[1])
        left, right = sorted((bracket[0].t, bracket[1].t))
        margin = 0.1 * (right - left)
        if not min(right - t, t - left) < margin:
            return t, False
        if not (stalled or t >= right or t <= left):
            return t, True
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
