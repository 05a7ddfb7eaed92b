"""A run's summary as text on stdout: a table to read, the line that scripts look for, and what to type next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from earmark.cli.breakdown import print_confusions, print_slices
from earmark.cli.forgiven import forgiven_lines
from earmark.cli.progress import audit_lines
from earmark.cli.screen import json_for_screen, number_of, say, tell
from earmark.cli.tables import new_table, print_table, unit_names
from earmark.errors import money
from earmark.scoring.lines import per_cent, ser_line, wer_line

if TYPE_CHECKING:
    from earmark.records import Usage
    from earmark.reports.audit_verdict import AuditVerdict
    from earmark.reports.capacity import Capacity
    from earmark.reports.coverage import Coverage
    from earmark.reports.speed import Speed
    from earmark.reports.summary import RunSummary
    from earmark.reports.usage import Cost

OF_FEW = "of fewer than 30 utterances, so it says little"
"""What is said beside an interval where ``is_small`` holds."""
_NUM_DAMAGED = 10


def print_summary(summary: RunSummary, form: str) -> None:
    """The summary on stdout, and notes on stderr."""
    if form == "json":
        sys.stdout.write(json_for_screen(summary.to_json()))
        return
    _print_table(summary)
    print_slices(summary.slices, summary.scorer.name)
    print_confusions(summary.confusions)
    for line in _lines(summary):
        tell(line)
    sys.stdout.flush()
    for note in notes_of(summary):
        say(note)


def _print_table(summary: RunSummary) -> None:
    words = summary.counts.words
    interval = summary.wer_interval
    table = new_table(f"{summary.model} on {summary.data}")
    rate, unit = unit_names(summary.scorer.name)
    cells = {
        "utts": f"{summary.num_scored:,}",
        unit: f"{words.reference_length:,}",
        rate: per_cent(summary.wer),
        "95 % interval": f"[{per_cent(interval.low)}, {per_cent(interval.high)}]" if interval else "-",
        "sub": f"{words.substitutions:,}",
        "del": f"{words.deletions:,}",
        "ins": f"{words.insertions:,}",
        "CER %": per_cent(summary.cer),
        "SER %": per_cent(summary.ser),
    }
    for name in cells:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*cells.values())
    print_table(table)


def _lines(summary: RunSummary) -> list[str]:
    lines = [f"{wer_line(summary.counts.words)}  {ser_line(summary.counts)}"]
    if summary.model_place:
        kind = f" ({summary.model_architecture})" if summary.model_architecture else ""
        lines.append(f"model {summary.model_place}{kind}")
    identity = summary.normalizer
    lines.append(f"normalizer {identity.name}@{identity.version} sha256:{identity.hash[:8]}")
    lines.append(f"scorer {summary.scorer.name}@{summary.scorer.version} sha256:{summary.scorer.hash[:8]}")
    if line := interval_line(summary):
        lines.append(line)
    lines += _speed_lines(summary.speed)
    if summary.usage is not None:
        lines.append(usage_line(summary.usage, summary.cost))
    if summary.capacity is not None and summary.capacity.devices:
        lines.append(capacity_line(summary.capacity))
    return lines


def interval_line(summary: RunSummary) -> str:
    """How the interval of the rate was made, or why there is none; empty where there is no rate."""
    drawn = summary.wer_interval
    if drawn is None:
        return "no 95 % interval: fewer than 6 utterances are too few" if summary.wer is not None else ""
    wider = "; by speaker, where enough are known, it is often wider" if drawn.unit == "utterance" else ""
    little = f"; {OF_FEW}" if summary.is_small else wider
    return f"95 % interval: {drawn.num_replicates:,} bootstraps by {drawn.unit}{little}"


def _speed_lines(speed: Speed) -> list[str]:
    """The three scopes of RTFx, each said what it includes."""
    if speed.compute is None or speed.worker is None or speed.waited_share is None:
        return []
    waited = f"{100 * speed.waited_share:.1f} % of it waiting for audio"
    lines = [
        f"RTFx {speed.compute:,.2f} compute (inside the recognizer)",
        f"RTFx {speed.worker:,.2f} worker (with decoding and waiting; {waited})",
    ]
    if speed.wall is not None and speed.wall_s is not None:
        lines.append(
            f"RTFx {speed.wall:,.2f} wall (the latest attempt from its start: {speed.wall_audio_s:,.0f} s of audio "
            f"in {speed.wall_s:,.1f} s)"
        )
    return lines


def capacity_line(capacity: Capacity) -> str:
    """Which share of the time devices were recognizing, the start-up, and what an hour of audio cost, if known."""
    shares = [
        f"{one.num_workers} on {one.device}, recognizing {100 * one.busy_share:.0f} % of the time"
        + (f" (least {100 * one.least_busy_share:.0f} %)" if one.num_workers > 1 else "")
        for one in capacity.devices
    ]
    facts = [f"workers {' and '.join(shares)}"]
    if capacity.parallel_efficiency is not None:
        facts.append(f"parallel efficiency {100 * capacity.parallel_efficiency:.0f} %")
    if capacity.cold_start_s is not None:
        facts.append(f"cold start {capacity.cold_start_s:,.1f} s")
    if capacity.cost is not None and capacity.cost_per_audio_hour is not None:
        currency = f" {capacity.cost.currency}" if capacity.cost.currency else ""
        day = f" (price of {capacity.price_as_of})" if capacity.price_as_of else ""
        an_hour = f"{money(capacity.cost_per_audio_hour)} an audio hour"
        facts.append(f"cost {money(capacity.cost.amount)}{currency}, {an_hour}{day}")
    return "; ".join(facts)


def usage_line(usage: Usage, cost: Cost | None) -> str:
    """What a server was asked for and, where a price was stated, what that costs."""
    seconds = usage.stated_s + usage.unstated_s
    used = [number_of(usage.num_calls, "call"), f"{seconds / 60:,.2f} min of audio"]
    if usage.num_calls_with_tokens:
        used.append(f"{usage.input_tokens:,} input and {usage.output_tokens:,} output tokens")
    line = f"usage {', '.join(used)}"
    if cost is None:
        return line
    currency = f" {cost.currency}" if cost.currency else ""
    return f"{line}; cost {money(cost.amount)}{currency} ({cost.basis})"


def missing_line(summary: RunSummary) -> str:
    """What the rates are not of, and what the word error rate is with it; empty where nothing is missing."""
    every = number_of(summary.num_utterances, "utterance")
    found = []
    if summary.num_failed:
        rate = per_cent(summary.wer_failed_as_deletions)
        found.append(f"{summary.num_failed:,} of {every} failed; with their words as deletions the WER is {rate} %")
    if summary.num_not_done:
        found.append(f"{summary.num_not_done:,} of {every} not transcribed yet")
    return "; ".join(found)


def _audit_notes(verdict: AuditVerdict | None) -> list[str]:
    if verdict is None:
        return []
    return audit_lines(verdict.sentence, verdict.advice, is_invariant=verdict.kind == "invariant")


def notes_of(summary: RunSummary) -> list[str]:
    """What to know of a summary beside its numbers, a line each."""
    notes = damage_notes(summary)
    if summary.num_failed:
        notes.append(
            f"warning: {summary.num_failed:,} of {number_of(summary.num_utterances, 'utterance')} failed; with their "
            f"words as deletions the WER is {per_cent(summary.wer_failed_as_deletions)} %: {summary.run}/errors.jsonl"
        )
    notes += [
        f"note: {number_of(number, 'utterance', 'are')} left out of the score: {rule}"
        for rule, number in summary.skipped.items()
    ]
    notes += coverage_notes(summary.coverage)
    if summary.num_empty_references:
        notes.append(
            f"note: {number_of(summary.num_empty_references, 'reference', 'are')} empty after "
            f"{summary.normalizer.name!r}; what is heard there counts as insertions"
        )
    if summary.num_forgiven:
        notes += forgiven_lines(summary)
    if summary.is_unsegmented:
        notes.append(
            "warning: words of Chinese, Japanese or Thai have no spaces between them here, so their WER says little: "
            "--scorer mixed counts characters"
        )
    notes += _flag_notes(summary)
    if summary.num_split_rows:
        notes.append(
            f"note: {number_of(summary.num_split_rows, 'utterance', 'were')} transcribed in batches that had to be "
            "split"
        )
    notes += _audit_notes(summary.audit)
    if not summary.counts.words.reference_length:
        notes.append("note: there is no reference word, so there is no word error rate")
    if summary.run:
        notes.append(f"results {summary.run}")
    return notes


def coverage_notes(coverage: Coverage) -> list[str]:
    """What was cut, what of the audio was not transcribed, and which texts may lack their end, where any do."""
    notes = []
    if coverage.num_cut:
        failed = f"; {coverage.num_failed_pieces:,} of them failed" if coverage.num_failed_pieces else ""
        notes.append(
            f"note: {number_of(coverage.num_cut, 'long utterance', 'were')} cut into {coverage.num_pieces:,} pieces "
            f"(--segmenter {coverage.segmenter}){failed}"
        )
    sums = {
        "failed": coverage.failed_s,
        "are silence that was left out": coverage.silence_s,
        "are not transcribed yet": coverage.not_done_s,
    }
    missing = [f"{seconds:,.1f} s {what}" for what, seconds in sums.items() if seconds > 0]
    if missing and coverage.ratio is not None:
        share = f"{100 * coverage.ratio:.1f} % of {coverage.audio_s:,.1f} s"
        notes.append(f"note: coverage of the audio {share}: {', '.join(missing)}")
    if coverage.num_not_cut:
        notes.append(
            f"note: {number_of(coverage.num_not_cut, 'failed utterance', 'are')} longer than the model takes in one "
            "piece: --segmenter energy cuts such audio"
        )
    if coverage.num_unfinished:
        notes.append(
            f"note: {number_of(coverage.num_unfinished, 'text')} ended at the most tokens that a text may have "
            "(max_new_tokens, or the model's own limit): the model repeated itself, or an end is missing"
        )
    return notes


def damage_notes(summary: RunSummary) -> list[str]:
    """The first of the damaged parts, and how many there are."""
    first = [
        f"warning: {name} is damaged, and its utterances count as not transcribed"
        for name in summary.damaged_parts[:_NUM_DAMAGED]
    ]
    rest = summary.num_damaged_parts - len(first)
    return [*first, f"warning: {number_of(rest, 'more part', 'are')} damaged"] if rest else first


def _flag_notes(summary: RunSummary) -> list[str]:
    """The flags that something has: how many, what it means, the first ones, and where they all are."""
    notes = []
    for name, found in summary.flags.items():
        if found.number:
            more = ", ..." if found.number > len(found.first_ids) else ""
            notes.append(f"note: {name}: {found.number:,} ({found.meaning}): {', '.join(found.first_ids)}{more}")
    where = f"the column flags of {summary.run}/scores.parquet" if summary.run else "--out FOLDER keeps them"
    return [*notes, f"      all of them: {where}"] if notes else []
