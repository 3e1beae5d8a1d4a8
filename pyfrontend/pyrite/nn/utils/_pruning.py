"""Pruning methods: what to prune, and how a module keeps it.

Layer L6, under `prune`. A pruned module keeps the parameter as `<name>_orig` and the mask as the
buffer `<name>_mask`; a forward pre-hook, the pruning method itself, multiplies them. Methods that
follow each other are held by a container, each seeing only what is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import pyrite
from pyrite._C import Tensor

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "hooks",
    "take_hook",
]


class BasePruningMethod(ABC):
    """A way to choose what to prune; subclasses define `compute_mask` and `PRUNING_TYPE`."""

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def __call__(self, module: Any, inputs: Any) -> None:
        """Recompute the pruned tensor, before a forward."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for a tensor of importances.

        Args:
            t: the importances.
            default_mask: the mask so far, which the new one has the zeros of.
        """

    def apply_mask(self, module: Any) -> Tensor:
        """The parameter of `module` times its mask."""
        mask = getattr(module, f"{self._tensor_name}_mask")
        original = getattr(module, f"{self._tensor_name}_orig")
        pruned: Tensor = mask.to(dtype=original.dtype) * original
        return pruned

    @classmethod
    def apply(
        cls,
        module: Any,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune a parameter.

        Args:
            module: the module.
            name: of the parameter.
            args: how the method is made.
            importance_scores: what to judge by instead of the parameter.
            kwargs: how the method is made.

        Returns:
            The hook: the method, or a container with those that were there.
        """
        before = next((hook for _, hook in hooks(module, name)), None)
        current = getattr(module, name)
        scores = current if importance_scores is None else importance_scores
        if scores.shape != current.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {scores.shape} vs {current.shape}"
            )
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        if before is None:
            default_mask = pyrite.ones_like(current)
        else:
            method = PruningContainer(*getattr(before, "_pruning_methods", [before]), method)
            default_mask = getattr(module, f"{name}_mask").detach().clone()
        with pyrite.no_grad():
            mask = method.compute_mask(scores, default_mask=default_mask)
        # Nothing has failed: now change the module.
        if take_hook(module, name) is None:
            module.register_parameter(f"{name}_orig", module._parameters.pop(name))
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """A tensor times the mask that the method computes for it.

        Args:
            t: the tensor.
            default_mask: the mask so far.
            importance_scores: what to judge by instead of the tensor.
        """
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        default = pyrite.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default)

    def remove(self, module: Any) -> None:
        """Make the pruned tensor the parameter; the mask goes."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        original.data = weight.data
        del module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def hooks(module: Any, name: str | None = None) -> Iterator[tuple[int, BasePruningMethod]]:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and name in (None, hook._tensor_name):
            yield key, hook


def take_hook(module: Any, name: str) -> BasePruningMethod | None:
    for key, hook in list(hooks(module, name)):
        del module._forward_pre_hooks[key]
        return hook
    return None


class PruningContainer(BasePruningMethod):
    """Pruning methods that follow each other on one parameter.

    Args:
        args: the methods.
    """

    def __init__(self, *args: Any) -> None:
        methods: Any = args[0] if len(args) == 1 and isinstance(args[0], Iterable) else args
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if methods and isinstance(methods[0], BasePruningMethod):
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Append a method for the same parameter.

        Raises:
            TypeError: it is no pruning method.
            ValueError: it is for another parameter.
        """
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found "
                f"'{method._tensor_name}'"
            )
        if method is not None:
            self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask after the last method, which sees what the ones before it left."""
        method = self._pruning_methods[-1]
        left = _what_is_left(method, t, default_mask)
        mask = default_mask.to(dtype=t.dtype, copy=True)
        partial = method.compute_mask(t[left], default_mask=default_mask[left])
        mask[left] = partial.to(dtype=mask.dtype)
        return mask


def _what_is_left(method: Any, t: Tensor, mask: Tensor) -> Any:
    """An index of the elements, or channels, that a mask keeps."""
    kind = method.PRUNING_TYPE
    if kind == "unstructured":
        return mask == 1
    if kind == "global":
        return [slice(None)] * t.dim() if t.dim() > 1 else slice(None)
    if kind != "structured":
        raise AttributeError(
            f"'{type(method).__name__}' has no valid PRUNING_TYPE: {kind!r} should be "
            "'unstructured', 'structured' or 'global'"
        )
    dim = method.dim % t.dim()
    index: list[Any] = [slice(None)] * t.dim()
    index[dim] = mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0
    return tuple(index)


def _check_amount(amount: Any) -> None:
    """An amount is a fraction or a count."""
    if not isinstance(amount, int | float):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    is_count = isinstance(amount, int)
    if amount < 0 or (not is_count and amount > 1.0):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


def _count(amount: float, size: int) -> int:
    """How many of `size` an amount is."""
    if isinstance(amount, float):
        return round(amount * size)
    if amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={size}"
        )
    return amount


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the parameter a pruned one."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far."""
        return default_mask


class _Unstructured(BasePruningMethod):
    """Prunes the elements that matter least.

    Args:
        amount: how many, or which fraction of them.
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def _least(self, t: Tensor, count: int) -> Tensor:
        """The places of the elements to prune, among all in a row."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with further zeros."""
        count = _count(self.amount, t.nelement())
        mask = default_mask.clone(memory_format=pyrite.contiguous_format)
        if count != 0:
            mask.view(-1)[self._least(t, count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes random elements.

    Args:
        amount: how many, or which fraction of them.
    """

    def _least(self, t: Tensor, count: int) -> Tensor:
        return pyrite.topk(pyrite.rand_like(t).view(-1), k=count).indices


class L1Unstructured(_Unstructured):
    """Prunes the elements with the smallest absolute values.

    Args:
        amount: how many, or which fraction of them.
    """

    def _least(self, t: Tensor, count: int) -> Tensor:
        return pyrite.topk(t.abs().reshape(-1), k=count, largest=False).indices


class _Structured(BasePruningMethod):
    """Prunes the channels, slices along a dim, that matter least.

    Args:
        amount: how many, or which fraction of them.
        dim: the dim that counts channels.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _kept(self, t: Tensor, channels: int, count: int) -> Any:
        """An index of the channels that stay."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with further channels of zeros.

        Raises:
            ValueError: the tensor has fewer than two dimensions.
            IndexError: there is no such dim.
        """
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found "
                f"tensor of shape {t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        channels = t.shape[self.dim]
        count = _count(self.amount, channels)
        if count == 0:
            return default_mask
        mask = pyrite.zeros_like(t)
        index: list[Any] = [slice(None)] * t.dim()
        index[self.dim] = self._kept(t, channels, count)
        mask[tuple(index)] = 1
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_Structured):
    """Prunes random channels.

    Args:
        amount: how many, or which fraction of them.
        dim: the dim that counts channels.
    """

    def _kept(self, t: Tensor, channels: int, count: int) -> Any:
        draws = pyrite.rand(channels)
        return draws > pyrite.kthvalue(draws, k=count).values


class LnStructured(_Structured):
    """Prunes the channels with the smallest norms.

    Args:
        amount: how many, or which fraction of them.
        n: the order of the norm.
        dim: the dim that counts channels.
    """

    def __init__(self, amount: float, n: float | str, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, channels: int, count: int) -> Any:
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = pyrite.norm(t, p=self.n, dim=others)
        return pyrite.topk(norms, k=channels - count, largest=True).indices


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask.

    Args:
        mask: the mask.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far times the given one."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError("mask and default_mask must have the same shape")
        return default_mask * self.mask.to(dtype=default_mask.dtype)
