"""Programs that are traced, and what their graphs say; for one package or another.

Used by tests/fx and by the script that records PyTorch's texts. A case is an expression whose value
is a text, or which raises.
"""

from __future__ import annotations

import copy
import operator
import pickle
import warnings
from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035

__all__ = ["names", "told"]


def _modules(nn: Any, P: Any, F: Any) -> dict[str, Any]:
    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
            self.scale = nn.Parameter(P.ones(2))
            self.register_buffer("shift", P.zeros(2))

        def forward(self, x):
            return F.log_softmax(self.layers(x.flatten(1)) * self.scale + self.shift, dim=-1)

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
            self.bn1 = nn.BatchNorm2d(channels)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            out += x
            return self.relu(out)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3)
            self.blocks = nn.ModuleList([Block(8), Block(8)])
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(8, 2)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.stem(x)), 2)
            for block in self.blocks:
                x = block(x)
            return self.fc(P.flatten(self.pool(x), 1))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)
            self.out = nn.Linear(8, 8)
            self.drop = nn.Dropout(0.1)
            self.register_buffer("mask", P.tril(P.ones(4, 4)))

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = self.qkv(x).split(8, dim=2)
            q, k, v = (y.view(b, t, 2, c // 2).transpose(1, 2) for y in (q, k, v))
            a = (q @ k.transpose(-2, -1)) * (1.0 / k.size(-1) ** 0.5)
            a = a.masked_fill(self.mask == 0, float("-inf"))
            y = self.drop(F.softmax(a, dim=-1)) @ v
            return self.out(y.transpose(1, 2).contiguous().view(b, t, c))

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.b = self.a
            self.items = nn.ModuleDict({"act": nn.Tanh(), "other": self.a})
            self.plain = P.ones(3)

        def forward(self, x, *args, k=1, **kwargs):
            x = self.items["act"](self.b(x)) + self.a.weight.sum() + self.plain
            return x, self.training, args, kwargs, k

    class GELU(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.g = nn.GELU()

        def forward(self, x):
            return self.g(self.a(x))

    class Tanh(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.t = nn.Tanh()

        def forward(self, x):
            return self.t(self.a(x))

    found = (MLP, Block, ResNet, Attention, Shared, GELU, Tanh)
    return {cls.__name__: cls for cls in found}


def _functions(P: Any) -> dict[str, Any]:
    def branch(x):
        return x if x.sum() > 0 else -x

    def loop(x):
        return [row for row in x]

    def spread(x):
        return P.cat([*x])

    def unpack(x):
        (a, b), c = x
        return a + b + c

    def keyed(x):
        return {x: 1}

    def in_place(x):
        x += 1
        x *= 2
        x -= 3
        return x

    def dead(x):
        x.relu()
        x.add_(1)
        P._assert(x.sum() > 0, "positive")
        return x * 2

    def typed(
        x: List[P.Tensor],  # noqa: UP006
        y: Optional[int] = None,  # noqa: UP045
        w: Dict[str, P.Tensor] = {},  # noqa: UP006, B006
        u: Tuple[int, ...] = (),  # noqa: UP006
        s: P.device = None,
        q: Union[int, str] = 1,  # noqa: UP007
        a: Any = None,
        b: P.dtype = P.float32,
    ) -> Tuple[P.Tensor, int]:  # noqa: UP006
        return x[0], 1

    # The annotations themselves, not their texts.
    kinds = [List[P.Tensor], Optional[int], Dict[str, P.Tensor], Tuple[int, ...], P.device]  # noqa: UP006, UP045
    kinds += [Union[int, str], Any, P.dtype, Tuple[P.Tensor, int]]  # noqa: UP006, UP007
    typed.__annotations__ = dict(zip([*"xywusqab", "return"], kinds, strict=True))

    def flag(x, on, y=3):
        return x + y if on else x

    def checked(x):
        assert x.sum() > 0
        return x

    def pair(x):
        y = x.relu()
        return y, y + 1

    return {
        f.__name__: f
        for f in (branch, loop, spread, unpack, keyed, in_place, dead, typed, flag, checked, pair)
    }


class _Tools:
    """What cases do with graphs."""

    def __init__(self, package: Any, fx: Any) -> None:
        self.package, self.fx = package, fx

    def code(self, program: Any, **concrete: Any) -> str:
        return self.fx.symbolic_trace(program, concrete or None).code

    def graph(self, program: Any) -> str:
        return str(self.fx.symbolic_trace(program).graph)

    def both(self, program: Any) -> str:
        traced = self.fx.symbolic_trace(program)
        return f"{traced}\n{traced.graph}"

    def replaced(self, program: Any, pattern: Any, replacement: Any) -> str:
        traced = self.fx.symbolic_trace(program)
        matches = self.fx.replace_pattern(traced, pattern, replacement)
        traced.graph.lint()
        return f"{traced}\n{matches}"

    def cleaned(self, program: Any) -> str:
        traced = self.fx.symbolic_trace(program)
        changed = traced.graph.eliminate_dead_code()
        traced.recompile()
        return f"{changed}{traced.code}"

    def transformed(self, program: Any) -> str:
        P = self.package

        class Swap(self.fx.Transformer):  # type: ignore[misc, name-defined]
            def call_function(self, target, args, kwargs):
                chosen = P.neg if target is P.sigmoid else target
                return super().call_function(chosen, args, kwargs)

            def call_method(self, target, args, kwargs):
                if target == "neg":
                    return args[0].sigmoid(*args[1:], **kwargs)
                return super().call_method(target, args, kwargs)

        return Swap(self.fx.symbolic_trace(program)).transform().code

    def copied(self, program: Any, how: str) -> str:
        traced = self.fx.symbolic_trace(program)
        twin = copy.deepcopy(traced) if how == "copy" else pickle.loads(pickle.dumps(traced))
        return str(twin)

    def edited(self, edit: Any) -> str:
        graph = self.fx.Graph()
        x = graph.placeholder("x")
        result = edit(graph, x)
        return f"{result}\n{graph}\n{graph.python_code('self').src}"

    def interpreted(self, program: Any, *args: Any) -> str:
        return str(self.fx.Interpreter(self.fx.symbolic_trace(program)).run(*args))


def names(package: Any, fx: Any) -> dict[str, Any]:
    """What expressions of cases may use."""
    tools = _Tools(package, fx)
    found = {name: getattr(tools, name) for name in dir(tools) if not name.startswith("_")}
    found |= {"P": package, "F": package.nn.functional, "nn": package.nn, "fx": fx}
    found |= {"operator": operator, "PH": fx.PH}
    found |= _modules(package.nn, package, package.nn.functional)
    return found | _functions(package)


def told(expression: str, package: Any, fx: Any) -> str:
    """The text that an expression gives, or its exception: in PyTorch's words, the first line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = str(eval(expression, names(package, fx)))
    except Exception as error:
        text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return text.replace("pyrite", "torch").replace("torch.nn.modules.", "torch.nn.")
