"""One summary or several in the form that was asked for: a table, JSON, a JSON object a line, or CSV."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from earmark.cli.breakdown import print_confusions, print_slices, print_suspects, slice_table
from earmark.cli.forms import write_for_programs
from earmark.cli.results import interval_line, missing_line, notes_of, print_summary
from earmark.cli.screen import number_of, say, visible
from earmark.cli.tables import in_markdown, new_table, print_table, unit_names, write_markdown
from earmark.scoring.lines import per_cent
from earmark.scoring.speechbrain_summary import SpeechBrainSummary

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.reports.summary import RunSummary
    from earmark.reports.suspects import Suspects

_CSV = (
    "model", "data", "num_utterances", "num_scored", "num_failed", "num_skipped", "num_reference_words", "hits",
    "substitutions", "deletions", "insertions", "wer", "cer", "ser", "wer_low", "wer_high", "normalizer", "scorer",
    "scores_hash", "run",
)  # fmt: skip

_LAST_COLUMNS = ("CER %", "SER %")


def print_systems(
    summaries: Sequence[RunSummary], notes: Sequence[str], form: str, suspects: Suspects | None = None
) -> None:
    """The summaries on stdout, notes on stderr.

    JSON of one summary is its object; of several an object with ``systems`` and ``suspect_references``, whose lines
    (jsonl) are a system each and then the suspect references. CSV and SpeechBrain's dict have no room for the latter.
    """
    facts = [json.loads(summary.to_json()) for summary in summaries]
    one_or_all = facts[0] if len(facts) == 1 else {"schema_version": 1, "systems": facts, **_suspects(suspects)}
    if form == "jsonl" and suspects:
        facts.append(_suspects(suspects))
    if form == "speechbrain":
        _write_speechbrain(summaries)
        _say_suspects(suspects)
    elif write_for_programs(form, one_or_all, [_cells(one) for one in facts] if form == "csv" else facts):
        _say_suspects(suspects if form == "csv" else None)
    elif form == "md":
        _write_markdown(summaries)
        print_suspects(suspects)
    elif len(summaries) == 1:
        print_summary(summaries[0], form)
    else:
        _print_table(summaries)
        print_suspects(suspects)
    sys.stdout.flush()
    for note in notes:
        say(note)


def _say_suspects(suspects: Suspects | None) -> None:
    if suspects and suspects.number:
        say(
            f"note: in {number_of(suspects.number, 'utterance')} all systems contradict the reference with the "
            "same words: --format json lists them"
        )


def _suspects(suspects: Suspects | None) -> dict[str, Any]:
    return {"suspect_references": dataclasses.asdict(suspects) if suspects else None}


def _write_speechbrain(summaries: Sequence[RunSummary]) -> None:
    """The dict of SpeechBrain's ErrorRateStats, of several systems by name; failed ones are its absent sentences."""
    facts = {summary.model: SpeechBrainSummary.of(summary.counts, summary.num_failed).facts() for summary in summaries}
    sys.stdout.write(json.dumps(facts if len(summaries) > 1 else facts[summaries[0].model]) + "\n")


def _cells(facts: dict[str, Any]) -> dict[str, Any]:
    """The columns of CSV."""
    interval = facts["wer_interval"]
    low_high = interval if isinstance(interval, dict) else {}
    names = {role: f"{facts[role]['name']}@{facts[role]['version']}" for role in ("normalizer", "scorer")}
    cells = {**facts, "wer_low": low_high.get("low"), "wer_high": low_high.get("high"), **names}
    return {name: cells[name] for name in _CSV}


def _table(summaries: Sequence[RunSummary]) -> Table:
    """A row a system."""
    first = summaries[0]
    table = new_table(f"{number_of(len(summaries), 'system')} on {first.data}")
    table.add_column("system", no_wrap=True)
    rate, unit = unit_names(first.scorer.name)
    for name in ("utts", unit, rate, "95 % interval", "sub", "del", "ins", *_LAST_COLUMNS):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        words, interval = summary.counts.words, summary.wer_interval
        table.add_row(
            visible(summary.model),
            f"{summary.num_scored:,}",
            f"{words.reference_length:,}",
            per_cent(summary.wer),
            f"[{per_cent(interval.low)}, {per_cent(interval.high)}]" if interval else "-",
            *(f"{number:,}" for number in (words.substitutions, words.deletions, words.insertions)),
            per_cent(summary.cer),
            per_cent(summary.ser),
        )
    return table


def _print_table(summaries: Sequence[RunSummary]) -> None:
    """A row a system; what is the same for all is said once below."""
    first, table = summaries[0], _table(summaries)
    if print_table(table, may_go=_LAST_COLUMNS):
        sys.stdout.write("some columns are left out: a wider terminal or --format csv has them\n")
    for summary in summaries:
        if summary.slices or summary.confusions is not None:
            sys.stdout.write(f"\n{visible(summary.model)}\n")
            print_slices(summary.slices, summary.scorer.name)
            print_confusions(summary.confusions)
    for name, identity in (("normalizer", first.normalizer), ("scorer", first.scorer)):
        sys.stdout.write(f"{name} {identity.name}@{identity.version} sha256:{identity.hash[:8]}\n")
    # Of the same utterances, so of the same unit; a system that lacks some may have no interval.
    line = next((line for summary in summaries if (line := interval_line(summary))), "")
    sys.stdout.write(f"{line}\n" if line else "")
    _say_notes(summaries)


def _write_markdown(summaries: Sequence[RunSummary]) -> None:
    """The table, the slices of each system, and the rules as a paragraph."""
    first = summaries[0]
    write_markdown(_table(summaries))
    for summary in summaries:
        if summary.slices:
            write_markdown(slice_table(summary.slices, summary.scorer.name, of=summary.model))
    rules = [
        f"{role} {one.name}@{one.version}" for role, one in (("normalizer", first.normalizer), ("scorer", first.scorer))
    ]
    sys.stdout.write("; ".join([*rules, *filter(None, [interval_line(first)])]) + "\n")
    for summary in summaries:
        if missing := missing_line(summary):
            sys.stdout.write(f"\n{in_markdown(visible(summary.model))}: {missing}\n")
    _say_notes(summaries)


def _say_notes(summaries: Sequence[RunSummary]) -> None:
    """What to know of each beside its numbers, with its name where there are several."""
    sys.stdout.flush()
    named = notes_of if len(summaries) == 1 else _named
    for note in dict.fromkeys(note for summary in summaries for note in named(summary)):
        say(note)


def _named(summary: RunSummary) -> list[str]:
    """The notes on a system, each with its name."""
    return [f"{summary.model}: {note}" for note in notes_of(summary)]
