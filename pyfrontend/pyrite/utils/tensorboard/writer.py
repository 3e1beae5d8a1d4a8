"""`SummaryWriter`: scalars, texts, images and histograms as TensorBoard event files.

The `tensorboard` package writes the files (`EventFileWriter`); this class makes the summaries.
Source: https://docs.pytorch.org/docs/stable/tensorboard.html
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from pyrite import _C
from pyrite._doors import door_function

from . import summary
from .hparams import hparams

__all__ = ["SummaryWriter"]

_MISSING = "TensorBoard summary of this kind"


class FileWriter:
    """Takes summaries as they are.

    Args:
        write: takes a summary, a step and a time.
    """

    def __init__(self, write: Callable[..., None]) -> None:
        self._write = write

    def add_summary(
        self, summary: Any, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Adds a summary at a step, and at a time other than now."""
        self._write(summary, global_step, walltime)


class SummaryWriter:
    """Writes event files into a folder; TensorBoard shows them.

    Args:
        log_dir: the folder; by default `runs/DATE_TIME_HOST` with `comment` at its end.
        comment: suffix of the default folder; ignored when `log_dir` is given, as in PyTorch.
        purge_step: the first step after a crash; what was logged from there on is hidden.
        max_queue: events kept before they are written.
        flush_secs: seconds between writes.
        filename_suffix: suffix of the event file's name.

    Raises:
        ModuleNotFoundError: the `tensorboard` package is not installed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self._options = (max_queue, flush_secs, filename_suffix)
        self._writers: dict[str, Any] = {}
        self._writer(self.log_dir)
        if purge_step is not None:
            self._write_purge(purge_step)

    def _writer(self, folder: str) -> Any:
        """The event file of a folder, opened on first use."""
        if folder not in self._writers:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self._writers[folder] = EventFileWriter(folder, *self._options)
        return self._writers[folder]

    def _write_purge(self, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        writer = self._writer(self.log_dir)
        writer.add_event(Event(wall_time=time.time(), step=step, file_version="brain.Event:2"))
        session = SessionLog(status=SessionLog.START)
        writer.add_event(Event(wall_time=time.time(), step=step, session_log=session))

    def _write(
        self, content: Any, global_step: Any, walltime: float | None, folder: str | None = None
    ) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(summary=content, wall_time=time.time() if walltime is None else walltime)
        if global_step is not None:
            event.step = int(summary.number(global_step))
        self._writer(folder or self.log_dir).add_event(event)

    def _get_file_writer(self) -> FileWriter:
        """What takes summaries as they are; programs that make their own ask for it."""
        return FileWriter(self._write)

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Adds one number, or a tensor of one element.

        Args:
            tag: the curve's name.
            scalar_value: the number.
            global_step: its place along the curve.
            walltime: seconds since the epoch; now by default.
            new_style: stores a tensor proto, which TensorBoard reads faster.
            double_precision: stores 64 bits; only with `new_style`.
        """
        content = summary.scalar(tag, scalar_value, new_style, double_precision)
        self._write(content, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Adds several numbers to one plot, each in a sub-folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            self._write(summary.scalar(main_tag, value), global_step, walltime, folder)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Adds a text in Markdown."""
        self._write(summary.text(tag, text_string), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: str = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Adds the distribution of a tensor's values.

        Raises:
            NotImplementedError: bins other than TensorFlow's, or a cap on their number.
        """
        if bins != "tensorflow" or max_bins is not None:
            raise NotImplementedError(
                f"add_histogram: only bins='tensorflow' without max_bins is available; "
                f"got bins={bins!r}, max_bins={max_bins}"
            )
        self._write(summary.histogram(tag, values), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Adds an image: uint8 from 0 to 255, or floats from 0 to 1; 1, 3 or 4 channels."""
        self._write(summary.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Adds a batch of images as one grid."""
        self._write(summary.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Adds a figure of matplotlib, or a list of them as one grid.

        Args:
            tag: the image's name.
            figure: the figure or figures.
            global_step: the step.
            close: close the figures afterwards.
            walltime: seconds since the epoch; now by default.
        """
        figures = figure if isinstance(figure, list) else [figure]
        pictures = _C.stack([summary.figure(each, close) for each in figures])
        if isinstance(figure, list):
            self.add_images(tag, pictures, global_step, walltime, dataformats="NHWC")
        else:
            self.add_image(tag, pictures[0], global_step, walltime, dataformats="HWC")

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds how precision and recall of a binary classifier depend on the threshold.

        Args:
            tag: the curve's name.
            labels: 0 or 1 for each sample.
            predictions: probabilities of 1.
            global_step: the step.
            num_thresholds: number of thresholds, at most 127.
            weights: of the samples; 1 by default.
            walltime: seconds since the epoch; now by default.
        """
        content = summary.pr_curve(tag, labels, predictions, min(num_thresholds, 127), weights)
        self._write(content, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Adds a run of an experiment: its hyperparameters and what came of them.

        Args:
            hparam_dict: values of hyperparameters by name.
            metric_dict: metrics by name, also added as scalars.
            hparam_domain_discrete: by name, the values that a hyperparameter takes.
            run_name: the sub-folder of the run; by default the time.
            global_step: the step.

        Raises:
            TypeError: these are no dictionaries.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        contents = hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self.log_dir, run_name or str(time.time()))
        for content in contents:
            self._write(content, global_step, None, folder)
        for name, value in metric_dict.items():
            self._write(summary.scalar(name, value), global_step, None, folder)

    add_audio = door_function("utils.tensorboard.SummaryWriter.add_audio", _MISSING)
    add_custom_scalars = door_function(
        "utils.tensorboard.SummaryWriter.add_custom_scalars", _MISSING
    )
    add_embedding = door_function("utils.tensorboard.SummaryWriter.add_embedding", _MISSING)
    add_graph = door_function("utils.tensorboard.SummaryWriter.add_graph", _MISSING)
    add_mesh = door_function("utils.tensorboard.SummaryWriter.add_mesh", _MISSING)
    add_video = door_function("utils.tensorboard.SummaryWriter.add_video", _MISSING)

    def flush(self) -> None:
        """Writes what is pending to disk."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Flushes and closes the files; the next addition opens a new one."""
        for writer in self._writers.values():
            writer.flush()
            writer.close()
        self._writers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
