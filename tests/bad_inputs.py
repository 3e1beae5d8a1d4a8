"""What the expressions of `data/bad_inputs.txt` are about, and whether a failed one left a trace.

Used by the test that compares with recorded outcomes and by the script that records them.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

from outcome import outcome, plain

__all__ = ["EXPRESSIONS", "bad_outcome"]

LINES = (Path(__file__).parent / "data/bad_inputs.txt").read_text(encoding="utf-8").splitlines()
EXPRESSIONS = [line for line in LINES if line and not line.startswith("#")]


def objects(package: Any) -> dict[str, Any]:
    """A network, its optimizer after one step, and what else the expressions name."""
    nn, optim = package.nn, package.optim
    package.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    opt = optim.Adam(net.parameters(), lr=0.1)
    net(package.randn(5, 4)).sum().backward()
    opt.step()
    bad = package.ones(2, requires_grad=True)
    bad.grad = package.tensor([float("nan"), 1.0])
    return {
        **{"nn": nn, "optim": optim, "init": nn.init, "data": package.utils.data, "io": io},
        **{"lr": optim.lr_scheduler, "net": net, "opt": opt, "bad": bad},
        "x": package.full((2, 4), 0.5),
        "w": package.ones(2, requires_grad=True),
        "other": optim.SGD([package.ones(1)], lr=0.1),
        "saved": lambda value, size=None: _saved(package, value, size),
    }


def _saved(package: Any, value: Any, size: int | None) -> io.BytesIO:
    file = io.BytesIO()
    package.save(value, file)
    return io.BytesIO(file.getvalue()[:size])


def bad_outcome(expression: str, package: Any) -> dict[str, Any]:
    """The outcome, and whether an error left the objects other than they were."""
    known = objects(package)
    before = _state(known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = outcome(expression, package, known)
    if "error" in found:
        found["changed"] = _state(known) != before
    return found


def _state(known: dict[str, Any]) -> str:
    """All that the objects consist of, as text."""
    net, opt, tensors = known["net"], known["opt"], [known["x"], known["w"], known["bad"]]
    grads = [each.grad for each in (*net.parameters(), *tensors)]
    kinds = [(name, type(child).__name__, child.training) for name, child in net.named_modules()]
    hooks = [len(child._forward_hooks) for child in net.modules()]
    state = [net.state_dict(), opt.state_dict(), tensors, grads, kinds, hooks, vars(known["other"])]
    return repr(_flat(state))


def _flat(value: Any) -> Any:
    if isinstance(value, dict):
        return [(str(key), _flat(part)) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [_flat(part) for part in value]
    return plain(value)
