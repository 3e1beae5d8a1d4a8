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


def test_hyperparameters_are_a_run_of_their_own(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams(
            {"lr": 0.1, "deep": True, "kind": "a", "none": None, "size": torch.tensor(3)},
            {"accuracy": torch.tensor(0.5)},
            hparam_domain_discrete={"kind": ["a", "b"]},
            run_name="first",
        )
        with pytest.raises(TypeError, match="should be dictionary"):
            writer.add_hparams([], {})
        with pytest.raises(TypeError, match="should be a list of same type"):
            writer.add_hparams({"lr": 0.1}, {}, {"lr": ["a"]})
        with pytest.raises(ValueError, match="value should be one of"):
            writer.add_hparams({"lr": []}, {})
    events = read(tmp_path / "first")
    assert events.Scalars("accuracy")[0].value == 0.5
    contents = events.PluginTagToContent(metadata.PLUGIN_NAME)
    start = metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG])
    assert start.hparams["lr"].number_value == 0.1 and start.hparams["deep"].bool_value
    assert start.hparams["size"].number_value == 3 and "none" not in start.hparams
    experiment = metadata.parse_experiment_plugin_data(contents[metadata.EXPERIMENT_TAG])
    domains = {
        info.name: [v.string_value for v in info.domain_discrete.values]
        for info in experiment.hparam_infos
    }
    assert domains["kind"] == ["a", "b"]
    assert [info.name.tag for info in experiment.metric_infos] == ["accuracy"]


def test_precision_and_recall(tmp_path: Path) -> None:
    labels, chances = torch.tensor([1, 1, 0, 0]), torch.tensor([0.9, 0.4, 0.6, 0.1])
    with SummaryWriter(tmp_path) as writer:
        writer.add_pr_curve("curve", labels, chances, 0, num_thresholds=3)
    (event,) = read(tmp_path).Tensors("curve")
    # Thresholds 0, 0.5 and 1: hits, alarms, passed, missed, precision, recall.
    assert list(event.tensor_proto.float_val) == pytest.approx(
        [2, 1, 0, 2, 1, 0, 0, 1, 2, 0, 1, 2, 0.5, 0.5, 0, 1, 0.5, 0]
    )


def test_figures(tmp_path: Path) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("one", figures.Figure(figsize=(1, 0.5), dpi=40, facecolor="red"), 0)
        writer.add_figure("two", [figures.Figure(figsize=(1, 1), dpi=20) for _ in range(2)], 0)
    one = Image.open(BytesIO(read(tmp_path).Images("one")[0].encoded_image_string))
    assert one.size == (40, 20) and one.getpixel((0, 0)) == (255, 0, 0)
    two = Image.open(BytesIO(read(tmp_path).Images("two")[0].encoded_image_string))
    assert two.size == (40, 20)


def test_summaries_made_elsewhere(tmp_path: Path) -> None:
    from pyrite.utils.tensorboard.summary import hparams, scalar

    with SummaryWriter(tmp_path) as writer:
        files = writer._get_file_writer()
        files.add_summary(scalar("x", 2.5), 3)
        for content in hparams({"lr": 0.1}, {"loss": 1.0}):
            files.add_summary(content, 0)
    (event,) = read(tmp_path).Scalars("x")
    assert (event.step, event.value) == (3, 2.5)


def test_a_scalar_is_a_number(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(NotImplementedError, match="Got <class 'list'>, but numpy array or"):
            writer.add_scalar("x", [1, 2])
