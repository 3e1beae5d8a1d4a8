"""Records what PyTorch 2.13.0 gives for the samples and error inputs of every op, in `ops.json`.

Run with PyTorch and Pyrite both importable: `PYTHONPATH=tests:pyfrontend python
tests/data/record_ops.py`. Pyrite lends its list of ops and their domains, nothing else.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from op_samples.errors import ERRORS
from op_samples.make import Make
from op_values import described
from opinfo import OPS, OURS, function, unique

#: Ops of ours that PyTorch spells differently.
SPELLED = {
    "frexp_exponent": lambda x: torch.frexp(x).exponent.to(x.dtype),
    "frexp_mantissa": lambda x: torch.frexp(x).mantissa,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "max_pool1d_with_indices": lambda *a, **k: torch.nn.functional.max_pool1d_with_indices(*a, **k),
    "_unique_consecutive": torch.ops.aten.unique_consecutive,
    "stft": lambda x, *a, **k: x.stft(*a, **k),
    "trigamma": lambda x: torch.polygamma(1, x),
    "trunc_divide": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
}


def outcomes(op: Any, calls: list[Any]) -> list[Any]:
    found = []
    for sample in calls:
        torch.manual_seed(0)
        call = SPELLED.get(op.name) or function(op, torch)
        try:
            result = call(*sample.args, **sample.named)
        except Exception as error:
            found.append({"error": type(error).__name__, "text": str(error).split("\n")[0]})
            continue
        found.append(described(sample.args[0] if result is None else unique(op, result)))
    return found


def main() -> None:
    """Writes the file; names what PyTorch refuses."""
    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is PyTorch 2.13.0, not {torch.__version__}")
    warnings.simplefilter("ignore")
    values, errors = {}, {}
    for op in OPS:
        if op.name in OURS:
            continue
        values[op.name] = outcomes(op, op.samples(torch))
        if op.name in ERRORS:
            errors[op.name] = outcomes(op, ERRORS[op.name](Make(torch)))
    for name, found in values.items():
        for number, outcome in enumerate(found):
            if isinstance(outcome, dict) and "error" in outcome:
                print("refused:", name, number, outcome)
    for name, found in errors.items():
        for number, outcome in enumerate(found):
            if not (isinstance(outcome, dict) and "error" in outcome):
                print("accepted:", name, number)
    rows = [f'"values.{name}": {json.dumps(found)}' for name, found in values.items()]
    rows += [f'"errors.{name}": {json.dumps(found)}' for name, found in errors.items()]
    path = Path(__file__).parent / "ops.json"
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
