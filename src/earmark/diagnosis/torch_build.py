"""What torch was built for and whether it finds a GPU, asked of another process: it may hang, crash or take long."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

DEADLINE_S = 60.0
_SCRIPT = """
import json, torch
facts = {"version": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip}
try:
    if facts["cuda"] or facts["hip"]:
        torch.cuda.init()
    facts["num_gpus"] = torch.cuda.device_count()
except (RuntimeError, AssertionError) as error:
    facts["complaint"] = str(error).strip().splitlines()[0]
print(json.dumps(facts))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuild:
    """``cuda`` and ``hip`` are the versions that it was built for, None where it was not.

    ``complaint`` is what it says where it can use no GPU, and ``fault`` why it cannot be imported; then the rest is not
    known.
    """

    version: str = ""
    cuda: str | None = None
    hip: str | None = None
    num_gpus: int = 0
    complaint: str | None = None
    fault: str | None = None

    @property
    def made_for(self) -> str:
        """What its wheel is for, in words."""
        if self.cuda:
            return f"CUDA {self.cuda}"
        return f"ROCm {self.hip}" if self.hip else "processors only"


def torch_build(*, python: str = sys.executable, deadline_s: float = DEADLINE_S) -> TorchBuild | None:
    """What the torch of ``python`` says of itself; None where it is not installed (of this interpreter)."""
    if python == sys.executable and find_spec("torch") is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter
            [python, "-c", _SCRIPT], capture_output=True, text=True, errors="replace", timeout=deadline_s, check=False
        )
    except subprocess.TimeoutExpired:
        return TorchBuild(fault=f"it was not imported within {deadline_s:g} s")
    except OSError as error:
        return TorchBuild(fault=str(error))
    try:
        return TorchBuild(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        said = done.stderr.strip().splitlines()
        ended = f"it ended with {done.returncode}"
        return TorchBuild(fault=f"{ended}: {said[-1]}" if said else ended)
