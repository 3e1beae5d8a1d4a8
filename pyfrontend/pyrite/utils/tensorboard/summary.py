"""TensorBoard summaries of tensors: the protocol messages behind `SummaryWriter`.

Values may be tensors, numbers or nested lists; arrays of numpy go through `as_tensor`.
"""

from __future__ import annotations

import io
from typing import Any

from pyrite import _C
from pyrite.utils.tensorboard.hparams import hparams

__all__ = ["figure", "histogram", "hparams", "image", "number", "pr_curve", "scalar", "text"]

_GRID_COLUMNS = 8
# TensorFlow's bucket borders: 1e-12 times powers of 1.1 below 1e20, mirrored, and zero between.
_FIRST_BORDER = 1e-12
_BORDER_RATIO = 1.1
_LAST_BORDER = 1e20


def number(value: Any) -> float:
    """A number out of a number or a tensor (or array) of one element."""
    item = getattr(value, "item", None)
    if item is None and not isinstance(value, int | float | str):
        raise NotImplementedError(
            f"Got {type(value)}, but numpy array or torch tensor are expected."
        )
    return float(value if item is None else item())


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    """One number under `tag`."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

    if not new_style:
        return Summary(value=[Summary.Value(tag=tag, simple_value=number(value))])
    if double_precision:
        tensor = TensorProto(double_val=[number(value)], dtype="DT_DOUBLE")
    else:
        tensor = TensorProto(float_val=[number(value)], dtype="DT_FLOAT")
    plugin = SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = SummaryMetadata(plugin_data=plugin)
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])


def text(tag: str, content: str) -> Any:
    """A Markdown text under `tag`."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    data = TextPluginData(version=0).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name="text", content=data)
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype="DT_STRING", string_val=[content.encode()], tensor_shape=shape)
    value = Summary.Value(
        tag=f"{tag}/text_summary", metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor
    )
    return Summary(value=[value])


def histogram(tag: str, values: Any) -> Any:
    """How many values lie between TensorFlow's exponential bucket borders.

    Raises:
        ValueError: there are no values.
    """
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    flat = _C.as_tensor(values).detach().flatten().to(device="cpu", dtype=_C.float64)
    if flat.numel() == 0:
        raise ValueError("The input has no element.")
    borders = _C.tensor(_bucket_borders(), dtype=_C.float64)  # (B,)
    bucket = _C.searchsorted(borders, flat, right=True)  # values in [border[k - 1], border[k])
    counts = _C.bincount(bucket, minlength=len(borders) + 1)[1:-1]  # (B - 1,)
    used = counts.nonzero().flatten()
    if used.numel() == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    first, last = int(used[0]), int(used[-1])
    limits = borders[first : last + 2].tolist()
    message = HistogramProto(
        min=flat.min().item(),
        max=flat.max().item(),
        num=flat.numel(),
        sum=flat.sum().item(),
        sum_squares=flat.dot(flat).item(),
        bucket_limit=limits,
        bucket=[0, *counts[first : last + 1].tolist()],
    )
    return Summary(value=[Summary.Value(tag=tag, histo=message)])


def _bucket_borders() -> list[float]:
    positive = []
    border = _FIRST_BORDER
    while border < _LAST_BORDER:
        positive.append(border)
        border *= _BORDER_RATIO
    return [*(-border for border in reversed(positive)), 0.0, *positive]


def image(tag: str, values: Any, dataformats: str) -> Any:
    """A PNG under `tag`; a batch becomes a grid of eight columns.

    Raises:
        ValueError: the letters of `dataformats` do not name the tensor's dims.
    """
    from PIL import Image
    from tensorboard.compat.proto.summary_pb2 import Summary

    pixels = _as_hwc(_C.as_tensor(values).detach().cpu(), dataformats.upper())
    if pixels.is_floating_point():
        pixels = (pixels * 255).clamp(0, 255)
    height, width, channels = pixels.shape
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    data = bytes(pixels.to(_C.uint8).contiguous().flatten().tolist())
    buffer = io.BytesIO()
    Image.frombytes(mode, (width, height), data).save(buffer, format="PNG")
    message = Summary.Image(
        height=height,
        width=width,
        colorspace=channels,
        encoded_image_string=buffer.getvalue(),
    )
    return Summary(value=[Summary.Value(tag=tag, image=message)])


def _as_hwc(values: _C.Tensor, letters: str) -> _C.Tensor:
    """Reorders the dims to (H, W, C); (N, C, H, W) is laid out as a grid first."""
    if len(letters) != values.dim() or len(set(letters)) != len(letters):
        raise ValueError(
            f"image: dataformats {letters!r} does not name the dims of shape {list(values.shape)}"
        )
    if letters == "HW":
        return values.unsqueeze(-1)
    order = "NCHW" if "N" in letters else "HWC"
    if set(letters) != set(order):
        raise ValueError(f"image: dataformats {letters!r} is not an order of {order!r} or 'HW'")
    ordered = values.permute([letters.index(letter) for letter in order])
    return _grid(ordered).permute(1, 2, 0) if order == "NCHW" else ordered


def figure(drawn: Any, close: bool) -> _C.Tensor:
    """The picture of a figure of matplotlib: (H, W, 3), bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(drawn)
    canvas.draw()
    width, height = canvas.get_width_height()
    picture = _C.frombuffer(bytearray(canvas.buffer_rgba()), dtype=_C.uint8)
    if close:
        from matplotlib import pyplot

        pyplot.close(drawn)
    return picture.view(height, width, 4)[..., :3]


def pr_curve(tag: str, labels: Any, predictions: Any, thresholds: int, weights: Any) -> Any:
    """Counts, precision and recall at each threshold under `tag`.

    Source: TensorBoard's plugin pr_curve, whose layout this is.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    label, chance = (
        _C.as_tensor(each).detach().cpu().flatten().to(_C.float64) for each in (labels, predictions)
    )
    weight = _C.ones_like(label) if weights is None else _C.as_tensor(weights).to(label).flatten()
    bucket = (chance * (thresholds - 1)).floor().to(_C.int64)

    def above(of: _C.Tensor) -> _C.Tensor:
        counts = _C.bincount(bucket, of * weight, minlength=thresholds)
        return counts.flip(0).cumsum(0).flip(0)

    hits, alarms = above(label), above(1 - label)
    missed, passed = hits[0] - hits, alarms[0] - alarms
    precision = hits / (hits + alarms).clamp(min=1e-7)
    recall = hits / (hits + missed).clamp(min=1e-7)
    table = _C.stack([hits, alarms, passed, missed, precision, recall])  # (6, thresholds)
    data = PrCurvePluginData(version=0, num_thresholds=thresholds).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name="pr_curves", content=data)
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in table.shape])
    tensor = TensorProto(dtype="DT_FLOAT", float_val=table.flatten().tolist(), tensor_shape=shape)
    metadata = SummaryMetadata(plugin_data=plugin)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def _grid(images: _C.Tensor) -> _C.Tensor:
    """(N, C, H, W) -> (C, rows * H, columns * W), empty places black."""
    count, channels, height, width = images.shape
    columns = min(count, _GRID_COLUMNS)
    rows = -(-count // columns)
    blank = images.new_zeros((rows * columns - count, channels, height, width))
    cells = _C.cat([images, blank]).view(rows, columns, channels, height, width)
    grid = cells.permute(2, 0, 3, 1, 4)  # (C, rows, H, columns, W)
    return grid.reshape(channels, rows * height, columns * width)
