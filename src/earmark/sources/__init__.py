"""Sources by name. It knows how the user's word for the data becomes a source, and reads no data itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import ManifestError, UsageError
from earmark.formats.lines import near_hint
from earmark.registry import Registry
from earmark.sources.options import SourceOptions

if TYPE_CHECKING:
    from earmark.sources.base import Source

SOURCES = Registry("source", group="earmark.sources")
"""Each is called with the path behind its prefix and ``SourceOptions``, and gives a ``Source``."""
SOURCES.add("manifest", "earmark.sources.manifest:ManifestSource", "a .jsonl, .json, .csv, .tsv or .parquet file")
SOURCES.add("folder", "earmark.sources.folder:FolderSource", "audio files, each with a .txt of its name beside it")
SOURCES.add("librispeech", "earmark.sources.librispeech:LibriSpeechSource", "a subset such as LibriSpeech/test-clean")

MANIFEST_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_PREFIX = re.compile(r"([a-z][a-z0-9_-]+):(?!//)(.*)", re.DOTALL)


def open_source(
    data: str,
    *,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    limit: str | None = None,
    seed: int | None = None,
    language: str | None = None,
) -> Source:
    """Open what the user calls ``data``: ``PREFIX:PATH`` with a name of ``SOURCES``, a manifest, or a folder of audio.

    ``text_column`` "none" leaves the references out. ``channel`` and ``language`` are for the utterances that do not
    say. ``limit`` is a number ("100") or a share ("5%"): the first ones, or a random sample where there is a ``seed``.
    Raises UnknownNameError, UsageError or ManifestError; a broken row shows only when the utterances are read.
    """
    options = SourceOptions(audio_root, text_column, channel, language)
    name, path = _resolve(data)
    source: Source = SOURCES.load(name)(path, options)
    if limit is None:
        return source
    from earmark.sources.selection import Limited  # it needs numpy, and most runs have no limit

    return Limited(source, limit, seed)


def _resolve(data: str) -> tuple[str, str]:
    """Name the source, and its path. An existing path is one even where it looks like a prefix."""
    if not data.strip() or data.endswith(":"):
        raise UsageError(f"--data {data!r} names no data", hint="a manifest, a folder of audio, or librispeech:FOLDER")
    path = Path(data)
    if not path.exists() and (match := _PREFIX.fullmatch(data)):
        return match[1], match[2]
    if path.is_dir():
        return "folder", data
    if path.suffix.lower() in MANIFEST_SUFFIXES:
        return "manifest", data
    if path.exists():
        endings = ", ".join(MANIFEST_SUFFIXES)
        raise UsageError(f"cannot tell what {data} is", cause=f"a manifest ends in {endings}; other data are folders")
    raise ManifestError(data, "there is no such file or folder", hint=near_hint(path))
