"""Which GPUs of this machine workers may use, found without any framework: a driver of a run loads no torch.

What the environment says is believed as it is said: CUDA_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES.
Else NVIDIA's driver is asked (nvidia-smi, or what it shows in /proc), then AMD's (the kernel's topology of kfd). It
does not know whether a framework can use what it finds.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earmark.errors import UsageError

_CUDA, _HIP, _ROCR = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"
_NVIDIA_FILES = Path("/proc/driver/nvidia/gpus")
_AMD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
_ASKING_S = 20.0
_LOOKED_FOR = "nvidia-smi, /proc/driver/nvidia/gpus and /sys/class/kfd show none, and no *_VISIBLE_DEVICES is set"
_ID = re.compile(r"\d+|(GPU|MIG)-[\w/-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Devices:
    """GPUs by their ids, as the variables called ``names`` want them; ``also`` goes with them.

    ``found`` says where they were found, for messages. No ids: workers see what the driver sees.
    """

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)
    found: str = _LOOKED_FOR

    def environment(self, rank: int) -> dict[str, str]:
        """The variables of the worker with this rank: it sees one GPU, the next worker the next one, round robin."""
        if not self.ids:
            return {}
        return {**dict.fromkeys(self.names, self.ids[rank % len(self.ids)]), **self.also}


def chosen_devices(asked: str) -> Devices:
    """The GPUs that are asked for and here: ``auto`` are all, a number the first so many, else their ids with commas.

    One id alone has a comma behind it. Of more than there are, those that there are. Raises UsageError where none is.
    """
    here = visible_devices()
    chosen = _chosen(asked, here.ids)
    if not chosen:
        raise UsageError(
            f"--gpus {asked}: there is no such GPU here",
            cause=f"{here.found}; the GPUs here are {', '.join(here.ids)}" if here.ids else here.found,
            hint="--gpus auto takes those that are here" if here.ids else "leave --gpus out to work on processors",
        )
    return Devices(chosen, here.names, here.also, here.found)


def _chosen(asked: str, here: tuple[str, ...]) -> tuple[str, ...]:
    if asked == "auto":
        return here
    if asked.isdecimal():
        if int(asked) == 0:
            raise UsageError("--gpus 0 is no GPU", hint="--gpus 0, is the one with the id 0; --gpus 1 is any one")
        return here[: int(asked)]
    wanted = [word.strip() for word in asked.split(",") if word.strip()]
    if not wanted or not all(_ID.fullmatch(word) for word in wanted):
        raise UsageError(f"--gpus {asked} is neither auto nor a number nor ids", hint="--gpus 0,2")
    return tuple(word for word in dict.fromkeys(wanted) if word in here)


def visible_devices() -> Devices:
    """The GPUs that this process may use, as far as the environment and the drivers say."""
    given = [name for name in (_CUDA, _HIP, _ROCR) if name in os.environ]
    if given:
        # The one of ROCm's runtime counts first and the others within it, so only the last ones are narrowed.
        names = tuple(name for name in given if name != _ROCR) or (_ROCR,)
        said = os.environ[names[0]]
        return Devices(_listed(said), names, found=f"{names[0]} is {said!r}")
    if nvidia := _num_nvidia():
        # CUDA would count the fastest first, and people count as nvidia-smi does.
        return Devices(_numbers(nvidia), (_CUDA,), {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, "as nvidia-smi counts")
    if amd := _num_amd():
        return Devices(_numbers(amd), (_HIP,), found="as the kernel's kfd counts")
    return Devices()


def _listed(said: str) -> tuple[str, ...]:
    """The ids of a variable: as CUDA reads it, what follows a word that is no id counts no more."""
    ids: list[str] = []
    for word in said.split(","):
        if not _ID.fullmatch(word.strip()):
            break
        ids.append(word.strip())
    return tuple(ids)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _num_nvidia() -> int:
    try:
        # From the PATH: a driver's tool lies elsewhere on each system.
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_ASKING_S, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return _num_names(_NVIDIA_FILES)
    return len(re.findall(r"^GPU \d+:", told.stdout, re.MULTILINE)) if told.returncode == 0 else 0


def _num_names(folder: Path) -> int:
    try:
        return len(list(folder.iterdir()))
    except OSError:
        return 0


def _num_amd() -> int:
    """Nodes of the topology that are GPUs: a processor's has the id 0."""
    return sum(_is_gpu(path) for path in _AMD_NODES.glob("*/gpu_id"))


def _is_gpu(path: Path) -> bool:
    try:
        return path.read_text().strip() not in ("", "0")
    except OSError:
        return False
