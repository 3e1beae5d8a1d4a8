"""Records summaries and tables of given times as PyTorch 2.13.0 writes them.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_benchmark.py`.
"""

from __future__ import annotations

from recording import record, require_reference

_B = "(lambda B: (lambda M: {0})(lambda times, **names: B.Measurement(10, [t * 10 for t in times], B.TaskSpec(**({{'stmt': 'f(x)', 'setup': 'pass'}} | names)))))(torch.utils.benchmark)"
_TEXT = "repr({0}).split('\\n')[1:]"
_MANY = "[1e-6, 1.5e-6, 1.1e-6, 2e-6, 1e-6]"
_TABLE = "[M([t * (1 + .01 * k * j) for k in range(6)], label='dot', sub_label=str(i), description=d, num_threads=threads) for threads in (1, 4) for i, t in enumerate((1e-6, 3.3e-5, 2e-4)) for j, d in enumerate(('mul', 'bmm')) if (i, j) != (1, 1)]"
_LOOK = "(lambda c: [c.{1}, str(c)])(B.Compare({0}))[1]"
_SPREAD = f"[M({_MANY}, label='a', description='x'), M([1e-6] * 5, label='a', description='y')]"

CASES = [
    _TEXT.format("M([1e-6])"),
    _TEXT.format("M([1e-6, 2e-6, 1.5e-6, 1.1e-6], label='A', sub_label='s', description='d')"),
    _TEXT.format("M([.1, .12, .1, .11, .115], stmt='a\\nb', setup='x=1\\ny=2', num_threads=4)"),
    _TEXT.format("M([2., 3.], setup='import os')"),
    f"(lambda m: [m.median, m.mean, m.iqr, m.significant_figures, m.has_warnings])(M({_MANY}))",
    f"[M({_MANY}).title, M([1e-6], sub_label='z').as_row_name, M([1e-6]).num_threads]",
    "M([1e-6]).nonsense",
    f"[m.number_per_run for m in B.Measurement.merge({_TABLE})]",
    f"str(B.Compare({_TABLE}))",
    _LOOK.format(_TABLE, "trim_significant_figures()"),
    _LOOK.format(_TABLE, "colorize()"),
    _LOOK.format(_TABLE, "colorize(rowwise=True)"),
    _LOOK.format(_SPREAD, "highlight_warnings()"),
    "B.Compare([1])",
    "[B.select_unit(t) for t in (1e-9, 5e-7, 1e-3, 2., 3e-11)]",
    "[B.trim_sigfig(x, n) for x, n in ((3.14159, 2), (1234.5, 3), (.001, 1))]",
    "[B.unit_to_english('us'), B.ordered_unique([3, 1, 3])]",
    "B.Timer(3)",
    "B.Timer('x', language='java')",
    "B.Timer('x', global_setup='y')",
    "B.Timer().repeat()",
]


if __name__ == "__main__":
    import torch.utils.benchmark  # noqa: F401

    require_reference()
    record("benchmark", "\n".join(_B.format(case) for case in CASES))
