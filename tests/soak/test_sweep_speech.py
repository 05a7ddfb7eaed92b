"""A sweep over real speech: two decoders at three speeds, killed on its way, and what they come to together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.store import layout

pytestmark = pytest.mark.soak
NUM_CELLS = 4


def start(manifest: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "earmark", "sweep", "--task", "asr", "--data", str(manifest), "--limit", "12"]
    command += ["--seed", "0", "--checkpoint", "pocketsphinx", "--checkpoint", "pocketsphinx+set:fwdflat=false"]
    command += ["--variants", "speed:0.9,1.0", "--workers", "2", "--out", str(out), "--progress", "lines"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(manifest: Path, out: Path) -> dict[str, object]:
    process = start(manifest, out)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return json.loads((out / layout.SUMMARY).read_text())


def test_a_sweep_that_was_killed_ends_like_one_that_was_not(open_data, tmp_path):
    """SIGKILL to driver and workers at the beginning of its third cell; and the numbers are those of real speech."""
    manifest = open_data / "manifest.jsonl"
    truth = finish(manifest, tmp_path / "truth")
    process = start(manifest, tmp_path / "out")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("cell   3 of 4"):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "out" / layout.SUMMARY).exists()
    found = finish(manifest, tmp_path / "out")
    for name in ("without_references", "with_references"):
        assert found[name] == truth[name]
    honest, oracle = found["without_references"], found["with_references"]
    assert len(honest["cells"]) == NUM_CELLS
    assert {one["name"] for one in honest["combinations"]} == {"rover", "rover-confidence", "mbr"}
    assert oracle["rate"]["wer"] < min(cell["wer"] for cell in honest["cells"]) < 1
