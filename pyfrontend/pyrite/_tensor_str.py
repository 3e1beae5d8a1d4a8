"""Text of a tensor: `repr`, `str` and `format`, character for character PyTorch's.

Python layer, pure formatting. A tensor is read once into nested Python lists (a summarised one
through views of its edges, so that printing 2^30 elements fetches a few dozen); everything after
that works on the lists. Invariant: nothing here records history or changes the tensor.

Layout of the text: `tensor(` + nested brackets + `, suffix=value` ... + `)`, a column of numbers
right-aligned to one width, rows separated by as many newlines as dims close.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from pyrite import _C

from ._printoptions import PRINT_OPTIONS, get_printoptions, printoptions, set_printoptions

__all__ = [
    "get_printoptions",
    "printoptions",
    "set_printoptions",
    "tensor_format",
    "tensor_repr",
]

# Above this ratio, above this size or below this size the values print in scientific notation.
_SCI_RATIO, _SCI_MAX, _SCI_MIN = 1000.0, 1.0e8, 1.0e-4


def tensor_repr(tensor: _C.Tensor) -> str:
    """Return the text of a tensor, as `torch.Tensor.__repr__`.

    A subclass prints under its own name; the header line "Parameter containing:" is the matter of
    `Parameter.__repr__`.
    """
    prefix, wrapper = _names(tensor)
    data = tensor.detach()
    suffixes = [f"device='{data.device}'"] if data.device.type != "cpu" else []
    body = _body(data, len(prefix), suffixes)
    history = _history(tensor)
    if history:
        suffixes.append(history)
    text = _append_suffixes(prefix + body, suffixes, len(prefix))
    return wrapper.format(text) if wrapper else text


def tensor_format(tensor: _C.Tensor, spec: str) -> str:
    """Return `format(tensor, spec)`: a 0-d tensor formats as its Python number.

    Raises:
        TypeError: `spec` is not empty and the tensor has dims, or is a subclass, or is on `meta`.
    """
    if tensor.dim() == 0 and type(tensor) is _C.Tensor and tensor.device.type != "meta":
        return format(tensor.detach().item(), spec)
    return object.__format__(tensor, spec)


def _names(tensor: _C.Tensor) -> tuple[str, str | None]:
    """Opening text, and the pattern around the whole for a subclass of Parameter."""
    kind = type(tensor)
    if kind is _C.Tensor:
        return "tensor(", None
    from .nn.parameter import Parameter

    if kind is Parameter:
        return "tensor(", None
    return f"{kind.__name__}(", "Parameter({})" if isinstance(tensor, Parameter) else None


def _body(data: _C.Tensor, indent: int, suffixes: list[str]) -> str:
    """The bracketed values; adds the size and dtype suffixes that belong to this form."""
    default = _C.get_default_dtype()
    size = f"size={tuple(data.shape)}"
    dtype = f"dtype={data.dtype}"
    if data.device.type == "meta":
        suffixes.append(size)
        if data.dtype != default:
            suffixes.append(dtype)
        return "..."
    if data.numel() == 0:
        if data.dim() != 1:
            suffixes.append(size)
        if data.dtype != default:
            suffixes.append(dtype)
        return "[]"
    if not PRINT_OPTIONS.edgeitems:
        suffixes.append(size)
    if data.dtype not in _implied_dtypes(default):
        suffixes.append(dtype)
    return _values(data, indent)


def _implied_dtypes(default: Any) -> tuple[Any, ...]:
    """Dtypes a reader would get back from the bare numbers, so that they are not printed."""
    complex_default = _C.complex128 if default == _C.float64 else _C.complex64
    return (default, complex_default, _C.int64, _C.bool)


def _history(tensor: _C.Tensor) -> str | None:
    """The suffix that tells how the tensor takes part in autograd."""
    try:
        node = tensor.grad_fn
    except RuntimeError:  # a view whose history an in-place write has made unusable
        return "grad_fn=<Invalid>"
    if node is not None:
        return f"grad_fn=<{node.name().rsplit('::', 1)[-1]}>"
    return "requires_grad=True" if tensor.requires_grad else None


def _append_suffixes(text: str, suffixes: list[str], indent: int, on_new_line: bool = False) -> str:
    """Close the text with `, suffix`es; one that does not fit, or the first, starts a new line."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if on_new_line or column + len(suffix) + 2 > PRINT_OPTIONS.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
            on_new_line = False
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _values(data: _C.Tensor, indent: int) -> str:
    summarise = data.dim() > 0 and data.numel() > PRINT_OPTIONS.threshold
    if summarise and not PRINT_OPTIONS.edgeitems:
        return "[...]"
    rows = _edges(data) if summarise else data.tolist()
    element, width = _element_format(list(_flatten(rows)), data.dtype)
    if data.dim() == 0:
        return element(rows)
    return _brackets(rows, data.dim(), indent, element, width)


def _edges(data: _C.Tensor) -> list[Any]:
    """Nested lists of the elements at the edges of each dim; Ellipsis where some are left out."""
    edge = PRINT_OPTIONS.edgeitems
    length = data.size(0)
    if data.dim() == 1:
        if length <= 2 * edge:
            return list(data.tolist())
        return [*data[:edge].tolist(), Ellipsis, *data[-edge:].tolist()]
    if length <= 2 * edge:
        return [_edges(row) for row in data.unbind(0)]
    head, tail = data[:edge].unbind(0), data[-edge:].unbind(0)
    return [*map(_edges, head), Ellipsis, *map(_edges, tail)]


def _flatten(rows: Any) -> Iterator[Any]:
    if isinstance(rows, list):
        for row in rows:
            yield from _flatten(row)
    elif rows is not Ellipsis:
        yield rows


def _brackets(
    rows: list[Any], dim: int, indent: int, element: Callable[[Any], str], width: int
) -> str:
    if dim == 1:
        per_line = max(1, (PRINT_OPTIONS.linewidth - indent) // (width + 2))
        cells = [" ..." if value is Ellipsis else element(value) for value in rows]
        lines = [
            ", ".join(cells[start : start + per_line]) for start in range(0, len(cells), per_line)
        ]
        separator = ",\n" + " " * (indent + 1)
    else:
        lines = [
            "..." if row is Ellipsis else _brackets(row, dim - 1, indent + 1, element, width)
            for row in rows
        ]
        separator = "," + "\n" * (dim - 1) + " " * (indent + 1)
    return "[" + separator.join(lines) + "]"


def _element_format(values: list[Any], dtype: Any) -> tuple[Callable[[Any], str], int]:
    """How one element prints, and the columns it takes."""
    if dtype.is_complex:
        return _complex_format(values)
    if dtype.is_floating_point:
        return _float_format(values)
    width = max(len(str(value)) for value in values)
    return lambda value: str(value).rjust(width), width


def _complex_format(values: list[complex]) -> tuple[Callable[[complex], str], int]:
    """Real and imaginary parts each get a format of their own; only the real part is padded."""
    real, real_width = _float_format([value.real for value in values])
    imag, imag_width = _float_format([value.imag for value in values])

    def element(value: complex) -> str:
        tail = imag(value.imag).lstrip() + "j"
        return real(value.real) + (tail if tail[0] in "+-" else "+" + tail)

    return element, real_width + imag_width + 1


def _float_format(values: list[float]) -> tuple[Callable[[float], str], int]:
    """One of three forms for all values: `1.`, `1.0000` or `1.0000e+00`."""
    visible = [value for value in values if value and math.isfinite(value)]
    number = _float_form(visible)
    width = max((len(number(value)) for value in visible), default=1)
    return lambda value: number(value).rjust(width), width


def _float_form(visible: list[float]) -> Callable[[float], str]:
    precision = PRINT_OPTIONS.precision
    if visible and _is_scientific(visible):
        return f"{{:.{precision}e}}".format
    if all(value.is_integer() for value in visible):
        return lambda value: f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
    return f"{{:.{precision}f}}".format


def _is_scientific(visible: list[float]) -> bool:
    if PRINT_OPTIONS.sci_mode is not None:
        return PRINT_OPTIONS.sci_mode
    low, high = min(map(abs, visible)), max(map(abs, visible))
    return high / low > _SCI_RATIO or high > _SCI_MAX or low < _SCI_MIN


# The names by which subclasses of Tensor reach for parts of a repr.
PRINT_OPTS = PRINT_OPTIONS
_tensor_str = _values
