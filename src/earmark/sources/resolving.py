"""The rule against collisions, for data: which source the user's word means. It looks at the disk, and reads no data.

A name with a prefix is always that source's. A bare name is a manifest by its ending, or what lies here under it; but
where that could be two things it is refused with the names of both, and a folder or file of a known layout is refused
with its name in full: read as plain audio it would give other utterances than its own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from earmark.errors import ManifestError, UsageError
from earmark.fetching import resolve
from earmark.fetching.names import shown_name
from earmark.formats.lines import near_hint
from earmark.formats.staged import FACTS as STAGED_FACTS
from earmark.sources.naming import AUDIO_SUFFIXES, MANIFEST_SUFFIXES, is_remote

_PREFIX = re.compile(r"([a-z][a-z0-9_-]+):(?!//)(.*)", re.DOTALL)
_WHAT_DATA_ARE = "a manifest, a folder of audio, or PREFIX:PATH: earmark ls sources"
_ONE_SLASH = re.compile(r"(s3|gs|https?):/*", re.IGNORECASE)
_SAYS_LOCAL = ("./", "../", "/", "~")


def resolve_data(data: str, is_known: Callable[[str], bool]) -> tuple[str, str]:
    """The name of the source and what is to be given to it. ``is_known`` says whether a prefix is a source's.

    Raises UsageError, and ManifestError where there is no such thing.
    """
    if not data.strip() or "\0" in data or data.endswith(":"):
        raise UsageError(f"--data {data!r} names no data", hint=_WHAT_DATA_ARE)
    if data.startswith(("s3://", "gs://")) and not data.partition("?")[0].lower().endswith(MANIFEST_SUFFIXES):
        return "staged", data
    match = _PREFIX.fullmatch(data) if not data.startswith(_SAYS_LOCAL) else None
    is_loud_hub = data[:3] != "hf:" and data[:3].lower() == "hf:"
    if (is_loud_hub or not is_remote(data)) and not Path(data).exists():
        _refuse_misspelt(data, is_known)
    if match and (is_known(match[1]) or not Path(data).exists()):
        return match[1], _at_home(match[2])
    return _bare(_at_home(data))


def _refuse_misspelt(data: str, is_known: Callable[[str], bool]) -> None:
    """Raise UsageError for a URL without its two slashes, and for a prefix in capitals."""
    if found := _ONE_SLASH.match(data):
        url = f"{found[1].lower()}://{data[found.end() :]}"
        raise UsageError(f"{found[1]}: is followed by two slashes", hint=f"write {url}")
    word, colon, rest = data.partition(":")
    if colon and not is_known(word) and is_known(word.lower()):
        raise UsageError(f"no source {word!r}", hint=f"did you mean {shlex.quote(f'{word.lower()}:{rest}')}?")


def _at_home(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~/") else path


def _bare(data: str) -> tuple[str, str]:
    path = Path(data)
    if path.is_dir():
        return _folder(data), data
    is_manifest = path.suffix.lower() in MANIFEST_SUFFIXES and not is_remote(data)
    if path.is_file() and (name := _in_full(path, "manifest" if is_manifest else None)):
        raise name
    if is_manifest:
        return "manifest", data
    if path.is_file():
        _refuse_near_data(path)
    if path.exists() or is_remote(data):
        endings = ", ".join(MANIFEST_SUFFIXES)
        raise UsageError(
            f"cannot tell what {data} is",
            cause=f"a manifest ends in {endings}; other data are folders",
            hint="the URL of a manifest, to its very end" if is_remote(data) else _WHAT_DATA_ARE,
        )
    raise _nowhere(data)


def _refuse_near_data(path: Path) -> None:
    """Raise UsageError for a file that is no data, but nearly: a manifest that is packed, and one audio file."""
    if path.name.lower().endswith(tuple(f"{suffix}.gz" for suffix in MANIFEST_SUFFIXES)):
        hint = f"gunzip --keep {shlex.quote(str(path))}, and give {shlex.quote(str(path.with_suffix('')))}"
        raise UsageError(f"{path} is packed", cause="only Lhotse's manifests are read so", hint=hint)
    if path.suffix.lower() in AUDIO_SUFFIXES:
        hint = f"{shlex.quote(str(path.parent))} is its folder; a manifest may list this file alone"
        raise UsageError(f"{path} is one audio file", cause="data are a manifest, or a folder of audio", hint=hint)


def _folder(data: str) -> str:
    """The source of a bare folder. Raises UsageError where it has a known layout, or its name is also one of a hub."""
    path = Path(data)
    if (path / STAGED_FACTS).is_file():
        return "staged"
    if problem := _in_full(path, "folder"):
        raise problem
    resolve(data)
    return "folder"


def _in_full(path: Path, other: str | None) -> UsageError | None:
    from earmark.sources.layouts import layout_of  # only here: it knows all sources

    found = layout_of(path)
    if found is None:
        return None
    plain = f"; {shlex.quote(f'{other}:{path}')} reads it as a plain {other}" if other else ""
    return UsageError(f"{path} is {found.what}", cause=found.cause, hint=f"{found.quoted}{plain}")


def _nowhere(data: str) -> UsageError:
    from earmark.sources.librispeech_archive import SUBSETS

    if data in SUBSETS:
        return ManifestError(data, "there is no such file or folder", hint=f"librispeech:{data} is the corpus's")
    is_hub_name = not data.startswith(_SAYS_LOCAL) and re.fullmatch(r"[\w.-]+/[\w.-]+", data, re.ASCII)
    hub = f"hf:{data} is the hub's" if is_hub_name else None
    hint = "; ".join(one for one in (near_hint(Path(data)), hub) if one)
    return ManifestError(shown_name(data), "there is no such file or folder", hint=hint or _WHAT_DATA_ARE)
