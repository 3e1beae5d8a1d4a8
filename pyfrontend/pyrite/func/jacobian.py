"""Whole Jacobians and Hessians: a product for each row or column.

Layer L6, on `derivative`. `jacrev` does a product for each element of the value, `jacfwd` one for
each element of the arguments: use the one with fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.func.derivative import ArgNums, Linear, select, vjp
from pyrite.utils._pytree import tree_flatten

__all__ = ["hessian", "jacfwd", "jacrev"]


def _check_chunks(chunk_size: int | None) -> None:
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")


def _basis(tensors: list[Tensor]) -> Iterator[tuple[int, list[Tensor]]]:
    """For each element of the tensors: the number of its tensor, and vectors with a one there."""
    zeros = [pyrite.zeros_like(tensor) for tensor in tensors]
    for number, tensor in enumerate(tensors):
        for place in range(tensor.numel()):
            one = pyrite.zeros_like(tensor).reshape(-1)
            one[place] = 1
            yield number, [*zeros[:number], one.view_as(tensor), *zeros[number + 1 :]]


def jacrev(
    func: Callable[..., Any],
    argnums: ArgNums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that gives the Jacobian of `func`, row by row.

    Args:
        func: gives tensors, in containers.
        argnums: by which arguments, containers of tensors, to differentiate.
        has_aux: `func` gives a pair, of which the second is passed on.
        chunk_size: inert: rows are computed one by one.

    Returns:
        A function of the same arguments. In place of each tensor of the value it gives a container
        like the arguments, of tensors of shape `(*value's shape, *argument's shape)`.
    """
    _check_chunks(chunk_size)

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, replaced = select(argnums, args)
        value, vjp_fn, *aux = vjp(
            lambda values: func(*replaced(values), **kwargs), chosen, has_aux=has_aux
        )
        outputs, spec = tree_flatten(value)
        leaves, input_spec = tree_flatten(chosen)
        rows: list[list[list[Tensor]]] = [[[] for _ in leaves] for _ in outputs]
        for number, vectors in _basis(outputs):
            (products,) = vjp_fn(spec.unflatten(vectors))
            for row, product in zip(rows[number], tree_flatten(products)[0], strict=True):
                row.append(product)
        blocks = [
            input_spec.unflatten(
                [
                    _assembled(row, (*output.shape, *leaf.shape), leaf)
                    for row, leaf in zip(rows_of_output, leaves, strict=True)
                ]
            )
            for rows_of_output, output in zip(rows, outputs, strict=True)
        ]
        result = spec.unflatten(blocks)
        return (result, *aux) if has_aux else result

    return jacobian


def _assembled(row: list[Tensor], shape: tuple[int, ...], like: Tensor) -> Tensor:
    return pyrite.stack(row).reshape(shape) if row else like.new_zeros(shape)


def jacfwd(
    func: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that gives the Jacobian of `func`, column by column.

    Args:
        func: gives tensors, in containers.
        argnums: by which arguments, containers of tensors, to differentiate.
        has_aux: `func` gives a pair, of which the second is passed on.
        chunk_size: inert: columns are computed one by one.
        randomness: inert: `func` is called once.

    Returns:
        A function of the same arguments; its result is that of `jacrev`.
    """
    _check_chunks(chunk_size)

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, replaced = select(argnums, args)
        where = "jvp(f, primals, tangents)"
        linear = Linear(lambda values: func(*replaced(values), **kwargs), (chosen,), where, has_aux)
        leaves, input_spec = tree_flatten(chosen)
        columns: list[list[list[Tensor]]] = [[[] for _ in leaves] for _ in linear.outputs]
        for number, vectors in _basis(leaves):
            products = tree_flatten(linear(vectors))[0]
            for column, product in zip(columns, products, strict=True):
                column[number].append(product)
        blocks = [
            input_spec.unflatten(
                [
                    pyrite.stack(column, -1).reshape(*output.shape, *leaf.shape)
                    if column
                    else output.new_zeros((*output.shape, *leaf.shape))
                    for column, leaf in zip(columns_of_output, leaves, strict=True)
                ]
            )
            for columns_of_output, output in zip(columns, linear.outputs, strict=True)
        ]
        result = linear.spec.unflatten(blocks)
        return (result, linear.aux) if has_aux else result

    return jacobian


def hessian(func: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of `func`: `jacfwd` of `jacrev`.

    Args:
        func: gives tensors, in containers.
        argnums: by which arguments, containers of tensors, to differentiate.
    """
    return jacfwd(jacrev(func, argnums), argnums)
