"""Modules that hold modules: Sequential, ModuleList and ModuleDict.

Layer: Python front end, on `nn.Module`. Invariant: lists name their children by position, "0" to
"n-1" without gaps, so that keys of a `state_dict` follow the order. The containers of parameters
are in `parameter_container`.
"""

from __future__ import annotations

import itertools
import operator
from collections import OrderedDict
from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from typing import Any, Self

from pyrite.nn._pairs import checked_pairs
from pyrite.nn.module import Module, _addindent
from pyrite.nn.parameter_container import ParameterDict, ParameterList

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Positions(Module):
    """A module whose children are named by position."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def _key(self, index: Any) -> str:
        """The name of the child at `index`, which may count from the end."""
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range")
        return list(self._modules)[position]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        if isinstance(index, slice):
            for key in list(self._modules)[index]:
                delattr(self, key)
        else:
            delattr(self, self._key(index))
        self._modules = {str(i): module for i, module in enumerate(self)}

    def append(self, module: Module) -> Self:
        """Add a module behind the last one; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def _open_gap(self, position: int) -> None:
        """Move the children from `position` on up by one."""
        for i in range(len(self), position, -1):
            self._modules[str(i)] = self._modules[str(i - 1)]


class Sequential(_Positions):
    """Feeds its input through its children, one after the other.

    Args:
        *args: the modules in order, or one OrderedDict of named modules.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> model(pyrite.ones(3, 4)).shape
        pyrite.Size([3, 2])
        >>> model[1]
        ReLU()
    """

    def __init__(self, *args: Module | OrderedDict[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, child in enumerate(args):
                self.add_module(str(i), child)

    def forward(self, input: Any) -> Any:
        """Return the last child's result."""
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.__class__(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def pop(self, key: int | slice) -> Any:
        """Remove and return the module, or the Sequential of modules, at `key`."""
        removed = self[key]
        del self[key]
        return removed

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`; returns the container.

        Raises:
            AssertionError: `module` is no module.
            IndexError: the index is outside [-n, n].
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(f"Index out of range: {index}")
        position = index + n if index < 0 else index
        self._open_gap(position)
        self._modules[str(position)] = module
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add modules behind the last one; returns the container."""
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        _require_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Self:
        _require_sequential(other)
        return self.extend(other)

    def __mul__(self, factor: int) -> Sequential:
        self._require_factor(factor)
        return Sequential(*list(self) * factor)

    def __rmul__(self, factor: int) -> Sequential:
        return self * factor

    def __imul__(self, factor: int) -> Self:
        self._require_factor(factor)
        return self.extend(list(self) * (factor - 1))

    def _require_factor(self, factor: object) -> None:
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {type(self)}")


def _require_sequential(other: object) -> None:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )


class ModuleList(_Positions):
    """A list whose modules are registered.

    Args:
        modules: the modules to start with.

    Example:
        >>> layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        >>> len(list(layers.parameters()))
        6
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.__class__(list(self._modules.values())[index])
        return self._modules[self._key(index)]

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at `index`."""
        position = index + len(self) if index < 0 else index
        self._open_gap(position)
        self._modules[str(position)] = module

    def pop(self, key: int | slice) -> Any:
        """Remove and return the module, or the ModuleList of modules, at `key`."""
        removed = self[key]
        del self[key]
        return removed

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules behind the last one; returns the container.

        Raises:
            TypeError: `modules` is not iterable.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleList.extend should be called with an iterable, but got "
                + type(modules).__name__
            )
        for module in list(modules):
            self.append(module)
        return self

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Like Module's, with runs of equal modules shown once."""
        lines = []
        start = 0
        for text, run in itertools.groupby(map(repr, self)):
            count = len(list(run))
            last = start + count - 1
            line = f"({start}): {text}" if count == 1 else f"({start}-{last}): {count} x {text}"
            lines.append(_addindent(line, 2))
            start += count
        if not lines:
            return f"{self._get_name()}()"
        return "\n  ".join([f"{self._get_name()}(", *lines]) + "\n)"


class ModuleDict(Module):
    """A dictionary whose modules are registered, in order of insertion.

    Args:
        modules: a mapping, or an iterable of (name, module), to start with.

    Example:
        >>> heads = nn.ModuleDict({"word": nn.Linear(8, 100), "tag": nn.Linear(8, 5)})
        >>> heads["tag"](pyrite.ones(1, 8)).shape
        pyrite.Size([1, 5])
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        module: Module = self._modules[key]
        return module

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove and return the module under `key`."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """Pairs of name and module."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add all modules of a mapping or of an iterable of (name, module), replacing names taken.

        Raises:
            TypeError: not iterable, or an element that is no pair.
            ValueError: an element with more or fewer than two entries.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of key/value pairs, but got "
                + type(modules).__name__
            )
        if isinstance(modules, (Mapping, ModuleDict)):
            for key, module in modules.items():
                self[key] = module
            return
        for key, module in checked_pairs("ModuleDict", modules):
            self[key] = module
