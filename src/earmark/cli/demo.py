"""``earmark demo``: flags to arguments."""

from __future__ import annotations

from earmark.cli.progress import observer_for
from earmark.cli.results import print_summary
from earmark.cli.screen import say


def demo_command(*, out: str = "runs/demo") -> int:
    """A tour on bundled clips of synthetic speech: offline, half a minute.

    Parameters
    ----------
    out
        The run's folder; an older demo in it is replaced.
    """
    from earmark.verbs.demo import demo

    say("spoken commands by synthetic voices; PocketSphinx with a small grammar")
    with observer_for("auto") as observer:
        found = demo(out=out, observer=observer)
    print_summary(found.summary, "table")
    say("mistakes: [said->heard]  [-said, not heard-]  [+heard, not said+]")
    for diff in found.diffs:
        say(f"  {diff}")
    say("files:")
    for name, what in (
        ("scores.parquet", "every utterance: texts, counts, alignment"),
        ("merged_mistakes.parquet", "the ones with errors, word by word"),
        ("summary.json", "the numbers above, and more"),
    ):
        say(f"  {out}/{name:<24} {what}")
    say(f"  {found.page:<{len(out) + 25}} all of it, to look at and to listen to: open it in a browser")
    say("next: earmark eval pocketsphinx --data YOUR_MANIFEST.jsonl")
    return 0
