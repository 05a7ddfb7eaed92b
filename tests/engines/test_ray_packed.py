"""What travels to Ray's workers from a script that somebody runs."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from earmark.engines.ray.packed import packed

class Greeting:
    def __call__(self):
        return f"hello from {__name__}"

def probe():
    return Greeting()()

sys.stdout.buffer.write(packed(probe))
"""


def test_what_the_script_defines_can_be_called_where_the_script_is_not(tmp_path):
    """By value: another process has another program as ``__main__``."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    data = subprocess.run([sys.executable, script], capture_output=True, check=True).stdout
    assert pickle.loads(data)() == "hello from __main__"
