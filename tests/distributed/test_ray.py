"""Ranks as actors of a real Ray cluster on this machine; skipped where Ray is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pyrite.distributed import ray as engine

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="no Ray here: pip install ray")

# One cluster for all: it takes seconds to start.
PROGRAM = (Path(__file__).parent / "resumable.py").read_text()
PROGRAM += """
import json, signal
import ray
from pyrite.distributed.ray import launch

FOLDER = os.getcwd()

def work(how):
    dist.init_process_group("gloo")
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
    def lose(rank, step):
        if (rank, step, attempt) == (1, 7, "0"):
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "raise":
                raise ValueError("boom")
    first, losses = train(f"{FOLDER}/{how}.pt", 10, lose)
    return dist.get_rank(), dist.get_world_size(), first, losses, os.environ["LOCAL_RANK"]

ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
print(json.dumps([launch(work, 2, args=(how,), max_restarts=1) for how in
                  ("nothing", "kill", "raise")]))
def fail():
    dist.init_process_group("gloo")
    if dist.get_rank() == 1:
        raise ValueError("boom")
    dist.barrier()
try:
    launch(fail, 2, {"CPU": 1})
except ValueError as error:
    print("ValueError: boom" in str(error))
ray.shutdown()
"""


@needs_ray
def test_ranks_restart_from_their_last_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    result = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        # Ray's workers import what the driver can.
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=115,
    )
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line[:2] in ("[[", "Tr")]
    import json

    undisturbed, killed, raised = json.loads(lines[0])
    assert lines[1] == "True"
    for rank in range(2):
        losses = undisturbed[rank][3]
        assert undisturbed[rank] == [rank, 2, 0, losses, str(rank)] and len(losses) == 10
        assert killed[rank] == raised[rank] == [rank, 2, 6, losses, str(rank)]


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ImportError, match=r"pip install 'pyrite\[ray\]'"):
        engine.launch(print, 2)


def test_a_rank_finds_what_a_launcher_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYRITE_GROUP_KEY", raising=False)
    places = [("10.0.0.1", 5000, "a"), ("10.0.0.2", 6000, "b"), ("10.0.0.1", 7000, "a")]
    told = engine._variables(places, {"CPU": 2.0}, (1, 3))
    assert [own["RANK"] for own in told] == ["0", "1", "2"]
    assert [own["LOCAL_RANK"] for own in told] == ["0", "0", "1"]
    assert [own["LOCAL_WORLD_SIZE"] for own in told] == ["2", "1", "2"]
    assert {own["MASTER_ADDR"] + own["MASTER_PORT"] for own in told} == {"10.0.0.15000"}
    assert len({own["PYRITE_GROUP_KEY"] for own in told}) == 1
    assert {own["OMP_NUM_THREADS"] for own in told} == {"2"}
