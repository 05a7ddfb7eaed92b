"""``earmark stage``: flags to arguments, and what was staged in a few lines on stdout."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from earmark import _STARTED
from earmark.cli.data_flags import ERRORS, NO_DATA_FLAGS, OUTPUT, WORKERS, Data, DataFlags
from earmark.cli.flags import check_allowance, check_failures, number_of_workers, workers_text
from earmark.cli.progress import length, observer_for
from earmark.cli.screen import number_of, say, tell
from earmark.cli.worker_flags import Engine

if TYPE_CHECKING:
    from earmark.verbs.stage import StageSummary


def stage_command(
    data: Data,
    /,
    *,
    to: Annotated[str, Parameter(group=OUTPUT)],
    flags: DataFlags = NO_DATA_FLAGS,
    workers: Annotated[str, Parameter(converter=workers_text, group=WORKERS)] = "auto",
    engine: Annotated[Engine, Parameter(group=WORKERS)] = "auto",
    audio_format: Annotated[Literal["wav", "flac"], Parameter(group=OUTPUT)] = "wav",
    fresh: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    verify: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
    max_errors: Annotated[str, Parameter(group=ERRORS)] = "0",
    retry_failed: Annotated[bool, Parameter(group=ERRORS, negative="")] = False,
) -> int:
    """Bring data to one folder as 16 kHz mono files, checked, with a table.

    Parameters
    ----------
    to
        The folder of what is made; a set's may be s3://bucket/folder, modal:VOLUME/NAME.
    workers
        How many; auto: one a core.
    engine
        Where they run; auto: processes, so that a crash costs little.
    audio_format
        wav: quickest to read, and exact; flac: half the size.
    fresh
        Throw away what the folder holds; begin again.
    verify
        Read every staged file again, and mend the damaged ones.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    max_errors
        Exit with 3 if more fail: N, or N%.
    retry_failed
        Do failed utterances again.
    """
    from earmark.verbs.stage import stage

    check_allowance(max_errors)
    with observer_for(progress) as observer:
        summary = stage(
            data,
            to,
            **flags.arguments(),
            audio_format=audio_format,
            engine="processes" if engine == "auto" else engine,
            workers=number_of_workers(workers, engine),
            retry_failed=retry_failed,
            verify=verify,
            fresh=fresh,
            observer=observer,
            began=_STARTED,
        )
    for line in _lines(summary):
        tell(line)
    sys.stdout.flush()
    for note in _notes(summary):
        say(note)
    check_failures(max_errors, summary.num_failed, summary.num_utterances, summary.errors)
    return 0


def _lines(summary: StageSummary) -> list[str]:
    """What lies in the folder, and what this call did for it."""
    codings = ", ".join(f"{coding} {number:,}" for coding, number in summary.codings.items()) or "none"
    return [
        f"staged {_share(summary)}",
        f"to     {summary.target}",
        f"audio  {length(summary.audio_s)}, {summary.size_bytes / 1e6:,.1f} MB, 16 kHz mono",
        f"files  {codings}",
        f"       {summary.num_exact:,} hold the very samples that a run would decode{_but(summary)}",
        f"done   {_work(summary)}",
    ]


def _but(summary: StageSummary) -> str:
    """What the samples are not those of."""
    if not summary.num_changed_audio:
        return ""
    number = f"{summary.num_changed_audio:,} of the {summary.num_sampled_audio:,} sampled"
    return f",\n       but of originals that changed since ({number})"


def _share(summary: StageSummary) -> str:
    """How many of the data are staged, and what became of the others."""
    everything = number_of(summary.num_utterances, "utterance")
    if summary.num_staged == summary.num_utterances:
        return f"all of {everything}"
    return f"{summary.num_staged:,} of {everything}, {summary.num_failed:,} failed, {summary.num_skipped:,} left out"


def _work(summary: StageSummary) -> str:
    if not summary.num_new:
        return "before; only the table was written" if summary.is_new_table else "before: there was nothing to do"
    speed = summary.new_audio_s / summary.wall_s if summary.wall_s else 0.0
    did = number_of(summary.num_new, "utterance")
    return f"{did} in {summary.wall_s:,.1f} s: {speed:,.0f} s of audio a second"


def _notes(summary: StageSummary) -> list[str]:
    notes = []
    if summary.num_verified:
        notes.append(f"note: {number_of(summary.num_verified, 'file')} read and compared")
    if summary.num_damaged:
        notes.append(f"note: {number_of(summary.num_damaged, 'file', 'were')} damaged or gone, and staged again")
    if summary.num_failed:
        notes.append(f"warning: {number_of(summary.num_failed, 'utterance')} failed: {summary.errors}")
        notes.append("         Where the set is used they are missing, until they are mended and")
        notes.append("         the same line with --retry-failed has staged them.")
    if summary.num_skipped:
        notes.append(f"note: {number_of(summary.num_skipped, 'utterance', 'are')} left out: {summary.errors}")
    if summary.num_clipped_files:
        clipped = number_of(summary.num_clipped_files, "file")
        notes.append(f"note: {clipped} with samples at full scale: num_clipped in the table")
    if rounded := summary.num_staged - summary.num_exact:
        notes.append(f"note: {number_of(rounded, 'file', 'are')} rounded to 24 bits; --audio-format wav keeps all")
    following = ["earmark", "eval", "pocketsphinx", "--data", summary.target]
    return [*notes, f"next: {shlex.join([*following, *(['--missing-audio', 'fail'] if summary.num_failed else [])])}"]
