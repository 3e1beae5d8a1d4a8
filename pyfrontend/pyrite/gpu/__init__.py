"""GPUs, whatever their maker: Vulkan, Metal and Direct3D 12 devices through one set of shaders.

`device="gpu"` is the current one, `"gpu:1"` the second. `PYRITE_VISIBLE_DEVICES` (else
`CUDA_VISIBLE_DEVICES`) limits and orders them. A software adapter counts with
`PYRITE_SOFTWARE_GPU=1` only. The functions are those of `torch.cuda`, where they have a meaning.
"""

from __future__ import annotations

from .devices import (
    DeviceProperties,
    adapters,
    current_device,
    device,
    device_count,
    device_of,
    fallbacks,
    get_device_name,
    get_device_properties,
    is_available,
    is_fusion_enabled,
    is_initialized,
    set_device,
    set_fusion_enabled,
    synchronize,
)
from .memory import (
    OutOfMemoryError,
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_stats,
    memory_summary,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import Event, Stream, current_stream, default_stream, set_stream, stream

__all__ = [
    "DeviceProperties",
    "Event",
    "OutOfMemoryError",
    "Stream",
    "adapters",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "fallbacks",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "is_available",
    "is_fusion_enabled",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_fusion_enabled",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "stream",
    "synchronize",
]
