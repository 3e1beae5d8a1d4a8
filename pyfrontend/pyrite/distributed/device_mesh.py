"""Meshes of devices: the ranks as a grid, with a process group along each dimension.

A mesh is a tensor of global ranks. A part that is sliced by names has the lines of its root mesh
that this rank is on, and the root's groups. Invariant: all ranks make the same groups in the same
order, whether they are members or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.distributed.formation import init_process_group, new_group
from pyrite.distributed.process_group import (
    ProcessGroup,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    is_initialized,
    world,
)

__all__ = ["DeviceMesh", "init_device_mesh"]

_Names = tuple[str, ...] | None


class DeviceMesh:
    """A grid of ranks; every rank of the default group makes it.

    Args:
        device_type: of the ranks' devices: `cpu`, `cuda`.
        mesh: global ranks, each once; a tensor or nested lists.
        mesh_dim_names: a name for each dimension, by which parts can be sliced.
        backend_override: must be None.
        _init_backend: whether to make the groups; a mesh without groups only knows its ranks.

    Raises:
        RuntimeError: the mesh does not fit the ranks, or a name occurs twice.
    """

    def __init__(
        self,
        device_type: str,
        mesh: Any,
        *,
        mesh_dim_names: _Names = None,
        backend_override: Any = None,
        _init_backend: bool = True,
    ) -> None:
        if backend_override is not None:
            raise NotImplementedError("DeviceMesh: backend_override is not supported")
        if not is_initialized():
            init_process_group()
        given = mesh.detach().cpu() if isinstance(mesh, Tensor) else _C.tensor(mesh)
        ranks = given.to(_C.int32)
        names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        _check(tuple(ranks.shape), names)
        if len(set(ranks.reshape(-1).tolist())) != ranks.numel():
            raise RuntimeError(f"DeviceMesh cannot have repeated values, but found {ranks}")
        groups = _make_groups(ranks) if _init_backend else []
        self._fill(device_type, ranks, names, groups)

    def _fill(
        self, device_type: str, ranks: Tensor, names: _Names, groups: list[ProcessGroup]
    ) -> None:
        self.device_type = device_type
        self.mesh = ranks
        self.mesh_dim_names = names
        self._groups = groups
        self._root = self
        self._root_dims = tuple(range(ranks.ndim))
        self._flattened: dict[str, DeviceMesh] = {}

    @classmethod
    def _part_of(cls, root: DeviceMesh, dims: tuple[int, ...], names: _Names) -> DeviceMesh:
        """The grid along some dimensions of a root mesh that this rank is on."""
        part = cls.__new__(cls)
        lines = root._lines(dims)
        shape = [root.shape[dim] for dim in dims]
        me = get_rank()
        mine = next((line for line in lines.tolist() if me in line), lines[0].tolist())
        groups = [root._groups[dim] for dim in dims] if root._groups else []
        ranks = _C.tensor(mine, dtype=_C.int32).view(shape)
        part._fill(root.device_type, ranks, names, groups)
        part._root, part._root_dims = root, dims
        return part

    def _lines(self, dims: Sequence[int]) -> Tensor:
        """The ranks, one row for each place outside of `dims`."""
        others = [dim for dim in range(self.ndim) if dim not in dims]
        size = math.prod(self.shape[dim] for dim in dims)
        return self.mesh.permute([*others, *dims]).reshape(-1, size)

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return self.mesh.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return tuple(self.mesh.shape)

    def size(self, mesh_dim: int | None = None) -> int:
        """How many ranks there are, along one dimension or in all."""
        return self.mesh.numel() if mesh_dim is None else self.shape[mesh_dim]

    def get_rank(self) -> int:
        """This process's global rank."""
        return get_rank()

    def get_coordinate(self) -> tuple[int, ...] | None:
        """Where this rank is in the mesh; None if it is not."""
        places = (self.mesh == get_rank()).nonzero().tolist()
        return tuple(places[0]) if places else None

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """This rank's place along a dimension, which a mesh of one dimension need not name.

        Raises:
            RuntimeError: the dimension is missing, or this rank is not in the mesh.
        """
        if mesh_dim is None and self.ndim > 1:
            raise RuntimeError(
                f"Found the DeviceMesh have {self.ndim} dimensions",
                "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1.",
            )
        coordinate = self.get_coordinate()
        if coordinate is None:
            raise RuntimeError(f"rank {get_rank()} is not in the mesh {self}")
        return coordinate[self._dim(mesh_dim or 0)]

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """The group of the ranks along a dimension, which a mesh of one dimension need not name.

        Raises:
            RuntimeError: the dimension is missing, or the mesh has no groups.
            KeyError: there is no dimension of that name.
            IndexError: there is none of that number, or this rank is not in the mesh.
        """
        if mesh_dim is None and self.ndim > 1:
            raise RuntimeError(
                f"Found the DeviceMesh have {self.ndim} dimensions",
                "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1.",
                "If you want to get the list of all the ProcessGroups in the DeviceMesh,"
                "please use `get_all_groups()` instead.",
            )
        return self._groups[self._dim(mesh_dim or 0)]

    def get_all_groups(self) -> list[ProcessGroup]:
        """The groups that this rank is in, one for each dimension."""
        return [self.get_group(dim) for dim in range(self.ndim)]

    def _dim(self, dim: int | str) -> int:
        if not isinstance(dim, str):
            return dim
        if self.mesh_dim_names is None or dim not in self.mesh_dim_names:
            raise KeyError(
                f"Mesh dimension '{dim}' does not exist.",
                f"Available mesh dimensions are: mesh_dim_names={self.mesh_dim_names}",
            )
        return self.mesh_dim_names.index(dim)

    def __getitem__(self, names: str | tuple[str, ...]) -> DeviceMesh:
        """The part along the dimensions of these names, or the flattened one of that name."""
        if self.mesh_dim_names is None:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        wanted = (names,) if isinstance(names, str) else tuple(names)
        if wanted == self.mesh_dim_names:
            return self
        if len(wanted) == 1 and wanted[0] in self._root._flattened:
            return self._root._flattened[wanted[0]]
        if not set(wanted) <= set(self.mesh_dim_names):
            raise KeyError(
                f"Invalid mesh_dim_names {wanted} specified. Valid mesh_dim_names are "
                f"{list(self.mesh_dim_names)}."
            )
        dims = [self.mesh_dim_names.index(name) for name in wanted]
        if dims != sorted(set(dims)):
            raise KeyError(
                f"Invalid mesh_dim_names {wanted} specified. Mesh dim indices should be in "
                "ascending order."
            )
        return DeviceMesh._part_of(self._root, tuple(self._root_dims[dim] for dim in dims), wanted)

    def _flatten(self, mesh_dim_name: str | None = None) -> DeviceMesh:
        """The mesh as one dimension with a group of its own; all ranks of the root call this."""
        root = self._root
        name = mesh_dim_name or "_".join(self.mesh_dim_names or ())
        if name in root._flattened:
            return root._flattened[name]
        part = DeviceMesh._part_of(root, self._root_dims, self.mesh_dim_names)
        flat = DeviceMesh.__new__(DeviceMesh)
        group = _line_group(root._lines(self._root_dims).tolist()) if root._groups else None
        flat._fill(self.device_type, part.mesh.reshape(-1), (name,), [group] if group else [])
        flat._root, flat._root_dims = root, self._root_dims[-1:]
        root._flattened[name] = flat
        return flat

    @staticmethod
    def from_group(
        group: ProcessGroup | list[ProcessGroup],
        device_type: str,
        mesh: Any = None,
        *,
        mesh_dim_names: _Names = None,
    ) -> DeviceMesh:
        """A mesh over groups that exist: one, or one for each dimension of `mesh`.

        Raises:
            ValueError: several groups without their mesh, or not one for each dimension.
        """
        groups = list(group) if isinstance(group, (list, tuple)) else [group]
        if mesh is None and len(groups) > 1:
            raise ValueError("Must pass mesh if passing multiple ProcessGroups")
        ranks = get_process_group_ranks(groups[0]) if mesh is None else mesh
        made = DeviceMesh(device_type, ranks, mesh_dim_names=mesh_dim_names, _init_backend=False)
        if made.ndim != len(groups):
            raise ValueError(
                "Expects at least one ProcessGroup to be passed, and one for each dimension; got "
                f"{len(groups)} ProcessGroups and a mesh of {made.ndim} dimensions"
            )
        made._groups = groups
        return made

    def _key(self) -> tuple[Any, ...]:
        ranks = tuple(self.mesh.reshape(-1).tolist())
        return ranks, self.shape, self.device_type, self.mesh_dim_names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceMesh) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        if self.mesh_dim_names is None:
            shape = str(self.shape)
        else:
            named = zip(self.mesh_dim_names, self.shape, strict=True)
            shape = f"({', '.join(f'{name}={length}' for name, length in named)})"
        lengths = self._root.shape
        strides = [math.prod(lengths[dim + 1 :]) for dim in self._root_dims]
        return f"DeviceMesh({shape}, '{self.device_type}', stride={tuple(strides[: self.ndim])})"


def _check(shape: tuple[int, ...], names: _Names) -> None:
    """Whether ranks in this shape, with these names, can be a mesh."""
    if names is not None and len(set(names)) != len(names):
        raise RuntimeError(
            "Each mesh_dim_name must be unique. Found repeated mesh_dim_name in mesh_dim_names "
            f"{names}"
        )
    if names is not None and len(names) != len(shape):
        raise RuntimeError(
            "mesh_shape and mesh_dim_names should have same length! Found len(mesh_dim_names): "
            f"{len(names)} and len(mesh_shape):{len(shape)}."
        )
    if math.prod(shape) > get_world_size():
        raise RuntimeError(
            f"Mesh should not be bigger than default world size {get_world_size()}, but found "
            f"{math.prod(shape)} ranks!"
        )


def _make_groups(ranks: Tensor) -> list[ProcessGroup]:
    """This rank's group along each dimension; none for a rank outside of the mesh."""
    found = []
    for dim in range(ranks.ndim):
        lines = ranks.movedim(dim, -1).reshape(-1, ranks.shape[dim]).tolist()
        group = _line_group(lines)
        if group is not None:
            found.append(group)
    return found


def _line_group(lines: list[list[int]]) -> ProcessGroup | None:
    """Makes a group of each line; the one that this rank is in."""
    if lines == [list(range(get_world_size()))]:
        return world()
    groups = [new_group(line, sort_ranks=False) for line in lines]
    return next((group for group in groups if isinstance(group, ProcessGroup)), None)


def init_device_mesh(
    device_type: str,
    mesh_shape: tuple[int, ...],
    *,
    mesh_dim_names: _Names = None,
    backend_override: Any = None,
) -> DeviceMesh:
    """A mesh of all ranks in order; every rank calls it. Forms the default group if there is none.

    Args:
        device_type: of the ranks' devices: `cpu`, `cuda`.
        mesh_shape: the length of each dimension.
        mesh_dim_names: a name for each dimension.
        backend_override: must be None.

    Raises:
        RuntimeError: the shape does not fit the ranks, or a name occurs twice.
    """
    if device_type and not device_type.isalpha():
        raise RuntimeError(
            f"Device type with index is not supported but got {device_type}. ",
            "If you maintained a 'torch.device' object, it's recommended to pass in 'device.type'.",
        )
    if not is_initialized():
        init_process_group()
    shape = tuple(mesh_shape)
    _check(shape, mesh_dim_names)
    ranks = _C.arange(math.prod(shape), dtype=_C.int32).view(shape)
    return DeviceMesh(
        device_type, ranks, mesh_dim_names=mesh_dim_names, backend_override=backend_override
    )
