"""Graphs of kernels, captured once and replayed: doors, all of them raise.

A launch here carries numbers that differ from run to run (a place in the random stream, the step of
an optimizer), so that replaying what was captured would repeat those of the first run.
"""

from __future__ import annotations

from typing import NoReturn

from pyrite._doors import not_built

from .devices import enabled, not_enabled

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "make_graphed_callables"]


def _refuse(name: str) -> NoReturn:
    raise not_built(f"cuda.{name}", "graphs of kernels") if enabled() else not_enabled(name)


class CUDAGraph:
    """A captured sequence of kernels; construction raises."""

    def __init__(self, keep_graph: bool = False) -> None:
        _refuse("CUDAGraph")


class graph:
    """Context that captures kernels into a graph; construction raises."""

    def __init__(self, cuda_graph: CUDAGraph, *args: object, **kwargs: object) -> None:
        _refuse("graph")


def graph_pool_handle() -> NoReturn:
    """The memory that graphs share; raises."""
    _refuse("graph_pool_handle")


def make_graphed_callables(callables: object, *args: object, **kwargs: object) -> NoReturn:
    """Functions or modules whose kernels are captured and replayed; raises."""
    _refuse("make_graphed_callables")
