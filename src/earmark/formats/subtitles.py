"""Subtitles, SRT and WebVTT: what was heard in a recording as cues of up to two lines, and their text read back.

SRT knows the tags b, i, u and font, and has no way to spell a sign out; WebVTT has.
A cue ends before it gets longer than 84 characters or 7 seconds, and where nobody speaks for a second. A file is of one
recording: utterances that are pieces of one file go together, at their places in it.
Sources: WebVTT, https://www.w3.org/TR/webvtt1/; SubRip has no specification but its own files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from urllib.parse import quote

from earmark.errors import ManifestError, UsageError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.lines import text_lines
from earmark.formats.timed_words import timed_words
from earmark.formats.transcript import Row, Transcript, Wanted, gather, one_text
from earmark.records import ScoredUtterance, Word

_LONGEST_S, _LONGEST_PAUSE_S = 7.0, 1.0
_LONGEST_LINE = 42
_TIMES = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{3}\s+-->\s+(?:\d+:)?\d{1,2}:\d{2}[.,]\d{3}")
_TAG = {"srt": re.compile(r"</?(?:[biu]|font\b[^>\n]*)>", re.IGNORECASE), "vtt": re.compile(r"<[^>]*>")}
_VTT = "WEBVTT"
_SIGNS = (("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&"))
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Subtitles:
    """Writes a file for each recording; ``form`` is ``srt`` or ``vtt``."""

    form: str

    def __call__(self, run: ExportedRun) -> Iterator[bytes]:
        """Yield the file of the only recording. Raises UsageError where there are more, and where there is none."""
        contents = [content for _, content in self.files(run)]
        if not contents:
            raise UsageError(
                f"there is nothing to write as {self.form}",
                cause="no utterance has a word, and players refuse an empty file",
                hint="--to jsonl holds every utterance, and why one was not heard",
            )
        if len(contents) > 1:
            raise UsageError(
                f"{self.form} has a file for each recording, and there are {len(contents):,}",
                hint="--out FOLDER/ writes them all",
            )
        yield from contents

    def files(self, run: ExportedRun) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the content of each file, in the order of the data.

        Raises UsageError for an utterance with a text and no times of its words, and for a text that is a tag of SRT.
        """
        recordings: dict[str, list[Word]] = {}
        num_utterances = Counter[str]()
        for one in run.heard():
            num_utterances[_recording(one)] += 1
            recordings.setdefault(_recording(one), []).extend(_placed(one, self.form.upper()))
        taken: set[str] = set()
        for recording, words in recordings.items():
            if not words and self.form == "srt":  # its file would be empty, which players refuse
                run.left_out["without a word"] += num_utterances[recording]
                continue
            yield _file_name(recording, self.form, taken), self._text(sorted(words, key=_start)).encode()

    def _text(self, words: Sequence[Word]) -> str:
        is_vtt = self.form == "vtt"
        cues = []
        for number, cue in enumerate(_cues(words), start=1):
            times = f"{_clock(cue[0].start_s, is_vtt=is_vtt)} --> {_clock(cue[-1].end_s, is_vtt=is_vtt)}"
            head = [] if is_vtt else [str(number)]
            cues.append("\n".join([*head, times, _two_lines(cue, is_vtt=is_vtt), ""]))
        return (f"{_VTT}\n\n" if is_vtt else "") + "\n".join(cues)


write_srt, write_vtt = Subtitles("srt"), Subtitles("vtt")


def read_subtitles(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the text of all cues as one utterance, which is matched by its number. Raises ManifestError."""
    lines = [line.rstrip("\r\n") for line in text_lines(path)]
    blocks = [list(block) for is_blank, block in groupby(lines, key=lambda line: not line.strip()) if not is_blank]
    form = "vtt" if lines and lines[0].lstrip("\ufeff").startswith(_VTT) else "srt"
    texts = [text for block in blocks for text in _cue_text(block, form)]
    if not any(_TIMES.match(line) for line in lines):
        raise ManifestError(path, "holds no cue: no line has the times of one")
    reference, hypotheses = one_text(wanted, path, " ".join(texts))
    row = Row(1, "1", reference, hypotheses=hypotheses)
    return gather(path, [row], () if wanted.role == "reference" else (system,), is_keyed=False)


def _cue_text(block: Sequence[str], form: str) -> Iterator[str]:
    """The lines behind the times of a block, without tags; nothing of a block that is no cue."""
    place = next((number for number, line in enumerate(block[:2]) if _TIMES.match(line)), None)
    for line in block[place + 1 :] if place is not None else ():
        text = _TAG[form].sub("", line).strip()
        for sign, character in _SIGNS if form == "vtt" else ():
            text = text.replace(sign, character)
        if text:
            yield text


def _recording(one: ScoredUtterance) -> str:
    """What tells a recording from others: its file, where pieces of it are the utterances, else the id."""
    return one.audio if one.start_s is not None and one.audio else one.id


def _placed(one: ScoredUtterance, what: str) -> Iterator[Word]:
    start_s = one.start_s or 0.0
    for word in timed_words(one, what):
        yield Word(word.text, word.start_s + start_s, word.end_s + start_s)


def _start(word: Word) -> float:
    return word.start_s


def _cues(words: Iterable[Word]) -> Iterator[list[Word]]:
    cue: list[Word] = []
    for word in words:
        if cue and (_is_full([*cue, word]) or word.start_s - cue[-1].end_s > _LONGEST_PAUSE_S):
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def _is_full(cue: Sequence[Word]) -> bool:
    lines = _folded(cue)
    return len(lines) > 2 or cue[-1].end_s - cue[0].start_s > _LONGEST_S  # noqa: PLR2004  # as the docstring says


def _folded(cue: Sequence[Word]) -> list[str]:
    lines: list[str] = []
    for word in cue:
        if lines and len(lines[-1]) + 1 + len(word.text) <= _LONGEST_LINE:
            lines[-1] += f" {word.text}"
        else:
            lines.append(word.text)
    return lines


def _two_lines(cue: Sequence[Word], *, is_vtt: bool) -> str:
    text = "\n".join(_folded(cue))
    if is_vtt:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if found := _TAG["srt"].search(text):
        raise UsageError(
            f"an SRT file cannot hold the text {found[0]!r}",
            cause="it is a tag there, and nothing can be said in another way",
            hint="--to vtt holds any text, and so does --to jsonl",
        )
    return text


def _clock(seconds: float, *, is_vtt: bool) -> str:
    whole, thousandth = divmod(round(1_000 * seconds), 1_000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{'.' if is_vtt else ','}{thousandth:03d}"


def _file_name(recording: str, form: str, taken: set[str]) -> str:
    """A name that no recording can lead out of the folder with, and that no other one has."""
    plain = partial(quote, safe=" ()[]+=@,'")
    base = plain(recording.rpartition("/")[2] or recording)[:_LONGEST_NAME].lstrip(".") or "recording"
    name, number = f"{base}.{form}", 1
    while name in taken:
        number += 1
        name = f"{base}-{number}.{form}"
    taken.add(name)
    return name
