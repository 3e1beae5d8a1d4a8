"""The command `pyrite`: demo, train and info, in this process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

import pyrite as torch
from pyrite.cli import main


def accuracies(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"accuracy[^:\n]*?:? (\d\.\d+)", text)]


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_demo_learns_saves_and_draws(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--model", model, "--folder", str(tmp_path)]) == 0
    trained, reloaded = accuracies(capsys.readouterr().out)
    assert trained >= 0.97 and reloaded == trained
    with Image.open(tmp_path / "pyrite-demo.png") as picture:
        assert picture.size == (1000, 480)
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 20)}
    assert (198, 86, 43) in colors and (47, 125, 79) in colors  # the curve, and digits read right
    assert list(torch.load(tmp_path / "pyrite-demo.pt"))[-1].endswith("bias")


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_demo_without_training_only_guesses(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["demo", "--epochs", "0", "--model", model, "--folder", str(tmp_path)]
    assert main(arguments) == 0
    assert max(accuracies(capsys.readouterr().out)) < 0.2


def test_same_seed_same_losses() -> None:
    from pyrite.cli.digits import train
    from pyrite.cli.models.digits import mlp

    runs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        runs.append(train(mlp(), epochs=1))
    assert runs[0] == runs[1] != runs[2]


def test_train_digits_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "digits.pt"
    assert main(["train", "digits", "--model", "mlp", "--epochs", "1", "--save", str(file)]) == 0
    assert accuracies(capsys.readouterr().out)[0] > 0.5
    assert torch.load(file)["1.weight"].shape == (512, 64)


def test_train_names_beats_guessing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "names", "--steps", "150", "--samples", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[0].split()[6]) < 2.9
    assert len(lines) == 4 and all(re.fullmatch(r"  [a-z]*(  \(known\))?", x) for x in lines[1:])


def test_train_text_learns_and_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, saved = tmp_path / "text.txt", tmp_path / "text.pt"
    file.write_text("abcdefgh " * 60, encoding="utf-8")
    size = ["--context", "8", "--channels", "16", "--heads", "2", "--layers", "1"]
    run = ["train", "text", str(file), "--steps", "60", "--samples", "20", "--save", str(saved)]
    assert main([*run, *size]) == 0
    loss, sample = capsys.readouterr().out.split("\n", 1)
    assert float(loss.split()[-3]) < 1.5 and len(sample.rstrip("\n")) == 21
    assert torch.load(saved)["alphabet"] == sorted("abcdefgh ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.txt"], "cannot read missing.txt: No such file or directory\n"),
        (["binary.bin"], "binary.bin is no text in UTF-8"),
        (["long.txt", "--save", "nowhere/x.pt"], "cannot save nowhere/x.pt: no folder nowhere"),
        (["short.txt"], "has 5 characters; a context of 64 needs 660"),
        (["long.txt", "--heads", "3"], "64 channels do not split into 3 heads"),
    ],
)
def test_train_text_reports_wrong_use(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.txt").write_text("short", encoding="utf-8")
    Path("long.txt").write_text("long enough " * 100, encoding="utf-8")
    Path("binary.bin").write_bytes(b"\xff" * 1000)
    assert main(["train", "text", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_negative_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["demo", "--epochs", "-1"])
    assert exit.value.code == 2 and "-1 is less than 0" in capsys.readouterr().err


def test_info_names_versions_devices_and_threads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    facts = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert facts["pyrite"].strip() == "0.1.0 (PyTorch interface 2.13.0)"
    gpus = [f"gpu:{index}" for index in range(torch.gpu.device_count())] or ["no gpu"]
    assert facts["devices"].strip() == ", ".join(["cpu", "meta", *gpus])
    assert int(facts["threads"]) == torch.get_num_threads()
    assert {"python", "system", "processor", "features", "numpy"} <= facts.keys()
