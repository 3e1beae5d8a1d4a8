"""`SummaryWriter`: what it writes, TensorBoard's own reader reads back."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pyrite as torch
from pyrite.utils.tensorboard import SummaryWriter


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0})
    return accumulator.Reload()


def test_scalars_keep_steps_and_values(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", torch.tensor(1.5 * step), step)
        writer.add_scalar("exact", 1 / 3, 7, new_style=True, double_precision=True)
        writer.add_scalars("both", {"train": 1, "test": 2.5}, 4)
    events = read(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(0, 0.0), (1, 1.5), (2, 3.0)]
    (exact,) = events.Tensors("exact")
    assert (exact.step, list(exact.tensor_proto.double_val)) == (7, [1 / 3])
    assert read(tmp_path / "both_test").Scalars("both")[0].value == 2.5


def test_text_and_images(tmp_path: Path) -> None:
    image = torch.zeros(3, 4, 5)
    image[0, :, 2] = 1  # a red column
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "hello **there**", 0)
        writer.add_image("red", image, 0)
        writer.add_images("grid", torch.ones(10, 1, 4, 5), 0)
    events = read(tmp_path)
    (note,) = events.Tensors("note/text_summary")
    assert list(note.tensor_proto.string_val) == [b"hello **there**"]
    red = Image.open(BytesIO(events.Images("red")[0].encoded_image_string))
    assert (red.size, red.getpixel((2, 0)), red.getpixel((1, 0))) == (
        (5, 4),
        (255, 0, 0),
        (0, 0, 0),
    )
    grid = Image.open(BytesIO(events.Images("grid")[0].encoded_image_string))
    assert grid.size == (40, 8) and grid.getpixel((39, 7)) == 0  # ten images, six places empty


def test_histogram_counts_every_value(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", torch.tensor([-1.0, 0.0, 0.0, 2.0]), 1)
    (event,) = read(tmp_path).Histograms("weights")
    value = event.histogram_value
    assert (value.min, value.max, value.num, value.sum, value.sum_squares) == (-1, 2, 4, 1, 5)
    counts = {limit: count for limit, count in zip(value.bucket_limit, value.bucket, strict=True)}
    assert sum(counts.values()) == 4
    assert counts[1e-12] == 2  # the two zeros lie below the smallest positive border


def test_wrong_dataformats_name_the_shape(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match=r"'CHW' does not name the dims of shape \[4, 5\]"):
            writer.add_image("flat", torch.zeros(4, 5))


def test_what_is_not_built_says_so(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(NotImplementedError, match=r"SummaryWriter\.add_graph"):
            writer.add_graph(torch.nn.Linear(1, 1))
