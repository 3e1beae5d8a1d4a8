"""What a module owns: parameters, buffers and children, and the attribute rules that find them.

Layer: Python front end, the base of `nn.Module`. Invariant: a name is in at most one of
`_parameters`, `_buffers`, `_modules` and the instance's own `__dict__`; assigning a Parameter,
Buffer or module moves the name, and error texts are PyTorch's.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pyrite._C import Tensor
from pyrite._typename import typename
from pyrite.nn.parameter import Buffer, Parameter
from pyrite.utils.hooks import RemovableHandle

__all__ = ["Members"]

_global_buffer_registration_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()

_OWNED = ("_parameters", "_buffers", "_modules")


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(module, name, buffer) at every buffer registration; a result replaces it."""
    return _add_hook(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(module, name, child) at every child registration; a result replaces it."""
    return _add_hook(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(module, name, parameter) at every registration; a result replaces it."""
    return _add_hook(_global_parameter_registration_hooks, hook)


def _add_hook(table: OrderedDict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def _run_hooks(table: OrderedDict[int, Any], owner: object, name: str, value: Any) -> Any:
    for hook in table.values():
        replaced = hook(owner, name, value)
        if replaced is not None:
            value = replaced
    return value


class Members:
    """The three tables of a module and the attribute protocol over them."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter, such as a running mean.

        Args:
            name: the attribute under which the buffer is found.
            tensor: the buffer; None keeps the name without a tensor.
            persistent: whether it is part of `state_dict`.

        Raises:
            TypeError: the name is no string or the value no tensor.
            KeyError: the name is empty, holds a dot or is taken.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if not (tensor is None or isinstance(tensor, Tensor) or _acts_as_tensor(tensor)):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = _run_hooks(_global_buffer_registration_hooks, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter.

        Args:
            name: the attribute under which the parameter is found.
            param: the parameter; None keeps the name without one, and out of `state_dict`.

        Raises:
            TypeError: the name is no string or the value no Parameter.
            KeyError: the name is empty, holds a dot or is taken.
            ValueError: the parameter is the result of an operation.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, "
                "compute the value in the forward() method."
            )
        hooks = _global_parameter_registration_hooks
        self._parameters[name] = _run_hooks(hooks, self, name, param)

    def add_module(self, name: str, module: Any) -> None:
        """Add a child module.

        Args:
            name: the attribute under which the child is found.
            module: the child; None keeps the name without one.

        Raises:
            TypeError: the name is no string or the value no module.
            KeyError: the name is empty, holds a dot or is taken.
        """
        if not isinstance(module, Members) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if isinstance(name, str) and hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if isinstance(name, str) and "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        self._check_name("module", name, self._modules)
        self._modules[name] = _run_hooks(_global_module_registration_hooks, self, name, module)

    def register_module(self, name: str, module: Any) -> None:
        """Add a child module; the same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: object, taken: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in taken:
            raise KeyError(f"attribute '{name}' already exists")

    def __getattr__(self, name: str) -> Any:
        # Only reached when the normal look-up finds nothing. Unrolled: each submodule and
        # parameter access of a forward passes here.
        state = self.__dict__
        if "_parameters" in state:
            table = state["_parameters"]
            if name in table:
                return table[name]
        if "_buffers" in state:
            table = state["_buffers"]
            if name in table:
                return table[name]
        if "_modules" in state:
            table = state["_modules"]
            if name in table:
                return table[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in state:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._vacate(name, keep="_parameters")
            self.register_parameter(name, value)
        elif name in state.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Members):
            if "_modules" not in state:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._vacate(name, keep="_modules")
            self._set_child(name, value)
        elif name in state.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            self._set_child(name, value)
        elif name in state.get("_buffers", ()) or isinstance(value, Buffer):
            self._set_buffer(name, value)
        else:
            super().__setattr__(name, value)

    def _set_child(self, name: str, module: Any) -> None:
        self._modules[name] = _run_hooks(_global_module_registration_hooks, self, name, module)

    def _set_buffer(self, name: str, value: Any) -> None:
        if not (value is None or isinstance(value, Tensor) or _acts_as_tensor(value)):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' "
                "(torch.nn.Buffer, torch.Tensor or None expected)"
            )
        persistent = (
            bool(value.persistent)
            if isinstance(value, Buffer)
            else name not in self.__dict__.get("_non_persistent_buffers_set", ())
        )
        overridden = getattr(self.register_buffer, "__func__", None) is not Members.register_buffer
        if overridden and "persistent" not in inspect.signature(self.register_buffer).parameters:
            if not persistent:
                raise RuntimeError(
                    "Registering a non-persistent buffer on a Module subclass that implements "
                    "register_buffer() without the persistent argument is not allowed."
                )
            self.register_buffer(name, value)
        else:
            self.register_buffer(name, value, persistent)

    def _vacate(self, name: str, keep: str) -> None:
        """Free `name` everywhere but in the table `keep`."""
        state = self.__dict__
        state.pop(name, None)
        for table in _OWNED:
            if table != keep:
                state[table].pop(name, None)
        state["_non_persistent_buffers_set"].discard(name)

    def __delattr__(self, name: str) -> None:
        for table in _OWNED:
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        own = self.__dict__
        names = [*dir(type(self)), *own, *own["_parameters"], *own["_modules"], *own["_buffers"]]
        # Children named by numbers are no attributes one could type.
        return sorted(name for name in names if not name[0].isdigit())


def _acts_as_tensor(value: object) -> bool:
    return hasattr(value, "__torch_function__")
