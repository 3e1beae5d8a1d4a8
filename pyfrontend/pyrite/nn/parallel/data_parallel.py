"""One process, several devices: the wrapper for the case of one device.

Layer: Python front end. Invariant: the wrapped module is called on the device it is on; more than
one device is refused, since batches are not split yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite.nn.module import Module

__all__ = ["DataParallel", "data_parallel"]


def _require_one_device(device_ids: Sequence[Any] | None, output_device: Any) -> None:
    devices = list(device_ids or ())
    if len(devices) > 1 or (output_device is not None and output_device not in devices):
        raise NotImplementedError(
            "DataParallel: splitting a batch over several devices is not available; "
            f"got device_ids={devices}, output_device={output_device}; "
            "leave both out to run the module on the device it is on"
        )


class DataParallel(Module):
    """Calls `module` on the one device that it is on.

    Args:
        module: the module; its parameters appear below `module.` in the `state_dict`.
        device_ids: None or one device.
        output_device: None or the same device.
        dim: the dim along which a batch would be split; without effect on one device.

    Raises:
        NotImplementedError: more than one device.
    """

    def __init__(
        self,
        module: Any,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        _require_one_device(device_ids, output_device)
        self.dim = dim
        self.module = module
        self.device_ids = list(device_ids or ())

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Return what the module returns."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Any,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call `module` once as `DataParallel` does.

    Args:
        module: the module.
        inputs: a tuple of positional arguments, or the only one.
        device_ids: None or one device.
        output_device: None or the same device.
        dim: the dim along which a batch would be split; without effect on one device.
        module_kwargs: keyword arguments.

    Raises:
        NotImplementedError: more than one device.
    """
    _require_one_device(device_ids, output_device)
    args = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*args, **(module_kwargs or {}))
