"""Cores, open files, shared memory, disks and the clock: what the operating system gives to this process."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from earmark.diagnosis.finding import Finding, fine, problem, warning

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # looked at, and nothing is written there
_MIB = 2**20
_GIB = 2**30
_FEW_FILES, _TOO_FEW_FILES = 1024, 256
_SMALL_SHARED_BYTES = 64 * _MIB
_LITTLE_DISK_BYTES, _TOO_LITTLE_DISK_BYTES = 2 * _GIB, 100 * _MIB
_DAY_S = 86_400.0
_ELSEWHERE = {
    "runs": "--out FOLDER writes elsewhere",
    "cache": "export EARMARK_CACHE=FOLDER keeps it elsewhere",
    "temporary": "export TMPDIR=FOLDER puts them elsewhere",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Of the machine, those that this process may run on, and how many of them its group may keep busy (None: all)."""

    num_there: int
    num_allowed: int
    quota: float | None


def cores(groups: Path = _GROUPS, own_group: Path = _OWN_GROUP) -> Cores:
    """As the operating system says it."""
    there = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    return Cores(num_there=there, num_allowed=allowed, quota=_quota(groups, own_group))


def _quota(groups: Path, own_group: Path) -> float | None:
    """Processors' worth of time of this process's control group, or of one around it, whichever is least."""
    try:
        lines = own_group.read_text().splitlines()
    except OSError:
        return None
    own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    limits = [_limit(folder) for folder in _upwards(groups / own, groups)]
    return min((limit for limit in limits if limit is not None), default=None)


def _upwards(folder: Path, root: Path) -> Iterator[Path]:
    while folder != root and root in folder.parents:
        yield folder
        folder = folder.parent
    yield root


def _limit(folder: Path) -> float | None:
    """Of version 2 (``cpu.max``), or of version 1, whose tree has a folder for processors."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((folder / name).read_text() for name in names).split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # no such file, or "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None


def core_finding(found: Cores) -> Finding:
    """Whether ``--workers auto`` starts as many as may work at once."""
    said = f"this process may use {found.num_allowed} of {found.num_there}"
    if found.quota is None or found.quota >= found.num_allowed:
        return fine("cores", said)
    said += f", and its control group the time of {found.quota:g}: --workers auto starts {found.num_allowed}"
    return warning("cores", said, f"--workers {max(1, int(found.quota))}")


def open_files_finding(limit: int | None = None) -> Finding:
    """How many files this process may have open."""
    if limit is None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= _FEW_FILES:
        return fine("open files", "no limit" if limit == resource.RLIM_INFINITY else f"{limit:,} at once")
    make = problem if limit < _TOO_FEW_FILES else warning
    return make("open files", f"{limit:,} at once, which many workers use up", "ulimit -n 4096")


def shared_memory_finding(folder: Path = _SHARED_MEMORY) -> Finding:
    """Ray and loaders of training pass data through it."""
    try:
        size_bytes = shutil.disk_usage(folder).total
    except OSError:
        return fine("shared memory", f"this machine has no {folder}")
    said = f"{_size(size_bytes)} in {folder}"
    if size_bytes > _SMALL_SHARED_BYTES:
        return fine("shared memory", said)
    return warning("shared memory", f"{said}: too little for Ray", "docker run --shm-size=2g, or mount a larger one")


def disk_finding(what: str, folder: Path) -> Finding:
    """Whether ``folder``, or where it will be made, can be written to, and has room."""
    name = f"disk, {what}"
    mend = _ELSEWHERE[what]
    try:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        _try_to_write(there)
    except OSError as error:
        return problem(name, f"{folder} cannot be written to: {error.strerror}", mend)
    free_bytes = shutil.disk_usage(there).free
    said = f"{_size(free_bytes)} free in {folder}"
    if free_bytes >= _LITTLE_DISK_BYTES:
        return fine(name, said)
    make = problem if free_bytes < _TOO_LITTLE_DISK_BYTES else warning
    return make(name, said, f"free some space, or {mend}")


def temporary_finding(environment: Mapping[str, str]) -> Finding:
    """Whether the folder for temporary files can be written to, and is the one that TMPDIR names."""
    if named := environment.get("TMPDIR"):
        try:
            _try_to_write(Path(named))
        except OSError as error:
            said = f"TMPDIR is {named}, which cannot be written to ({error.strerror}), so it is passed over"
            return warning("disk, temporary", said, f"mkdir -p {shlex.quote(named)}, or unset TMPDIR")
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        return problem("disk, temporary", str(error.strerror), "export TMPDIR=FOLDER, one that can be written to")
    return disk_finding("temporary", folder)


def _try_to_write(folder: Path) -> None:
    """Write a file that has no name, and is gone at once: what a right says is not what a disk does."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def clock_finding(now_s: float | None = None) -> Finding:
    """Whether the clock can be right: servers refuse signatures, and certificates are not valid, where it is not."""
    now_s = time.time() if now_s is None else now_s
    installed_s = Path(__file__).stat().st_mtime
    said = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now_s >= installed_s - _DAY_S:
        return fine("clock", said)
    day = datetime.fromtimestamp(installed_s, UTC).date()
    return warning("clock", f"{said}, and earmark was installed on {day}", "sudo timedatectl set-ntp true")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:,.1f} GiB" if size_bytes >= _GIB else f"{size_bytes / _MIB:,.0f} MiB"
