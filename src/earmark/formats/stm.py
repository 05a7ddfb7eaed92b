"""NIST's STM: reference segments, each with file, channel, speaker, start, end, an optional label, and the words.

Source: the manual pages of the SCTK, https://github.com/usnistgov/SCTK. Times are in seconds of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from earmark.errors import ManifestError, UsageError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.lines import excerpt, text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather, one_text
from earmark.formats.trn import COMMENT, check_one_reading, has_readings
from earmark.records import ScoredUtterance

IGNORED = "ignore_time_segment_in_scoring"
_NUM_NEEDED = 5
_CHANNELS = {"1": 0, "a": 0, "2": 1, "b": 1}


def read_stm(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the segments in order; ids are made of file, channel, speaker, start and end. Raises ManifestError."""
    systems = () if wanted.role == "reference" else (system,)
    return gather(path, _rows(path, wanted), systems, kind="segments")


def track(file: str, channel: str) -> str:
    """Name the time line that a segment or a word is on. Upper and lower case are one, as for sclite."""
    return f"{file} {channel}".lower()


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    for number, line in enumerate(text_lines(path), start=1):
        if line.isspace() or line.startswith(COMMENT):
            continue
        cells = line.split(None, _NUM_NEEDED)
        if len(cells) < _NUM_NEEDED:
            raise ManifestError(path, "fewer than file, channel, speaker, start and end", line=number)
        file, channel, speaker, start, end = cells[:_NUM_NEEDED]
        text = _without_label("".join(cells[_NUM_NEEDED:]).strip())
        start_s = seconds(path, number, line, start)
        end_s = seconds(path, number, line, end)
        duration_s = end_s - start_s
        if duration_s < 0:
            raise ManifestError(path, f"it ends ({end}) before it starts ({start})", line=number)
        check_one_reading(path, number, line, text)
        reference, hypotheses = one_text(wanted, path, text)
        yield Row(
            number,
            f"{file}-{channel}-{speaker}-{start_s:.12g}-{end_s:.12g}",
            reference,
            audio=file,
            start_s=start_s,
            duration_s=duration_s,
            channel=_CHANNELS.get(channel.lower()),
            speaker=speaker,
            skip_reason=IGNORED if text.lower() == IGNORED else None,
            track=track(file, channel),
            hypotheses=hypotheses,
        )


def _without_label(text: str) -> str:
    """The words behind a label such as ``<o,f0,male>``."""
    label, bracket, words = text.partition(">")
    return words.strip() if bracket and label.startswith("<") and " " not in label else text


def seconds(path: str, number: int, line: str, text: str) -> float:
    """Read a time of a line. Raises ManifestError for anything but a number from 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        column = line.index(text) + 1
        shown = excerpt(line, column)
        raise ManifestError(
            path, f"{text[:40]!r} is no time in seconds", line=number, column=column, excerpt=shown
        ) from None
    return value


def write_stm(run: ExportedRun) -> Iterator[bytes]:
    """Yield the references of what was scored as segments: id, channel 1, speaker, 0 to the end.

    They go with the words of ``write_ctm``, in the order of the ids' bytes, as the SCTK wants them. Raises UsageError
    for an utterance whose duration nobody knows, and for an id or a text that the format cannot hold.
    """
    lines = {one.id.encode(): _line(one) for one in run.scored()}
    return (lines[name] for name in sorted(lines))


def _line(one: ScoredUtterance) -> bytes:
    words = " ".join((one.reference or "").split())
    speaker = "-".join((one.speaker or "").split()) or "unknown"
    is_unfit = one.id.split() != [one.id] or one.id.startswith(COMMENT) or words.startswith("<")
    if one.duration_s <= 0 or is_unfit or has_readings(words):
        raise UsageError(
            f"an STM file cannot hold {one.id!r}",
            cause="nobody knows how long it is"
            if one.duration_s <= 0
            else "its id or its text has signs of the format",
            hint="--to jsonl holds any",
        )
    return f"{one.id} 1 {speaker} 0.000 {one.duration_s:.3f} {words}\n".encode()
