"""Which files are a run's own, and which its data, so that nothing else is written in their place."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from earmark.errors import UsageError
from earmark.spec import RunSpec
from earmark.store import layout

_OWN = frozenset(value for name, value in vars(layout).items() if name.isupper()) - {layout.REPORT}


def check_not_own(runs: Sequence[str], place: str) -> None:
    """Raise UsageError where the file or the folder ``place`` is one that a run in ``runs`` is made of, or in one."""
    for run in runs:
        inside = _inside(run, place)
        if inside and inside[0] in _OWN:
            raise UsageError(
                f"{place} is a file of the run {run} itself",
                cause=f"{'/'.join(inside)} would be lost",
                hint="--out another name, or a place outside the run's folder",
            )


def check_not_data(spec: RunSpec, place: str) -> None:
    """Raise UsageError where the local file ``place`` is the one that the run's data were read from, or may be.

    A relative path of the data began in the folder where the run was, which nobody wrote down.
    """
    data = re.sub(r"^[a-z][a-z0-9_-]+:(?!//)", "", spec.data.name)
    if _is_same(place, data):
        raise UsageError(
            f"{place} is what the run's data were read from", cause="it would be lost", hint="--out another name"
        )
    if _ends_alike(place, data):
        raise UsageError(
            f"{place} may be what the run's data were read from",
            cause=f"they were {data}, of the folder where the run was; it would be lost",
            hint="--out another name",
        )


def _is_same(place: str, data: str) -> bool:
    try:
        return Path(place).samefile(data)
    except (OSError, ValueError):  # one of them is no file, or no path at all
        return False


def _ends_alike(place: str, data: str) -> bool:
    """Whether the file is there, and its path ends with the relative one of the data, whatever that started from."""
    if "://" in data or Path(data).is_absolute():
        return False
    parts = [part for part in PurePosixPath(os.path.normpath(data)).parts if part != ".."]
    try:
        found = [os.path.normpath(Path(place).absolute()), os.path.realpath(place)] if Path(place).is_file() else []
    except (OSError, ValueError):  # no path at all
        return False
    return bool(parts) and any(PurePosixPath(one).parts[-len(parts) :] == tuple(parts) for one in found)


def _inside(run: str, place: str) -> tuple[str, ...]:
    """The parts of the path from the run's folder to the place; none where it lies elsewhere."""
    try:
        if "://" in run or "://" in place:
            return PurePosixPath(place).relative_to(PurePosixPath(run)).parts
        return Path(os.path.realpath(place)).relative_to(os.path.realpath(run)).parts
    except ValueError:  # it lies elsewhere, or is no path at all
        return ()
