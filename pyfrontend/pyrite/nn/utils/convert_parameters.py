"""All parameters as one vector, and back.

Layer: Python front end. Invariant: order and layout are those of the iterable of parameters, each
one row-major; `vector_to_parameters` makes the parameters views of the vector.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyrite import _C
from pyrite._C import Tensor
from pyrite._typename import typename

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all values in one dim, in order.

    Raises:
        TypeError: the parameters are on different devices.
    """
    listed = list(parameters)
    _check_one_device(listed)
    return _C.cat([parameter.view(-1) for parameter in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Set the parameters from the values of one vector.

    Args:
        vec: as many values as the parameters have together.
        parameters: take slices of `vec` as their data.

    Raises:
        TypeError: `vec` is no tensor, or the parameters are on different devices.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    listed = list(parameters)
    _check_one_device(listed)
    start = 0
    for parameter in listed:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view_as(parameter).data
        start = stop


def _check_one_device(tensors: list[Tensor]) -> None:
    if len({tensor.device for tensor in tensors}) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
