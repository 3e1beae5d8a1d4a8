"""The class of compiled modules, which `isinstance` asks for: no module is one."""

from __future__ import annotations

from pyrite._doors import door_class
from pyrite.nn import Module

__all__ = ["OptimizedModule"]

OptimizedModule = door_class("_dynamo.eval_frame.OptimizedModule", "compiler", Module)
