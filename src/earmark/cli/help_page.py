"""How ``--help`` looks: what a verb does, examples, and the flags that most lines need. ``--help-all`` shows all flags.

Knows which flags are rare, and nothing of what they do. ``cyclopts`` draws the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from cyclopts.help import HelpPanel

ALL = "--help-all"
_BOTH = {
    "--address", "--channel", "--gpu", "--gpu-memory-limit", "--language", "--max-batch-seconds", "--missing-audio",
    "--offline", "--runtime-env", "--segmenter", "--shard-timeout", "--trust",
}  # fmt: skip
_EVAL = _BOTH | {"--audit", "--auto-merge", "--budget", "--cleanup", "--job-id", "--shard", "--track", "--track-texts"}
_SWEEP = _BOTH | {
    "--accept", "--audio-root", "--device", "--dtype", "--gpus", "--halt", "--limit", "--max-errors",
    "--max-failures", "--max-workers", "--normalizer", "--quiet", "--resume", "--retry-failed",
    "--scorer", "--seed", "--set", "--text-column",
}  # fmt: skip
RARE = {"eval": _EVAL, "sweep": _SWEEP}
"""What the short page of a verb with too many flags leaves out. All other verbs show all of theirs."""


class HelpPage:
    """Draws the page without the ``rare`` flags. A switch that is off says no default."""

    def __init__(self, rare: Collection[str] = ()) -> None:
        self._rare = set(rare)

    def __call__(self, console: Any, options: Any, panel: HelpPanel) -> None:  # noqa: ANN401  # rich's, loaded late
        """Draw one panel, or nothing where all of it is rare."""
        from cyclopts.help.formatters import DefaultFormatter

        kept = [one for one in panel.entries if not self._rare & {*one.names}]
        if kept:
            panel.entries = [one.copy(default=None) if one.default == "False" else one for one in kept]
            DefaultFormatter()(console, options, panel)


def page_for(arguments: list[str]) -> tuple[HelpPage, str | None]:
    """The page that a command line asks for, and the line below it; ``--help-all`` becomes ``--help``."""
    is_whole = ALL in arguments
    arguments[:] = ["--help" if one == ALL else one for one in arguments]
    verb = arguments[0] if arguments else ""
    if is_whole or verb not in RARE:
        return HelpPage(), None
    return HelpPage(RARE[verb]), f"More flags: earmark {verb} {ALL}"
