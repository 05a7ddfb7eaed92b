"""``demo``: the main job on bundled clips of synthetic speech, offline."""

from __future__ import annotations

from importlib.resources import as_file, files

from earmark.reports.summary import RunSummary
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import Observer, nobody


def demo(*, out: str = "runs/demo", observer: Observer = nobody) -> RunSummary:
    """Recognize spoken commands with PocketSphinx and their grammar, always anew, into ``out``.

    Raises what ``evaluate`` raises.
    """
    with as_file(files("earmark") / "demo") as folder:
        return evaluate(
            "pocketsphinx",
            str(folder / "manifest.jsonl"),
            out=out,
            options={"grammar": str(folder / "commands.gram")},
            fresh=True,
            auto_merge=True,
            observer=observer,
        )
