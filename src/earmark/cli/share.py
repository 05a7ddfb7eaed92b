"""The end of a share of a run (``--shard``), where the run itself is not at its end: what is left, and what to type."""

from __future__ import annotations

import shlex
import sys

from earmark.cli.screen import say
from earmark.errors import without_secret
from earmark.verbs.events import Event, Observer, ShareEnded


class ShareWatch:
    """Passes events on, and keeps the one that says that this share is done and the run is not."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.ended: ShareEnded | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, ShareEnded):
            self.ended = event
        self._observer(event)


def print_share(ended: ShareEnded) -> None:
    """Say on stderr how much of the run is left, and the line that finishes it."""
    if ended.num_segments_left:
        say(f"share done; of the run {ended.num_segments_left:,} of {ended.num_segments:,} are left to other shares")
    else:
        say("share done; nothing is left, and another share, which is at its end just now, makes the summary")
    say(f"finish without them: {without_secret(shlex.join(finishing_words(sys.argv[1:], ended.out)))}")


def finishing_words(words: list[str], out: str) -> list[str]:
    """The words of the command that does what is left of the run in ``out``, from those of a share of it."""
    kept, is_value = ["earmark"], False
    for word in words:
        if not is_value and word != "--shard" and not word.startswith("--shard="):
            kept.append(word)
        is_value = word == "--shard"
    has_out = any(word in ("-o", "--out") or word.startswith("--out=") for word in kept)
    return kept if has_out else [*kept, "--out", out]
