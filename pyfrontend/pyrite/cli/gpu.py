"""`pyrite gpu`: show the GPU adapters that were tried, and why some are not used; or test them."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command line of `pyrite gpu`."""
    parser.add_argument(
        "--test",
        action="store_true",
        help="compare a few ops of each GPU with the CPU's, and measure its speed",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints each adapter; the status is 0 if one can be used and no test failed, else 1."""
    from pyrite import gpu

    found = gpu.adapters()
    for adapter in found:
        _show(adapter)
    if not found:
        print("No adapter: neither Vulkan, Metal nor Direct3D 12 answered.")
        print("Install the driver of your GPU's maker, on Linux with its Vulkan part.")
    count = gpu.device_count()
    print(f"{count} usable: " + (", ".join(f"gpu:{i}" for i in range(count)) or "none"))
    failures = 0
    if arguments.test:
        from . import gpu_test

        failures = sum(gpu_test.check(index) for index in range(count))
    return 0 if count and not failures else 1


def _show(adapter: dict[str, Any]) -> None:
    print(f"{adapter['name']} ({adapter['kind']}, {adapter['driver']})")
    print(f"  {'not used: ' + adapter['refusal'] if adapter['refusal'] else 'can be used'}")
    print("  has: " + (", ".join(name for name, has in adapter["features"] if has) or "nothing"))
    print("  lacks: " + (", ".join(name for name, has in adapter["features"] if not has) or "-"))
    for name, value in [*adapter["limits"], ("memory (bytes)", adapter["total_memory"])]:
        print(f"  {name}: {'not told' if value is None else value}")
