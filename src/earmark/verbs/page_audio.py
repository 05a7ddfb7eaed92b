"""The sound of a report: which clips are put into the page, and by which relative path the others are found.

The run's tables name audio as the data did, so that a relative name starts where the data lie, which the run does not
keep. It is looked for beside the data; ``--audio-root`` says it where that is wrong.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from earmark.audio.clip import mp3_clip
from earmark.audio.decode import decode
from earmark.errors import AudioError, UsageError
from earmark.reports.page.gathered import PageAudio, ScoredRun
from earmark.reports.page.worst import NEEDED, worst_rows
from earmark.store import layout

LONGEST_CLIP_S = 60.0
"""What is longer is linked, and not put into the page."""
_NUM_TRIED = 20  # names that tell where audio lies
_PREFIX = re.compile(r"[a-z][a-z0-9_-]+:(?!//)")


@dataclass(frozen=True, slots=True)
class Sound:
    """What a page needs, and what to say about it."""

    audio: PageAudio
    notes: tuple[str, ...] = ()


@dataclass
class _Clips:
    found: dict[int, bytes] = field(default_factory=dict)
    unheard: dict[int, str] = field(default_factory=dict)


def page_audio(run: ScoredRun, wanted: str, place: str, audio_root: str | None) -> Sound:
    """Find the audio of ``run`` for a page at ``place``. ``wanted`` is ``worst:N``, ``all``, ``link`` or ``none``.

    Raises UsageError for another word, and StoreError.
    """
    number = _number_of_clips(wanted)
    if wanted == "none":
        return Sound(PageAudio())
    rows = run.store.read_table(layout.UTTERANCES, ["audio", "start_s", "duration_s", "channel"])
    names = [name for name in rows["audio"].slice(0, 10 * _NUM_TRIED).to_pylist() if name]
    if not names:
        return Sound(PageAudio(), () if wanted == "link" else ("the data name no audio, so there is nothing to play",))
    root = Path(audio_root) if audio_root is not None else _root(run.spec.data.name, names)
    clips = _clips(run, rows, root, number)
    notes = []
    if clips.unheard and not clips.found:
        first = next(iter(clips.unheard.values()))
        notes.append(f"no audio was found, so the page has no clips ({first}); --audio-root FOLDER says where it is")
    base, top = _links(place, root)
    return Sound(PageAudio(base=base, top=top, clips=clips.found, unheard=clips.unheard), tuple(notes))


def _number_of_clips(wanted: str) -> int | None:
    """How many clips at the most; None for all."""
    if wanted == "all":
        return None
    if wanted in ("link", "none"):
        return 0
    kind, _, number = wanted.partition(":")
    if kind != "worst" or not number.isdecimal():
        raise UsageError(f"--audio {wanted} says nothing", hint="--audio worst:100, all, link or none")
    return int(number)


def _root(data: str, names: list[str]) -> Path:
    """Where relative names start: the first place beside the data under which one of the names is there."""
    path = Path(_PREFIX.sub("", data, count=1))
    places = [path, path.parent] if path.is_dir() else [path.parent]
    tried = [name for name in names if "://" not in name][:_NUM_TRIED]
    return next((place for place in places if any((place / name).is_file() for name in tried)), places[0])


def _clips(run: ScoredRun, rows: pa.Table, root: Path, number: int | None) -> _Clips:
    """The MP3s of the worst utterances by row, and why there is none of some."""
    clips = _Clips()
    chosen = np.arange(len(rows)) if number is None else np.zeros(0, np.int64)
    if number:
        chosen = worst_rows(run.tables.read_table(layout.SCORES, list(NEEDED)), number)
    for row, one in zip(chosen.tolist(), rows.take(pa.array(chosen)).to_pylist(), strict=True):
        try:
            clips.found[row] = _clip(root, one)
        except AudioError as error:
            clips.unheard[row] = error.what
    return clips


def _clip(root: Path, row: dict[str, Any]) -> bytes:
    """Raises AudioError."""
    if "://" in row["audio"]:
        raise AudioError("missing", "its audio is not on this machine")
    if row["duration_s"] > LONGEST_CLIP_S:
        raise AudioError("too_long", f"longer than {LONGEST_CLIP_S:g} s: not put into the page")
    start_s = row["start_s"]
    samples = decode(
        str(root / row["audio"]),
        start_s=start_s or 0.0,
        duration_s=row["duration_s"] if start_s is not None else None,
        channel=row["channel"],
        max_decoded_s=2 * LONGEST_CLIP_S,
    )
    return mp3_clip(samples)


def _links(place: str, root: Path) -> tuple[str | None, str | None]:
    """Relative URLs from the page to where relative names start, and to the root of the disk; None from elsewhere."""
    if "://" in place:
        return None, None
    folder = place.rstrip("/").removesuffix(".html") if place.endswith("/") else os.path.dirname(place) or "."  # noqa: PTH120
    return _relative(root, folder), _relative(Path("/"), folder)


def _relative(target: Path, folder: str) -> str:
    return f"./{quote(os.path.relpath(target.absolute(), Path(folder).absolute()))}/"
