"""Record what PyTorch answers to the programs of tests/nn; run by hand, needs torch 2.13.0.

    python tests/data/record_nn.py

Each file tests/nn/test_*.py holds PROGRAMS: functions of a package that return tensors. They are
run here with torch in the package's place, and the results go to nn_reference.json, from which
the tests compare. Programs are pure functions of their seeds and ramps.
"""

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import torch

HERE = Path(__file__).parent


def load(path):
    """Import a test file with torch under the name pyrite."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def encode(tensor):
    """Shape, dtype and values of a tensor, floats to eight digits."""
    tensor = tensor.detach()
    values = tensor.flatten().tolist()
    if tensor.is_floating_point():
        values = [float(f"{value:.8g}") for value in values]
    return [list(tensor.shape), str(tensor.dtype).removeprefix("torch."), values]


def main():
    """Write nn_reference.json."""
    assert torch.__version__.startswith("2.13.0"), torch.__version__
    warnings.simplefilter("ignore")
    sys.modules["pyrite"] = torch
    recorded = {}
    for path in sorted((HERE.parent / "nn").glob("test_*.py")):
        programs = getattr(load(path), "PROGRAMS", {})
        if programs:
            recorded[path.stem] = {
                name: [encode(tensor) for tensor in program(torch)]
                for name, program in programs.items()
            }
    origin = "PyTorch 2.13.0 (CPU), recorded by tests/data/record_nn.py"
    lines = [f'{{"origin": {json.dumps(origin)},\n"files": {{']
    files = []
    for stem, cases in recorded.items():
        rows = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in cases.items()]
        files.append(f"{json.dumps(stem)}: {{\n" + ",\n".join(rows) + "\n}")
    lines.append(",\n".join(files) + "\n}}\n")
    (HERE / "nn_reference.json").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
