"""Every example runs with tiny settings, and the ones that learn do learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SETTINGS = {
    "01_tensors_and_autograd": {"steps": 50},
    "02_mlp_toy_data": {"epochs": 2, "count": 60, "hidden": 16},
    "03_cnn_digits": {"epochs": 1, "channels": 8},
    "04_char_gpt": {"steps": 30, "context": 16, "channels": 16, "sample": 8},
    "05_lstm": {"steps": 5, "hidden": 8},
    "06_save_and_load": {"steps": 5},
}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_settings() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(SETTINGS)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("name", SETTINGS)
def test_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(name).main(**SETTINGS[name])
    assert capsys.readouterr().out


def test_line_is_found() -> None:
    slope, offset = load("01_tensors_and_autograd").main()
    assert abs(slope - 3) < 0.1 and abs(offset + 1) < 0.1


def test_derivative_is_the_textbooks() -> None:
    assert load("01_tensors_and_autograd").derivative(2.0) == 10.0


def test_mlp_separates_the_spirals() -> None:
    assert load("02_mlp_toy_data").main(epochs=25, count=300) > 0.9


def test_cnn_reads_digits() -> None:
    assert load("03_cnn_digits").main(epochs=3) > 0.9


def test_gpt_beats_guessing() -> None:
    assert load("04_char_gpt").main(steps=60, channels=32, sample=1) < 2.7  # guessing: 3.8


def test_going_on_from_a_checkpoint_equals_one_run() -> None:
    assert load("06_save_and_load").main(steps=10) is True
