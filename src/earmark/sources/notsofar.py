"""Utterances of NOTSOFAR-1, the meetings of CHiME-8 Task 2, in the layout that Microsoft publishes.

::

    benchmark-datasets/<subset>/<version>/MTG/MTG_30830/
        gt_transcription.json      a list of segments
        gt_meeting_metadata.json   what the meeting was
        devices.json               which devices recorded it
        sc_<device>/ch0.wav        a device's one channel, after its own processing
        mc_<device>/ch0.wav ...    an array's channels, a file each
        close_talk/CT_21.wav ...   a microphone worn by each speaker

The layout is that of Vinnikov et al., NOTSOFAR-1 Challenge, Interspeech 2024, and of the baseline's loader
(github.com/microsoft/NOTSOFAR1-Challenge). CHiME-8 DASR writes the same meetings in another one: ``notsofar_dasr``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from earmark.errors import FolderError, ManifestError, UsageError
from earmark.formats.cells import as_extra, as_text
from earmark.formats.lines import near_hint
from earmark.records import ExtraValue, Utterance
from earmark.sources.files import fingerprint_of_utterances, json_file
from earmark.sources.meetings import interval_s, required, segment_utterance, segments_in
from earmark.sources.naming import known_split, without_device, without_split
from earmark.sources.notsofar_dasr import CLOSE_TALK, DasrSource, is_dasr, likely_dasr_name
from earmark.sources.options import SourceOptions

DEFAULT_DEVICES = "sc"
_TRANSCRIPTION = "gt_transcription.json"
_METADATA = "gt_meeting_metadata.json"
_DEPTHS = ("MTG", "*/MTG", "*/*/MTG", "*/*/*/MTG")
_KEPT_METADATA = ("MtgType", "Room", "NumParticipants", "Hashtags", "Topic")


def open_notsofar(name: str, options: SourceOptions) -> NotsofarSource | DasrSource:
    """Open ``PATH[:SUBSET][@DEVICES]``: meetings in either layout, whichever the folder has.

    Raises FolderError, UnknownNameError for a subset that is not there, and UsageError where several could be meant.
    """
    options.refuse_columns(name)
    rest, devices = without_device(name)
    path, split = without_split(rest)
    if not Path(path).is_dir():
        raise FolderError(
            path, "there is no such folder", hint=near_hint(Path(path), "chime8_notsofar1:", name.removeprefix(path))
        )
    if is_dasr(path):
        return DasrSource(name, path, split, devices, options)
    return NotsofarSource(name, _meetings_folder(path, split), devices or DEFAULT_DEVICES, options)


def _meetings_folder(path: str, split: str | None) -> Path:
    """Find the one folder of meetings (``MTG_*``) at or below ``path``, in ``split`` where one is named.

    A split is called as its version (``240825.1_dev1``), or as its subset without ``_set`` (``dev``).
    """
    found = _meetings_below(Path(path).absolute())
    if not found:
        cause = "neither it nor a folder in it has meetings, which are folders MTG_*"
        raise UsageError(f"no NOTSOFAR-1 meetings in {path}", cause=cause)
    if split is not None:
        known_split("NOTSOFAR-1 subset", split, {name for folder in found for name in _names(folder)})
        found = [folder for folder in found if split in _names(folder)]
    if len(found) > 1:
        listed = ", ".join(f"{subset} ({version})" for version, subset in map(_names, found))
        hint = f"name one: {shlex.quote(f'chime8_notsofar1:{path}:{_names(found[0])[0]}')}"
        raise UsageError(f"several subsets in {path}", cause=listed, hint=hint)
    return found[0]


def likely_name(path: str) -> str | None:
    """What can be typed for the meetings in a folder, behind the prefix; None where it holds none."""
    if is_dasr(path):
        return likely_dasr_name(path)
    found = _meetings_below(Path(path))
    return path if len(found) == 1 else f"{path}:{_names(found[0])[0]}" if found else None


def _meetings_below(root: Path) -> list[Path]:
    deeper = [folder for depth in _DEPTHS for folder in sorted(root.glob(depth))]
    return [folder for folder in (root, *deeper) if any(folder.glob("MTG_*/"))]


def _names(meetings: Path) -> tuple[str, str]:
    """What the split is called: its version, and its subset."""
    version = meetings.parent if meetings.name == "MTG" else meetings
    return version.name, version.parent.name.removesuffix("_set")


class NotsofarSource:
    """The segments of each meeting, once for each chosen device that recorded it.

    ``devices`` is ``sc`` (every single-channel device, as in the challenge's first track), ``mc`` (every array),
    ``close_talk`` (the speaker's own microphone), or one device, such as ``sc_plaza_0``. Meetings, devices and segments
    come sorted by name, by name, and as they are written. Raises UsageError for a device that no meeting has.
    """

    def __init__(self, name: str, folder: Path, devices: str, options: SourceOptions) -> None:
        self._name = name
        self._folder = folder
        self._options = options
        self._devices = devices
        self._chosen = {meeting: self._choose(found) for meeting, found in self._recorded().items()}
        if not any(self._chosen.values()):
            known = {device for found in self._recorded().values() for device in found}
            single = ", ".join(sorted(known - {"close_talk"}))
            hint = f"@sc, @mc, @close_talk{single and f', or one of {single}'}" if known else None
            raise UsageError(f"no device {devices!r} recorded a meeting of {folder}", hint=hint)

    @property
    def name(self) -> str:
        """The name as it was given."""
        return self._name

    @property
    def root(self) -> str:
        """The folder of the meetings."""
        return str(self._folder)

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options, and all that the utterances say, in order."""
        return fingerprint_of_utterances(self._options.canonical("chime8_notsofar1"), self.utterances())

    def utterances(self) -> Iterator[Utterance]:
        """Each segment. Raises ManifestError for JSON that is not as it should be."""
        for meeting, devices in self._chosen.items():
            path = str(self._folder / meeting / _TRANSCRIPTION)
            facts = self._facts(meeting)
            segments = list(segments_in(path, json_file(path)))
            for device in devices:
                for number, segment in segments:
                    try:
                        yield self._utterance(meeting, device, segment, facts)
                    except ValueError as error:
                        raise ManifestError(path, f"segment {number}: {error}") from error

    def _utterance(
        self, meeting: str, device: str, segment: Mapping[str, Any], facts: Mapping[str, ExtraValue]
    ) -> Utterance:
        session = f"{meeting}_{device}"
        is_array = device.startswith("mc_")
        channel = self._options.channel
        if device == CLOSE_TALK:
            audio = f"{meeting}/{_inside(required(segment, 'ct_wav_file_name'))}"
        else:
            audio = f"{meeting}/{device}/ch{(channel or 0) if is_array else 0}.wav"
        return segment_utterance(
            session,
            required(segment, "speaker_id"),
            interval_s(segment),
            audio,
            (as_text(segment, "text") or "") if self._options.has_text else None,
            channel=None if is_array else channel,
            language=self._options.language or "en",
            extra={"session": session, "meeting": meeting, "device": device, **facts},
        )

    def _facts(self, meeting: str) -> dict[str, ExtraValue]:
        path = self._folder / meeting / _METADATA
        if not path.is_file():
            return {}
        found = json_file(str(path))
        if not isinstance(found, dict):
            raise ManifestError(str(path), "not a JSON object")
        return {name: as_extra(found[name]) for name in _KEPT_METADATA if name in found}

    def _recorded(self) -> dict[str, list[str]]:
        """The devices of each meeting by their folders: those of ``devices.json``, where there is one, and no others.

        A device that is listed and has no folder is a device all the same, so that its audio counts as missing.
        """
        meetings = sorted(path for path in self._folder.glob("MTG_*") if path.is_dir())
        return {path.name: _devices(path) for path in meetings}

    def _choose(self, found: list[str]) -> list[str]:
        if self._devices in ("sc", "mc"):
            return [device for device in found if device.startswith(f"{self._devices}_")]
        return [device for device in found if device == self._devices]


def _devices(meeting: Path) -> list[str]:
    listing = meeting / "devices.json"
    if not listing.is_file():
        named = (path.name for path in meeting.iterdir() if path.is_dir())
        return sorted(name for name in named if name == CLOSE_TALK or name.startswith(("sc_", "mc_")))
    folders = set()
    for number, device in segments_in(str(listing), json_file(str(listing))):
        try:
            folders.add(_inside(required(device, "wav_file_names").split(",")[0].strip()).split("/")[0])
        except ValueError as error:
            raise ManifestError(str(listing), f"device {number}: {error}") from error
    return sorted(folders)


def _inside(name: str) -> str:
    """Give back the name of a file in the meeting's folder. Raises ValueError for one that leads out of it."""
    if name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"{name!r} leads out of the meeting's folder")
    return name
