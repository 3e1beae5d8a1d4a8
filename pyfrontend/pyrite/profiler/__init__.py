"""Profiling: what the operations and marked ranges of a program take, by name and by step.

Source: https://docs.pytorch.org/docs/2.13/profiler.html
"""

from __future__ import annotations

from pyrite.autograd.profiler import record_function
from pyrite.profiler.profile import (
    kineto_available,
    profile,
    supported_activities,
    tensorboard_trace_handler,
)
from pyrite.profiler.schedule import ProfilerAction, ProfilerActivity, schedule

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
