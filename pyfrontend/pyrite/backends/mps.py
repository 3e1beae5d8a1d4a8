"""Apple's Metal backend: part of every build, used where Metal drives a GPU."""

from __future__ import annotations

import platform


def is_available() -> bool:
    """Whether a Metal device can be used."""
    from pyrite import mps

    return mps.is_available()


def is_built() -> bool:
    """Whether this build has the backend: on macOS."""
    return platform.system() == "Darwin"


def is_macos13_or_newer() -> bool:
    """Whether Metal of macOS 13 or later can be used."""
    return is_macos_or_newer(13, 0)


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether Metal of that macOS release or later can be used."""
    release = platform.mac_ver()[0]
    return bool(release) and tuple(map(int, release.split(".")))[:2] >= (major, minor)
