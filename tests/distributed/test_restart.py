"""A job that loses a rank goes on from its last checkpoint, and learns what it would have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TRAIN = (Path(__file__).parent / "resumable.py").read_text()
# A rank may die once, on the way.
TRAIN += """
import json, signal, sys

dist.init_process_group("gloo")
attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]

def lose(rank, step):
    if sys.argv[1:] == ["lose", str(rank)] and attempt == "0" and step == 11:
        os.kill(os.getpid(), signal.SIGKILL)

first, losses = train("checkpoint.pt", 20, lose)
if dist.get_rank() == 0:
    print(f"attempt {attempt} began at step {first}")
    with open("curve", "w") as file:
        json.dump(losses, file)
dist.destroy_process_group()
"""


def curve(folder: Path, *arguments: str) -> tuple[list[float], str]:
    """The loss of every step, and what the launcher said."""
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    command = [sys.executable, "-m", "pyrite", "launch", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, "--max-restarts", "1", "train.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "curve").read_text()), result.stdout + result.stderr


def test_a_killed_rank_leaves_no_mark_on_the_loss_curve(tmp_path: Path) -> None:
    undisturbed, _ = curve(tmp_path / "undisturbed")
    assert len(undisturbed) == 20 and undisturbed[19] < undisturbed[0] / 4
    for rank in ("0", "1"):
        disturbed, said = curve(tmp_path / f"without {rank}", "lose", rank)
        assert f"rank {rank} was ended by SIGKILL" in said
        assert "attempt 1 began at step 9" in said
        assert disturbed == undisturbed
