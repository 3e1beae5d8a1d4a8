"""Record how PyTorch prints tensors: `python record_repr.py` writes repr.json beside this file.

Needs PyTorch 2.13; run by hand when a case is added. The texts say "torch." where the package's
own name stands. A case is [print options, expression, text].
"""

import json
import pathlib

import torch

PLAIN = """
P.tensor(1)
P.tensor(-2.75)
P.tensor(True)
P.tensor([True, False])
P.tensor([1, -200, 3])
P.tensor([1, 2], dtype=P.int8)
P.tensor(2.5, dtype=P.float16)
P.tensor([0.1, 20.0, -3.5])
P.tensor([1.0, 20.0, -3.0])
P.tensor([[[1., 2.], [3., 4.]], [[5., 6.], [7., 8.]]])
P.tensor([1 + 2j, -0.5j])
P.tensor([complex(1e10, 1), complex(0, -1)])
P.tensor([1.0, float('nan'), float('inf'), -float('inf')])
P.tensor([0.5, float('nan'), -float('inf')])
P.tensor([float('nan'), float('nan')])
P.tensor([0.0, -0.0])
P.tensor([1e8])
P.tensor([100000000.0, 1.0])
P.tensor([123456.0, 0.5])
P.tensor([999.0, 0.001])
P.tensor([1e-45])
P.tensor([1e300], dtype=P.float64)
P.tensor([1e30, 1.0], dtype=P.bfloat16)
P.tensor([[1e-8, 1.0], [2.0, float('inf')]])
P.tensor([-9223372036854775808, 9223372036854775807])
P.tensor([])
P.zeros(2, 0, 3)
P.zeros(0, dtype=P.int64)
P.arange(60.)
P.arange(2000.)
P.arange(1200).reshape(600, 2)
P.arange(4000).reshape(10, 20, 20)
P.arange(1100.).reshape(1100, 1) * 1e6
P.arange(12.).reshape(3, 4).t()
P.arange(40, dtype=P.float64).reshape(2, 20)
P.empty(2, 3, device='meta')
P.empty(2, dtype=P.int64, device='meta')
P.tensor([1.0, 2.0], requires_grad=True)
P.tensor([1.0], requires_grad=True) - 1
P.tensor([[1.0, 2.0]], requires_grad=True) @ P.ones(2, 1)
P.arange(18., dtype=P.float64).requires_grad_()
P.nn.Parameter(P.zeros(2, 2))
""".strip().splitlines()

WITH_OPTIONS = [
    ({"precision": 2}, "P.tensor([0.12345, 1.0])"),
    ({"precision": 0}, "P.tensor([0.5, 1.25])"),
    ({"sci_mode": True}, "P.tensor([1.0, 250.0])"),
    ({"sci_mode": False}, "P.tensor([1e-5, 1e9])"),
    ({"linewidth": 20}, "P.arange(12.)"),
    ({"linewidth": 20}, "P.arange(3, dtype=P.int16)"),
    ({"threshold": 5}, "P.arange(10)"),
    ({"threshold": 5, "edgeitems": 1}, "P.arange(25).reshape(5, 5)"),
    ({"threshold": 5, "edgeitems": 2}, "P.arange(25.).reshape(5, 5) * 1j"),
    ({"threshold": 5, "edgeitems": 0}, "P.ones(3, 3)"),
    ({"edgeitems": 0}, "P.tensor(1.5)"),
    ({"threshold": 0}, "P.tensor(1.5)"),
    ({"profile": "short", "threshold": 3}, "P.linspace(0, 1, 7)"),
    ({"profile": "full"}, "P.zeros(1001, dtype=P.bool)[-3:]"),
]


def text(options: dict, expression: str) -> str:
    """The text of a tensor under print options."""
    torch.set_printoptions(**{"profile": "default", **options})
    try:
        return repr(eval(expression, {"P": torch}))
    finally:
        torch.set_printoptions(profile="default")


if __name__ == "__main__":
    cases = [({}, expression) for expression in PLAIN] + WITH_OPTIONS
    rows = [json.dumps([o, e, text(o, e)]) for o, e in cases]
    path = pathlib.Path(__file__).with_name("repr.json")
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n")
