"""An explanation of two numbers as a table on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from earmark.cli.screen import json_for_screen, say, visible
from earmark.cli.tables import new_table, print_table, unit_names
from earmark.reports.explain import Explanation
from earmark.scoring.lines import per_cent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.reports.explain import Step
    from earmark.reports.find_number import Found, Search

_NUM_SHOWN = 10


def print_explanation(found: Explanation | Search, form: str) -> None:
    """The result on stdout, notes on stderr."""
    if form == "json":
        sys.stdout.write(json_for_screen(found.to_json()))
        return
    if isinstance(found, Explanation):
        for side, label, reading in (("A", found.a, found.reading_a), ("B", found.b, found.reading_b)):
            sys.stdout.write(
                visible(f"{side} {label}: normalizer {reading.normalizer}, scorer {reading.scorer}") + "\n"
            )
        _print_steps("from A to B", found.wer_a, found.steps, found.reading_b.scorer)
        notes = _notes(found)
    else:
        _print_found(found)
        notes = [f"note: not tried, not installed: {name}" for name in found.not_tried]
    sys.stdout.write(found.sentence[0].upper() + found.sentence[1:] + "\n")
    sys.stdout.flush()
    for note in notes:
        say(note)


def _print_steps(title: str, wer: float | None, steps: Sequence[Step], scorer: str) -> None:
    made = new_table(visible(title))
    for name in ("step", "what"):
        made.add_column(name, overflow="fold")
    for name in ("utts", unit_names(scorer)[0], "change"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_row("at first", "", "", per_cent(wer), "")
    for step in steps:
        if not step.num_utterances and step.num_utterances is not None and step.wer == wer:
            continue  # about nothing
        number = "" if step.num_utterances is None else f"{step.num_utterances:,}"
        made.add_row(step.name, visible(step.change), number, per_cent(step.wer), _change(wer, step.wer))
        wer = step.wer
    print_table(made, least_width=100)


def _print_found(search: Search) -> None:
    made = new_table(visible(f"{search.run}: {per_cent(search.wer)} %, to {search.number.text}"))
    made.add_column("WER %", justify="right", no_wrap=True)
    made.add_column("settings", overflow="fold")
    shown = (search.fitting or search.nearest)[:_NUM_SHOWN]
    for one in shown:
        made.add_row(f"{100 * one.wer:.4f}", _settings(one))
    if len(search.fitting) > len(shown):
        made.add_row("", f"{len(search.fitting) - len(shown):,} more in --format json")
    print_table(made, least_width=100)


def _settings(found: Found) -> str:
    """The steps from the run's own settings, each with the rate after it."""
    steps = [f"{step.name} {step.change}{_or_same(found, step)} ({per_cent(step.wer)})" for step in found.steps]
    return "; ".join(steps) or "the run's own"


def _or_same(found: Found, step: Step) -> str:
    """The other normalizers that do the same to these texts."""
    return "".join(f" or {name}" for name in found.same_normalizers) if step.name == "normalizer" else ""


def _notes(found: Explanation) -> list[str]:
    notes = []
    if found.num_other_hypotheses:
        notes.append(
            f"note: {found.num_other_hypotheses:,} of {found.num_common:,} hypotheses differ, so these are "
            "not the same outputs: earmark compare says which is better"
        )
    for label, stated, wer in (("A", found.stated_a, found.wer_a), ("B", found.stated_b, found.wer_b)):
        if stated is not None and stated != wer:
            notes.append(
                f"warning: the summary of {label} says {per_cent(stated)} %, its texts now give {per_cent(wer)} %: it "
                "was made with other texts or rules"
            )
    return notes


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    text = f"{100 * (after - before):+.2f}"
    return text if text.strip("+-0.") else "="
