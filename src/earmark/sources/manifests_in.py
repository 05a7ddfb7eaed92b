"""The manifest in a folder, by its first bytes: a folder is read as plain audio only where it has none.

It looks at few files, and reads no row: a text beside each clip, whatever its ending, is no manifest.
"""

from __future__ import annotations

import re
from pathlib import Path

from earmark.formats.cells import AUDIO
from earmark.sources.naming import AUDIO_SUFFIXES, MANIFEST_SUFFIXES

_MOST_LOOKED_AT = 16
"""A folder with more files of such endings has them for its clips."""
_BEGINNING_BYTES = 1 << 16
_NAMES = "|".join(AUDIO)
_IN_JSON = re.compile(rf'\s*(?:\{{\s*"data"\s*:\s*)?(?:\[\s*)?\{{[^{{}}]*"(?:{_NAMES})"\s*:\s*"', re.IGNORECASE)
_IN_HEADER = re.compile(rf'(?:[^\n]*[,\t])?[ "]*(?:{_NAMES})[ "]*(?:[,\t\r\n]|$)', re.IGNORECASE)


def manifests_in(folder: Path) -> list[Path]:
    """The files in the folder itself that have a column of audio paths, the one that is likeliest meant first."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in MANIFEST_SUFFIXES and path.is_file()]
    if len(files) > _MOST_LOOKED_AT:
        return []
    found = [path for path in files if not path.name.startswith(".") and _is_manifest(path)]
    return sorted(found, key=lambda path: ("test" not in path.name, not path.name.startswith("manifest"), path.name))


def _is_manifest(path: Path) -> bool:
    if any(path.with_suffix(suffix).exists() for suffix in AUDIO_SUFFIXES):
        return False
    if path.suffix.lower() == ".parquet":
        return _is_table(path)
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:  # whoever reads it tells
        return False
    pattern = _IN_HEADER if path.suffix.lower() in (".csv", ".tsv") else _IN_JSON
    return pattern.match(beginning) is not None


def _is_table(path: Path) -> bool:
    """Whether it is Parquet with a column of paths; audio inside of it makes it something else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException):
        return False
    return any(field.name.lower() in AUDIO and pa.types.is_string(field.type) for field in schema)
