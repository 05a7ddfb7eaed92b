"""A sweep over real speech: two decoders at three speeds, killed on its way, and what they come to together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.soak
NUM_CELLS = 4


def start(manifest: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "earmark", "sweep", "--task", "asr", "--data", str(manifest), "--limit", "12"]
    command += ["--seed", "0", "--checkpoint", "pocketsphinx", "--checkpoint", "pocketsphinx+set:fwdflat=false"]
    command += ["--variants", "speed:0.9,1.0", "--workers", "2", "--out", str(out), "--progress", "lines"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(manifest: Path, out: Path) -> list[dict[str, Any]]:
    process = start(manifest, out)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return [json.loads((out / name).read_text()) for name in ("honest.json", "oracle.json")]


def test_a_sweep_that_was_killed_ends_like_one_that_was_not(open_data, tmp_path):
    """SIGKILL to driver and workers at the beginning of its third cell; and the numbers are those of real speech."""
    manifest = open_data / "manifest.jsonl"
    honest, oracle = finish(manifest, tmp_path / "truth")
    process = start(manifest, tmp_path / "out")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("cell   3 of 4"):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "out" / "honest.json").exists()
    resumed, its_oracle = finish(manifest, tmp_path / "out")
    assert resumed["together"] == honest["together"]
    assert its_oracle["rate"] == oracle["rate"]
    together = honest["together"]
    assert len(together["cells"]) == NUM_CELLS
    assert {one["name"] for one in together["combinations"]} == {"rover", "rover-confidence", "mbr"}
    assert oracle["rate"]["wer"] < min(cell["wer"] for cell in together["cells"]) < 1
