"""Records `promotion.json`: the dtype PyTorch 2.13.0 gives for every pair of dtypes.

One matrix per op and kind of right operand; rows are the left dtype. An empty entry is an error.
Pairs that are not compared are None.
Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_promotion.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from promotion_table import DTYPES, KINDS, OPS, is_compared, result

if __name__ == "__main__":
    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is PyTorch 2.13.0, not {torch.__version__}")
    table = {}
    for op in OPS:
        for kind in KINDS:
            table[f"{op}, {kind}"] = [
                [
                    result(torch, *pair) if is_compared(*pair) else None
                    for right in DTYPES
                    for pair in [(op, kind, left, right)]
                ]
                for left in DTYPES
            ]
    lines = [f"{json.dumps(key)}: {json.dumps(rows)}" for key, rows in table.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    Path(__file__).with_name("promotion.json").write_text(text, encoding="utf-8")
