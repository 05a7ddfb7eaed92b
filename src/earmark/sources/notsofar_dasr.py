"""Utterances of NOTSOFAR-1 in the layout of CHiME-8 DASR (Task 1), as chime-utils writes it.

::

    chime8_dasr/notsofar1/
        audio/<split>/<session>_U01.CH1.wav       a far-field channel, from 1; <session>_<speaker>.wav: worn
        devices/<split>/<session>.json            {name of the audio: {is_close_talk, speaker, channel, ...}}
        transcriptions/<split>/<session>.json     segments: session_id, speaker, start_time, end_time, words
        transcriptions_scoring/<split>/...        the same, normalized
        uem/<split>/all.uem

Times are texts. The layout is that of github.com/chimechallenge/chime-utils (``dgen/notsofar1.py``): a session there is
a meeting and a device in one, the splits are train, train_sc and dev, and close-talk audio is in the training splits.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from earmark.errors import ManifestError, UsageError
from earmark.formats.cells import as_text
from earmark.records import Utterance
from earmark.sources.files import fingerprint_of_utterances, json_file
from earmark.sources.meetings import interval_s, required, segment_utterance, segments_in
from earmark.sources.naming import known_split
from earmark.sources.options import SourceOptions

CLOSE_TALK = "close_talk"
_TEXTS = ("transcriptions", "transcriptions_scoring")
_DEVICE_TYPES = {"mc": "circular_array", "sc": "array_after_acoustic_frontend"}


def _root(path: str) -> Path:
    return next((folder for folder in (Path(path), Path(path, "notsofar1")) if _texts(folder)), Path(path))


def _texts(folder: Path) -> str | None:
    return next((name for name in _TEXTS if (folder / name).is_dir()), None)


def is_dasr(path: str) -> bool:
    """Whether the folder, or its folder ``notsofar1``, is laid out so."""
    return _texts(_root(path)) is not None


def likely_dasr_name(path: str) -> str | None:
    """What can be typed for a split of it, behind the prefix; None where it has none."""
    splits = _splits(_root(path)) if (_root(path) / "audio").is_dir() else []
    return f"{path}:{splits[0]}" if splits else None


def _splits(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / str(_texts(folder))).iterdir() if path.is_dir())


class DasrSource:
    """The segments of each session of a split, in the order in which they are written; sessions are sorted by name.

    The far-field channel is ``--channel``, from 0 (the first one): channel 0 is ``CH1``. ``devices`` may be
    ``close_talk``, or ``mc`` or ``sc``, which leave out sessions of the other kind. Raises UsageError without a split.
    """

    def __init__(self, name: str, path: str, split: str | None, devices: str | None, options: SourceOptions) -> None:
        self._name = name
        self._folder = _root(path)
        self._options = options
        self._devices = devices
        self._texts = self._folder / str(_texts(self._folder))
        splits = _splits(self._folder)
        if split is None:
            hint = shlex.quote(f"chime8_notsofar1:{likely_dasr_name(path)}") if splits else None
            raise UsageError(f"no split of {path} is named", cause=f"it has {', '.join(splits) or 'none'}", hint=hint)
        self._split = known_split("split", split, splits)
        if devices not in (None, CLOSE_TALK, *_DEVICE_TYPES):
            raise UsageError(f"no device {devices!r} in {path}", hint="@sc, @mc or @close_talk; a session is a device")

    @property
    def name(self) -> str:
        """The name as it was given."""
        return self._name

    @property
    def root(self) -> str:
        """The split's folder of audio."""
        return str((self._folder / "audio" / self._split).absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options, and all that the utterances say, in order."""
        return fingerprint_of_utterances(self._options.canonical("chime8_notsofar1"), self.utterances())

    def utterances(self) -> Iterator[Utterance]:
        """Each segment. Raises ManifestError for JSON that is not as it should be."""
        for path in sorted((self._texts / self._split).glob("*.json")):
            if not self._is_chosen(path.name):
                continue
            for number, segment in segments_in(str(path), json_file(str(path))):
                try:
                    yield self._utterance(path.stem, segment)
                except ValueError as error:
                    raise ManifestError(str(path), f"segment {number}: {error}") from error

    def _is_chosen(self, file_name: str) -> bool:
        if self._devices not in _DEVICE_TYPES:
            return True
        path = str(self._folder / "devices" / self._split / file_name)
        devices = json_file(path)
        if not isinstance(devices, dict):
            raise ManifestError(path, "not a JSON object of devices")
        kinds = {device.get("device_type") for device in devices.values() if isinstance(device, dict)}
        return _DEVICE_TYPES[self._devices] in kinds

    def _utterance(self, session: str, segment: Mapping[str, Any]) -> Utterance:
        speaker = required(segment, "speaker")
        if "/" in speaker:
            raise ValueError(f"{speaker!r} is no speaker")
        is_worn = self._devices == CLOSE_TALK
        number = (self._options.channel or 0) + 1
        return segment_utterance(
            session,
            speaker,
            interval_s(segment),
            f"{session}_{speaker}.wav" if is_worn else f"{session}_U01.CH{number}.wav",
            (as_text(segment, "words") or "") if self._options.has_text else None,
            channel=None,
            language=self._options.language or "en",
            extra={"session": session, "device": CLOSE_TALK if is_worn else "U01"},
        )
