"""Traced programs compute what the programs do; tools over graphs; doors that remain."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import pytest

import pyrite as torch
import pyrite.fx as fx
from pyrite import nn
from pyrite.fx.passes.shape_prop import ShapeProp
from pyrite.fx.subgraph_rewriter import replace_pattern_with_filters
from tracing import names

NAMES = names(torch, fx)

INPUTS = {
    "MLP": (3, 2, 2),
    "ResNet": (2, 3, 10, 10),
    "Attention": (2, 4, 8),
    "GELU": (3, 2),
}


@fx.wrap
def scaled(x, by):
    """Stays one call."""
    return x * by if by > 0 else x


fx.wrap("len")


@pytest.mark.parametrize(("name", "shape"), INPUTS.items())
@pytest.mark.parametrize("form", ["traced", "copied", "pickled", "interpreted", "transformed"])
def test_a_traced_module_computes_the_same(name, shape, form):
    model = NAMES[name]().eval()
    traced = fx.symbolic_trace(model)
    x = torch.randn(shape)
    if form == "copied":
        traced = copy.deepcopy(traced)
    elif form == "pickled":
        traced = pickle.loads(pickle.dumps(traced))
    elif form == "transformed":
        traced = fx.Transformer(traced).transform()
    result = fx.Interpreter(traced).run(x) if form == "interpreted" else traced(x)
    assert torch.equal(result, model(x))


def test_gradients_reach_the_parameters_of_the_module():
    model = NAMES["MLP"]()
    traced = fx.symbolic_trace(model)
    traced(torch.randn(3, 4)).sum().backward()
    assert model.scale.grad is not None and traced.scale is model.scale


def test_marked_functions_stay_calls_and_run():
    traced = fx.symbolic_trace(lambda x: scaled(x, by=len(x)))
    assert [node.target for node in traced.graph.nodes][1:3] == [len, scaled]
    assert traced(torch.ones(3)).tolist() == [3, 3, 3]
    assert scaled(torch.ones(1), by=2).item() == 2  # untouched outside a trace


def test_functions_of_math_are_recorded():
    traced = fx.symbolic_trace(lambda x: math.sqrt(x.size(0)))
    assert traced(torch.ones(9)) == 3.0


def test_a_trace_leaves_nothing_behind():
    with pytest.raises(fx.proxy.TraceError):
        fx.symbolic_trace(NAMES["branch"])
    assert nn.ReLU()(torch.tensor([-1.0])).item() == 0
    assert "__getattr__" not in vars(nn.Module)
    assert math.sqrt(4) == 2


def test_an_error_in_generated_code_shows_its_line(capsys):
    traced = fx.symbolic_trace(lambda x: x.relu().nope())
    with pytest.raises(AttributeError, match="nope"):
        traced(torch.ones(1))
    assert "nope = relu.nope();  relu = None\n\n~~~" in capsys.readouterr().err


def test_editing_needs_recompile():
    traced = fx.symbolic_trace(lambda x: torch.relu(x))
    for node in traced.graph.nodes:
        if node.target is torch.relu:
            node.target = torch.neg
    x = torch.tensor([1.0])
    assert traced(x).item() == 1
    traced.recompile()
    assert traced(x).item() == -1


def test_code_can_be_rewritten_as_it_is_made():
    traced = fx.symbolic_trace(lambda x: x + 1)
    with traced.graph.on_generate_code(lambda before: lambda body: ["x = x * 10\n", *body]):
        traced.recompile()
        assert traced(2) == 21
    traced.recompile()
    assert traced(2) == 3


def test_nodes_may_go_while_the_list_is_walked():
    traced = fx.symbolic_trace(lambda x: x.relu().neg().neg())
    for node in traced.graph.nodes:
        if node.target == "neg":
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    assert [node.op for node in traced.graph.nodes] == ["placeholder", "call_method", "output"]
    assert len(traced.graph.nodes) == 3


def test_a_tracer_may_see_more():
    class Through(fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return not isinstance(m, nn.ReLU) and super().is_leaf_module(m, module_qualified_name)

        def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
            node = super().create_node(kind, target, args, kwargs, name, type_expr)
            node.tag = "mine"
            return node

    graph = Through().trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    assert all(node.tag == "mine" for node in graph.nodes)
    assert torch.nn.functional.relu in [node.target for node in graph.nodes]


def test_asserts_and_shapes_may_be_known():
    class Knowing(fx.Tracer):
        trace_asserts = True

    traced = fx.GraphModule(nn.Module(), Knowing().trace(NAMES["checked"]))
    with pytest.raises(AssertionError):
        traced(torch.tensor([-1.0]))

    class Sized(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x.view(self.weight.shape) if self.weight.shape[0] == 3 else x

    graph = fx.Tracer(param_shapes_constant=True).trace(Sized())
    assert "view" in str(graph)


def test_stack_traces_name_the_program():
    class Located(fx.Tracer):
        record_stack_traces = True

    node = next(n for n in Located().trace(lambda x: x.relu()).nodes if n.op == "call_method")
    assert "test_running.py" in node.stack_trace and "x.relu()" in node.stack_trace


def test_shapes_are_noted():
    traced = fx.symbolic_trace(NAMES["ResNet"]())
    ShapeProp(traced).propagate(torch.randn(2, 3, 10, 10))
    noted = {node.name: node.meta["tensor_meta"] for node in traced.graph.nodes}
    assert noted["stem"].shape == (2, 8, 8, 8) and noted["stem"].dtype is torch.float32
    assert noted["stem"].memory_format is torch.contiguous_format


def test_filters_and_literals_of_patterns():
    def program(x):
        return torch.add(x, 1) * torch.add(x, 2)

    def pattern(x):
        return torch.add(x, 5)

    traced = fx.symbolic_trace(program)
    assert fx.replace_pattern(traced, pattern, lambda x: x) == []
    found = replace_pattern_with_filters(
        traced,
        pattern,
        lambda x: x.neg(),
        match_filters=[lambda match, graph, wanted: match.returning_nodes[0].args[1] == 2],
        ignore_literals=True,
    )
    assert len(found) == 1 and traced(torch.tensor(3.0)).item() == -12


def test_unused_submodules_go():
    traced = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU())))
    for node in traced.graph.nodes:
        if node.op == "call_module" and node.target != "0":
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    assert [name for name, _ in traced.named_modules()] == ["", "0"]


def test_a_folder_is_a_package(tmp_path: Path, monkeypatch):
    model = NAMES["MLP"]().eval()
    fx.symbolic_trace(model).to_folder(tmp_path / "traced_mlp", "Traced")
    monkeypatch.syspath_prepend(str(tmp_path))
    from traced_mlp import Traced

    x = torch.randn(3, 4)
    assert torch.equal(Traced().eval()(x), model(x))


def test_tables_are_drawn(capsys):
    fx.symbolic_trace(lambda x: x.relu()).graph.print_tabular()
    assert capsys.readouterr().out.splitlines() == [
        "opcode       name    target  args     kwargs",
        "-----------  ------  ------  -------  ------",
        "placeholder  x       x       ()       {}",
        "call_method  relu    relu    (x,)     {}",
        "output       output  output  (relu,)  {}",
    ]


def test_readable_code(capsys):
    fx.symbolic_trace(nn.Sequential(nn.ReLU())).print_readable()
    text = capsys.readouterr().out
    assert text.startswith("class Sequential(torch.nn.Module):\n    def forward(self, input):\n")
    assert "# No stacktrace found for following nodes" in text


def test_a_long_program_is_pickled_and_copied():
    def long(x):
        for _ in range(3000):
            x = x + 1
        return x

    traced = fx.symbolic_trace(long)
    for twin in (pickle.loads(pickle.dumps(traced)), copy.deepcopy(traced)):
        assert twin(0) == 3000


def test_a_module_takes_what_another_has_under_a_name():
    from pyrite.fx.graph_module import _CodeOnlyModule, _copy_attr

    source, target = nn.Module(), nn.Module()
    source.part = nn.Linear(2, 2)
    _copy_attr(source, target, "part")
    _copy_attr(source, target, "part.weight")
    assert target.part is source.part and isinstance(target.part.weight, nn.Parameter)
    assert _CodeOnlyModule(dict(source.__dict__)).part is source.part
