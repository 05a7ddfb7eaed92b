"""One summary or several in the form that was asked for: a table, JSON, a JSON object a line, or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from earmark.cli.breakdown import print_confusions, print_slices, print_suspects
from earmark.cli.results import notes_of, print_summary
from earmark.cli.screen import say, visible
from earmark.cli.tables import new_table, print_table
from earmark.scoring.lines import per_cent
from earmark.scoring.speechbrain_summary import SpeechBrainSummary

if TYPE_CHECKING:
    from earmark.reports.summary import RunSummary
    from earmark.reports.suspects import Suspects

_CSV = (
    "model", "data", "num_utterances", "num_scored", "num_failed", "num_skipped", "num_reference_words", "hits",
    "substitutions", "deletions", "insertions", "wer", "cer", "ser", "wer_low", "wer_high", "normalizer", "scorer",
    "scores_hash", "run",
)  # fmt: skip


def print_systems(
    summaries: Sequence[RunSummary], notes: Sequence[str], form: str, suspects: Suspects | None = None
) -> None:
    """The summaries on stdout, notes on stderr. JSON of one summary is an object, of several a list."""
    facts = [json.loads(summary.to_json()) for summary in summaries]
    if form == "json":
        one_or_all = facts[0] if len(facts) == 1 else facts
        sys.stdout.write(json.dumps(one_or_all, indent=2, ensure_ascii=False) + "\n")
    elif form == "jsonl":
        sys.stdout.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in facts)
    elif form == "speechbrain":
        _write_speechbrain(summaries)
    elif form == "csv":
        _write_csv(facts)
    elif len(summaries) == 1:
        print_summary(summaries[0], form)
    else:
        _print_table(summaries)
        print_suspects(suspects)
    sys.stdout.flush()
    for note in notes:
        say(note)


def _write_speechbrain(summaries: Sequence[RunSummary]) -> None:
    """The dict of SpeechBrain's ErrorRateStats, a line a system; failed utterances are its absent sentences."""
    for summary in summaries:
        facts = SpeechBrainSummary.of(summary.counts, summary.num_failed).facts()
        sys.stdout.write(json.dumps(facts) + "\n")


def _write_csv(facts: Sequence[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_CSV)
    for one in facts:
        interval = one["wer_interval"]
        low_high = interval if isinstance(interval, dict) else {}
        names = {role: f"{one[role]['name']}@{one[role]['version']}" for role in ("normalizer", "scorer")}
        cells = {**one, "wer_low": low_high.get("low"), "wer_high": low_high.get("high"), **names}
        writer.writerow(["" if cells[name] is None else cells[name] for name in _CSV])


def _print_table(summaries: Sequence[RunSummary]) -> None:
    """A row a system; what is the same for all is said once below."""
    first = summaries[0]
    table = new_table(f"{len(summaries)} systems on {first.data}")
    table.add_column("system", overflow="fold")
    for name in ("utts", "words", "WER %", "95 % interval", "sub", "del", "ins", "CER %", "SER %"):
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
    print_table(table, least_width=100)
    for summary in summaries:
        if summary.slices or summary.confusions is not None:
            sys.stdout.write(f"\n{visible(summary.model)}\n")
            print_slices(summary.slices)
            print_confusions(summary.confusions)
    for name, identity in (("normalizer", first.normalizer), ("scorer", first.scorer)):
        sys.stdout.write(f"{name} {identity.name}@{identity.version} sha256:{identity.hash[:8]}\n")
    for note in dict.fromkeys(note for summary in summaries for note in _named(summary)):
        say(note)


def _named(summary: RunSummary) -> list[str]:
    """The notes on a system, each with its name."""
    return [f"{summary.model}: {note}" for note in notes_of(summary)]
