"""``earmark stage``: flags to arguments, and what was staged in a few lines on stdout."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from earmark import _STARTED
from earmark.cli.flags import check_allowance, check_failures, number_of_workers
from earmark.cli.progress import observer_for
from earmark.cli.screen import number_of, say, visible

if TYPE_CHECKING:
    from earmark.verbs.stage import StageSummary

_INPUT = Group("Input", sort_key=1)
_WORKERS = Group("Workers", sort_key=2)
_OUTPUT = Group("Output", sort_key=3)
_ERRORS = Group("Errors", sort_key=4)
_EXACT = "decode to the very samples of their originals"


def stage_command(
    data: Annotated[str, Parameter(group=_INPUT)],
    /,
    *,
    to: Annotated[str, Parameter(group=_OUTPUT)],
    audio_root: Annotated[str | None, Parameter(group=_INPUT)] = None,
    text_column: Annotated[str | None, Parameter(group=_INPUT)] = None,
    channel: Annotated[int | None, Parameter(group=_INPUT)] = None,
    language: Annotated[str | None, Parameter(group=_INPUT)] = None,
    limit: Annotated[str | None, Parameter(group=_INPUT)] = None,
    seed: Annotated[int | None, Parameter(group=_INPUT)] = None,
    offline: Annotated[bool, Parameter(group=_INPUT, negative="")] = False,
    workers: Annotated[str, Parameter(group=_WORKERS)] = "auto",
    engine: Annotated[Literal["auto", "inline", "processes"], Parameter(group=_WORKERS)] = "auto",
    audio_format: Annotated[Literal["auto", "flac", "wav"], Parameter(group=_OUTPUT)] = "auto",
    fresh: Annotated[bool, Parameter(group=_OUTPUT, negative="")] = False,
    verify: Annotated[bool, Parameter(group=_OUTPUT, negative="")] = False,
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=_OUTPUT)] = "auto",
    missing_audio: Annotated[Literal["error", "fail", "skip"], Parameter(group=_ERRORS)] = "error",
    max_errors: Annotated[str, Parameter(group=_ERRORS)] = "0",
    retry_failed: Annotated[bool, Parameter(group=_ERRORS, negative="")] = False,
) -> int:
    """Bring data to one folder as 16 kHz mono files, checked, with a table.

    Parameters
    ----------
    data
        Manifest, folder of audio, or PREFIX:PATH (earmark ls sources).
    to
        The folder of what is made; a staged set's may be s3://bucket/folder.
    audio_root
        Where relative audio paths start (manifest's folder).
    text_column
        Column of the reference text; none: there is none.
    channel
        Take this channel, from 0 (the mean of all).
    language
        Of the utterances that do not say.
    limit
        The first N utterances, or N%; with --seed at random.
    seed
        Of the random sample.
    offline
        Fetch nothing: what is not here must be in the cache.
    workers
        Processes; auto: one a core.
    engine
        Where they run; auto: processes, so that a crash costs little.
    audio_format
        auto: FLAC, or WAV where FLAC would round; flac: half the size of such WAV; wav.
    fresh
        Throw away what the folder holds; begin again.
    verify
        Read every staged file again, and mend the damaged ones.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    missing_audio
        Refuse to begin, fail the utterance, or leave it out.
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
            audio_format=audio_format,
            engine="processes" if engine == "auto" else engine,
            workers=number_of_workers(workers, engine),
            audio_root=audio_root,
            text_column=text_column,
            channel=channel,
            language=language,
            limit=limit,
            seed=seed,
            missing_audio=missing_audio,
            offline=offline,
            retry_failed=retry_failed,
            verify=verify,
            fresh=fresh,
            observer=observer,
            began=_STARTED,
        )
    for line in _lines(summary):
        sys.stdout.write(visible(line) + "\n")
    sys.stdout.flush()
    for note in _notes(summary):
        say(note)
    check_failures(max_errors, summary.num_failed, summary.num_utterances, summary.errors)
    return 0


def _lines(summary: StageSummary) -> list[str]:
    """What lies in the folder, and what this call did for it."""
    staged = number_of(summary.num_staged, "utterance")
    codings = ", ".join(f"{coding} {number:,}" for coding, number in summary.codings.items()) or "none"
    lines = [
        f"staged {staged}, {summary.audio_s / 3600:.2f} h, {summary.size_bytes / 1e6:,.1f} MB: {summary.target}",
        f"audio  {codings}; {summary.num_exact:,} {_EXACT}",
    ]
    if not summary.num_new:
        return [*lines, "done   before: there was nothing to do"]
    speed = summary.new_audio_s / summary.wall_s if summary.wall_s else 0.0
    did = number_of(summary.num_new, "utterance")
    return [*lines, f"done   {did} in {summary.wall_s:,.1f} s: {speed:,.0f} s of audio a second"]


def _notes(summary: StageSummary) -> list[str]:
    notes = []
    if summary.num_failed:
        failed = number_of(summary.num_failed, "utterance")
        notes.append(f"warning: {failed} failed, and will be missing where the set is used: {summary.errors}")
    if summary.num_skipped:
        notes.append(f"note: {number_of(summary.num_skipped, 'utterance', 'are')} left out: {summary.errors}")
    if summary.num_clipped_files:
        clipped = number_of(summary.num_clipped_files, "file")
        notes.append(f"note: {clipped} with samples at full scale: num_clipped in utterances.parquet")
    if rounded := summary.num_staged - summary.num_exact:
        notes.append(f"note: {number_of(rounded, 'file', 'are')} rounded to 24 bits; --audio-format auto keeps all")
    return [*notes, f"next: {shlex.join(['earmark', 'eval', 'pocketsphinx', '--data', summary.target])}"]
