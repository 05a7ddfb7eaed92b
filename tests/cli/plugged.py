"""Toy recognizers of another package, which the real program finds as it finds any: by an entry point."""

from __future__ import annotations

import os
from pathlib import Path

_MODULE = """
import os
import time
from pathlib import Path

from earmark.recognizers.doubles import Echo

HERE = Path(__file__).parent


class Endless(Echo):
    name = "endless"

    def __enter__(self):
        (HERE / "loading").touch()
        time.sleep(600)
        return self


class Dwelling(Echo):
    name = "dwelling"

    def text(self, waveform):
        (HERE / "transcribing").touch()
        time.sleep(600)
        return super().text(waveform)


class Gated(Echo):
    name = "gated"

    def text(self, waveform):
        (HERE / f"begun-{time.monotonic_ns()}-{os.getpid()}").touch()
        if len(list(HERE.glob("begun-*"))) > 4:
            (HERE / "held").touch()
            while not (HERE / "gate").exists():
                time.sleep(0.01)
        return super().text(waveform)
"""
_POINTS = "[earmark.recognizers]\n" + "".join(
    f"{name.lower()} = toy_recognizers:{name}\n" for name in ("Endless", "Dwelling", "Gated")
)


def plugged(folder: Path) -> dict[str, str]:
    """An environment with the package in ``folder``; ``loading`` and ``transcribing`` appear there as it does so.

    Four utterances pass ``gated``; the others are ``held`` until somebody makes a file ``gate``.
    """
    metadata = folder / "toy_recognizers-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-recognizers\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(_POINTS)
    (folder / "toy_recognizers.py").write_text(_MODULE)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
