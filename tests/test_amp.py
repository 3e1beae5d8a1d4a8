"""Autocast contexts and the gradient scaler on the CPU."""

import json
import pickle
import threading
from pathlib import Path

import pytest

import pyrite
from outcome import close, outcome
from pyrite import optim
from pyrite.amp import GradScaler, autocast, custom_bwd, custom_fwd

CASES = json.loads((Path(__file__).parent / "data/autocast.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression):
    expected, found = CASES[expression], outcome(expression, pyrite)
    assert close(found.get("value"), expected.get("value"))
    assert (found.get("error"), found.get("text")) == (expected.get("error"), expected.get("text"))


def test_parameter_is_cast_once_in_a_context():
    part = pyrite.nn.Linear(2, 2)
    x = pyrite.ones(1, 2)

    def casts(**kwargs):
        with autocast("cpu", **kwargs):
            return {part(x).grad_fn.next_functions[0][0] for _ in range(2)}

    first, second = casts(), casts()
    assert [len(first), len(second), len(first | second)] == [1, 1, 2]
    assert len(casts(cache_enabled=False)) == 2
    with autocast("cpu"), pyrite.no_grad():
        part(x)
        with pyrite.enable_grad():
            assert part(x).requires_grad


def test_gradients_have_the_parameters_dtype():
    part = pyrite.nn.Linear(2, 2, bias=False)
    with autocast("cpu"):
        part(part(pyrite.ones(1, 2))).sum().backward()
    assert part.weight.grad.dtype == pyrite.float32


def test_older_spellings():
    with pytest.warns(FutureWarning, match=r"Please use `torch.amp.autocast\('cpu', args...\)`"):
        context = pyrite.cpu.amp.autocast()
    with context:
        assert matmul().dtype == pyrite.bfloat16


def matmul():
    return pyrite.ones(2, 2) @ pyrite.ones(2, 2)


def test_autocast_as_context_and_decorator():
    with autocast("cpu"):
        assert matmul().dtype == pyrite.bfloat16
        with autocast("cpu", enabled=False):
            assert matmul().dtype == pyrite.float32
        assert matmul().dtype == pyrite.bfloat16
    assert matmul().dtype == pyrite.float32
    assert autocast("cpu", dtype=pyrite.float16)(matmul)().dtype == pyrite.float16


def test_autocast_ends_with_an_exception():
    context = autocast("cpu")
    with pytest.raises(KeyError), context, context:
        raise KeyError
    assert matmul().dtype == pyrite.float32


def test_autocast_belongs_to_its_thread():
    found = []
    with autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append(matmul().dtype))
        thread.start()
        thread.join()
    assert found == [pyrite.float32]


def test_autocast_arguments():
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'tape'"):
        autocast("tape")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        autocast(pyrite.float32)
    with pytest.warns(UserWarning, match="but the target dtype is not supported"):
        assert autocast("cpu", dtype=pyrite.float64)(matmul)().dtype == pyrite.float32
    with pytest.raises(TypeError, match="requires a callable, but got Tensor"):
        autocast("cpu")(pyrite.ones(1))


def test_custom_function():
    seen = []

    class Multiply(pyrite.autograd.Function):
        @staticmethod
        @custom_fwd(device_type="cpu", cast_inputs=pyrite.float32)
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            seen.append((a.dtype, pyrite.is_autocast_enabled("cpu")))
            return a @ b

        @staticmethod
        @custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            seen.append((grad.dtype, pyrite.is_autocast_enabled("cpu")))
            return grad @ b.t(), a.t() @ grad

    a = pyrite.ones(2, 2, dtype=pyrite.bfloat16, requires_grad=True)
    with autocast("cpu"):
        y = Multiply.apply(a, pyrite.ones(2, 2))
    y.sum().backward()
    assert seen == [(pyrite.float32, False), (pyrite.float32, False)]
    assert a.grad.dtype == pyrite.bfloat16


def test_scaler_skips_overflow_and_adapts():
    p = pyrite.nn.Parameter(pyrite.ones(2))
    optimizer = optim.SGD([p], lr=0.5)
    scaler = GradScaler("cpu", init_scale=4.0, growth_interval=2)
    log = []
    for factor in (1.0, 1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        log.append((p[0].item(), scaler.get_scale()))
    assert log == [(0.5, 4.0), (0.0, 8.0), (0.0, 4.0), (-0.5, 4.0)]


def test_scaler_unscales_once():
    p = pyrite.nn.Parameter(pyrite.ones(1))
    optimizer = optim.SGD([p], lr=1.0)
    scaler = GradScaler("cpu", init_scale=8.0)
    scaler.scale(p.sum()).backward()
    assert p.grad.item() == 8.0
    scaler.unscale_(optimizer)
    assert p.grad.item() == 1.0
    with pytest.raises(RuntimeError, match="unscale_\\(\\) has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert p.item() == 0.0
    with pytest.raises(RuntimeError, match="step\\(\\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="unscale_\\(\\) is being called after step"):
        scaler.unscale_(optimizer)
    scaler.update()
    scaler.update(2.0)
    assert scaler.get_scale() == 2.0


def test_scaler_scales_containers():
    scaler = GradScaler("cpu", init_scale=2.0)
    a, (b,) = scaler.scale([pyrite.ones(1), (pyrite.ones(1),)])
    assert (a.item(), b.item()) == (2.0, 2.0)
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale(3)


def test_scaler_state():
    scaler = GradScaler("cpu", init_scale=2.0, growth_interval=5)
    scaler.scale(pyrite.ones(1))
    saved = scaler.state_dict()
    other = GradScaler("cpu")
    other.load_state_dict(saved)
    assert other.state_dict() == saved == pickle.loads(pickle.dumps(scaler)).state_dict()
    with pytest.raises(RuntimeError, match="The source state dict is empty"):
        other.load_state_dict({})


def test_disabled_scaler_passes_through():
    p = pyrite.nn.Parameter(pyrite.ones(1))
    optimizer = optim.SGD([p], lr=0.5)
    scaler = GradScaler("cpu", enabled=False)
    loss = p.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert p.item() == 0.5
    assert (scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()) == (1.0, {}, False)


def test_scaler_errors():
    scaler = GradScaler("cpu")
    optimizer = optim.SGD([pyrite.nn.Parameter(pyrite.ones(1))], lr=0.5)
    with pytest.raises(AssertionError, match="Attempted step but _scale is None"):
        scaler.step(optimizer)
    scaler.scale(pyrite.ones(1))
    with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
        scaler.step(optimizer)
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        GradScaler.update(_scaled())
    with pytest.raises(AssertionError, match=r"The growth factor must be > 1\.0"):
        GradScaler("cpu", growth_factor=1.0)


def _scaled():
    scaler = GradScaler("cpu")
    scaler.scale(pyrite.ones(1))
    return scaler
