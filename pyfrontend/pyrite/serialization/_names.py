"""The names files use for classes and functions, and the objects that answer to them here.

Layer: Python front end. A `.pt` file names `torch._utils._rebuild_tensor_v2`, `torch.FloatStorage`,
`torch.float32`, ...: one table maps these names to objects when reading, its inverse renames the
pickle when writing. Everything a weights-only load may use by default stands in this table.
"""

from __future__ import annotations

import collections
import functools
import importlib
import sys
from typing import Any

from pyrite import _C, _layouts, _utils, storage
from pyrite._C import Tensor, UntypedStorage

_DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 "
    "complex32 complex64 complex128"
).split()

PARAMETER = "torch.nn.parameter.Parameter"


@functools.cache
def default_names() -> dict[str, Any]:
    """Return what a weights-only load may use without asking, by the name in the file."""
    from pyrite._size import Size

    names: dict[str, Any] = {f"torch.{name}": getattr(_C, name) for name in _DTYPES}
    for name in storage.__all__:
        if name.endswith("Storage") and name not in ("TypedStorage", "UntypedStorage"):
            names[f"torch.{name}"] = getattr(storage, name)
    for rebuild in _utils._REBUILDERS:
        names[f"torch._utils.{rebuild.__name__}"] = rebuild
    names |= {
        "torch.storage.TypedStorage": storage.TypedStorage,
        "torch.storage.UntypedStorage": UntypedStorage,
        "torch.serialization._get_layout": _layouts._get_layout,
        "torch._tensor._rebuild_from_type_v2": _utils._rebuild_from_type_v2,
        "torch.Tensor": Tensor,
        "torch.Size": Size,
        "torch.device": _C.device,
        "collections.Counter": collections.Counter,
        "collections.OrderedDict": collections.OrderedDict,
        "collections.defaultdict": collections.defaultdict,
        "collections.deque": collections.deque,
        "_codecs.encode": importlib.import_module("_codecs").encode,
    }
    for kind in (bytearray, complex, dict, float, frozenset, int, list, set, str, tuple):
        names[f"builtins.{kind.__name__}"] = kind
    return names


@functools.cache
def written_names() -> dict[tuple[str, str], tuple[str, str]]:
    """Return the names to write, `(module, name)`, by those Python's pickle writes."""
    renames = {}
    for path, value in default_names().items():
        module, _, name = path.rpartition(".")
        if not path.startswith("torch."):
            continue
        ours = getattr(value, "__name__", name)  # a dtype object is pickled by its own name
        renames[value.__module__, ours] = (module, name)
    renames["pyrite._utils", "TensorName"] = ("torch", "Tensor")
    renames["pyrite.nn.parameter", "Parameter"] = ("torch.nn.parameter", "Parameter")
    # The package nn is not loaded for the sake of files without parameters.
    for name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        renames["pyrite.nn.parameter", name] = ("torch._utils", name)
    return renames


def counterpart(path: str, load: bool = False) -> Any:
    """Return the object that stands for a name of PyTorch, or None.

    Args:
        path: a dotted name, for instance `torch.nn.modules.linear.Linear`.
        load: whether modules of this package may be imported to look.
    """
    if path in default_names():
        return default_names()[path]
    if path == PARAMETER:
        return importlib.import_module("pyrite.nn.parameter").Parameter
    module, _, name = path.rpartition(".")
    if module.split(".")[0] != "torch":
        return None
    # PyTorch keeps layers in files of their own; their classes are public in `nn`.
    places = ["pyrite.nn"] if module.startswith("torch.nn.modules.") else []
    for place in ["pyrite" + module.removeprefix("torch"), *places]:
        try:
            found = importlib.import_module(place) if load else sys.modules[place]
        except (ImportError, KeyError):
            continue
        if hasattr(found, name):
            return getattr(found, name)
    return None
