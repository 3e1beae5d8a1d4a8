"""`pyrite.nn.modules` has PyTorch's module paths."""

import importlib

import pytest

from pyrite import nn


@pytest.mark.parametrize(
    ("path", "name"),
    {
        "module": "Module",
        "linear": "Linear",
        "container": "ParameterList",
        "batchnorm": "BatchNorm1d",
        "instancenorm": "InstanceNorm1d",
        "normalization": "LayerNorm",
        "pooling": "MaxPool2d",
        "upsampling": "Upsample",
        "sparse": "Embedding",
        "activation": "MultiheadAttention",
        "rnn": "LSTM",
        "loss": "CrossEntropyLoss",
    }.items(),
)
def test_paths_are_aliases(path, name):
    alias = importlib.import_module(f"pyrite.nn.modules.{path}")
    assert getattr(alias, name) is getattr(nn, name) is getattr(nn.modules, name)
    assert name in alias.__all__


def test_helpers_and_unknown_names():
    assert nn.modules.utils._pair(2) == (2, 2)
    assert not hasattr(nn.modules.linear, "nope")
