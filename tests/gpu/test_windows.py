"""Tensors larger than one binding, with an artificially small binding."""

from __future__ import annotations

from fresh import run

PRELUDE = """
import warnings
import pyrite as torch
warnings.simplefilter("error")           # nothing falls back
torch.manual_seed(0)

def check(op, *inputs, tol=1e-5):
    on_gpu = op(*[x.to("gpu") for x in inputs])
    torch.testing.assert_close(on_gpu.cpu(), op(*inputs), rtol=tol, atol=tol)
"""
SMALL = {"PYRITE_GPU_BINDING_LIMIT": "16384"}


def passes(code: str) -> None:
    assert run(PRELUDE + code + "\nprint('passed')", **SMALL) == "passed\n"


def test_elementwise_and_copies() -> None:
    passes("""
x, y, row = torch.randn(70, 1000), torch.randn(70, 1000), torch.randn(1000)
check(lambda x, y: x * y + 1, x, y)
check(lambda x, row: x - row, x, row)
check(lambda x: x.t().contiguous(), x)
check(lambda x: x.flip(0, 1), x)
check(lambda x: x[::2, 3:997].exp(), x)
check(lambda x: torch.where(x > 0, x, 0.5), x)
check(lambda x: (x > 0), x)
check(lambda x: x.half() + 1, x)
check(lambda x: torch.cat([x, x], 1), x)
check(lambda x: x.clone().t().add_(x.t()).t(), x)
check(lambda x: x.clone().fill_(3.0), x)
check(lambda x: torch.zeros_like(x), x)
z = x.to("gpu"); z[1:5, 10:900] = 7.0; x[1:5, 10:900] = 7.0
assert z.cpu().equal(x) and z[3].tolist() == x[3].tolist()
""")


def test_reductions() -> None:
    passes("""
x = torch.randn(60, 1000)
for op in ("sum", "mean", "amax", "amin", "prod", "logsumexp", "norm"):
    for dim in (0, 1):
        check(lambda x: getattr(x, op)(dim=dim), x, tol=1e-4)
check(lambda x: x.sum(), x, tol=1e-3)
check(lambda x: x.mean(), x)
check(lambda x: x.sum(0, keepdim=True), x, tol=1e-4)
check(lambda x: (x > 0).any(), x)
check(lambda x: (x > -9).all(), x)
check(lambda x: x.count_nonzero(), x)
check(lambda x: x.norm(0), x)
check(lambda x: x.half().sum(1).float(), x, tol=1e-2)
""")


def test_kernels_along_a_dimension() -> None:
    passes("""
x = torch.randn(60, 1000)
for dim in (0, 1):
    check(lambda x: x.softmax(dim), x)
    check(lambda x: x.log_softmax(dim), x, tol=1e-4)
    check(lambda x: x.cumsum(dim), x, tol=1e-4)
    check(lambda x: x.cummax(dim).indices, x)
    check(lambda x: x.sort(dim).values, x)
    check(lambda x: x.half().argsort(dim=dim, stable=True), x)
    check(lambda x: x.t().topk(3, 1 - dim).indices, x)
    leaves = [x.to(device).requires_grad_() for device in ("cpu", "gpu")]
    grads = [torch.autograd.grad(y.softmax(dim).square().sum(), y)[0] for y in leaves]
    torch.testing.assert_close(grads[1].cpu(), grads[0])
""")


def test_views_of_a_large_buffer_are_enough_for_any_kernel() -> None:
    passes("""
x, w = torch.randn(200, 64), torch.randn(64, 16)
check(lambda x, w: x[100:140] @ w, x, w, tol=1e-4)
check(lambda x: x[150:160].softmax(1), x)
check(lambda x: x[90:100].cumsum(1), x, tol=1e-4)
""")


def test_what_needs_it_whole_falls_back_or_is_refused() -> None:
    code = """
import pyrite as torch
x = torch.randn(10000)
y = x.to("gpu").softmax(0)
torch.testing.assert_close(y.cpu(), x.softmax(0))
print(torch.gpu.fallbacks())
"""
    assert run(code, PYTHONWARNINGS="ignore", **SMALL) == "{'softmax': 1}\n"
    shown = run(code, PYRITE_GPU_FALLBACK="error", **SMALL)
    assert "'aten::softmax' is not" in shown and "of which one binding holds 16384" in shown


def test_the_limit_must_be_a_number() -> None:
    shown = run("import pyrite; pyrite.ones(1, device='gpu')", PYRITE_GPU_BINDING_LIMIT="few")
    assert "PYRITE_GPU_BINDING_LIMIT must be 4096 bytes or more, got 'few'" in shown
