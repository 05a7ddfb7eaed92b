"""Utterances of Lhotse manifests: a CutSet, or a RecordingSet with its SupervisionSet. It reads the JSON itself.

Source: the serialized form of Lhotse's classes, github.com/lhotse-speech/lhotse. A cut is a piece of a recording with
supervisions, whose times count from the cut's start. What is not a piece of an audio file as it lies on the disk is
refused: mixed and padded cuts, features without audio, perturbed recordings, and sources that are commands, URLs,
memory or shar fields.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.cells import as_extra, as_seconds, as_text
from earmark.formats.jsonl import jsonl_rows
from earmark.formats.lines import near_hint
from earmark.records import AudioRef, ExtraValue, Utterance
from earmark.sources.files import fingerprint_of_files
from earmark.sources.lhotse_audio import cut_channel, piece
from earmark.sources.options import SourceOptions

Row = Mapping[str, Any]

_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


class LhotseSource:
    """The cuts of ``cuts.jsonl.gz``, or the supervisions of ``recordings.jsonl.gz`` and ``supervisions.jsonl.gz``.

    Either of the pair may be named; the other one has the same name but for that word. A cut with several supervisions
    is an utterance for each, in order, with the supervision's id and times. With one it is that one, under the cut's
    id; with none it is the whole cut. Raises ManifestError.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_text_column(path)
        self._path = path
        self._options = options
        self._recordings, self._segments = _pair(Path(path))
        for file in (self._recordings, self._segments):
            if file is not None and not file.is_file():
                raise _no_file(file)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._path

    @property
    def root(self) -> str:
        """The audio root, or the folder of the manifest."""
        return str(Path(self._options.audio_root or self._segments.parent).absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options and the bytes of the manifests, as they lie."""
        names = [file.name for file in (self._recordings, self._segments) if file is not None]
        return fingerprint_of_files(self._options.canonical("lhotse"), str(self._segments.parent), names)

    def utterances(self) -> Iterator[Utterance]:
        """Each utterance. Raises ManifestError, with the line, for what is not a piece of an audio file."""
        recordings = None if self._recordings is None else _recordings(str(self._recordings))
        path = str(self._segments)
        is_empty = True
        for line, row in jsonl_rows(path):
            is_empty = False
            try:
                yield from self._cut(row) if recordings is None else [self._supervised(row, recordings)]
            except ValueError as error:
                raise ManifestError(path, str(error), line=line) from error
        if is_empty:
            raise ManifestError(path, "holds no utterance")

    def _cut(self, cut: Row) -> Iterator[Utterance]:
        _refuse_other_cuts(cut)
        recording = _recording(cut)
        start_s, duration_s = _times(cut)
        supervisions = _list(cut, "supervisions")
        if not supervisions:
            audio = piece(recording, start_s, duration_s, self._channel(cut, {}))
            yield self._utterance(_id(cut), audio, {}, cut)
        for supervision in supervisions:
            offset_s, length_s = _times(supervision)
            audio = piece(recording, start_s + offset_s, length_s, self._channel(cut, supervision))
            yield self._utterance(_id(cut if len(supervisions) == 1 else supervision), audio, supervision, cut)

    def _channel(self, cut: Row, supervision: Row) -> int | None:
        """The supervision's own channel; where it has none, or several, what the cut or ``--channel`` says."""
        own = supervision.get("channel")
        has_one = own is not None and not (isinstance(own, list) and len(own) != 1)
        return cut_channel(own, None if has_one else cut_channel(cut.get("channel"), self._options.channel))

    def _supervised(self, supervision: Row, recordings: Mapping[str, Row]) -> Utterance:
        recording = recordings.get(str(supervision.get("recording_id")))
        if recording is None:
            raise ValueError(f"no recording {supervision.get('recording_id')!r} in {self._recordings}")
        channel = cut_channel(supervision.get("channel"), self._options.channel)
        audio = piece(recording, *_times(supervision), channel)
        return self._utterance(_id(supervision), audio, supervision, {})

    def _utterance(self, utterance_id: str, audio: AudioRef, supervision: Row, cut: Row) -> Utterance:
        return Utterance(
            utterance_id,
            audio,
            as_text(supervision, "text") if self._options.has_text else None,
            as_text(supervision, "language") or self._options.language,
            as_text(supervision, "speaker"),
            _extra(supervision, cut),
        )


def _pair(path: Path) -> tuple[Path | None, Path]:
    """The manifest of recordings, where there is one, and that of cuts or supervisions."""
    if "recordings" in path.name:
        return path, path.with_name(path.name.replace("recordings", "supervisions"))
    if "supervisions" in path.name:
        return path.with_name(path.name.replace("supervisions", "recordings")), path
    return None, path


def manifest_in(folder: Path) -> Path | None:
    """The manifest that is likeliest meant by its folder: cuts, or supervisions with their recordings."""
    files = sorted(path for path in folder.glob("*.json*") if path.name.endswith(_ENDINGS))
    cuts = [path for path in files if "cuts" in path.name]
    pairs = [
        path for path in files if "supervisions" in path.name and all(one and one.is_file() for one in _pair(path))
    ]
    found = cuts or pairs
    return next((path for path in found if "test" in path.name), found[0] if found else None)


def _no_file(file: Path) -> ManifestError:
    if not file.is_dir():
        return ManifestError(str(file), "there is no such file", hint=near_hint(file, "lhotse:"))
    within = manifest_in(file)
    hint = f"did you mean {shlex.quote(f'lhotse:{within}')}?" if within else None
    return ManifestError(str(file), "it is a folder, and a manifest is expected", hint=hint)


def _recordings(path: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for line, row in jsonl_rows(path):
        recording_id = str(row.get("id"))
        if recording_id in found:
            raise ManifestError(path, f"a second recording {recording_id!r}", line=line)
        found[recording_id] = row
    return found


def _refuse_other_cuts(cut: Row) -> None:
    kind = cut.get("type", "MonoCut")
    if kind == "MixedCut" or "tracks" in cut:
        raise ValueError("a MixedCut is no piece of one file: write its audio first (cuts.save_audios)")
    if kind == "PaddingCut":
        raise ValueError("a PaddingCut has no audio")
    if kind not in ("MonoCut", "MultiCut"):
        raise ValueError(f"{kind!r} is no kind of cut that can be read")


def _recording(cut: Row) -> Row:
    found = cut.get("recording")
    if isinstance(found, dict):
        return found
    raise ValueError("the cut has no recording" + (", only features" if cut.get("features") else ""))


def _times(row: Row) -> tuple[float, float]:
    """Start and duration, in seconds. A supervision may begin before its cut. Raises ValueError."""
    start: Any = row.get("start")
    is_early = isinstance(start, float | int) and start < 0
    start_s = as_seconds({"start": -start if is_early else start}, "start")
    duration_s = as_seconds(row, "duration")
    if start_s is None or duration_s is None:
        raise ValueError(f"no 'start' or no 'duration' in {_id(row)!r}")
    return -start_s if is_early else start_s, duration_s


def _list(row: Row, key: str) -> Sequence[Row]:
    found = row.get(key) or []
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return found
    raise ValueError(f"{key!r} is no list of objects")


def _id(row: Row) -> str:
    found = as_text(row, "id")
    if not found:
        raise ValueError("it has no 'id'")
    return found


def _extra(supervision: Row, cut: Row) -> dict[str, ExtraValue]:
    """What is said beside: the gender, and the custom fields of cut and supervision (which goes before)."""
    found: dict[str, Any] = {}
    for row in (cut, supervision):
        custom = row.get("custom")
        found.update(custom if isinstance(custom, dict) else {})
    if supervision.get("gender") is not None:
        found["gender"] = supervision["gender"]
    return {name: as_extra(value) for name, value in found.items()}
