"""A version string that compares as versions do, the type of `pyrite.__version__`.

`"2.13.0" > "2.9"` is False as strings and True as versions; programs compare so.
The order is PEP 440's; a right side that is no version is compared as a string, as in PyTorch.
"""

from __future__ import annotations

import re

__all__ = ["TorchVersion"]

_Key = tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, int, str], ...]]
_VERSION = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)*)(?:(?P<stage>a|b|rc)(?P<number>\d+))?"
    r"(?:\.?dev(?P<dev>\d+))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_FINAL = 3
_DEVELOPMENT = -1


def _key(value: object) -> _Key | None:
    """Release without trailing zeros, stage (dev < a < b < rc < final), local label."""
    if isinstance(value, tuple | list):
        value = ".".join(str(part) for part in value)
    match = _VERSION.fullmatch(str(value).strip().lower())
    if match is None:
        return None
    release = [int(part) for part in match["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    if match["stage"]:
        stage: tuple[int, ...] = (["a", "b", "rc"].index(match["stage"]), int(match["number"]))
    else:
        stage = (_DEVELOPMENT,) if match["dev"] else (_FINAL,)
    stage += (0, int(match["dev"])) if match["dev"] else (1,)
    labels = re.split(r"[-_.]", match["local"]) if match["local"] else []
    local = tuple((1, int(text), "") if text.isdigit() else (0, 0, text) for text in labels)
    return tuple(release), stage, local


class TorchVersion(str):
    """A `str` whose order is the order of versions; also compares with tuples such as `(2, 13)`."""

    def _compare(self, other: object) -> int:
        mine, theirs = _key(str(self)), _key(other)
        if mine is None or theirs is None:
            left, right = str(self), str(other)
            return (left > right) - (left < right)
        return (mine > theirs) - (mine < theirs)

    def __lt__(self, other: object) -> bool:
        return self._compare(other) < 0

    def __le__(self, other: object) -> bool:
        return self._compare(other) <= 0

    def __gt__(self, other: object) -> bool:
        return self._compare(other) > 0

    def __ge__(self, other: object) -> bool:
        return self._compare(other) >= 0

    def __eq__(self, other: object) -> bool:
        return self._compare(other) == 0

    def __ne__(self, other: object) -> bool:
        return self._compare(other) != 0

    __hash__ = str.__hash__
