"""Checks derivatives against finite differences: gradcheck and gradgradcheck.

Layer L6, built on `autograd.grad`. Jacobians are matrices with a row for each element of the input
and a column for each of the output. A complex input contributes `d/dx + i d/dy`, the convention of
`autograd.grad`; the real and the imaginary part of a complex output are checked one after the
other. Inputs are perturbed in place, through `data`, so functions that capture them are checked
too.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from pyrite import _C, autograd
from pyrite._C import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Tensors: TypeAlias = tuple[Tensor, ...]
Jacobians: TypeAlias = list[list[Tensor]]

_NONDETERMINISM = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values, although analytical gradient matches numerical gradient.The "
    "tolerance for nondeterminism was {}."
)


class GradcheckError(RuntimeError):
    """A derivative differs from its numerical value."""


class _Tolerance(NamedTuple):
    eps: float
    atol: float
    rtol: float
    nondet: float


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(value) if isinstance(value, list) else (value,)


def _differentiable(values: Any) -> Tensors:
    return tuple(v for v in _as_tuple(values) if isinstance(v, Tensor) and v.requires_grad)


def _refuse(**options: bool) -> None:
    """Raise NotImplementedError for options that need what is not there."""
    for name, value in options.items():
        if value:
            need = "vmap" if "batched" in name else "forward-mode differentiation"
            raise NotImplementedError(
                f"gradcheck: {name}=True needs {need}, which is not available"
            )


_NO_CHECK = "Expected at least one of check_forward_ad or check_backward_ad to be True"


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func` with central differences.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple; those that require grad are checked and should be double.
        eps: size of the perturbation.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise at a mismatch rather than return False.
        nondet_tol: how much two runs of the same backward may differ.
        check_undefined_grad: inert: outputs are differentiated one at a time in any case.
        check_grad_dtypes: gradients must have their inputs' dtypes.
        check_batched_grad: not available.
        check_batched_forward_grad: not available.
        check_forward_ad: not available.
        check_backward_ad: must be True.
        fast_mode: inert: the full check always runs.
        masked: inert: it concerns sparse tensors.

    Returns:
        Whether all gradients agree.

    Raises:
        GradcheckError: a mismatch, with the numerical and the analytical Jacobian.
        ValueError: no input requires grad.
    """
    _refuse(
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad,
    )
    if not check_backward_ad:
        raise AssertionError(_NO_CHECK)
    args = _as_tuple(inputs)
    _check_inputs(args)
    try:
        _check(func, args, _Tolerance(eps, atol, rtol, nondet_tol), check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    for i, value in enumerate(inputs):
        if not (isinstance(value, Tensor) and value.requires_grad):
            continue
        if value.dtype not in (_C.float64, _C.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=3,
            )
        if any(st == 0 and sz > 1 for st, sz in zip(value.stride(), value.size(), strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )
    if not _differentiable(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )


def _check(
    func: Callable[..., Any], inputs: tuple[Any, ...], tolerance: _Tolerance, dtypes: bool
) -> None:
    variables = _differentiable(inputs)
    outputs = _differentiable(func(*inputs))
    if not outputs:
        _check_constant(func, inputs, variables, tolerance.eps)
        return
    numerical = _numerical_jacobians(
        lambda: _differentiable(func(*inputs)), variables, outputs, tolerance.eps
    )
    passes = [("imaginary", 1j), ("real", 1.0)]
    for part, unit in passes:
        for o, output in enumerate(outputs):
            if unit == 1j and not output.is_complex():
                continue
            analytical = _analytical_jacobian(output, variables, unit, dtypes)
            again = _analytical_jacobian(output, variables, unit, dtypes)
            for i, variable in enumerate(variables):
                expected = _part(numerical[i][o], variable, output, unit)
                _compare(analytical[i], expected, tolerance, (o, i), part, output.is_complex())
                _check_repeat(analytical[i], again[i], tolerance.nondet)
    _check_scaling(outputs, variables)


def _check_constant(
    func: Callable[..., Any], inputs: tuple[Any, ...], variables: Tensors, eps: float
) -> None:
    """Outputs that do not require grad must not depend on the inputs."""

    def evaluate() -> Tensors:
        return tuple(v for v in _as_tuple(func(*inputs)) if isinstance(v, Tensor))

    jacobians = _numerical_jacobians(evaluate, variables, evaluate(), eps)
    if any(bool((jacobian != 0).any()) for row in jacobians for jacobian in row):
        raise GradcheckError("Numerical gradient for function expected to be zero")


def _compare(
    analytical: Tensor,
    numerical: Tensor,
    tolerance: _Tolerance,
    where: tuple[int, int],
    part: str,
    is_complex: bool,
) -> None:
    dtype = _C.promote_types(analytical.dtype, numerical.dtype)
    if _C.allclose(analytical.to(dtype), numerical.to(dtype), tolerance.rtol, tolerance.atol):
        return
    prefix = f"While considering the {part} part of complex outputs only, " if is_complex else ""
    raise GradcheckError(
        f"{prefix}Jacobian mismatch for output {where[0]} with respect to input {where[1]},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _check_repeat(first: Tensor, second: Tensor, nondet_tol: float) -> None:
    if first.numel() and not bool((first - second).abs().max() <= nondet_tol):
        raise GradcheckError(_NONDETERMINISM.format(nondet_tol))


def _elements(variable: Tensor) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(size) for size in variable.size()))


def _numerical_jacobians(
    evaluate: Callable[[], Tensors], variables: Tensors, outputs: Tensors, eps: float
) -> Jacobians:
    """Jacobians by input and output; for a complex input, columns along x and along y.

    The rows of a complex input's Jacobian hold pairs: `[elements, 2, outputs]`.
    """
    jacobians = []
    for variable in variables:
        units = (1.0, 1j) if variable.is_complex() else (1.0,)
        rows: list[list[Tensor]] = [[] for _ in outputs]
        for index in _elements(variable):
            for unit in units:
                for row, slope in zip(
                    rows, _slopes(evaluate, variable, index, eps, unit), strict=True
                ):
                    row.append(slope)
        jacobians.append(
            [
                _C.stack(row).view(variable.numel(), len(units), output.numel())
                if row
                else output.new_zeros(0, len(units), output.numel())
                for row, output in zip(rows, outputs, strict=True)
            ]
        )
    return jacobians


def _slopes(
    evaluate: Callable[[], Tensors],
    variable: Tensor,
    index: tuple[int, ...],
    eps: float,
    unit: complex,
) -> list[Tensor]:
    """Central difference of each output for one element of the input; the element is put back."""
    data = variable.data
    origin = data[index].clone()
    try:
        data[index] = origin + eps * unit
        above = [output.detach().clone() for output in evaluate()]
        data[index] = origin - eps * unit
        below = [output.detach().clone() for output in evaluate()]
    finally:
        data[index] = origin
    return [((a - b) / (2 * eps)).reshape(-1) for a, b in zip(above, below, strict=True)]


def _part(jacobian: Tensor, variable: Tensor, output: Tensor, unit: complex) -> Tensor:
    """The numerical Jacobian of one part of the output, as `autograd.grad` would give it."""
    if output.is_complex():
        jacobian = jacobian.imag if unit == 1j else jacobian.real
    if variable.is_complex():
        return _C.complex(jacobian[:, 0].contiguous(), jacobian[:, 1].contiguous())
    return jacobian[:, 0]


def _analytical_jacobian(
    output: Tensor, variables: Tensors, unit: complex, check_dtypes: bool
) -> list[Tensor]:
    """Jacobians of one part of an output with respect to each input, by backward passes."""
    columns: list[list[Tensor]] = [[] for _ in variables]
    for index in _elements(output):
        seed = _C.zeros_like(output)
        seed[index] = unit
        grads = autograd.grad(output, variables, seed, retain_graph=True, allow_unused=True)
        for column, grad, variable in zip(columns, grads, variables, strict=True):
            grad = _C.zeros_like(variable) if grad is None else grad
            if check_dtypes and grad.dtype != variable.dtype:
                raise GradcheckError("Gradient has dtype mismatch")
            if grad.size() != variable.size():
                raise GradcheckError("Analytical gradient has incorrect size")
            column.append(grad.detach().reshape(-1).clone())
    return [
        _C.stack(column, 1) if column else variable.new_zeros(variable.numel(), 0).detach()
        for column, variable in zip(columns, variables, strict=True)
    ]


def _check_scaling(outputs: Tensors, variables: Tensors) -> None:
    """A backward pass of zeros gives zeros, on the inputs' devices."""
    if not variables:
        raise GradcheckError("no Tensors requiring grad found in input")
    zeros = tuple(_C.zeros_like(output) for output in outputs)
    grads = autograd.grad(outputs, variables, zeros, retain_graph=True, allow_unused=True)
    for grad, variable in zip(grads, variables, strict=True):
        if grad is None:
            continue
        if not bool((grad == 0).all()):
            raise GradcheckError("backward not multiplied by grad_output")
        if grad.device != variable.device:
            raise GradcheckError("grad is incorrect device")


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the gradients of the gradients of `func` with central differences.

    Args as for `gradcheck`, whose `check_forward_ad` and `check_backward_ad` are here called
    `check_fwd_over_rev` (not available) and `check_rev_over_rev` (must be True), and:
        grad_outputs: gradients of the outputs, checked as inputs too; random in [-1, 1) if None.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.

    Returns:
        Whether all second derivatives agree.
    """
    args = _as_tuple(inputs)
    if grad_outputs is None:
        outputs = _differentiable(func(*args))
        seeds = tuple(_random_like(output, gen_non_contig_grad_outputs) for output in outputs)
    else:
        seeds = _as_tuple(grad_outputs)

    def gradient(*values: Any) -> Tensors:
        arguments, grads = values[: len(args)], values[len(args) :]
        outputs = _differentiable(func(*arguments))
        result = autograd.grad(
            outputs, _differentiable(arguments), grads, create_graph=True, allow_unused=True
        )
        return tuple(grad for grad in result if grad is not None)

    return gradcheck(
        gradient,
        args + seeds,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _random_like(output: Tensor, non_contiguous: bool) -> Tensor:
    """Uniform values in [-1, 1), for complex tensors in both parts."""
    shape = list(output.shape)
    if non_contiguous and shape:
        shape[-1] *= 2
    values = _C.empty(shape, dtype=output.dtype, device=output.device)
    (_C.view_as_real(values) if values.is_complex() else values).uniform_(-1, 1)
    if non_contiguous and shape:
        values = values[..., ::2]
    return values.requires_grad_()
