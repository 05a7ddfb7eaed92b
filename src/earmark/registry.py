"""Names for things that are imported only when asked for.

A registry is a readable list of ``name -> "module:attribute"``. It knows what to say when a name is unknown or a
package is missing; it does not know what the things are. Other packages add theirs through entry points of ``group``.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from earmark.errors import MissingExtraError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a named thing lives, what it is in one line, and the extra that brings its packages (None: the base)."""

    name: str
    target: str
    summary: str
    extra: str | None = None


def missing_packages(extra: str) -> list[str] | None:
    """The packages of our ``extra`` that are not installed, by their names; None where there is no such extra.

    Imports none of them.
    """
    from importlib.metadata import PackageNotFoundError, requires, version

    marker = re.compile(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    try:
        wanted = [
            re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requires("earmark") or () if marker.search(line)
        ]
    except PackageNotFoundError:
        return None
    missing = []
    for package in wanted:
        try:
            version(package)
        except PackageNotFoundError:
            missing.append(package)
    return missing if wanted else None


class Registry:
    """The known names of one ``kind`` of thing, such as recognizers."""

    def __init__(self, kind: str, *, group: str) -> None:
        self.kind = kind
        self.group = group
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, target: str, summary: str, *, extra: str | None = None) -> None:
        """List ``name`` as living at ``target`` (``"module:attribute"``), importing nothing."""
        self._entries[name] = Entry(name, target, summary, extra)

    def entries(self) -> dict[str, Entry]:
        """All known names: ours, then those of other installed packages (which cannot replace ours)."""
        others = {
            point.name: Entry(point.name, point.value, f"from {point.module}")
            for point in _points_of_all_packages().select(group=self.group)
        }
        return {**others, **self._entries}

    def load(self, name: str) -> Any:  # noqa: ANN401  # a registry is generic over what its callers know
        """Import the thing called ``name``.

        Raises UnknownNameError (with the near names) or MissingExtraError (with the command that installs it).
        """
        entries = self.entries()
        if name not in entries:
            raise UnknownNameError(self.kind, name, entries)
        entry = entries[name]
        module, _, attribute = entry.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if entry.extra is None or (error.name or "").startswith("earmark"):
                raise
            raise MissingExtraError(self.kind, name, entry.extra, error.name or "?") from error


@functools.cache
def _points_of_all_packages() -> Any:  # noqa: ANN401  # SelectableGroups in Python 3.11, EntryPoints from 3.12 on
    """Found once a process: it opens a file of each installed package."""
    from importlib.metadata import entry_points  # late: `import earmark` needs none

    return entry_points()
