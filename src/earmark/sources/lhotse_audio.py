"""Where the audio of a Lhotse recording is: one file, one channel, a piece. Everything else is refused with its reason.

Source: ``Recording`` and ``AudioSource`` of github.com/lhotse-speech/lhotse in their serialized form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earmark.formats.cells import as_seconds, as_text
from earmark.records import AudioRef

_SAME_S = 0.001
"""A cut as long as its recording, to the millisecond, is the whole file."""
_HARMLESS = "Resample"  # earmark resamples everything itself


def cut_channel(channel: object, fallback: int | None) -> int | None:
    """The one channel that a cut or supervision speaks of. Raises ValueError where they are several, and none chosen.

    ``fallback`` (``--channel``) chooses among several, and stands in where none is named.
    """
    if channel is None:
        return fallback
    several: list[Any] = channel if isinstance(channel, list) else [channel]
    if not several or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in several):
        raise ValueError(f"{channel!r:.50} is no channel")
    if len(several) == 1:
        return int(several[0])
    if fallback not in several:
        raise ValueError(f"the channels {several} at once: --channel chooses one")
    return fallback


def piece(recording: Mapping[str, Any], start_s: float, duration_s: float, channel: int | None) -> AudioRef:
    """The piece of the recording's file. Raises ValueError for what ``file_of`` refuses, and a start before 0."""
    path, number = file_of(recording, channel)
    if start_s < 0:
        raise ValueError(f"the piece begins {-start_s:g} s before its recording")
    length_s = as_seconds(recording, "duration")
    is_whole = start_s == 0 and length_s is not None and abs(duration_s - length_s) < _SAME_S
    return AudioRef(path, None if is_whole else start_s, duration_s, number)


def file_of(recording: Mapping[str, Any], channel: int | None) -> tuple[str, int | None]:
    """The file that holds ``channel`` (None: the only file), and the channel's number in it, from 0.

    Raises ValueError where the audio is not the file as it lies on the disk.
    """
    _refuse_transforms(recording)
    sources: Any = recording.get("sources")
    if not isinstance(sources, list) or not all(isinstance(source, dict) for source in sources):
        raise ValueError("the recording has no list of sources")
    if channel is None:
        if len(sources) != 1:
            raise ValueError(f"the recording has {len(sources)} files: --channel chooses one")
        return _file(sources[0]), 0 if len(_channels(sources[0])) == 1 else None
    for source in sources:
        if channel in _channels(source):
            return _file(source), _channels(source).index(channel)
    raise ValueError(f"no source of the recording has channel {channel}")


def _channels(source: Mapping[str, Any]) -> list[int]:
    found = source.get("channels") or [0]
    if isinstance(found, list):
        return found
    raise ValueError(f"{found!r:.50} is no list of channels")


def _file(source: Mapping[str, Any]) -> str:
    kind = source.get("type")
    reasons = {
        "command": "a shell command, which earmark does not run",
        "url": "a URL, which is not fetched for a local manifest",
        "memory": "audio inside the manifest",
        "shar": "a place in a shar archive",
    }
    if kind != "file":
        raise ValueError(f"the audio is {reasons.get(str(kind), f'of type {kind!r}')}; only files can be read")
    path = as_text(source, "source")
    if not path:
        raise ValueError("the recording's source names no file")
    if "://" in path:
        raise ValueError(f"the audio is {reasons['url']}")
    return path


def _refuse_transforms(recording: Mapping[str, Any]) -> None:
    transforms = recording.get("transforms") or []
    names = [
        str(transform.get("name", transform)) if isinstance(transform, dict) else str(transform)
        for transform in (transforms if isinstance(transforms, list) else [transforms])
    ]
    changing = [name for name in names if name != _HARMLESS]
    if changing:
        raise ValueError(f"the recording is to be changed by {', '.join(changing)[:80]}: write its audio first")
