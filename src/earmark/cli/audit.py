"""``earmark audit``: flags to arguments, and what was found as a table, the worst texts and a sentence on stdout."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from earmark.cli.data_flags import MODEL, NO_DATA_FLAGS, OUTPUT, SAMPLE, SCORING, DataFlag, DataFlags
from earmark.cli.forms import Form, write_for_programs
from earmark.cli.model_flags import NO_MODEL_FLAGS, ModelFlags
from earmark.cli.progress import observer_for
from earmark.cli.screen import number_of, say
from earmark.cli.tables import new_table, print_table, tell_in
from earmark.errors import AuditFailedError
from earmark.scoring.lines import per_cent

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.reports.audit import Answer, Audit, ChangedText

_NUM_CHANGED = 10
_LONGEST_TEXT = 300

_MEANING = {
    "alone": "one at a time",
    "batches": "as a run does",
    "shuffled": "in another order",
    "padded": "to double length",
    "again": "alone, loaded anew",
}


def audit_command(
    model: Annotated[str, Parameter(group=MODEL)],
    /,
    *,
    data: DataFlag,
    flags: DataFlags = NO_DATA_FLAGS,
    model_flags: ModelFlags = NO_MODEL_FLAGS,
    sample: Annotated[int, Parameter(group=SAMPLE)] = 50,
    normalizer: Annotated[str, Parameter(group=SCORING)] = "basic",
    format: Annotated[Form, Parameter(group=OUTPUT)] = "table",  # noqa: A002  # the flag's name
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
) -> int:
    """Find out whether batches change what a model says.

    Parameters
    ----------
    model
        Its name (earmark ls models), or its place: ./FOLDER, hf:OWNER/NAME.
    sample
        Utterances to transcribe alone and in company.
    normalizer
        Done to both texts first: earmark ls normalizers.
    format
        Of the result, on stdout.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    """
    from earmark.verbs.audit import audit

    with observer_for(progress) as observer:
        found = audit(
            model,
            data,
            **flags.arguments(),
            **model_flags.arguments(),
            sample=sample,
            normalizer=normalizer,
            engine="processes",
            observer=observer,
        )
    _print(found, format)
    try:
        found.check()
    except AuditFailedError as error:
        error.cause = None  # the verdict, which is printed
        raise
    return 0


def _print(found: Audit, form: str) -> None:
    """The audit on stdout, notes on stderr."""
    if write_for_programs(form, found.to_json(), [dataclasses.asdict(one) for one in found.conditions]):
        return
    print_table(_conditions(found), form=form)
    for one in found.changed[:_NUM_CHANGED]:
        for line in _texts(one):
            tell_in(form, line)
    rest = len(found.changed) - _NUM_CHANGED
    if rest > 0:
        tell_in(form, f"{rest:,} more in --format json")
    tell_in(form, found.verdict.sentence)
    sys.stdout.flush()
    for note in _notes(found):
        say(note)


def _conditions(found: Audit) -> Table:
    facts = found.facts
    table = new_table(
        f"{facts.model} on {facts.data}, batches drawn: {facts.num_batches:,}, of up to {facts.largest_batch:,}"
    )
    table.add_column("transcribed", overflow="fold")
    for name in ("utts", "failed", "WER %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("beside", no_wrap=True)
    for name in ("its WER %", "changed"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.conditions:
        if one.not_done is not None:
            continue
        compared = one.compared_with is not None
        table.add_row(
            f"{one.name}: {_MEANING[one.name]}",
            f"{one.num_compared:,}",
            f"{one.num_failed:,}",
            per_cent(one.wer),
            one.compared_with or "-",
            per_cent(one.wer_of_other) if compared else "-",
            f"{one.num_changed:,}" if compared else "-",
        )
    return table


def _texts(one: ChangedText) -> list[str]:
    """Each text that was said, where, and its error rate if there is one."""
    piece = f", piece {one.segment + 1} of {one.num_segments}" if one.num_segments > 1 else ""
    lines = [f"{one.id}{piece}"]
    where: dict[Answer, list[str]] = {}
    for name, answer in one.answers.items():
        where.setdefault(answer, []).append(name)
    for answer, names in where.items():
        text = answer.text if answer.text is not None else f"failed: {answer.failure}"
        shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} ..."
        rate = "" if answer.wer is None else f" (WER {per_cent(answer.wer)} %)"
        lines.append(f"  {', '.join(names)}{rate}: {' '.join(shown.split())}")
    return lines


def _notes(found: Audit) -> list[str]:
    notes = [f"note: not done: {one.name}: {one.not_done}" for one in found.conditions if one.not_done is not None]
    if found.verdict.num_failed:
        number = number_of(found.verdict.num_failed, "utterance")
        notes.append(f"note: not compared: {number} of the sample failed everywhere")
    notes += [
        f"note: {one.name}: {number_of(one.num_split, 'utterance', 'were')} transcribed in batches that had to be split"
        for one in found.conditions
        if one.num_split
    ]
    return notes
