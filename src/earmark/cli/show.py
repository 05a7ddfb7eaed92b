"""``earmark show``: flags to arguments, and the worst utterances as aligned texts on stdout."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from earmark.cli.aligned import aligned_lines
from earmark.cli.forms import Form, write_for_programs
from earmark.cli.screen import has_colour, number_of, say, tell, visible
from earmark.cli.tables import new_table, print_table
from earmark.errors import UsageError
from earmark.scoring.lines import per_cent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from earmark.reports.listing import ListedUtterance, Listing

_LEGEND = "S another word, D not heard, I not said, J and P a compound written apart, which counts as right"


def show_command(
    run: str,
    /,
    *,
    worst: int = 20,
    grep: str | None = None,
    slice: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,  # noqa: A002  # the flag's name
    flag: str | None = None,
    format: Form = "table",  # noqa: A002  # likewise
) -> int:
    """Show the worst utterances of a run, aligned.

    Parameters
    ----------
    run
        The run's folder.
    worst
        How many, those with the most errors first.
    grep
        Only what has this regular expression in its id or a text.
    slice
        Only where COLUMN=VALUE: speaker=1688, duration='0-5 s'; may be repeated.
    flag
        Only what has this flag: loop, too_long, too_short, stopped_early, over_silence, empty.
    format
        Of the result, on stdout.
    """
    from earmark.verbs.show import show

    _print(show(run, worst=worst, grep=grep, slices=_slices_from(slice or ()), flag=flag), format)
    return 0


def _slices_from(settings: Sequence[str]) -> dict[str, str]:
    """``COLUMN=VALUE`` settings. Raises UsageError."""
    found: dict[str, str] = {}
    for setting in settings:
        column, equals, value = setting.partition("=")
        if not column or not equals:
            raise UsageError(f"--slice {setting} is not COLUMN=VALUE", hint="--slice speaker=1688")
        if found.setdefault(column, value) != value:
            raise UsageError(f"--slice names two values of {column}", cause="an utterance is in one slice of a column")
    return found


def _print(listing: Listing, form: str) -> None:
    """The listing on stdout, notes on stderr."""
    records = [one.facts() for one in listing.utterances]
    if form == "md":
        print_table(_table(listing), form=form)
    elif not write_for_programs(form, listing.to_json(), records):
        _print_aligned(listing)
    sys.stdout.flush()
    rest = listing.num_found - len(listing.utterances)
    if rest:
        say(f"note: {number_of(rest, 'more utterance')}: --worst {listing.num_found}")
    if listing.num_failed:
        say(f"note: {number_of(listing.num_failed, 'utterance')} failed and have no text: {listing.run}/errors.jsonl")


def _table(listing: Listing) -> Table:
    """A row an utterance, with its normalized texts."""
    table = new_table(f"the worst {len(listing.utterances):,} of {listing.num_found:,} in {listing.run}")
    for name in ("id", "said", "heard"):
        table.add_column(name)
    for name in ("words", "WER %", "S", "D", "I"):
        table.add_column(name, justify="right")
    for one in listing.utterances:
        counts = (one.substitutions, one.deletions, one.insertions)
        numbers = (f"{one.reference_length:,}", per_cent(one.wer), *(f"{count:,}" for count in counts))
        table.add_row(*map(visible, (one.id, one.reference_normalized, one.hypothesis_normalized)), *numbers)
    return table


def _print_aligned(listing: Listing) -> None:
    found = number_of(listing.num_found, "utterance")
    if not listing.num_scored:
        tell("nothing was scored: no utterance has a reference and a hypothesis")
        return
    if not listing.utterances:
        scored = number_of(listing.num_scored, "scored utterance")
        tell(f"none of {scored} fits; those without an error need --grep or --flag")
        return
    in_all = f"{listing.num_utterances:,} in the run"
    if listing.num_scored < listing.num_utterances:
        in_all = f"{listing.num_scored:,} scored of {in_all}"
    tell(f"{listing.run}: the worst {len(listing.utterances):,} of {found}, {in_all}")
    tell(_LEGEND)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for one in listing.utterances:
        sys.stdout.write("\n")
        tell(_title(one))
        for line in aligned_lines(one.operations, width, has_colour=has_colour(sys.stdout)):
            sys.stdout.write(f"{line}\n")


def _title(one: ListedUtterance) -> str:
    """Id, errors, and what is known of the utterance."""
    rate = "" if one.wer is None else f" ({per_cent(one.wer)} %)"
    facts = [
        f"{one.id}  {number_of(one.errors, 'error')} of {one.reference_length:,}{rate}",
        f"S {one.substitutions:,} D {one.deletions:,} I {one.insertions:,}",
    ]
    if one.duration_s > 0:
        facts.append(f"{one.duration_s:.1f} s")
    if one.speaker is not None:
        facts.append(f"speaker {one.speaker}")
    if one.flags:
        facts.append(f"flags {', '.join(one.flags)}")
    return "  ".join(facts)
