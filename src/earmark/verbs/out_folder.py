"""Where imported outputs may be kept: a folder of their own, so that no files lie among a run's, and no run in a run.

Knows the names of a run's files; reads none of them, and looks at local folders only.
"""

from __future__ import annotations

from pathlib import Path

from earmark.errors import FolderError
from earmark.store import layout

_BEGUN = frozenset({layout.UTTERANCES, layout.PARTS, layout.MISTAKES, layout.ATTEMPTS, layout.LOG})
"""What a run may have before, or after, it has a spec."""

_HINT = "--out ANOTHER_FOLDER"


def check_out(out: str, num_systems: int) -> None:
    """Raise FolderError unless ``out`` may become, or is, a run of one system, or a folder of runs of several."""
    if "://" in out:
        return
    folder = Path(out)
    try:
        if folder.exists() and not folder.is_dir():
            raise FolderError(out, "it is a file, and a folder is expected", hint=_HINT)
        if (folder.absolute().parent / layout.SPEC).exists():
            raise FolderError(out, f"it would be inside the run {folder.parent}", hint=_HINT)
        _check(folder, num_systems)
    except OSError as error:
        raise FolderError(out, error.strerror or str(error)) from error


def _check(folder: Path, num_systems: int) -> None:
    others = _others(folder)
    if num_systems == 1:
        if inside := [path.name for path in others if (path / layout.SPEC).exists()]:
            problem = f"it holds runs ({', '.join(inside[:3])}), and one system would be a run around them"
            raise FolderError(str(folder), problem, hint=f"--out {folder / 'NAME'}")
        strange = others
    else:
        if (folder / layout.SPEC).exists():
            problem = f"it is a run, and a folder of {num_systems} runs is expected"
            raise FolderError(str(folder), problem, hint=_HINT)
        strange = [path for path in others if not path.is_dir() or _others(path)]
    if strange:
        problem = f"it is no run, and has other files in it ({', '.join(path.name for path in strange[:3])})"
        raise FolderError(str(folder), problem, hint=_HINT)


def _others(folder: Path) -> list[Path]:
    """What is in a folder that is no run, and is not of a run that was begun."""
    if not folder.is_dir() or (folder / layout.SPEC).exists():
        return []
    return sorted(path for path in folder.iterdir() if path.name not in _BEGUN and not path.name.startswith("."))
