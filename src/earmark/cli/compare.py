"""``earmark compare``: flags to arguments, and the comparison as tables on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from earmark.cli.breakdown import columns_from, print_suspects, too_few
from earmark.cli.forms import Form, write_for_programs
from earmark.cli.results import OF_FEW
from earmark.cli.screen import number_of, say, visible
from earmark.cli.tables import new_table, print_table, tell_in, unit_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from earmark.reports.compare import Change, Comparison, PairComparison
    from earmark.reports.slices import Slice

_NUM_CHANGES = 10
_MAY_GO = ("fixed", "broken", "MAPSSWE p", "McNemar p", "MAPSSWE (Holm)", "McNemar (Holm)")
_NUM_SLICES = 20


def compare_command(
    runs: list[str],
    /,
    *,
    normalizer: str | None = None,
    scorer: str | None = None,
    slices: str = "duration",
    replicates: int = 10_000,
    intersect: Annotated[bool, Parameter(negative="")] = False,
    fail_if: str | None = None,
    format: Form = "table",  # noqa: A002  # the flag's name
) -> int:
    """Compare runs of the same data with the first one, utterance by utterance.

        earmark compare runs/BASELINE runs/CANDIDATE
        earmark compare runs/BASELINE runs/CANDIDATE --fail-if 'delta_wer > 0.2 and p < 0.05'

    Parameters
    ----------
    runs
        The runs' folders; two or more, the first is the baseline.
    normalizer
        Done to both texts first: earmark ls normalizers (the first run's).
    scorer
        How errors are counted: earmark ls scorers (the first run's).
    slices
        Columns to divide by: duration,speaking_rate,speaker,language,COLUMN.
    replicates
        Bootstrap replicates of each interval.
    intersect
        Leave out utterances that some run does not have.
    fail_if
        Exit with 4 if it holds: 'delta_wer > 0.2 and p < 0.05'.
    format
        Of the result, on stdout.
    """
    from earmark.errors import UsageError
    from earmark.verbs.compare import compare

    if len(runs) < 2:  # noqa: PLR2004  # one run is compared with nothing
        raise UsageError("one run cannot be compared", hint="earmark compare runs/BASELINE runs/CANDIDATE")
    comparison = compare(
        *runs,
        normalizer=normalizer,
        scorer=scorer,
        slices=columns_from(slices),
        replicates=replicates,
        intersect=intersect,
        fail_if=fail_if,
    )
    _print(comparison, format)
    comparison.check()
    return 0


def _print(comparison: Comparison, form: str) -> None:
    """The comparison on stdout, notes on stderr."""
    if write_for_programs(form, comparison.to_json(), [_record(pair) for pair in comparison.pairs]):
        return
    if print_table(_overview(comparison), form=form, may_go=_MAY_GO):
        sys.stdout.write("some columns are left out: a wider terminal or --format json has them\n")
    for pair in comparison.pairs:
        if slices := _known(pair.slices):
            print_table(_slice_table(pair, slices, comparison.scorer.name), form=form)
        if form == "table":
            _print_changes("fixed", pair, pair.fixed)
            _print_changes("broken", pair, pair.broken)
    if form == "table":
        print_suspects(comparison.suspects)
    for line in (*(pair.sentence for pair in comparison.pairs), _method(comparison)):
        tell_in(form, line)
    sys.stdout.flush()
    _say_notes(comparison)


def _record(pair: PairComparison) -> dict[str, Any]:
    """What of a pair is one row: without its slices, and its utterances counted."""
    facts = {name: value for name, value in pair.facts().items() if name != "slices"}
    return facts | {name: len(facts[name]) for name in ("fixed", "broken")}


def _say_notes(comparison: Comparison) -> None:
    """What to know beside the numbers."""
    for name in comparison.damaged_parts:
        say(f"warning: {name} is damaged: its utterances count as not transcribed")
    for label, settings in comparison.scored_otherwise.items():
        say(f"note: the summary of {label} is of {settings}, so its rate there is another number")
    if comparison.assumption:
        say(f"note: {comparison.assumption}; --normalizer names another")
    for reason, number in comparison.left_out.items():
        say(f"note: {number_of(number, 'utterance', 'are')} left out: {reason}")


def _overview(comparison: Comparison) -> Table:
    first, *others = comparison.labels
    num_utterances, num_words = comparison.num_utterances, comparison.num_reference_words
    rate, unit = unit_names(comparison.scorer.name)
    table = _table(f"{number_of(num_utterances, 'utterance')}, {number_of(num_words, unit.removesuffix('s'))}", "run")
    is_adjusted = len(comparison.pairs) > 1
    tests = ("p (Holm)", "MAPSSWE (Holm)", "McNemar (Holm)") if is_adjusted else ("p", "MAPSSWE p", "McNemar p")
    for name in (rate, "delta", "95 % interval", *tests):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("fixed", "broken"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(first, _per_cent(comparison.pairs[0].wer_a))
    for label, pair in zip(others, comparison.pairs, strict=True):
        interval = (pair.interval.low, pair.interval.high) if pair.interval else None
        p_values = (pair.p_adjusted, pair.mapsswe_p_adjusted, pair.mcnemar_p_adjusted)
        table.add_row(
            label,
            _per_cent(pair.wer_b),
            _points(pair.delta_wer),
            _range(interval),
            *(_p(one) for one in p_values),
            f"{len(pair.fixed):,}",
            f"{len(pair.broken):,}",
        )
    return table


def _known(slices: Sequence[Slice]) -> list[Slice]:
    """Without the columns of which nothing is known, such as durations of imported texts."""
    known = {one.column for one in slices if not one.is_unknown}
    return [one for one in slices if one.column in known]


def _slice_table(pair: PairComparison, slices: Sequence[Slice], scorer: str) -> Table:
    rate, unit = unit_names(scorer)
    table = _table(f"{pair.b} against {pair.a}, by slice{too_few(slices)}", "slice")
    for name in ("utts", unit, rate.replace(" %", " A %"), rate.replace(" %", " B %"), "delta", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for column in dict.fromkeys(one.column for one in slices):
        of_column = [one for one in slices if one.column == column]
        # Too many to read: those with the most speech.
        shown = sorted(of_column, key=lambda one: -one.num_reference_words)[:_NUM_SLICES]
        for one in of_column if len(of_column) <= _NUM_SLICES else shown:
            table.add_row(*_slice_cells(one))
        if len(of_column) > _NUM_SLICES:
            table.add_row(f"{column}: {len(of_column) - _NUM_SLICES:,} more in --format json")
    return table


def _slice_cells(one: Slice) -> list[str]:
    return [
        visible(f"{one.column} {one.value}{'*' if one.is_small else ''}"),
        f"{one.num_utterances:,}",
        f"{one.num_reference_words:,}",
        _per_cent(one.wer_a),
        _per_cent(one.wer_b),
        _points(one.delta_wer),
        _range((one.interval.low, one.interval.high) if one.interval else None),
    ]


def _print_changes(kind: str, pair: PairComparison, changes: tuple[Change, ...]) -> None:
    """The worst ones: id and errors of the system that was wrong."""
    if changes:
        shown = ", ".join(f"{one.id} ({one.errors_a or one.errors_b})" for one in changes[:_NUM_CHANGES])
        rest = len(changes) - _NUM_CHANGES
        more = f", and {rest:,} more in --format json" if rest > 0 else ""
        sys.stdout.write(f"{kind} by {pair.b}: {number_of(len(changes), 'utterance')} (errors): {shown}{more}\n")


def _method(comparison: Comparison) -> str:
    identity = comparison.normalizer
    interval = comparison.pairs[0].interval
    counted = f"  scorer {comparison.scorer.name}@{comparison.scorer.version}"
    drawn = f"  95 % interval: {interval.num_replicates:,} paired bootstraps by {interval.unit}" if interval else ""
    if interval and comparison.is_small:
        drawn += f"; {OF_FEW}"
    return f"normalizer {identity.name}@{identity.version} sha256:{identity.hash[:8]}{counted}{drawn}"


def _table(title: str, first: str) -> Table:
    table = new_table(title)
    table.add_column(first, no_wrap=True)
    return table


def _per_cent(rate: float | None) -> str:
    return "n/a" if rate is None else f"{100 * rate:.2f}"


def _points(difference: float | None) -> str:
    if difference is None:
        return "n/a"
    text = f"{100 * difference:+.2f}"
    return text if text.strip("+-0.") else "0.00"


def _range(interval: tuple[float, float] | None) -> str:
    return f"[{_points(interval[0])}, {_points(interval[1])}]" if interval else "-"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004  # the last digit that is printed
