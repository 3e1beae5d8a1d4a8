"""Functions that give derivatives of a function: grad, vjp, jvp.

Layer L6, on `autograd.grad`. A transform enters with handles of its own for the inputs, so that its
derivative is apart from any other, and leaves with results that have a history only if they depend
on something outside that requires gradients. So transforms nest, and a transform of plain tensors
gives plain tensors. Forward mode is the derivative of a vjp with respect to its vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyrite
from pyrite import autograd
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import enable_grad, is_grad_enabled
from pyrite.utils._pytree import TreeSpec, tree_flatten, tree_map

__all__ = ["ArgNums", "Level", "grad", "grad_and_value", "jvp", "linearize", "select", "vjp"]

ArgNums = int | tuple[int, ...]


class Level:
    """One application of a transform: its own handles of the inputs."""

    def __init__(self) -> None:
        self._own: dict[int, Tensor] = {}
        self.tracked = is_grad_enabled()

    def enter(self, tree: Any) -> Any:
        """The tree with handles that require gradients in place of its tensors."""
        return tree_map(self._handle, tree)

    def _handle(self, tensor: Any) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(tensor)}")
        if not tensor.is_floating_point() and not tensor.is_complex():
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        return tensor.view_as(tensor) if tensor.requires_grad else self.leaf(tensor.detach())

    def leaf(self, tensor: Tensor) -> Tensor:
        """Make a fresh tensor a leaf of this level."""
        tensor.requires_grad_()
        self._own[id(tensor)] = tensor
        return tensor

    def depends_outside(self, tensors: Iterable[Tensor]) -> bool:
        """Whether one of these depends on something that requires gradients outside."""
        if not self.tracked:
            return False
        return any(id(leaf) not in self._own for leaf in _leaves(tensors))

    def leave(self, tree: Any) -> Any:
        """The tree with tensors whose history is of this level alone cut off from it.

        Raises:
            RuntimeError: there is something else than tensors.
        """

        def left(tensor: Any) -> Tensor:
            if not isinstance(tensor, Tensor):
                raise RuntimeError(f"Expected tensors, got unsupported type {type(tensor)}")
            return tensor if self.depends_outside([tensor]) else tensor.detach()

        return tree_map(left, tree)

    def grad(
        self, outputs: Any, inputs: Any, vectors: Any, retain_graph: bool = False
    ) -> list[Tensor]:
        """Gradients, differentiable where that matters outside; zeros where there are none."""
        pairs = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o.requires_grad]
        if not pairs:
            return [pyrite.zeros_like(tensor) for tensor in inputs]
        create = self.depends_outside(
            tensor for pair in pairs for tensor in pair if tensor is not None
        )
        found = autograd.grad(
            [output for output, _ in pairs],
            inputs,
            [vector for _, vector in pairs],
            retain_graph=retain_graph or create,
            create_graph=create,
            allow_unused=True,
        )
        return [
            pyrite.zeros_like(tensor) if gradient is None else self.leave(gradient)
            for gradient, tensor in zip(found, inputs, strict=True)
        ]


def _leaves(tensors: Iterable[Tensor]) -> Iterable[Tensor]:
    """The leaves that require gradients on which tensors depend."""
    nodes: list[Any] = []
    for tensor in tensors:
        if tensor.grad_fn is not None:
            nodes.append(tensor.grad_fn)
        elif tensor.requires_grad:
            yield tensor
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if hasattr(node, "variable"):
            yield node.variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)


def _place(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def select(argnums: ArgNums, args: tuple[Any, ...]) -> tuple[Any, Callable[[Any], list[Any]]]:
    """The arguments to differentiate by, and what puts others in their place.

    Raises:
        RuntimeError: there are no such arguments, or one is named twice.
    """
    if isinstance(argnums, tuple):
        if not argnums:
            raise RuntimeError("argnums must be non-empty")
        places = [_place(argnum, len(args)) for argnum in argnums]
        if len(set(places)) != len(places):
            raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    elif isinstance(argnums, int):
        places = [_place(argnums, len(args))]
    else:
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")

    def replaced(values: Any) -> list[Any]:
        result = list(args)
        given = values if isinstance(argnums, tuple) else (values,)
        for place, value in zip(places, given, strict=True):
            result[place] = value
        return result

    chosen = tuple(args[place] for place in places)
    return (chosen if isinstance(argnums, tuple) else chosen[0]), replaced


def _with_aux(result: Any, has_aux: bool, where: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{where}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def grad_and_value(
    func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `func`, and its value.

    Args:
        func: gives a tensor with one element.
        argnums: by which arguments, containers of tensors, to differentiate.
        has_aux: `func` gives a pair, of which the second is passed on.

    Returns:
        A function of the same arguments that gives `(gradient, value)`, or with `has_aux`
        `(gradient, (value, aux))`.
    """

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        level = Level()
        with enable_grad():
            chosen, replaced = select(argnums, args)
            inputs = level.enter(chosen)
            result = func(*replaced(inputs), **kwargs)
            value, aux = _with_aux(result, has_aux, "grad_and_value(f)(*args)")
            _check_scalar(value)
            leaves, spec = tree_flatten(inputs)
            gradient = spec.unflatten(level.grad([value], leaves, [None]))
        value = level.leave(value)
        return gradient, (value, level.leave(aux)) if has_aux else value

    return differentiated


def _check_scalar(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}"
        )
    if value.dim() != 0:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
            f"with {value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def grad(
    func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `func`.

    Args:
        func: gives a tensor with one element.
        argnums: by which arguments, containers of tensors, to differentiate.
        has_aux: `func` gives a pair, of which the second is passed on.

    Returns:
        A function of the same arguments; with `has_aux` it gives `(gradient, aux)`.
    """
    both = grad_and_value(func, argnums, has_aux)

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        gradient, rest = both(*args, **kwargs)
        return (gradient, rest[1]) if has_aux else gradient

    return differentiated


def _outputs(result: Any, where: str, call: str) -> tuple[list[Tensor], TreeSpec]:
    """The tensors that a function gave, with their structure.

    Raises:
        RuntimeError: there is something else among them, or nothing.
    """
    leaves, spec = tree_flatten(result)
    if not leaves:
        raise RuntimeError(
            f"{where}: Expected f to be a function that has non-empty output (got output "
            f"= {leaves})"
        )
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{where}: expected {call} to return only tensors, got unsupported type "
                f"{type(leaf)}"
            )
    return leaves, spec


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `func`, and a function that multiplies vectors by its Jacobian from the left.

    Args:
        func: gives tensors, in containers.
        primals: its arguments, containers of tensors.
        has_aux: `func` gives a pair, of which the second is passed on.

    Returns:
        `(value, vjp_fn)`, with `has_aux` `(value, vjp_fn, aux)`. `vjp_fn` takes a vector like the
        value and gives a tuple of vectors like the primals.

    Raises:
        RuntimeError: `func` gives something else than tensors.
    """
    level = Level()
    where = "vjp(f, *primals)"
    with enable_grad():
        inputs, input_spec = tree_flatten(level.enter(primals))
        result = func(*input_spec.unflatten(inputs))
        value, aux = _with_aux(result, has_aux, where)
        outputs, spec = _outputs(value, where, "f(*primals)")

    def vjp_fn(cotangents: Any, retain_graph: bool = True) -> Any:
        vectors, given = tree_flatten(cotangents)
        if given != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {given}, primal output: {spec}"
            )
        level.tracked = level.tracked or is_grad_enabled()
        with enable_grad():
            found = level.grad(outputs, inputs, vectors, retain_graph)
        return input_spec.unflatten(found)

    value = level.leave(value)
    return (value, vjp_fn, level.leave(aux)) if has_aux else (value, vjp_fn)


class Linear:
    """The derivative of a function at a point: multiplies vectors by its Jacobian from the right.

    Args:
        func: gives tensors, in containers.
        primals: its arguments.
        where: how errors name the call.
        has_aux: `func` gives a pair, of which the second is passed on.
    """

    def __init__(
        self, func: Callable[..., Any], primals: tuple[Any, ...], where: str, has_aux: bool
    ) -> None:
        self._level = level = Level()
        with enable_grad():
            inputs, self.input_spec = tree_flatten(level.enter(primals))
            result = func(*self.input_spec.unflatten(inputs))
            value, aux = _with_aux(result, has_aux, where)
            self.outputs, self.spec = _outputs(value, where, "f(*primals)")
            # The vjp is linear in its vector; its derivative by that is the jvp.
            self._vectors = [
                level.leaf(pyrite.zeros_like(output)) if output.requires_grad else None
                for output in self.outputs
            ]
            live = [output for output in self.outputs if output.requires_grad]
            found = (
                autograd.grad(
                    live,
                    inputs,
                    [vector for vector in self._vectors if vector is not None],
                    create_graph=True,
                    allow_unused=True,
                )
                if live
                else [None] * len(inputs)
            )
        self.inputs, self._gradients = inputs, found
        self.value = level.leave(value)
        self.aux = level.leave(aux) if has_aux else None

    def __call__(self, tangents: list[Tensor]) -> Any:
        """The product with a vector, given as the leaves of one like the arguments."""
        pairs = [
            (gradient, tangent)
            for gradient, tangent in zip(self._gradients, tangents, strict=True)
            if gradient is not None
        ]
        live = [vector for vector in self._vectors if vector is not None]
        with enable_grad():
            products = iter(
                self._level.grad(
                    [gradient for gradient, _ in pairs],
                    live,
                    [tangent for _, tangent in pairs],
                    retain_graph=True,
                )
                if live
                else []
            )
        return self.spec.unflatten(
            [
                pyrite.zeros_like(output) if vector is None else next(products)
                for output, vector in zip(self.outputs, self._vectors, strict=True)
            ]
        )


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """The value of `func`, and the product of its Jacobian with a vector.

    Args:
        func: gives tensors, in containers.
        primals: its arguments, containers of tensors.
        tangents: the vector, like the primals.
        strict: raise if the value does not depend on the primals.
        has_aux: `func` gives a pair, of which the second is passed on.

    Returns:
        `(value, product)`, with `has_aux` `(value, product, aux)`.

    Raises:
        RuntimeError: arguments that do not fit, or `func` gives something else than tensors.
    """
    where = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{where}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    leaves, spec = tree_flatten(primals)
    vectors, given = tree_flatten(tangents)
    if given != spec:
        raise RuntimeError(
            f"{where}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {spec} and tangents with structure {given}"
        )
    if not any(isinstance(leaf, Tensor) for leaf in leaves):
        raise RuntimeError(f"{where}: Expected primals to contain at least one Tensor.")
    _check_sizes(leaves, vectors)
    linear = Linear(func, primals, where, has_aux)
    if strict and not all(output.requires_grad for output in linear.outputs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
            "This is not allowed with strict=True."
        )
    product = linear(vectors)
    return (linear.value, product, linear.aux) if has_aux else (linear.value, product)


def _check_sizes(primals: list[Tensor], tangents: list[Tensor]) -> None:
    for primal, tangent in zip(primals, tangents, strict=True):
        if primal.shape != tangent.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the "
                f"original Tensor, this is not supported. Tensor is of size {list(primal.shape)} "
                f"while the given forward gradient is of size {list(tangent.shape)}."
            )


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of `func`, and a function that multiplies vectors by its Jacobian from the right.

    Args:
        func: gives tensors, in containers.
        primals: its arguments, containers of tensors.

    Returns:
        `(value, jvp_fn)`; `jvp_fn` takes a vector like the primals, any number of times.
    """
    linear = Linear(func, primals, "linearize(f, *primals)", has_aux=False)

    def jvp_fn(*tangents: Any) -> Any:
        vectors, given = tree_flatten(tangents)
        if given != linear.input_spec:
            raise RuntimeError(
                f"Expected the tangents {given} to have the same argspec as the primals "
                f"{linear.input_spec}"
            )
        _check_sizes(linear.inputs, vectors)
        return linear(vectors)

    return linear.value, jvp_fn
