"""``earmark report``: flags to arguments."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from earmark.cli.screen import number_of, say, tell

_LARGE_BYTES = 10_000_000


def report_command(
    runs: list[str],
    /,
    *,
    out: Annotated[str | None, Parameter(name=["--out", "-o"])] = None,
    audio: str = "worst:100",
    audio_root: str | None = None,
    title: str | None = None,
    intersect: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a page about a run, or several, that opens offline.

    Parameters
    ----------
    runs
        The runs' folders; the others stand beside the first.
    out
        The page (report.html in the run's folder); a folder/ for one in files.
    audio
        Clips in the page: worst:N, all; link: beside it; none.
    audio_root
        Where relative audio paths start (where the data lie).
    title
        Of the page (the model and the data).
    intersect
        Leave out utterances that some run does not have.
    """
    from earmark.verbs.report import report

    found = report(*runs, out=out, audio=audio, audio_root=audio_root, title=title, intersect=intersect)
    for note in found.notes:
        say(f"note: {note}")
    clips = f", {number_of(found.num_clips, 'clip')}" if found.num_clips else ""
    say(f"{number_of(found.num_utterances, 'utterance')}{clips}, {found.size_bytes / 1e6:.1f} MB")
    if found.is_folder:
        say("it is a folder: its files belong together")
    elif found.size_bytes > _LARGE_BYTES:
        say("note: that is much for one file; --audio link or --audio worst:20 make it smaller")
    tell(found.path)
    return 0
