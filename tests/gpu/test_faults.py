"""Whatever breaks on the GPU is one clear error; the rest of the process lives on."""

from __future__ import annotations

import pytest

import pyrite as torch
from fresh import run
from pyrite import _C, gpu


def test_a_lost_device_says_so_and_the_cpu_lives_on() -> None:
    shown = run("""
        import pyrite as torch
        from pyrite import _C
        kept, x = torch.arange(3), torch.ones(4, device="gpu")
        y = x + 1
        _C._gpu_provoke(0, "lost")
        for call in (lambda: x + 1, lambda: y.cpu(), lambda: torch.ones(2, device="gpu"),
                     torch.gpu.synchronize, lambda: x.kthvalue(1)):
            try:
                call()
            except torch.DeviceError as error:
                print(str(error).split("(")[0])
        del x, y
        print((kept + 1).tolist())
    """)
    assert shown == "gpu:0: the device is lost \n" * 5 + "[1, 2, 3]\n"


def test_too_large_a_tensor_is_refused() -> None:
    with pytest.raises(torch.OutOfMemoryError, match=r"CUDA out of memory. Tried to allocate \d+"):
        torch.empty(1 << 42, dtype=torch.uint8, device="gpu")
    assert torch.cuda.OutOfMemoryError is torch.OutOfMemoryError
    assert torch.ones(2, device="gpu").sum().item() == 2


def test_out_of_memory_frees_what_is_cached_first_and_then_fails() -> None:
    shown = run("""
        import pyrite as torch
        from pyrite import _C, gpu
        _C._gpu_limit_memory(0, 24 << 20)
        kept = torch.ones(1 << 20, device="gpu")
        for size in (3 << 20, 4 << 20, 1 << 20):      # 12, 16 and 4 MiB, never two of them at once
            x = torch.full((size,), 2.0, device="gpu")
            assert x.sum().item() == 2 * size
            del x
        try:
            torch.ones(6 << 20, device="gpu")
        except torch.OutOfMemoryError as error:
            print(error)
        print(kept.sum().item(), torch.ones(1 << 20, device="gpu").sum().item())
        print(gpu.memory_reserved() <= 24 << 20)
    """)
    lines = shown.splitlines()
    assert lines[0].startswith("CUDA out of memory. Tried to allocate 25165824 bytes on gpu:0")
    assert lines[-2:] == ["1048576.0 1048576.0", "True"]


def test_a_shader_that_does_not_compile_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="the shader nonsense does not compile on this driver"):
        _C._gpu_provoke(0, "shader")
    assert torch.ones(2, device="gpu").sum().item() == 2


def test_wrong_numbers() -> None:
    for call in (
        lambda: torch.ones(1).to("gpu:9"),
        lambda: gpu.set_device(9),
        lambda: gpu.get_device_name(9),
        lambda: gpu.synchronize("gpu:9"),
    ):
        with pytest.raises(torch.DeviceError, match="invalid device ordinal\n  gpu:9: there "):
            call()
    assert gpu.current_device() == 0


def test_without_an_adapter_it_is_told_what_was_tried() -> None:
    shown = run("""
        import pyrite as torch
        print(torch.gpu.is_available(), torch.gpu.device_count())
        try:
            torch.ones(1).to("gpu")
        except torch.DeviceError as error:
            print(error)
    """, PYRITE_SOFTWARE_GPU="0", PYRITE_VISIBLE_DEVICES="")  # fmt: skip
    assert shown.startswith("False 0\nNo CUDA GPUs are available\n")
    assert "tried " in shown and "pyrite gpu" in shown


def test_after_a_fork_it_is_told() -> None:
    shown = run("""
        import os, sys
        import pyrite as torch
        x = torch.ones(2, device="gpu")
        pid = os.fork()
        if pid == 0:
            for call in (lambda: x + 1, lambda: x.cpu(), lambda: torch.ones(2, device="gpu")):
                try:
                    call()
                except RuntimeError as error:
                    print(str(error).split(".")[0])
            print((torch.ones(2) + 1).tolist(), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print((x + 1).tolist())
    """)
    told = "Cannot re-initialize CUDA in forked subprocess\n"
    assert shown == told * 3 + "[2.0, 2.0]\n[2.0, 2.0]\n"


def test_an_interrupt_ends_a_wait() -> None:
    shown = run("""
        import os, signal, threading, time
        import pyrite as torch
        signal.signal(signal.SIGINT, signal.default_int_handler)
        x = torch.randn(512, 512, device="gpu")
        (x @ x).sum().item()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            for _ in range(100000):
                x = (x @ x).tanh()
                x[0, 0].item()
        except KeyboardInterrupt:
            print("interrupted")
        print(torch.ones(3, device="gpu").sum().item())
    """)
    assert shown == "interrupted\n3.0\n"


INDEXED = {
    "gather": lambda x, i: x.gather(0, i[:, None].expand(2, 3)),
    "index_select": lambda x, i: x.index_select(0, i),
    "index": lambda x, i: x[i],
    "embedding": lambda x, i: torch.nn.functional.embedding(i, x),
    "scatter": lambda x, i: x.scatter(0, i[:, None].expand(2, 3), 1.0),
    "scatter_add": lambda x, i: x.scatter_add(0, i[:, None].expand(2, 3), x[:2]),
    "index_add": lambda x, i: x.index_add(0, i, x[:2]),
    "index_copy": lambda x, i: x.index_copy(0, i, x[:2]),
    "index_fill": lambda x, i: x.index_fill(0, i, 1.0),
    "index_put": lambda x, i: x.clone().index_put_((i,), x[:2]),
    "index_reduce": lambda x, i: x.index_reduce(0, i, x[:2], "amax"),
    "take": lambda x, i: x.take(i),
    "second index": lambda x, i: x[[0, 0], i],
    "nll_loss": lambda x, i: torch.nn.functional.nll_loss(x[:2], i),
    "cross_entropy": lambda x, i: torch.nn.functional.cross_entropy(x[:2], i),
}


@pytest.mark.parametrize("op", INDEXED)
def test_an_index_out_of_range_is_reported_at_the_next_wait(op: str) -> None:
    x = torch.randn(4, 3, device="gpu")
    name = {"cross_entropy": "nll_loss", "second index": "index"}.get(op, op)
    before = x.cpu()
    with pytest.raises((IndexError, RuntimeError)) as on_cpu:
        INDEXED[op](before, torch.tensor([1, 77]))
    INDEXED[op](x, torch.tensor([1, 77], device="gpu"))
    text = rf"{name}: index 77 at position \d+ (.|\n)*below ([34]|12)"
    with pytest.raises(IndexError, match=text) as raised:
        gpu.synchronize()
    assert str(raised.value).split("\n")[0] == str(on_cpu.value).split("\n")[0]
    gpu.synchronize()
    assert x.cpu().equal(before)
    INDEXED[op](x, torch.tensor([1, 0], device="gpu"))
    gpu.synchronize()
