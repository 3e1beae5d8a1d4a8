"""`pyrite gpu`: show the GPU adapters that were tried, and why some are not used."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`pyrite gpu` takes no arguments."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Prints each adapter; the status is 0 if one of them can be used, else 1."""
    del arguments
    from pyrite import gpu

    found = gpu.adapters()
    for adapter in found:
        _show(adapter)
    if not found:
        print("No adapter: neither Vulkan, Metal nor Direct3D 12 answered.")
        print("Install the driver of your GPU's maker, on Linux with its Vulkan part.")
    count = gpu.device_count()
    print(f"{count} usable: " + (", ".join(f"gpu:{i}" for i in range(count)) or "none"))
    return 0 if count else 1


def _show(adapter: dict[str, Any]) -> None:
    print(f"{adapter['name']} ({adapter['kind']}, {adapter['driver']})")
    print(f"  {'not used: ' + adapter['refusal'] if adapter['refusal'] else 'can be used'}")
    print("  has: " + (", ".join(name for name, has in adapter["features"] if has) or "nothing"))
    print("  lacks: " + (", ".join(name for name, has in adapter["features"] if not has) or "-"))
    for name, value in adapter["limits"]:
        print(f"  {name}: {value}")
