"""The demo's picture: the loss curve on the left, held-out digits with predictions on the right.

Drawn with PIL alone. Misread digits come first and in red, so that the picture shows the errors.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyrite import Tensor, dtype

_SIZE = (1000, 480)
_PAPER = "white"
_INK = "#22303c"
_FAINT = "#d5dde3"
_CURVE = "#c6562b"
_RIGHT = "#2f7d4f"
_WRONG = "#c0272d"
_PLOT = (70, 60, 480, 420)  # left, top, right, bottom
_GRID = (540, 60)
_COLUMNS, _ROWS = 7, 5
_CELL = (62, 76)
_DIGIT = 48


def draw_report(
    path: Path,
    losses: Sequence[float],
    images: Tensor,
    labels: Tensor,
    predictions: Tensor,
    accuracy: float,
) -> None:
    """Writes the PNG file `path`.

    Args:
        path: the file to write.
        losses: one number a step; may be empty.
        images: (N, 1, 8, 8), from 0 (paper) to 1 (ink).
        labels: (N,), the digits that the images show.
        predictions: (N,), the digits that the model saw.
        accuracy: the share of right predictions, for the title.
    """
    page = Image.new("RGB", _SIZE, _PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((_PLOT[0], 24), "training loss (log scale)", fill=_INK, font=_font(18))
    pen.text((_GRID[0], 24), f"held-out digits, accuracy {accuracy:.1%}", fill=_INK, font=_font(18))
    if losses:
        _draw_curve(pen, losses)
    _draw_digits(page, pen, images, labels, predictions)
    page.save(path, format="PNG")


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _draw_curve(pen: ImageDraw.ImageDraw, losses: Sequence[float]) -> None:
    """Each step's loss in a faint line and its running mean in a strong one, over decades."""
    exponents = [math.log10(max(loss, 1e-6)) for loss in losses]
    low = math.floor(min(exponents))
    high = max(math.ceil(max(exponents)), low + 1)
    left, top, right, bottom = _PLOT

    def point(step: float, exponent: float) -> tuple[float, float]:
        across = step / max(1, len(losses) - 1)
        down = (high - exponent) / (high - low)
        return left + across * (right - left), top + down * (bottom - top)

    for decade in range(low, high + 1):
        _, y = point(0, decade)
        pen.line([(left, y), (right, y)], fill=_FAINT)
        pen.text((left - 8, y), f"{10.0**decade:g}", fill=_INK, font=_font(13), anchor="rm")
    for quarter in range(5):
        x = left + quarter / 4 * (right - left)
        step = round(quarter / 4 * len(losses))
        pen.text((x, bottom + 14), str(step), fill=_INK, font=_font(13), anchor="mm")
    pen.text(((left + right) / 2, bottom + 36), "step", fill=_INK, font=_font(13), anchor="mm")
    pen.line([point(step, value) for step, value in enumerate(exponents)], fill="#f0c9b8", width=1)
    pen.line(
        [point(step, value) for step, value in enumerate(_smooth(exponents))], fill=_CURVE, width=3
    )


def _smooth(values: Sequence[float]) -> list[float]:
    """Exponential running mean, with the first value as its start."""
    smoothed = [values[0]]
    for value in values[1:]:
        smoothed.append(0.93 * smoothed[-1] + 0.07 * value)
    return smoothed


def _draw_digits(
    page: Image.Image, pen: ImageDraw.ImageDraw, images: Tensor, labels: Tensor, predictions: Tensor
) -> None:
    """A grid of images with what the model read below each, the misread ones first."""
    order = (labels == predictions).to(labels.dtype).argsort(stable=True)[: _COLUMNS * _ROWS]
    shades = (255 * (1 - images[order])).to(_uint8()).flatten(1)  # (K, 1, 8, 8) -> (K, 64)
    rows = zip(shades.tolist(), labels[order].tolist(), predictions[order].tolist(), strict=True)
    for place, (pixels, label, prediction) in enumerate(rows):
        left = _GRID[0] + place % _COLUMNS * _CELL[0]
        top = _GRID[1] + place // _COLUMNS * _CELL[1]
        digit = Image.frombytes("L", (8, 8), bytes(pixels))
        page.paste(digit.resize((_DIGIT, _DIGIT), Image.Resampling.NEAREST), (left, top))
        pen.rectangle([left - 1, top - 1, left + _DIGIT, top + _DIGIT], outline=_FAINT)
        text = str(prediction) if prediction == label else f"{prediction}, is {label}"
        color = _RIGHT if prediction == label else _WRONG
        below = (left + _DIGIT / 2, top + _DIGIT + 12)
        pen.text(below, text, fill=color, font=_font(14), anchor="mm")


def _uint8() -> dtype:
    from pyrite import _C

    return _C.uint8
