"""Errors inside modules end with the path of the module that raised them."""

from collections import OrderedDict

import pytest

import pyrite
from pyrite import _C, nn


def text_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc1(x)


class TestErrorPath:
    def test_a_shape_error_names_the_module(self):
        class Encoder(nn.Module):
            def __init__(self, block):
                super().__init__()
                self.layers = nn.ModuleList([block(4), block(10), block(7)])

            def forward(self, x):
                for layer in self.layers:
                    x = layer(x)
                return x

        model = nn.Sequential(OrderedDict(encoder=Encoder(Block)))
        with pytest.raises(_C.ShapeError) as caught:
            model(pyrite.ones(2, 4))
        first, *_, last = str(caught.value).split("\n")
        assert first == "mat1 and mat2 shapes cannot be multiplied (2x10 and 7x10)"
        assert last == (
            "  in encoder.layers.2.fc1: Linear(in_features=7, out_features=10, bias=True)"
        )

    def test_the_outermost_module_alone_has_no_path(self):
        text = text_of(_C.ShapeError, lambda: nn.Linear(3, 1)(pyrite.ones(1, 2)))
        assert text.split("\n")[-1] == "  in Linear(in_features=3, out_features=1, bias=True)"

    def test_hooked_modules_and_unregistered_ones(self):
        block = Block(3)
        block.register_forward_hook(lambda *args: None)
        assert "\n  in fc1: Linear(" in text_of(_C.ShapeError, lambda: block(pyrite.ones(1, 2)))

        class Outside(nn.Module):
            def forward(self, x):
                return block(x)

        assert "\n  in fc1: Linear(" in text_of(_C.ShapeError, lambda: Outside()(pyrite.ones(1, 2)))

    def test_other_errors_pass_unchanged(self):
        class Failing(nn.Module):
            def forward(self, x):
                raise RuntimeError("mine")

        assert text_of(RuntimeError, lambda: nn.Sequential(Failing())(1)) == "mine"
