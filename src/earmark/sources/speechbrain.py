"""Utterances of SpeechBrain's descriptors: a CSV, or one JSON object, as its data preparation writes them.

Source: ``speechbrain.dataio.dataset`` (``load_data_csv``, ``load_data_json``) and its recipes. What tells them from
other manifests: ``start`` and ``stop`` count samples, at the file's own rate; JSON is one object of all utterances by
id, and calls the seconds ``length`` and the text ``words``; paths begin with a placeholder such as ``$data_folder`` or
``{data_root}``.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from earmark.audio.probe import probe
from earmark.errors import AudioError, ManifestError, UsageError
from earmark.formats.cells import TEXT, as_seconds, by_lower_case
from earmark.formats.delimited import delimited_rows
from earmark.formats.lines import near_hint, text_lines
from earmark.formats.surviving import BadRow, surviving_rows
from earmark.records import SAMPLE_RATE_HZ, Utterance
from earmark.sources.columns import RowReader
from earmark.sources.files import fingerprint_of_utterances
from earmark.sources.naming import is_remote, likely
from earmark.sources.options import SourceOptions

Row = dict[str, Any]

_PLACEHOLDER = re.compile(r"(?:\$\{?\w+\}?|\{\w+\})/+")
_TEXTS = ("wrd", "words", *TEXT)
_ENDINGS = (".csv", ".json")


class SpeechBrainSource:
    """The rows of a descriptor ``.csv`` or ``.json``, in its order. Raises UsageError and ManifestError.

    A placeholder at the beginning of a path stands for ``--audio-root``; a relative path without one starts there too,
    or at the descriptor's folder. ``start`` and ``stop`` become seconds by the rate in the file's header; of a file
    that is not there, they are taken to count 16 kHz.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        if Path(path).is_dir():
            raise UsageError(f"{path} is a folder, and a descriptor is expected", hint=_descriptor_hint(Path(path)))
        if Path(path).suffix.lower() not in _ENDINGS:
            raise UsageError(f"cannot tell the format of {path}", cause=f"known endings: {', '.join(_ENDINGS)}")
        if not Path(path).is_file():
            raise ManifestError(path, "there is no such file", hint=near_hint(Path(path), "speechbrain:"))
        self._path = path
        self._options = options

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._path

    @property
    def root(self) -> str:
        """The audio root, or the descriptor's folder."""
        return str(Path(self._options.audio_root or Path(self._path).parent).absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options and all that the utterances say: their seconds depend on the files' rates."""
        return fingerprint_of_utterances(self._options.canonical("speechbrain"), self.utterances())

    def utterances(self) -> Iterator[Utterance]:
        """Each row's utterance. Raises ManifestError, and MissingColumnError where no column has the text."""
        return self._read(
            _json_rows(self._path) if self._is_json else delimited_rows(self._path, has_tabs=False), _told
        )

    def surviving(self, bad: BadRow) -> Iterator[Utterance]:
        """The usable rows; ``bad`` is told of each of the others. Raises what is wrong with the whole."""
        return self._read(_json_rows(self._path) if self._is_json else surviving_rows("csv", self._path, bad), bad)

    @property
    def _is_json(self) -> bool:
        return self._path.lower().endswith(".json")

    def _read(self, rows: Iterable[tuple[int, Row]], bad: BadRow) -> Iterator[Utterance]:
        rate_hz = lru_cache(maxsize=4096)(self._rate_hz)  # many rows can be pieces of one file
        reader = None
        for line, row in rows:
            if reader is None:
                reader = RowReader(self._path, self._with_text_column(row))
            number = None if self._is_json else line
            try:
                yield reader.utterance(number, self._usual(row, rate_hz))
            except ManifestError as error:
                bad(error)
            except ValueError as error:
                where = f"{row['id']!r}: " if self._is_json else ""
                bad(ManifestError(self._path, f"{where}{error}", line=number))
        if reader is None:
            raise ManifestError(self._path, "holds no utterance")

    def _with_text_column(self, row: Row) -> SourceOptions:
        known = by_lower_case(row)
        column = self._options.text_column or next((known[name] for name in _TEXTS if name in known), None)
        return dataclasses.replace(self._options, text_column=column)

    def _usual(self, row: Row, rate_hz: Any) -> Row:  # noqa: ANN401  # a function behind a cache
        """The row as other manifests write it: one path, and seconds. Raises ValueError."""
        usual = {name: value for name, value in row.items() if name not in ("wav", "start", "stop", "length")}
        audio = row.get("wav")
        at: Mapping[str, Any] = audio if isinstance(audio, dict) else row
        path = _file_of(audio) if isinstance(audio, dict) else audio
        if not isinstance(path, str) or not path:
            raise ValueError("no path in 'wav'")
        usual["wav"] = self._resolved(path)
        if "length" in row:
            usual["duration"] = row["length"]
        if at.get("start") is not None or at.get("stop") is not None:
            usual.pop("duration", None)
            usual |= _seconds(at, rate_hz(usual["wav"]))
        return usual

    def _resolved(self, path: str) -> str:
        placeholder = _PLACEHOLDER.match(path)
        if placeholder is None:
            return path
        if self._options.audio_root is None:
            raise UsageError(
                f"nothing says what {placeholder[0].rstrip('/')} is in {self._path}", hint="--audio-root FOLDER"
            )
        return path[placeholder.end() :]

    def _rate_hz(self, uri: str) -> int:
        if is_remote(self._options.audio_root or ""):
            cause = "start and stop count samples, and the rate is in files that are not here yet"
            raise UsageError(f"cannot tell the seconds of {self._path}", cause=cause, hint="earmark stage them first")
        try:
            return probe(str(Path(self.root, uri))).sample_rate_hz
        except AudioError:
            return SAMPLE_RATE_HZ


def _descriptor_hint(folder: Path) -> str | None:
    found = [one.name for one in folder.iterdir() if one.suffix.lower() in _ENDINGS]
    return f"did you mean {shlex.quote(f'speechbrain:{folder / likely(found)}')}?" if found else None


def _told(error: ManifestError) -> None:
    raise error


def _file_of(audio: Mapping[str, Any]) -> object:
    if "files" in audio:
        raise ValueError("several files at once ('files') are no utterance of one file")
    return audio.get("file")


def _seconds(at: Mapping[str, Any], rate_hz: int) -> dict[str, float]:
    """``start`` and ``stop`` in samples as start and duration in seconds; without ``stop``, to the end."""
    start, stop = as_seconds(at, "start") or 0.0, as_seconds(at, "stop")
    stop = None if stop == start else stop  # SpeechBrain reads on to the end, too
    if stop is not None and stop < start:
        raise ValueError(f"it stops at sample {stop:.0f}, and starts at {start:.0f}")
    piece = {"start": start / rate_hz}
    return piece if stop is None else {**piece, "duration": (stop - start) / rate_hz}


def _json_rows(path: str) -> Iterator[tuple[int, Row]]:
    """Each utterance with its number, from 1, and its id as ``id``. Raises ManifestError."""
    try:
        found = json.loads("".join(text_lines(path)), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ManifestError(path, f"not valid JSON: {error.msg}", line=error.lineno, column=error.colno) from error
    except (RecursionError, ValueError) as error:
        raise ManifestError(path, f"not usable JSON: {error}") from error
    if not isinstance(found, dict):
        raise ManifestError(path, "not a JSON object of utterances by id")
    for number, (utterance_id, row) in enumerate(found.items(), start=1):
        if not isinstance(row, dict):
            raise ManifestError(path, f"{utterance_id!r} is not a JSON object", hint=f"--data {path}, if it is a list")
        yield number, {"id": utterance_id, **row}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which no key comes twice: of two utterances with one id Python would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((doubled, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{doubled!r} comes twice")
    return found
