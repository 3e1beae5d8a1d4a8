"""`pyrite gpu` and its self check."""

from __future__ import annotations

import pytest

import pyrite as torch
from fresh import run
from pyrite import gpu
from pyrite.cli import gpu_test, main


def test_adapters_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu"]) == 0
    shown = capsys.readouterr().out
    for adapter in gpu.adapters():
        assert adapter["name"] in shown
    assert "largest binding (bytes): " in shown and "has: " in shown and "usable: gpu:0" in shown


def test_refusals_are_shown() -> None:
    code = "from pyrite.cli import main; print(main(['gpu', '--test']))"
    shown = run(code, PYRITE_VISIBLE_DEVICES="")
    assert "not used: not listed in PYRITE_VISIBLE_DEVICES" in shown
    assert shown.endswith("0 usable: none\n1\n")


def test_the_self_check_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu", "--test"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("  ok ") == len(gpu_test._cases()) and "FAILED" not in shown
    assert "GB/s" in shown and "GFLOP/s" in shown


def test_the_self_check_notices_wrong_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [("wrong", lambda x: x + (x.device.type == "gpu"), [torch.zeros(3)], 0)]
    monkeypatch.setattr(gpu_test, "_cases", lambda: wrong)
    assert gpu_test.check(0) == 1
