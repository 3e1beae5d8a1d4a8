"""The older names of `pyrite.library` that packages still import."""

from __future__ import annotations

from pyrite._doors import door_function
from pyrite.library import custom_op, register_fake

__all__ = ["custom_op", "get_ctx", "impl_abstract"]

impl_abstract = register_fake
get_ctx = door_function("_custom_ops.get_ctx", "shapes that depend on data")
