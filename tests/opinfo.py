"""What tests need to know about each op: its samples, error inputs and reference.

The list of ops is the op table itself. Elementwise rows get their samples from the domain the row
states, so a new row costs nothing here; every other op has its samples in `op_samples`. The
reference of a sample is what PyTorch 2.13.0 gave for it, recorded by `data/record_ops.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyrite
from op_samples import SAMPLES
from op_samples.make import Call, Make

__all__ = ["OPS", "OpInfo", "by_name", "function", "map_tensors", "tensors", "unique", "within"]

#: Numbers for required parameters of elementwise rows that are not tensors.
_NUMBERS = {"Scalar": 0.5, "int": 1}

#: Draws numbers: two calls agree only from the same seed.
RANDOM = frozenset(
    """
    _sample_dirichlet _standard_gamma alpha_dropout bernoulli bernoulli_ binomial cauchy_ dropout
    exponential_ feature_alpha_dropout feature_dropout geometric_ log_normal_ multinomial
    native_dropout normal normal_ poisson rand rand_like randint randint_like randn randn_like
    random_ randperm rrelu uniform_
    """.split()
)


#: Ops that PyTorch composes in Python: `tests/optim` compares the optimizers, `tests/nn` the cells.
OURS = frozenset(
    "_fused_adadelta_ _fused_adamax_ _fused_asgd_ _fused_nadam_ _fused_radam_ _fused_rmsprop_"
    " _fused_rprop_".split()
)


def _magnitudes(*places: int) -> Callable[[Any], Any]:
    return lambda found: tuple(x.abs() if n in places else x for n, x in enumerate(found))


#: What is unique of results that are unique but for a sign or phase of each vector.
_UNIQUE = {
    "linalg_eig": _magnitudes(1),
    "linalg_eigh": _magnitudes(1),
    "linalg_svd": _magnitudes(0, 2),
    "svd": _magnitudes(0, 2),
}


def _first(change: Callable[[Any], Any]) -> Callable[..., tuple[Any, ...]]:
    return lambda x, *rest: (change(x), *rest)


def _hermitian(x: Any) -> Any:
    return (x + x.mH) / 2


def _triangle(x: Any, upper: bool) -> Any:
    return x.triu() if upper else x.tril()


#: What keeps the arguments where the op reads all of them: half of a matrix, logarithms that add
#: up to one. A finite difference would leave it, and the derivative is meant within it.
_WITHIN = {
    "cholesky": _first(_hermitian),
    "cholesky_inverse": lambda x, upper=False: (_triangle(x, upper), upper),
    "cholesky_solve": lambda b, x, upper=False: (b, _triangle(x, upper), upper),
    "ctc_loss": _first(lambda x: x.log_softmax(-1)),
    "linalg_cholesky": _first(_hermitian),
    "linalg_cholesky_ex": _first(_hermitian),
    "linalg_eigh": _first(_hermitian),
    "linalg_eigvalsh": _first(_hermitian),
    "linalg_pinv": _first(lambda x: _hermitian(x) if x.shape[-2] == x.shape[-1] else x),
}


@dataclass(frozen=True)
class OpInfo:
    """One op of the table."""

    name: str
    schemas: tuple[str, ...]
    docs: tuple[str, ...]
    spellings: frozenset[str]
    takes_out_always: bool
    row: dict[str, Any] | None

    def samples(self, package: Any = pyrite, dtype: str = "float64") -> list[Call]:
        """The calls tests make, with floating tensors of `dtype`."""
        make = Make(package, dtype)
        if self.name in SAMPLES:
            return SAMPLES[self.name](make)
        return _row_samples(self, make) if self.row else []

    @property
    def is_inplace(self) -> bool:
        """Whether the op itself overwrites its first argument."""
        return self.name.endswith("_")

    def takes(self, dtype: str) -> bool:
        """Whether an elementwise op has a kernel for `dtype`."""
        return self.row is not None and dtype in self.row["dtypes"]


def _parameters(schema: str) -> Iterator[tuple[str, str | None]]:
    """Type and default of each positional parameter."""
    listed = schema[schema.index("(") + 1 : schema.rindex(") -> ")]
    for part in re.split(r",\s*(?![^\[(]*[\])])", listed.split("*")[0]):
        if part.strip():
            declared, _, default = part.strip().partition("=")
            yield declared.rpartition(" ")[0], default or None


def _row_samples(op: OpInfo, make: Make) -> list[Call]:
    """Equal shapes, broadcasting, a number on the right, and 0-d."""
    assert op.row is not None
    low, high = op.row["sample"]
    if not op.takes("float64") and not op.takes("float32"):
        make.dtype = "int64"
    required = [kind for kind, default in _parameters(op.schemas[0]) if default is None]
    kinds = [kind for kind in required if kind in ("Tensor", "Operand")]

    def sample(*shapes: tuple[int, ...]) -> Call:
        given = iter(shapes)
        args = [
            make(*next(given), low=low, high=high)
            if kind in ("Tensor", "Operand")
            else _NUMBERS[kind]
            for kind in required
        ]
        return Call(tuple(args))

    samples = [sample(*[(2, 3)] * len(kinds)), sample(*[()] * len(kinds))]
    if len(kinds) == 2:
        samples.append(sample((2, 1), (3,)))
    if kinds == ["Operand", "Operand"] and op.name not in _TWO_TENSORS:
        number: Any = 2 if make.dtype == "int64" else 1.5
        samples.append(Call((make(2, 3, low=low, high=high), number)))
        if op.name not in _NUMBER_ON_THE_RIGHT:
            samples.append(Call((number, make(2, 3, low=low, high=high))))
    return samples


#: PyTorch takes no number beside a tensor here.
_TWO_TENSORS = frozenset(
    "maximum minimum fmax fmin atan2 logaddexp logaddexp2".split()
    + "logical_and logical_or logical_xor".split()
)

#: PyTorch takes a number only on the right here.
_NUMBER_ON_THE_RIGHT = frozenset("copysign eq ne lt le gt ge fmod".split())


def _ops() -> list[OpInfo]:
    infos = []
    for entry in pyrite._C._ops():
        if entry["alias_of"] is None:
            overloads = entry["overloads"]
            infos.append(
                OpInfo(
                    entry["name"],
                    tuple(o["schema"] for o in overloads),
                    tuple(o["doc"] for o in overloads),
                    frozenset(s for o in overloads for s in o["spellings"]),
                    all("out" in o["spellings"] for o in overloads),
                    entry["row"],
                )
            )
    return sorted(infos, key=lambda op: op.name)


OPS = _ops()


def by_name(name: str) -> OpInfo:
    """The op called `name`."""
    return next(op for op in OPS if op.name == name)


def function(op: OpInfo, package: Any = pyrite) -> Callable[..., Any]:
    """The op as a function of all its arguments."""
    if package is not pyrite:
        return _reference(op.name, package)
    if "function" in op.spellings:
        # What Python gives another signature has an underscore in front natively.
        return getattr(pyrite._C, op.name, None) or getattr(pyrite._C, f"_{op.name}")
    name = op.name if "method" in op.spellings else f"{op.name}_"
    return lambda x, *rest, **named: getattr(x, name)(*rest, **named)


def unique(op: OpInfo, found: Any) -> Any:
    """What of a result is the same under every implementation."""
    return _UNIQUE[op.name](found) if op.name in _UNIQUE else found


def within(op: OpInfo, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments moved into what the derivative is defined on."""
    return _WITHIN[op.name](*args) if op.name in _WITHIN else args


def _reference(name: str, torch: Any) -> Callable[..., Any]:
    for place in (torch._C._VariableFunctions, torch._C._nn, torch.ops.aten, torch):
        if callable(getattr(place, name, None)):
            return getattr(place, name)
    if hasattr(torch.Tensor, name):
        return lambda x, *rest, **named: getattr(x, name)(*rest, **named)
    raise LookupError(f"PyTorch has no {name}")


def tensors(value: Any) -> list[Any]:
    """The tensors in nested lists and tuples."""
    if isinstance(value, pyrite.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [found for part in value for found in tensors(part)]
    return (
        [found for part in value.values() for found in tensors(part)]
        if isinstance(value, dict)
        else []
    )


def map_tensors(change: Callable[[Any], Any], value: Any) -> Any:
    """The same nested value with every tensor changed."""
    if isinstance(value, pyrite.Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(change, part) for part in value)
    if isinstance(value, dict):
        return {key: map_tensors(change, part) for key, part in value.items()}
    return value
