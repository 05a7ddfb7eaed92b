"""Where errors are: the slices of a run and its confusions as tables, and references that all systems contradict."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING

from earmark.cli.screen import number_of, visible
from earmark.cli.tables import new_table, print_table, unit_names
from earmark.scoring.lines import per_cent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from earmark.reports.breakdown import SliceErrors
    from earmark.reports.confusions import Confusions
    from earmark.reports.slices import Slice
    from earmark.reports.suspects import Suspects

_NUM_SLICES = 20
_NUM_SUSPECTS = 5
_LONGEST_DIFF = 240


def columns_from(slices: str) -> list[str]:
    """The names in ``--slices``, which commas part."""
    return [column.strip() for column in slices.split(",") if column.strip()]


def print_slices(slices: Sequence[SliceErrors], scorer: str) -> None:
    """A row a slice, in the units of the scorer. Of a column with many, those with the most speech."""
    if slices:
        print_table(slice_table(slices, scorer))


def slice_table(slices: Sequence[SliceErrors], scorer: str, *, of: str = "") -> Table:
    """A row a slice; ``of`` is whose they are, where several are printed."""
    table = new_table(f"{visible(of)}{', ' if of else ''}by slice{too_few(slices)}")
    table.add_column("slice", no_wrap=True)
    rate, unit = unit_names(scorer)
    for name in ("utts", unit, rate, "95 % interval", "sub", "del", "ins"):
        table.add_column(name, justify="right", no_wrap=True)
    for column in dict.fromkeys(one.column for one in slices):
        of_column = [one for one in slices if one.column == column]
        most = sorted(of_column, key=lambda one: -one.words.reference_length)[:_NUM_SLICES]
        for one in of_column if len(of_column) <= _NUM_SLICES else most:
            table.add_row(*_cells(one))
        if len(of_column) > _NUM_SLICES:
            table.add_row(visible(f"{column}: {len(of_column) - _NUM_SLICES:,} more in summary.json"))
    return table


def too_few(slices: Sequence[SliceErrors | Slice]) -> str:
    """What a star and a missing interval mean, where there are some."""
    said = ["* fewer than 30 utterances: says little"] if any(one.is_small for one in slices) else []
    if any(one.interval is None and one.num_reference_words for one in slices):
        said.append("-: fewer than 6")
    return f" ({'; '.join(said)})" if said else ""


def _cells(one: SliceErrors) -> list[str]:
    words, interval = one.words, one.interval
    return [
        visible(f"{one.column} {one.value}{'*' if one.is_small else ''}"),
        f"{one.num_utterances:,}",
        f"{words.reference_length:,}",
        per_cent(words.rate),
        f"[{per_cent(interval.low)}, {per_cent(interval.high)}]" if interval else "-",
        *(f"{number:,}" for number in (words.substitutions, words.deletions, words.insertions)),
    ]


def print_confusions(confusions: Confusions | None) -> None:
    """The most frequent substitutions, deletions and insertions side by side, each with how often."""
    if confusions is None:
        return
    table = new_table("most frequent errors")
    for name in ("said -> heard", "not heard", "not said"):
        table.add_column(name, overflow="fold")
        table.add_column("times", justify="right", no_wrap=True)
    kinds = (
        [(f"{one.reference} -> {one.hypothesis}", f"{one.number:,}") for one in confusions.substitutions],
        [(one.word, f"{one.number:,} of {one.num_said:,}") for one in confusions.deletions],
        [(one.word, f"{one.number:,}") for one in confusions.insertions],
    )
    for row in zip_longest(*kinds, fillvalue=("", "")):
        table.add_row(*(visible(cell) for pair in row for cell in pair))
    if confusions.undercount:
        table.caption = f"numbers may be too low by up to {confusions.undercount:,}: too many different errors to keep"
    print_table(table)


def print_suspects(suspects: Suspects | None) -> None:
    """How often all systems agree against the reference, and the worst of it, both texts in a line."""
    if suspects is None or not suspects.number:
        return
    sys.stdout.write(
        f"suspect references: {suspects.num_systems} systems heard the same words in "
        f"{number_of(suspects.num_agreed, 'utterance')}, and in {suspects.number:,} of them\n"
        f"not the reference's; the score is what it is. The worst, [said->heard]:\n"
    )
    for one in suspects.listed[:_NUM_SUSPECTS]:
        shown = one.diff if len(one.diff) <= _LONGEST_DIFF else f"{one.diff[:_LONGEST_DIFF].rpartition(' ')[0]} ..."
        sys.stdout.write(visible(f"  {one.id}  {shown}") + "\n")
    few = "; a third, of another kind, would say more" if suspects.num_systems == 2 else ""  # noqa: PLR2004  # a pair
    sys.stdout.write(f"  systems of one kind share mistakes, so listen before you correct{few}\n")
