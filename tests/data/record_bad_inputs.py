"""Records what PyTorch 2.13.0 gives for the expressions of `bad_inputs.txt`: `bad_inputs.json`.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_bad_inputs.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.utils.prune

from bad_inputs import EXPRESSIONS, bad_outcome

if __name__ == "__main__":
    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is PyTorch 2.13.0, not {torch.__version__}")
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    table = {}
    for expression in EXPRESSIONS:
        found = bad_outcome(expression, torch)
        found["text"] = found["text"].split("\n")[0] if "error" in found else ""
        table[expression] = {key: value for key, value in found.items() if value not in ("", False)}
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(True)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items()]
    path = Path(__file__).with_name("bad_inputs.json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
