"""Lists and dictionaries that refuse to change: the arguments of nodes.

Layer L6. A node notes whose values it uses when its arguments are set; an argument changed behind
its back would make that note wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from pyrite.utils._pytree import register_pytree_node

__all__ = ["immutable_dict", "immutable_list"]


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"'{type(self).__name__}' object does not support mutation. If you are attempting to "
            "modify the kwargs or args of a torch.fx.Node object,\n"
            "instead create a new copy of it and assign the copy to the node:\n\n"
            "    new_args = ...  # copy and mutate args\n    node.args = new_args"
        )

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


class immutable_list(list[Any]):
    """A list that does not change."""

    def __reduce__(self) -> Any:
        return immutable_list, (tuple(self),)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))


class immutable_dict(dict[Any, Any]):
    """A dictionary that does not change."""

    def __reduce__(self) -> Any:
        return immutable_dict, (tuple(self.items()),)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


_LIST_CHANGES = "append clear extend insert pop remove reverse sort"
_DICT_CHANGES = "clear pop popitem setdefault update __ior__"

for _cls, _names in ((immutable_list, _LIST_CHANGES), (immutable_dict, _DICT_CHANGES)):
    for _name in ("__setitem__", "__delitem__", *_names.split()):
        setattr(_cls, _name, _refusal(_name))
for _name in ("__iadd__", "__imul__"):
    setattr(immutable_list, _name, _refusal(_name))

register_pytree_node(
    immutable_list, lambda tree: (tree, None), lambda leaves, _: immutable_list(leaves)
)
register_pytree_node(
    immutable_dict,
    lambda tree: (tree.values(), list(tree)),
    lambda leaves, keys: immutable_dict(zip(keys, leaves, strict=True)),
)
