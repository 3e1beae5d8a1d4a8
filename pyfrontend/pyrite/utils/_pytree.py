"""Nested containers as trees: flattened into leaves and a description, and put together again.

Layer L6, on nothing. Knows lists, tuples, dictionaries, named tuples and deques; further classes
register. Anything else is a leaf, and so is None. The order of leaves is that of iteration.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "Context",
    "GetAttrKey",
    "LeafSpec",
    "MappingKey",
    "PyTree",
    "SequenceKey",
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any
Context = Any
Flatten = Callable[[Any], tuple[Iterable[Any], Any]]
Unflatten = Callable[[list[Any], Any], Any]


class _Container(NamedTuple):
    flatten: Flatten
    unflatten: Unflatten


_CONTAINERS: dict[Any, _Container] = {}
SUPPORTED_NODES = _CONTAINERS
_NAMED_TUPLE = "a named tuple"


def register_pytree_node(
    cls: type, flatten_fn: Flatten, unflatten_fn: Unflatten, **serialization: Any
) -> None:
    """Make a class a container.

    Args:
        cls: the class; its subclasses stay leaves.
        flatten_fn: gives the children of an object and what else it takes to rebuild it.
        unflatten_fn: rebuilds an object from these two.
        serialization: inert: how structures are written as text and paths, which is not built.

    Raises:
        ValueError: the class is registered already.
    """
    if cls in _CONTAINERS:
        raise ValueError(f"{cls} is already registered as pytree node.")
    _CONTAINERS[cls] = _Container(flatten_fn, unflatten_fn)


def _dict_flatten(tree: dict[Any, Any]) -> tuple[list[Any], Context]:
    """The values of a dictionary and its keys, for classes that flatten as dictionaries do."""
    return list(tree.values()), list(tree)


def _dict_flatten_with_keys(
    tree: dict[Any, Any],
) -> tuple[list[tuple[MappingKey, Any]], Context]:
    """The values of a dictionary, each with the step that leads to it, and its keys."""
    return [(MappingKey(key), value) for key, value in tree.items()], list(tree)


def _dict_unflatten(values: Iterable[Any], context: Context) -> dict[Any, Any]:
    """The dictionary of keys and values."""
    return dict(zip(context, values, strict=True))


register_pytree_node(list, lambda tree: (tree, None), lambda leaves, _: leaves)
register_pytree_node(tuple, lambda tree: (tree, None), lambda leaves, _: tuple(leaves))
register_pytree_node(dict, _dict_flatten, _dict_unflatten)
register_pytree_node(
    OrderedDict, _dict_flatten, lambda leaves, keys: OrderedDict(zip(keys, leaves, strict=True))
)
register_pytree_node(
    defaultdict,
    lambda tree: (tree.values(), (tree.default_factory, list(tree))),
    lambda leaves, how: defaultdict(how[0], zip(how[1], leaves, strict=True)),
)
register_pytree_node(
    deque, lambda tree: (tree, tree.maxlen), lambda leaves, maxlen: deque(leaves, maxlen)
)
_CONTAINERS[_NAMED_TUPLE] = _Container(
    lambda tree: (tree, type(tree)), lambda leaves, kind: kind(*leaves)
)


def _kind(tree: Any) -> Any:
    """What the tree's root is registered as; None for a leaf."""
    cls = type(tree)
    if cls in _CONTAINERS:
        return cls
    return _NAMED_TUPLE if isinstance(tree, tuple) and hasattr(tree, "_fields") else None


_get_node_type = _kind


def tree_is_leaf(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether the tree is a single leaf; `is_leaf` says of which containers it is true, too."""
    return _kind(tree) is None or (is_leaf is not None and is_leaf(tree))


@dataclass(frozen=True)
class SequenceKey:
    """A step on the way to a leaf: a position in a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclass(frozen=True)
class MappingKey:
    """A step on the way to a leaf: a key of a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True)
class GetAttrKey:
    """A step on the way to a leaf: an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, repr=False)
class TreeSpec:
    """The structure of a tree: what its root is, and the structures of its children."""

    type: Any
    context: Any
    children_specs: tuple[TreeSpec, ...]

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        name = getattr(self.type, "__name__", "namedtuple")
        parts = ",\n  ".join(repr(child).replace("\n", "\n  ") for child in self.children_specs)
        return f"TreeSpec({name}, {self.context}, [{parts}])"

    @property
    def num_leaves(self) -> int:
        """How many leaves the tree has."""
        if self.type is None:
            return 1
        return sum(child.num_leaves for child in self.children_specs)

    @property
    def num_children(self) -> int:
        """How many children the root has."""
        return len(self.children_specs)

    def is_leaf(self) -> bool:
        """Whether the tree is a single leaf."""
        return self.type is None

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of `tree` that stand where this structure has leaves.

        Raises:
            ValueError: the tree has another structure above them.
        """
        if self.type is None:
            return [tree]
        if _kind(tree) != self.type:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, got {type(tree)!r}.")
        children, context = _CONTAINERS[self.type].flatten(tree)
        children = list(children)
        if len(children) != len(self.children_specs) or context != self.context:
            raise ValueError(
                f"Node arity mismatch; expected {len(self.children_specs)}, got {len(children)}."
            )
        pairs = zip(self.children_specs, children, strict=True)
        return [part for spec, child in pairs for part in spec.flatten_up_to(child)]

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this structure with the given leaves."""
        return tree_unflatten(leaves, self)


def LeafSpec() -> TreeSpec:
    """The structure of a leaf."""
    return TreeSpec(None, None, ())


_LEAF = LeafSpec()
IsLeaf = Callable[[Any], bool] | None


def _flatten(tree: PyTree, leaves: list[Any], is_leaf: IsLeaf) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        leaves.append(tree)
        return _LEAF
    children, context = _CONTAINERS[kind].flatten(tree)
    return TreeSpec(kind, context, tuple(_flatten(child, leaves, is_leaf) for child in children))


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, in order, and its structure.

    Args:
        tree: nested containers.
        is_leaf: says of a node whether to stop there.
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a structure with the given leaves.

    Raises:
        TypeError: `treespec` is no structure.
        ValueError: there are more or fewer leaves than the structure has.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec "
            f"but got item of type {type(treespec)}."
        )
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec "
            f"refers to a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    return _build(iter(leaves), treespec)


def _build(leaves: Iterator[Any], spec: TreeSpec) -> PyTree:
    if spec.type is None:
        return next(leaves)
    children = [_build(leaves, child) for child in spec.children_specs]
    return _CONTAINERS[spec.type].unflatten(children, spec.context)


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree, in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """Iterates over the leaves of a tree."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """The structure of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """A tree of the same structure with `func` of each leaf, and of what `rests` have there.

    Raises:
        ValueError: the structure of `rests` differs.
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten([func(*values) for values in zip(*columns, strict=True)])


def tree_map_(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Calls `func` with each leaf for its effect; returns the tree."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(
    kind: type | tuple[type, ...], func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """A tree of the same structure with `func` of each leaf of a class, others as they are."""
    return tree_map(
        lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree, is_leaf=is_leaf
    )


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred` holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred` holds for a leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
