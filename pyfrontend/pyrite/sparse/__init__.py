"""Products that take sparse matrices, of those that are not; sparse tensors are a door."""

from __future__ import annotations

from pyrite._C import addmm as addmm
from pyrite._C import mm as mm
from pyrite._doors import door_function

_MISSING = "sparse tensors"

log_softmax = door_function("sparse.log_softmax", _MISSING)
sampled_addmm = door_function("sparse.sampled_addmm", _MISSING)
softmax = door_function("sparse.softmax", _MISSING)
spdiags = door_function("sparse.spdiags", _MISSING)
sum = door_function("sparse.sum", _MISSING)
