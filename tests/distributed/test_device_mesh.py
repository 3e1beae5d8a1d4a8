"""Meshes: groups along dimensions, parts by name; the texts are PyTorch 2.13.0's."""

from __future__ import annotations

from ranks import run

CAUGHT = """
def caught(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""

PROGRAM = (
    CAUGHT
    + """
from pyrite.distributed.device_mesh import DeviceMesh, init_device_mesh
form()
mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
for dim in ("dp", "tp"):
    x = torch.tensor([float(rank)])
    dist.all_reduce(x, group=mesh.get_group(dim))
    say(dim, x.item(), mesh[dim].mesh.tolist(), mesh.get_local_rank(dim), mesh[dim].get_rank())
    assert mesh[dim].get_group() is mesh.get_group(dim)
say(mesh.get_coordinate(), mesh["dp", "tp"] is mesh)
flat = mesh._flatten()
x = torch.ones(1)
dist.all_reduce(x, group=flat.get_group())
say(repr(flat), mesh["dp_tp"] is flat, x.item())
odd = DeviceMesh("cpu", [1, 3])
say(odd.get_coordinate(), repr(odd))
if rank == 3:
    say(mesh, mesh.ndim, mesh.shape, mesh.size(), mesh.size(0), mesh.device_type)
    say(repr(mesh["tp"]), [dist.get_process_group_ranks(g) for g in mesh.get_all_groups()])
    say(caught(mesh.get_group).split(",")[0])
    say(caught(lambda: mesh["zz"]))
    say(caught(lambda: mesh["tp", "dp"]))
    say(caught(lambda: mesh.get_group("zz")))
    say(caught(lambda: odd["x"]))
    say(caught(lambda: init_device_mesh("cpu", (2, 2), mesh_dim_names=("a", "a"))))
    say(caught(lambda: init_device_mesh("cpu", (2, 2), mesh_dim_names=("a",))))
    say(caught(lambda: init_device_mesh("cpu:0", (2, 2))).split(".")[0])
    say(caught(lambda: init_device_mesh("cpu", (2, 3))))
    again = DeviceMesh("cpu", [[0, 1], [2, 3]], mesh_dim_names=("dp", "tp"), _init_backend=False)
    say(mesh == again, hash(mesh) == hash(again), mesh == odd)
    say(DeviceMesh.from_group(mesh.get_group("tp"), "cpu").mesh.tolist())
"""
)


def test_a_grid_of_four_ranks() -> None:
    outputs = [output.splitlines() for output in run(4, PROGRAM)]
    for rank, lines in enumerate(outputs):
        row, column = divmod(rank, 2)
        assert lines[:5] == [
            f"dp {2.0 * column + 2.0} [{column}, {column + 2}] {row} {rank}",
            f"tp {4.0 * row + 1.0} [{2 * row}, {2 * row + 1}] {column} {rank}",
            f"({row}, {column}) True",
            "DeviceMesh((dp_tp=4), 'cpu', stride=(1,)) True 4.0",
            f"{(row,) if column else None} DeviceMesh((2,), 'cpu', stride=(1,))",
        ]
    assert outputs[3][5:] == [
        "DeviceMesh((dp=2, tp=2), 'cpu', stride=(2, 1)) 2 (2, 2) 4 2 cpu",
        "DeviceMesh((tp=2), 'cpu', stride=(1,)) [[1, 3], [2, 3]]",
        "RuntimeError: ('Found the DeviceMesh have 2 dimensions'",
        "KeyError: \"Invalid mesh_dim_names ('zz',) specified. Valid mesh_dim_names are "
        "['dp', 'tp'].\"",
        "KeyError: \"Invalid mesh_dim_names ('tp', 'dp') specified. Mesh dim indices should be in "
        'ascending order."',
        'KeyError: ("Mesh dimension \'zz\' does not exist.", "Available mesh dimensions are: '
        "mesh_dim_names=('dp', 'tp')\")",
        "RuntimeError: Cannot slice a DeviceMesh without mesh_dim_names!",
        "RuntimeError: Each mesh_dim_name must be unique. Found repeated mesh_dim_name in "
        "mesh_dim_names ('a', 'a')",
        "RuntimeError: mesh_shape and mesh_dim_names should have same length! Found "
        "len(mesh_dim_names): 1 and len(mesh_shape):2.",
        "RuntimeError: ('Device type with index is not supported but got cpu:0",
        "RuntimeError: Mesh should not be bigger than default world size 4, but found 6 ranks!",
        "True True False",
        "[2, 3]",
    ]


def test_a_part_of_three_dimensions_can_be_flattened() -> None:
    program = """
from pyrite.distributed import init_device_mesh
form()
mesh = init_device_mesh("cpu", (2, 2, 2), mesh_dim_names=("dp", "cp", "tp"))
flat = mesh["dp", "cp"]._flatten()
say(flat.mesh.tolist(), dist.get_process_group_ranks(flat.get_group()), repr(flat))
say(mesh["dp_cp"] is flat, mesh["dp", "cp"]["cp"].mesh.tolist(), repr(mesh["dp", "cp"]))
"""
    for rank, output in enumerate(run(8, program)):
        column, first = rank % 2, rank // 4 * 4 + rank % 2
        ranks = [column, column + 2, column + 4, column + 6]
        assert output.splitlines() == [
            f"{ranks} {ranks} DeviceMesh((dp_cp=4), 'cpu', stride=(2,))",
            f"True {[first, first + 2]} DeviceMesh((dp=2, cp=2), 'cpu', stride=(4, 2))",
        ]
