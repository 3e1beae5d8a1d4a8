"""Small data sets that come with the package: handwritten digits and first names."""

from .digits import digits
from .names import names

__all__ = ["digits", "names"]
