"""TensorBoard summaries of hyperparameters: what an experiment varies, and what came of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyrite._C import Tensor

__all__ = ["hparams"]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value


def _info(name: str, value: Any, domain: list[Any] | None) -> Any:
    """What kind of hyperparameter this is, and which values it takes."""
    from google.protobuf import struct_pb2
    from tensorboard.plugins.hparams.api_pb2 import DataType, HParamInfo

    kinds: dict[type, tuple[str, Any]] = {bool: ("BOOL", bool), str: ("STRING", str)}
    kind, known = kinds.get(type(value), ("FLOAT64", int | float))
    info = HParamInfo(name=name, type=DataType.Value(f"DATA_TYPE_{kind}"))
    if domain is not None:
        if not all(isinstance(each, known) for each in domain):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                f"hparam_dict[{name}]."
            )
        field = {"BOOL": "bool_value", "STRING": "string_value"}.get(kind, "number_value")
        values = [struct_pb2.Value(**{field: each}) for each in domain]
        info.domain_discrete.CopyFrom(struct_pb2.ListValue(values=values))
    return info


def _summary(tag: str, content: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams.metadata import PLUGIN_NAME

    plugin = SummaryMetadata.PluginData(
        plugin_name=PLUGIN_NAME, content=content.SerializeToString()
    )
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])


def hparams(
    hparam_dict: Mapping[str, Any],
    metric_dict: Mapping[str, Any],
    hparam_domain_discrete: Mapping[str, list[Any]] | None = None,
) -> tuple[Any, Any, Any]:
    """The summaries of an experiment, and of the start and end of a run of it.

    Args:
        hparam_dict: values of hyperparameters by name; None is left out.
        metric_dict: metrics by name.
        hparam_domain_discrete: by name, the values that a hyperparameter takes.

    Raises:
        TypeError: a domain that is no list of such values.
        ValueError: a value that is neither a number nor a text.
    """
    from google.protobuf import struct_pb2
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.api_pb2 import Experiment, MetricInfo, MetricName, Status
    from tensorboard.plugins.hparams.plugin_data_pb2 import (
        HParamsPluginData,
        SessionEndInfo,
        SessionStartInfo,
    )

    domains = hparam_domain_discrete or {}
    start, infos = SessionStartInfo(), []
    for name, given in hparam_dict.items():
        value = _plain(given)
        if value is None:
            continue
        if not isinstance(value, bool | int | float | str):
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        infos.append(_info(name, value, domains.get(name)))
        field = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
        start.hparams[name].CopyFrom(struct_pb2.Value(**{field: value}))
    metrics = [MetricInfo(name=MetricName(tag=name)) for name in metric_dict]
    experiment = Experiment(hparam_infos=infos, metric_infos=metrics)
    end = SessionEndInfo(status=Status.Value("STATUS_SUCCESS"))
    version = metadata.PLUGIN_DATA_VERSION
    return (
        _summary(
            metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment, version=version)
        ),
        _summary(
            metadata.SESSION_START_INFO_TAG,
            HParamsPluginData(session_start_info=start, version=version),
        ),
        _summary(
            metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end, version=version)
        ),
    )
