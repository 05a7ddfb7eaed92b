"""A folder on this machine as a repository of the hub would be read: by its README, or by the names in it."""

from __future__ import annotations

from pathlib import Path

from earmark.errors import UsageError
from earmark.sources.hub_layout import Layout, layout
from earmark.sources.hub_readme import declared_configs
from earmark.sources.tree import walk

README = "README.md"
LARGEST_README = 4 << 20


def snapshot(folder: Path) -> tuple[Path, str | None, Layout]:
    """The tree, the configuration that is meant (None: the default one), and the tree's layout.

    ``folder`` is the tree, which need not be there; or a configuration behind the tree's path, as behind a name of the
    hub, where the tree's README declares it. Raises UsageError for a README that cannot be understood, and FolderError.
    """
    above = readme_of(folder.parent)
    if above and _declares(above, folder.name):
        return folder.parent, folder.name, layout(_files(folder.parent), above)
    return folder, None, layout(_files(folder) if folder.is_dir() else (), readme_of(folder))


def readme_of(folder: Path) -> str | None:
    """The README of a folder; None where there is none, or none that a person would have written."""
    path = folder / README
    if not path.is_file() or path.stat().st_size > LARGEST_README:
        return None
    return path.read_text(encoding="utf-8", errors="replace")


def _declares(readme: str, config: str) -> bool:
    try:
        return config in declared_configs(readme)
    except UsageError:  # it may be the README of anything
        return False


def _files(folder: Path) -> list[str]:
    return [str(Path(place, name)) for place, names in walk(str(folder)) for name in names]
