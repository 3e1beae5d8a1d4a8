"""Derivatives of functions as values: jacobian, hessian and their products with vectors.

Layer L6, built on `autograd.grad`. Products with the Jacobian from the right (jvp, hvp)
differentiate a vector-Jacobian product with respect to its vector (the double-backward trick).
Inputs are replaced by views or detached copies, so that the given tensors never collect gradients;
results carry a graph only with `create_graph`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pyrite import _C, autograd
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import enable_grad, set_grad_enabled

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors: TypeAlias = tuple[Tensor, ...]

_OUTPUTS = "outputs of the user-provided function"

_INDEPENDENT = {
    "back": (
        "The output of the user-provided function is independent of input {}. This is not allowed "
        "in strict mode."
    ),
    "back_trick": (
        "The gradient with respect to the input is independent of entry {} in the grad_outputs "
        "when using the double backward trick to compute forward mode gradients. This is not "
        "allowed in strict mode."
    ),
    "double_back": (
        "The jacobian of the user-provided function is independent of input {}. This is not "
        "allowed in strict mode."
    ),
    "double_back_trick": (
        "The hessian of the user-provided function is independent of entry {} in the "
        "grad_jacobian. This is not allowed in strict mode as it prevents from using the double "
        "backward trick to replace forward mode AD."
    ),
}

_NO_GRAPH = {
    "outputs": (
        "Output {} of the user-provided function does not require gradients. The outputs must be "
        "computed in a differentiable manner from the input when running in strict mode."
    ),
    "grad_inputs": (
        "The gradient with respect to input {} is independent of the inputs of the user-provided "
        "function. This is not allowed in strict mode."
    ),
    "jacobian": (
        "While computing the hessian, found that the jacobian of the user-provided function with "
        "respect to input {} is independent of the input. This is not allowed in strict mode. You "
        "should ensure that your function is twice differentiable and that the jacobian depends "
        "on the inputs (this would be violated by a linear function for example)."
    ),
    "hessian": (
        "The hessian of the user-provided function with respect to input {} is independent of the "
        "input. This is not allowed in strict mode. You should ensure that your function is "
        "thrice differentiable and that the hessian depends on the inputs."
    ),
}


def _as_tensors(value: Any, what: str, caller: str) -> tuple[bool, Tensors]:
    """Whether the value is a tuple, and the value as one; TypeError for anything but tensors."""
    is_tuple = isinstance(value, tuple)
    items = value if is_tuple else (value,)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            place = f"value at index {i}" if is_tuple else f"given {what}"
            raise TypeError(
                f"The {what} given to {caller} must be either a Tensor or a tuple of Tensors but "
                f"the {place} has type {type(item)}."
            )
    return is_tuple, items


def _separate(tensors: Tensors, create_graph: bool, requires_grad: bool = True) -> Tensors:
    """New handles of the inputs, so that captured uses of the same tensors stay apart."""
    return tuple(
        t.view_as(t)
        if create_graph and t.requires_grad
        else t.detach().requires_grad_(requires_grad)
        for t in tensors
    )


def _finish(tensors: Sequence[Tensor], create_graph: bool, as_tuple: bool) -> Any:
    """The result for the user: without history unless asked for, unpacked if it was not a tuple."""
    result = tuple(tensors) if create_graph else tuple(t.detach() for t in tensors)
    return result if as_tuple else result[0]


def _vector(
    v: Any, like: Tensors, is_tuple: bool, caller: str, create_graph: bool
) -> Tensors | None:
    """The vector, once checked; None, which stands for a one, where `like` is a single element."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            what = (
                "user-provided function returns"
                if caller == "vjp"
                else "input to the user-provided function is"
            )
            raise RuntimeError(
                f"The vector v can only be None if the {what} a single Tensor with a single "
                "element."
            )
        return None
    _, vectors = _as_tensors(v, "v", caller)
    if len(vectors) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}."
            if is_tuple
            else "The given v should contain a single Tensor."
        )
    for i, (vector, other) in enumerate(zip(vectors, like, strict=True)):
        if vector.size() != other.size():
            entry = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(
                f"{entry}v has invalid size: should be {other.size()} but got {vector.size()}."
            )
    return _separate(vectors, create_graph, requires_grad=False)


def _require_graph(tensors: Sequence[Tensor | None], kind: str, strict: bool) -> None:
    """In strict mode, raise RuntimeError if one of these does not depend on the inputs."""
    if not strict:
        return
    for i, tensor in enumerate(tensors):
        if tensor is None:
            raise RuntimeError(_INDEPENDENT["back"].format(i))
        if not tensor.requires_grad:
            raise RuntimeError(_NO_GRAPH[kind].format(i))


def _grad(
    outputs: Sequence[Tensor | None],
    inputs: Tensors,
    grad_outputs: Sequence[Tensor | None] | None = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> tuple[Tensor | None, ...]:
    """`autograd.grad` that skips outputs without history and gives None for unused inputs."""
    grads = [None] * len(outputs) if grad_outputs is None else grad_outputs
    pairs = [
        (o, g) for o, g in zip(outputs, grads, strict=True) if o is not None and o.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    result: tuple[Tensor | None, ...] = autograd.grad(
        tuple(o for o, _ in pairs),
        inputs,
        tuple(g for _, g in pairs),
        allow_unused=True,
        create_graph=create_graph,
        retain_graph=retain_graph,
    )
    return result


def _fill(
    grads: Sequence[Tensor | None], like: Tensors, stage: str, strict: bool, create_graph: bool
) -> Tensors:
    """Zeros in the place of missing gradients, or in strict mode an error."""
    filled = []
    for i, (grad, other) in enumerate(zip(grads, like, strict=True)):
        if grad is None and strict:
            raise RuntimeError(_INDEPENDENT[stage].format(i))
        if grad is not None and strict and create_graph and not grad.requires_grad:
            what = "hessian" if "double" in stage else "jacobian"
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode when create_graph=True."
            )
        filled.append(_C.zeros_like(other) if grad is None else grad)
    return tuple(filled)


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The output of `func(*inputs)` and the product of `v` with its Jacobian.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of them.
        v: shaped as the output; may be None if that is a single element.
        create_graph: make the results differentiable.
        strict: raise if an output does not depend on an input, rather than return zeros.
    """
    with enable_grad():
        inputs_are_tuple, inputs = _as_tensors(inputs, "inputs", "vjp")
        inputs = _separate(inputs, create_graph)
        outputs_are_tuple, outputs = _as_tensors(func(*inputs), _OUTPUTS, "vjp")
        _require_graph(outputs, "outputs", strict)
        v = _vector(v, outputs, outputs_are_tuple, "vjp", create_graph)
    with set_grad_enabled(create_graph or _C.is_grad_enabled()):
        grads = _grad(outputs, inputs, v, create_graph)
        product = _fill(grads, inputs, "back", strict, create_graph)
    return (
        _finish(outputs, create_graph, outputs_are_tuple),
        _finish(product, create_graph, inputs_are_tuple),
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The output of `func(*inputs)` and the product of its Jacobian with `v`.

    Args as for `vjp`, but `v` is shaped as the inputs.
    """
    with enable_grad():
        inputs_are_tuple, inputs = _as_tensors(inputs, "inputs", "jvp")
        inputs = _separate(inputs, create_graph)
        v = _vector(v, inputs, inputs_are_tuple, "jvp", create_graph)
        outputs_are_tuple, outputs = _as_tensors(func(*inputs), _OUTPUTS, "jvp")
        _require_graph(outputs, "outputs", strict)
        dummies = tuple(_C.zeros_like(output, requires_grad=True) for output in outputs)
        grad_inputs = _grad(outputs, inputs, dummies, create_graph=True)
        _require_graph(grad_inputs, "grad_inputs", strict)
    with set_grad_enabled(create_graph or _C.is_grad_enabled()):
        grads = _grad(grad_inputs, dummies, v, create_graph)
        product = _fill(grads, outputs, "back_trick", strict, create_graph)
    return (
        _finish(outputs, create_graph, outputs_are_tuple),
        _finish(product, create_graph, outputs_are_tuple),
    )


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func` at `inputs`, one backward pass for each element of the output.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of them.
        create_graph: make the result differentiable.
        strict: raise if an output does not depend on an input, rather than return zeros.
        vectorize: inert; it chooses how PyTorch batches the passes.
        strategy: "reverse-mode"; "forward-mode" gives the same values by the same passes and, as in
            PyTorch, asks for `vectorize`.

    Returns:
        A tensor of the output's shape followed by the input's, in a tuple for a tuple of inputs, in
        a tuple of these for a tuple of outputs.
    """
    _check_strategy(strategy, create_graph, strict, vectorize)
    with enable_grad():
        inputs_are_tuple, inputs = _as_tensors(inputs, "inputs", "jacobian")
        inputs = _separate(inputs, create_graph)
        outputs_are_tuple, outputs = _as_tensors(func(*inputs), _OUTPUTS, "jacobian")
        _require_graph(outputs, "outputs", strict)
        rows = [
            _finish(
                _jacobian_of(i, output, inputs, create_graph, strict),
                create_graph,
                inputs_are_tuple,
            )
            for i, output in enumerate(outputs)
        ]
    return tuple(rows) if outputs_are_tuple else rows[0]


def _check_strategy(strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph or strict:
            option, other = (
                ("create_graph", NotImplementedError) if create_graph else ("strict", RuntimeError)
            )
            raise other(
                f"torch.autograd.functional.jacobian: `{option}=True` and "
                '`strategy="forward-mode"` are not supported together (yet). Please either set '
                f'`{option}=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
                "only implemented for `vectorize=True`."
            )
    elif vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )


def _jacobian_of(
    index: int, output: Tensor, inputs: Tensors, create_graph: bool, strict: bool
) -> Tensors:
    """Jacobians of one output with respect to each input."""
    rows = []
    flat = output.reshape(-1)
    for position in range(flat.numel()):
        grads = _grad((flat[position],), inputs, create_graph=create_graph, retain_graph=True)
        for i, grad in enumerate(grads):
            if grad is None and strict:
                raise RuntimeError(
                    f"Output {index} of the user-provided function is independent of input {i}. "
                    "This is not allowed in strict mode."
                )
            if grad is not None and strict and create_graph and not grad.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {index}. "
                    "This is not allowed in strict mode when create_graph=True."
                )
        rows.append(
            [_C.zeros_like(x) if g is None else g for g, x in zip(grads, inputs, strict=True)]
        )
    shapes = [(*output.shape, *x.shape) for x in inputs]
    if not rows:
        return tuple(x.new_zeros(shape) for x, shape in zip(inputs, shapes, strict=True))
    columns = zip(*rows, strict=True)
    return tuple(
        _C.stack(column, 0).view(shape) for column, shape in zip(columns, shapes, strict=True)
    )


def _one_element(value: Any, caller: str) -> Tensor:
    """The output of a function that must return a single tensor with a single element."""
    if isinstance(value, tuple):
        raise RuntimeError(f"The function given to {caller} should return a single Tensor")
    if value.numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {caller} should contain a single element"
        )
    output: Tensor = value
    return output


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function with a single-element output: the Jacobian of its gradient.

    Args as for `jacobian`.

    Returns:
        A tensor of the input's shape twice, or for a tuple of inputs a tuple of tuples of these.
    """
    inputs_are_tuple, inputs = _as_tensors(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def scalar(*args: Tensor) -> Tensor:
        value = func(*args)
        _, outputs = _as_tensors(value, _OUTPUTS, "hessian")
        _require_graph(outputs, "outputs", strict)
        return _one_element(value, "hessian").squeeze()

    def gradient(*args: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            args = tuple(arg.requires_grad_() for arg in args)
        grads = jacobian(scalar, args, create_graph=True)
        _require_graph(grads, "jacobian", strict)
        return grads

    rows = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return rows if inputs_are_tuple else rows[0][0]


def _gradient_with_graph(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool, caller: str
) -> tuple[bool, Tensors, Tensors | None, Tensor, tuple[Tensor | None, ...]]:
    """Common part of vhp and hvp: checked inputs and vector, the output and its gradient."""
    inputs_are_tuple, inputs = _as_tensors(inputs, "inputs", caller)
    inputs = _separate(inputs, create_graph)
    v = _vector(v, inputs, inputs_are_tuple, caller, create_graph)
    value = func(*inputs)
    _, outputs = _as_tensors(value, _OUTPUTS, caller)
    _require_graph(outputs, "outputs", strict)
    output = _one_element(value, caller)
    gradient = _grad((output,), inputs, create_graph=True)
    _require_graph(gradient, "jacobian", strict)
    return inputs_are_tuple, inputs, v, output, gradient


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The output of `func(*inputs)`, a single element, and the product of `v` with its Hessian.

    Args as for `jvp`.
    """
    with enable_grad():
        is_tuple, inputs, v, output, gradient = _gradient_with_graph(
            func, inputs, v, create_graph, strict, "vhp"
        )
    with set_grad_enabled(create_graph or _C.is_grad_enabled()):
        grads = _grad(gradient, inputs, v, create_graph)
        product = _fill(grads, inputs, "double_back", strict, create_graph)
    return _finish((output,), create_graph, False), _finish(product, create_graph, is_tuple)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The output of `func(*inputs)`, a single element, and the product of its Hessian with `v`.

    Slower than `vhp`, to which it is equal for functions with continuous second derivatives. Args
    as for `jvp`.
    """
    with enable_grad():
        is_tuple, inputs, v, output, gradient = _gradient_with_graph(
            func, inputs, v, create_graph, strict, "hvp"
        )
        dummies = tuple(_C.zeros_like(x, requires_grad=True) for x in inputs)
        products = _grad(gradient, inputs, dummies, create_graph=True)
        _require_graph(products, "hessian", strict)
    with set_grad_enabled(create_graph or _C.is_grad_enabled()):
        grads = _grad(products, dummies, v, create_graph)
        product = _fill(grads, inputs, "double_back_trick", strict, create_graph)
    return _finish((output,), create_graph, False), _finish(product, create_graph, is_tuple)
