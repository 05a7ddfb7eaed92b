"""Whether models can work on this machine's GPUs: the driver, torch's build, and the variables that hide devices.

Judges facts that others found. No plain run needs a GPU, so all of it are warnings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from earmark.diagnosis.finding import Finding, fine, warning
from earmark.diagnosis.gpus import Gpu
from earmark.diagnosis.torch_build import TorchBuild

MASKS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_OF_AMD = MASKS[1:]
_GET_CUDA = "install the build of torch for CUDA: https://pytorch.org/get-started/locally"
_GET_ROCM = "install the build of torch for ROCm: https://pytorch.org/get-started/locally"


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What is known of a machine's GPUs. ``newest_cuda`` is the newest that NVIDIA's driver runs.

    ``visible`` are the ids of those that ``--gpus auto`` takes.
    """

    visible: Sequence[str] = ()
    nvidia: Sequence[Gpu] = ()
    newest_cuda: tuple[int, int] | None = None
    has_amd_driver: bool = False
    may_use_amd_driver: bool = False
    torch: TorchBuild | None = None

    @property
    def has_gpus(self) -> bool:
        """Whether a driver says so."""
        return bool(self.nvidia) or self.has_amd_driver


def device_findings(devices: Devices, environment: Mapping[str, str]) -> list[Finding]:
    """What the GPUs are, and everything that keeps models from them."""
    problems = [*_masks(devices, environment)]
    if devices.torch is not None and (found := _build(devices, devices.torch)):
        problems.append(found)
    return [fine("devices", _listed(devices)), *problems, *_torch(devices, is_hindered=bool(problems))]


def _listed(devices: Devices) -> str:
    names = Counter(gpu.name for gpu in devices.nvidia)
    listed = ", ".join(f"{number} x {name}" for name, number in names.items())
    taken = f"; --gpus auto takes {', '.join(devices.visible) or 'none'}"
    if devices.nvidia:
        cuda = f", up to CUDA {devices.newest_cuda[0]}.{devices.newest_cuda[1]}" if devices.newest_cuda else ""
        return f"{listed} (driver {devices.nvidia[0].driver}{cuda}){taken}"
    return f"AMD's compute driver is loaded{taken}" if devices.has_amd_driver else "no GPU: models work on processors"


def _masks(devices: Devices, environment: Mapping[str, str]) -> list[Finding]:
    """Variables that hide every GPU, or name some that are not there."""
    found = []
    for name in MASKS if devices.has_gpus else ():
        value = environment.get(name)
        ids = [one.strip() for one in value.split(",")] if value is not None else []
        if value is not None and ids[0] in ("", "-1"):
            found.append(warning("devices", f"{name} is {value!r}, which hides every GPU", f"unset {name}"))
        elif name not in _OF_AMD and devices.nvidia:
            unknown = [one for one in ids if one.isdecimal() and int(one) >= len(devices.nvidia)]
            if unknown:
                said = f"{name} names GPU {unknown[0]}, and the last one here is {len(devices.nvidia) - 1}"
                found.append(warning("devices", said, f"unset {name}, or {name}=0"))
    if devices.has_amd_driver and all(environment.get(name) for name in _OF_AMD):
        said = "HIP_VISIBLE_DEVICES counts among the GPUs that ROCR_VISIBLE_DEVICES leaves, from 0; both are set"
        found.append(warning("devices", said, "unset HIP_VISIBLE_DEVICES"))
    return found


def _build(devices: Devices, torch: TorchBuild) -> Finding | None:
    """Why this build of torch cannot use the GPUs that there are; None where it can, or there are none."""
    if torch.fault is not None:
        said = f"torch cannot be imported: {torch.fault}"
        return warning("torch", said, "pip install --force-reinstall torch")
    if devices.nvidia and not torch.cuda:
        words = '"No HIP GPUs are available" means this: ' if torch.hip else ""
        said = f"{words}torch {torch.version} was built for {torch.made_for}, and the GPUs here are NVIDIA's"
        return warning("torch", said, _GET_CUDA)
    if devices.has_amd_driver and not devices.nvidia:
        return _amd(devices, torch)
    if torch.hip and not devices.has_gpus:
        said = "no HIP GPUs are available: torch was built for ROCm, and AMD's driver is not loaded (no /dev/kfd)"
        return warning("torch", said, "load it (modprobe amdgpu), or give /dev/kfd and /dev/dri to the container")
    if torch.cuda and devices.newest_cuda and int(torch.cuda.partition(".")[0]) > devices.newest_cuda[0]:
        newest = ".".join(map(str, devices.newest_cuda))
        said = f"torch {torch.version} was built for CUDA {torch.cuda}, and the driver runs CUDA {newest} at most"
        return warning("torch", said, f"update NVIDIA's driver, or install a build of torch for CUDA {newest}")
    return None


def _amd(devices: Devices, torch: TorchBuild) -> Finding | None:
    if not torch.hip:
        said = f"torch {torch.version} was built for {torch.made_for}, and the GPU here is AMD's"
        return warning("torch", said, _GET_ROCM)
    if not devices.may_use_amd_driver:
        said = "no HIP GPUs are available: this user may not open /dev/kfd"
        return warning("torch", said, "sudo usermod -aG render,video $USER, and log in again")
    return None


def _torch(devices: Devices, *, is_hindered: bool) -> list[Finding]:
    """What torch itself says, where nothing above explains it already."""
    torch = devices.torch
    if torch is None:
        return [fine("torch", "not installed; models that need it say which extra brings it")]
    if torch.fault is not None or is_hindered:
        return []
    if devices.has_gpus and not torch.num_gpus:
        said = f"torch {torch.version} for {torch.made_for} sees no GPU: {torch.complaint or 'it does not say why'}"
        return [warning("torch", said, "python -c 'import torch; torch.cuda.init()' shows all that it says")]
    sees = f", sees {torch.num_gpus} GPU{'' if torch.num_gpus == 1 else 's'}" if devices.has_gpus else ""
    return [fine("torch", f"{torch.version}, built for {torch.made_for}{sees}")]
