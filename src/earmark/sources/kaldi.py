"""Utterances of a Kaldi data folder: ``wav.scp``, and ``segments``, ``text``, ``utt2spk`` and more where they are.

The files are those of https://kaldi-asr.org/doc/data_prep.html. A ``wav.scp`` may hold shell commands and places in
archives; earmark runs nothing that data say, and refuses both.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from earmark.errors import FolderError, ManifestError, without_secret
from earmark.formats.cells import as_channel, as_seconds
from earmark.formats.lines import near_hint, text_lines
from earmark.records import AudioRef, Utterance
from earmark.sources.files import fingerprint_of_files
from earmark.sources.options import SourceOptions

_FILES = ("wav.scp", "segments", "text", "utt2spk", "utt2lang", "utt2dur", "reco2dur")
_SEGMENT_CELLS = (3, 4)
"""Behind the id: recording, start and end, in seconds; and the channel, from 0, where a line says it."""
_OFFSET = re.compile(r":\d+(\[[^\]]*\])?$")
_TO_THE_END = re.compile(r"-1(?:\.0*)?", re.ASCII)
_BLANKS = re.compile(r"[ \t]+")


class KaldiSource:
    """The utterances of ``segments``, or of ``wav.scp`` where there is none, in the order of that file.

    Relative paths start at ``--audio-root``, or at the folder itself. An utterance without a line in ``text`` has no
    reference. Raises FolderError.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_text_column(path)
        if not Path(path).is_dir():
            raise FolderError(path, "there is no such folder", hint=near_hint(Path(path), "kaldi:"))
        self._path = path
        self._options = options

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._path

    @property
    def root(self) -> str:
        """The audio root, or the folder."""
        return str(Path(self._options.audio_root or self._path).absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options and the bytes of the files that are read."""
        return fingerprint_of_files(self._options.canonical("kaldi"), self._path, _FILES)

    def utterances(self) -> Iterator[Utterance]:
        """Each utterance. Raises ManifestError for lines that Kaldi would not take, pipes and places in archives."""
        files = self._table("wav.scp", is_needed=True)
        texts = self._table("text", is_needed=self._options.has_text) if self._options.has_text else {}
        speakers, languages = self._table("utt2spk"), self._table("utt2lang")
        has_segments = Path(self._path, "segments").is_file()
        unused = set(texts)
        for utterance_id, audio in self._segments(files) if has_segments else self._whole(files):
            unused.discard(utterance_id)
            _, reference = texts.get(utterance_id, (0, None))
            _, language = languages.get(utterance_id, (0, self._options.language))
            _, speaker = speakers.get(utterance_id, (0, None))
            yield Utterance(utterance_id, audio, reference, language, speaker)
        if unused:
            self._refuse_text(texts, unused, "segments" if has_segments else "wav.scp")

    def _whole(self, files: dict[str, tuple[int, str]]) -> Iterator[tuple[str, AudioRef]]:
        lengths = self._table("utt2dur") or self._table("reco2dur")
        for utterance_id, (line, entry) in files.items():
            path = self._plain(line, entry)
            number, length = lengths.get(utterance_id, (0, None))
            duration_s = None if length is None else self._seconds("utt2dur or reco2dur", number, length)
            yield utterance_id, AudioRef(path, None, duration_s, self._options.channel)

    def _segments(self, files: dict[str, tuple[int, str]]) -> Iterator[tuple[str, AudioRef]]:
        for utterance_id, (number, rest) in self._table("segments").items():
            cells = rest.split()
            if len(cells) not in _SEGMENT_CELLS:
                raise self._broken("segments", number, "an id, a recording, a start and an end are expected")
            recording, start, end, *channel = cells
            if recording not in files:
                raise self._broken("segments", number, f"no recording {recording!r} in wav.scp")
            start_s = self._seconds("segments", number, start)
            # In Kaldi -1, however it is written, is the end of the recording.
            end_s = None if _TO_THE_END.fullmatch(end) else self._seconds("segments", number, end)
            if end_s is not None and end_s < start_s:
                raise self._broken("segments", number, f"it ends at {end_s:g} s, and starts at {start_s:g} s")
            duration_s = None if end_s is None else end_s - start_s
            path = self._plain(*files[recording])
            yield utterance_id, AudioRef(path, start_s, duration_s, self._channel(number, channel))

    def _table(self, name: str, *, is_needed: bool = False) -> dict[str, tuple[int, str]]:
        """Map ids to (line, what follows the id); empty where the file is not there and need not be."""
        path = Path(self._path, name)
        if not path.exists():
            if is_needed:
                hint = "--text-column none if there is no such text" if name == "text" else self._below()
                raise ManifestError(str(path), "there is no such file", hint=hint)
            return {}
        entries: dict[str, tuple[int, str]] = {}
        for number, line in enumerate(text_lines(str(path)), start=1):
            if line.isspace():
                continue
            key, *rest = _BLANKS.split(line.strip(" \t\r\n"), maxsplit=1)
            if key in entries:
                raise self._broken(name, number, f"a second line for {key!r}, the first is line {entries[key][0]}")
            entries[key] = number, rest[0] if rest else ""
        return entries

    def _below(self) -> str | None:
        """The name of a data folder in this one, such as ``data/test`` of ``data``."""
        found = sorted(str(path.parent) for path in Path(self._path).glob("*/wav.scp"))
        return f"did you mean {shlex.quote(f'kaldi:{found[0]}')}?" if found else None

    def _plain(self, line: int, entry: str) -> str:
        """The path in an entry of ``wav.scp``. Raises ManifestError for anything that is not a file's name."""
        problem = None
        if entry.endswith("|") or entry.startswith("|"):
            problem = "a shell command, which earmark does not run"
        elif not entry or entry == "-":
            problem = "no file is named"
        elif _OFFSET.search(entry):
            problem = "a place in a Kaldi archive, which earmark does not read"
        if problem:
            hint = "write the audio as files once, and list those in wav.scp"
            raise self._broken("wav.scp", line, f"{problem}: {without_secret(entry)[:60]!r}", hint=hint)
        return without_secret(entry)

    def _seconds(self, name: str, line: int, text: str) -> float:
        try:
            seconds = as_seconds({"time": text}, "time")
        except ValueError as error:
            raise self._broken(name, line, f"{text[:50]!r} is no number of seconds") from error
        return seconds or 0.0

    def _channel(self, line: int, said: list[str]) -> int | None:
        try:
            channel = as_channel({"channel": said[0]}, "channel") if said else None
        except ValueError as error:
            raise self._broken("segments", line, f"{said[0][:50]!r} is no channel (0, 1, ...)") from error
        return self._options.channel if channel is None else channel

    def _broken(self, name: str, line: int, problem: str, *, hint: str | None = None) -> ManifestError:
        return ManifestError(str(Path(self._path, name)), problem, line=line, hint=hint)

    def _refuse_text(self, texts: dict[str, tuple[int, str]], unused: set[str], name: str) -> None:
        first = min(unused, key=lambda key: texts[key][0])
        problem = f"{len(unused):,} of its ids not in {name}, first: {first!r}"
        raise self._broken("text", texts[first][0], problem, hint="Kaldi's utils/fix_data_dir.sh keeps what all have")
