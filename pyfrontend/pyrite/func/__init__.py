"""Transforms of functions: derivatives and batching, and modules as functions.

Source: https://docs.pytorch.org/docs/2.13/func.html
"""

from __future__ import annotations

from pyrite.func.batching import vmap
from pyrite.func.derivative import grad, grad_and_value, jvp, linearize, vjp
from pyrite.func.functional_call import functional_call, stack_module_state
from pyrite.func.jacobian import hessian, jacfwd, jacrev

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
