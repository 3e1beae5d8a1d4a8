"""`vmap`: a function of samples as a function of batches.

Layer L6. The samples are taken out, the function is called for each, and the results are stacked.
This computes what PyTorch's batching computes, at the cost of a call for each sample; and it takes
functions that PyTorch refuses, such as those with control flow that depends on values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.random import get_rng_state, set_rng_state
from pyrite.utils._pytree import TreeSpec, tree_flatten

__all__ = ["vmap"]

Dims = int | None | tuple[Any, ...]
_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that applies `func` to each sample of its arguments and stacks the results.

    Args:
        func: takes and gives tensors, in containers.
        in_dims: which dimension of each argument counts the samples, None for arguments that all
            samples share; one for all, or nested as the arguments are.
        out_dims: where that dimension goes in the results; None for those that are the same for
            all samples.
        randomness: "error" refuses random draws in `func`, "different" lets each sample draw,
            "same" gives all samples the same draws. Counted are the host's draws.
        chunk_size: inert: samples are computed one by one.

    Raises:
        ValueError: dimensions that do not fit the arguments or results, or results that are no
            tensors.
        RuntimeError: random draws where they are refused, or an unknown `randomness`.
        NotImplementedError: there is no sample, so that the shapes of results are not known.
    """
    if randomness not in _RANDOMNESS:
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. "
            f"Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(args)
        dims = _input_dims(name, in_dims, args, leaves, spec)
        samples = _batch_size(leaves, dims)
        draws = _Draws(randomness)
        results = []
        for number in range(samples):
            chosen = [
                leaf if dim is None else leaf.select(dim, number)
                for leaf, dim in zip(leaves, dims, strict=True)
            ]
            with draws:
                results.append(func(*spec.unflatten(chosen), **kwargs))
        return _stacked(name, results, out_dims)

    return batched


class _Draws:
    """Around each sample: random draws as `randomness` says."""

    def __init__(self, randomness: str) -> None:
        self._randomness = randomness
        self._start = get_rng_state()

    def __enter__(self) -> None:
        if self._randomness == "same":
            set_rng_state(self._start)

    def __exit__(self, kind: object, *exc_info: object) -> None:
        if self._randomness == "error" and kind is None:
            if not pyrite.equal(get_rng_state(), self._start):
                raise RuntimeError(
                    "vmap: called random operation while in randomness error mode. Please either "
                    "use the 'same' or 'different' randomness flags on vmap or perform the "
                    "randomness operation out of vmap"
                )


def _spread(dims: Any, spec: TreeSpec) -> list[Any] | None:
    """`dims` for each leaf of a structure that it is a beginning of; None if it is not."""
    if dims is None or isinstance(dims, int):
        return [dims] * spec.num_leaves
    children, given = tree_flatten(dims, is_leaf=lambda part: part is not dims)
    if spec.is_leaf() or given.type != spec.type or given.context != spec.context:
        return None
    if len(children) != len(spec.children_specs):
        return None
    parts = [_spread(d, child) for d, child in zip(children, spec.children_specs, strict=True)]
    if any(part is None for part in parts):
        return None
    return [dim for part in parts if part is not None for dim in part]


def _input_dims(
    name: str, in_dims: Any, args: tuple[Any, ...], leaves: list[Any], spec: TreeSpec
) -> list[int | None]:
    """For each leaf of the arguments the dimension that counts samples."""
    where = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, int | tuple):
        raise ValueError(
            f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            "trying to vmap over a function with no inputs. The latter is unsupported."
        )
    dims = _spread(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    return [_checked(where, dim, leaf) for dim, leaf in zip(dims, leaves, strict=True)]


def _checked(where: str, dim: Any, leaf: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer "
            "dimension or None."
        )
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We "
            "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    rank = leaf.dim()
    if not -rank <= dim < rank:
        raise ValueError(
            f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
        )
    return dim % rank


def _batch_size(leaves: list[Any], dims: list[int | None]) -> int:
    sizes = [leaf.size(d) for leaf, d in zip(leaves, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    if sizes[0] == 0:
        raise NotImplementedError(
            "vmap over no samples is not available: shapes of results are not known without a call"
        )
    return int(sizes[0])


def _stacked(name: str, results: list[Any], out_dims: Any) -> Any:
    """The results of all samples as one."""
    columns, specs = zip(*map(tree_flatten, results), strict=True)
    spec = specs[0]
    if any(other != spec for other in specs):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must return the same structure for every sample"
        )
    dims = _spread(out_dims, spec)
    if dims is None and spec.is_leaf() and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims = list(out_dims)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but "
            f"outputs has structure {spec}."
        )
    leaves = [
        _joined(name, samples, dim)
        for samples, dim in zip(zip(*columns, strict=True), dims, strict=True)
    ]
    return spec.unflatten(leaves)


def _joined(name: str, samples: tuple[Any, ...], dim: int | None) -> Any:
    first = samples[0]
    if dim is None:
        if isinstance(first, Tensor) and not all(pyrite.equal(first, one) for one in samples):
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return first
    if not isinstance(first, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(first)}. Did "
            "you mean to set out_dims= to None for output?"
        )
    return pyrite.stack(samples, dim)
