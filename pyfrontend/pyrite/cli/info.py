"""`pyrite info`: show processor features, threads, devices and versions."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator
from importlib import metadata

_COMPANIONS = ["numpy", "pillow", "tqdm", "safetensors", "tensorboard"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`pyrite info` takes no arguments."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Prints one aligned line a fact."""
    del arguments
    for title, value in _facts():
        print(f"{title + ':':<14}{value}")
    return 0


def _facts() -> Iterator[tuple[str, str]]:
    import pyrite as torch
    from pyrite import _C, accelerator, backends, version

    reference = version.TORCH_VERSION.partition("+")[0]
    yield "pyrite", f"{version.__version__} (PyTorch interface {reference})"
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    kernels = backends.cpu.get_cpu_capability()
    yield "processor", f"{os.cpu_count()} logical cores, kernels for {kernels}"
    yield "features", " ".join(_C._cpu_features()) or "none detected"
    yield "threads", str(torch.get_num_threads())
    yield "devices", ", ".join(["cpu", "meta", *_gpus(accelerator.device_count())])
    for name in _COMPANIONS:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _gpus(count: int) -> list[str]:
    return [f"gpu:{index}" for index in range(count)] or ["no gpu"]
