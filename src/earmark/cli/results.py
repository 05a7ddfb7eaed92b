"""A run's summary as text on stdout: a table to read, the line that scripts look for, and what to type next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from earmark.cli.screen import has_colour, say
from earmark.scoring.lines import per_cent, ser_line, wer_line

if TYPE_CHECKING:
    from earmark.reports.summary import RunSummary, Speed


def print_summary(summary: RunSummary, form: str) -> None:
    """The summary on stdout, and notes on stderr."""
    if form == "json":
        sys.stdout.write(summary.to_json())
        return
    _print_table(summary)
    for line in _lines(summary):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    for note in _notes(summary):
        say(note)


def _print_table(summary: RunSummary) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    words = summary.counts.words
    interval = summary.wer_interval
    table = Table(title=f"{summary.model} on {summary.data}", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    cells = {
        "utts": f"{summary.num_scored:,}",
        "words": f"{words.reference_length:,}",
        "WER %": per_cent(summary.wer),
        "95 % interval": f"[{per_cent(interval.low)}, {per_cent(interval.high)}]" if interval else "-",
        "sub": f"{words.substitutions:,}",
        "del": f"{words.deletions:,}",
        "ins": f"{words.insertions:,}",
        "CER %": per_cent(summary.cer),
        "SER %": per_cent(summary.ser),
    }
    for name in cells:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*cells.values())
    Console(file=sys.stdout, no_color=not has_colour(sys.stdout), width=max(80, _width())).print(table)


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def _lines(summary: RunSummary) -> list[str]:
    lines = [f"{wer_line(summary.counts.words)}  {ser_line(summary.counts)}"]
    identity = summary.normalizer
    unit = (
        f"95 % interval: {summary.wer_interval.num_replicates:,} bootstraps by {summary.wer_interval.unit}"
        if summary.wer_interval
        else ""
    )
    lines.append(f"normalizer {identity.name}@{identity.version} sha256:{identity.hash[:8]}")
    if unit:
        lines.append(unit)
    return lines + _speed_lines(summary.speed)


def _speed_lines(speed: Speed) -> list[str]:
    """The three scopes of RTFx, each said what it includes."""
    if speed.compute is None or speed.worker is None or speed.waited_share is None:
        return []
    waited = f"{100 * speed.waited_share:.1f} % of it waiting for audio"
    lines = [
        f"RTFx {speed.compute:,.2f} compute (inside the recognizer)",
        f"RTFx {speed.worker:,.2f} worker (with decoding and waiting; {waited})",
    ]
    if speed.wall is not None and speed.wall_s is not None:
        lines.append(
            f"RTFx {speed.wall:,.2f} wall (the latest attempt from its start: {speed.wall_audio_s:,.0f} s of audio "
            f"in {speed.wall_s:,.1f} s)"
        )
    return lines


def _notes(summary: RunSummary) -> list[str]:
    notes = []
    if summary.num_failed:
        notes.append(
            f"warning: {summary.num_failed:,} of {summary.num_utterances:,} utterances failed; with their words as "
            f"deletions the WER is {per_cent(summary.wer_failed_as_deletions)} %: {summary.run}/errors.jsonl"
        )
    notes += [
        f"note: {number:,} utterances are left out of the score: {rule}" for rule, number in summary.skipped.items()
    ]
    if summary.num_empty_references:
        notes.append(
            f"note: {summary.num_empty_references:,} references are empty after {summary.normalizer.name!r}; "
            "what is heard there counts as insertions"
        )
    if summary.num_split_rows:
        notes.append(f"note: {summary.num_split_rows:,} utterances were transcribed in batches that had to be split")
    notes.append(f"results {summary.run}")
    return notes
