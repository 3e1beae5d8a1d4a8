"""The UCI handwritten digits: 1,797 grey images of 8 x 8 pixels in ten classes.

File `uci_digits.bin.z`: zlib over 1,797 label bytes (0..9), then 1,797 x 64 pixel bytes (0..16).
Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0 (its test part, in its order).
"""

from __future__ import annotations

import zlib
from importlib.resources import files

from pyrite import _C

_COUNT = 1797
_SIDE = 8
_WHITE = 16
_HOLD_OUT_STEP = 5


def digits(train: bool = True) -> tuple[_C.Tensor, _C.Tensor]:
    """The training part or the fixed hold-out: every fifth image, 360 in all.

    Args:
        train: the 1,437 images to learn from; False gives the 360 kept back.

    Returns:
        Images `(N, 1, 8, 8)`, float32 from 0 (paper) to 1 (ink), and labels `(N,)`, int64.
    """
    packed = files(__package__).joinpath("uci_digits.bin.z").read_bytes()
    values = _C.frombuffer(bytearray(zlib.decompress(packed)), dtype=_C.uint8)
    held_out = _C.arange(_COUNT) % _HOLD_OUT_STEP == 0
    chosen = ~held_out if train else held_out
    labels = values[:_COUNT][chosen].to(_C.int64)
    images = values[_COUNT:].view(_COUNT, 1, _SIDE, _SIDE)[chosen]
    return images.to(_C.float32) / _WHITE, labels
