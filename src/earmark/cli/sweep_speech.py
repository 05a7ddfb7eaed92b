"""``earmark sweep --task asr``: the sweep as tables on stdout, and its exit code.

What can be had without references and what cannot stand in tables of their own.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from earmark.cli.flags import check_allowance, check_failures
from earmark.cli.forms import write_for_programs
from earmark.cli.progress import observer_for
from earmark.cli.screen import number_of, say, visible
from earmark.cli.tables import new_table, print_table, tell_in, unit_names
from earmark.errors import EXIT_FAILED, EXIT_TOO_MANY_FAILURES, TooManyFailuresError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.sweeps.speech_results import CellResult, Gain, Oracle, Rate, SpeechSweep, Together


def sweep_speech_command(
    checkpoints: Sequence[str],
    data: str,
    asked: dict[str, Any],
    *,
    out: str | None,
    variants: Sequence[str],
    form: str,
    progress: str,
    max_errors: str,
    max_failures: int,
    follows: bool,
) -> int:
    """Do the sweep and print it, unless this process ``follows`` another one; ``asked`` are the verb's other arguments.

    Returns the exit code: 1 where every cell failed, 3 where more than ``max_failures`` did. Raises
    TooManyFailuresError where more utterances of all cells failed than ``max_errors`` allows.
    """
    from earmark.verbs.sweep_speech import sweep_speech

    check_allowance(max_errors)
    if out is None:
        raise UsageError("a speech sweep is many runs, which need a folder", hint="--out runs/sweep")
    with observer_for(progress) as observer:
        sweep = sweep_speech(checkpoints, data, out=out, variants=variants, observer=observer, **asked)
    if not follows:
        _show(sweep, form)
    if sweep.num_failed_cells == len(sweep.cells):
        return EXIT_FAILED
    if sweep.num_failed_cells > max_failures:
        return EXIT_TOO_MANY_FAILURES
    done = [cell for cell in sweep.cells if cell.status == "done"]
    num_failed, num_utterances = (sum(getattr(one, name) or 0 for one in done) for name in _COUNTS)
    try:
        check_failures(max_errors, num_failed, num_utterances, f"{out}/cells/*/errors.jsonl")
    except TooManyFailuresError as error:
        error.is_told = follows  # by rank 0
        raise
    return 0


def _show(sweep: SpeechSweep, form: str) -> None:
    """The tables, or what a program reads, on stdout; cells that failed on stderr."""
    if write_for_programs(form, sweep.to_json(), _records(sweep)):
        say(f"note: the oracle is in {sweep.out}/oracle.json")
    else:
        _print(sweep, form)
    sys.stdout.flush()
    for cell in sweep.cells:
        if cell.error is not None:
            say(f"failed: {cell.name}: {cell.error}")


_COUNTS = ("num_failed", "num_utterances")
_FACTS = ("checkpoint", "variant", "run", "status", "error", "num_failed", "rtfx", "scores_hash", "spec_fingerprint")


def _records(sweep: SpeechSweep) -> list[dict[str, Any]]:
    """The cells and what is combined of them, every rate over the utterances that are scored in all cells; no oracle.

    Where nothing is combined, one cell at most has a rate, which is over its own utterances.
    """
    one = sweep.together
    rates = {rate.name: _numbers(rate, one) for rate in (*one.cells, *one.combinations)} if one else {}
    found = []
    for cell in map(dataclasses.asdict, sweep.cells):
        own = {"num_scored": cell["num_scored"], "errors": None, "wer": cell["wer"], "interval": cell["wer_interval"]}
        numbers = rates.pop(cell["name"], own)
        found.append({"kind": "cell", "name": cell["name"], **numbers, **{name: cell[name] for name in _FACTS}})
    return [*found, *({"kind": "combined", "name": name, **numbers} for name, numbers in rates.items())]


def _numbers(rate: Rate, one: Together) -> dict[str, Any]:
    facts = dataclasses.asdict(rate)
    return {"num_scored": one.num_utterances, **{name: facts[name] for name in ("errors", "wer", "interval")}}


def _print(sweep: SpeechSweep, form: str) -> None:
    """The tables on stdout, notes on stderr."""
    rate, unit = unit_names(sweep.scorer.name)
    one = sweep.together
    if one is None:
        print_table(_runs_table(sweep.cells, rate), form=form)
        say("note: fewer than two cells are done, so nothing is combined")
        return
    common = f"{number_of(one.num_utterances, 'utterance')}, {number_of(one.num_reference_words, unit[:-1])}"
    print_table(_cells_table(one, f"{number_of(len(one.cells), 'cell')} on {sweep.data}: {common}", rate), form=form)
    print_table(_combined_table(one, rate), form=form)
    print_table(_oracle_table(one, rate), form=form)
    rules = f"normalizer {sweep.normalizer.name}@{sweep.normalizer.version}  scorer {sweep.scorer.name}"
    place = f"all of it: honest.json, oracle.json and combined.parquet (texts) in {sweep.out}"
    for line in (*(gain.sentence for gain in one.against_best), rules, place):
        tell_in(form, line)
    _say_notes(one)


def _say_notes(one: Together) -> None:
    say(f"note: {one.best} is chosen as the best on these very utterances, which flatters it")
    if "rover-confidence" not in {rate.name for rate in one.combinations}:
        say("note: no rover-confidence: some cell does not say how sure it is")
    for reason, number in one.left_out.items():
        say(f"note: {number_of(number, 'utterance', 'are')} left out: {reason}")


def _runs_table(cells: Sequence[CellResult], rate: str) -> Table:
    """Of cells that are not combined: each over its own utterances."""
    table = _table("cells", "cell", (rate, "95 % interval"))
    for cell in cells:
        found = cell.wer_interval
        table.add_row(visible(cell.name), _per_cent(cell.wer), _range((found.low, found.high) if found else None))
    return table


def _cells_table(one: Together, title: str, rate: str) -> Table:
    table = _table(title, "cell", (rate, "95 % interval"))
    for cell in one.cells:
        table.add_row(visible(cell.name), *_rate_cells(cell))
    return table


def _combined_table(one: Together, rate: str) -> Table:
    """Every combination against the best cell, and against the first, which nobody chose by its errors."""
    is_first_best = one.first == one.best
    baselines = ["best"] if is_first_best else ["best", "first"]
    columns = [name for base in baselines for name in (f"against {base}", "95 % interval", "p (Holm)")]
    table = _table("combined, without looking at references", "system", (rate, "95 % interval", *columns))
    rates = {cell.name: cell for cell in one.cells}
    table.add_row(visible(f"first cell: {one.first}"), *_rate_cells(rates[one.first]))
    for place, rate_of in enumerate(one.combinations):
        gains = [one.against_best[place]] + ([] if is_first_best else [one.against_first[place]])
        table.add_row(rate_of.name, *_rate_cells(rate_of), *(text for gain in gains for text in _gain_cells(gain)))
    table.add_section()
    table.add_row(visible(f"best cell, chosen by the references: {one.best}"), *_rate_cells(rates[one.best]))
    return table


def _oracle_table(one: Together, rate: str) -> Table:
    """The oracle by itself: over k cells in the mean, and over all of them."""
    oracle: Oracle = one.oracle
    title = "oracle: the best cell of each utterance, chosen by its reference; a bound, and no system's result"
    table = _table(title, "of how many cells", (rate, "95 % interval", "against best", "95 % interval"))
    for number, wer in enumerate(oracle.expected_wer_of[:-1], 1):
        table.add_row(f"{number}, in the mean", _per_cent(wer))
    delta, interval, _ = _gain_cells(oracle.against_best)
    table.add_row(f"all {len(one.cells)}", *_rate_cells(oracle.rate), delta, interval)
    return table


def _table(title: str, first: str, others: Sequence[str]) -> Table:
    table = new_table(title)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _rate_cells(rate: Rate) -> tuple[str, str]:
    return _per_cent(rate.wer), _range((rate.interval.low, rate.interval.high) if rate.interval else None)


def _gain_cells(gain: Gain) -> tuple[str, str, str]:
    interval = f"[{_points(gain.interval.low)}, {_points(gain.interval.high)}]" if gain.interval else "-"
    return _points(gain.delta_wer), interval, "< 0.001" if gain.p < 0.001 else f"{gain.p:.3f}"  # noqa: PLR2004


def _per_cent(rate: float | None) -> str:
    return "n/a" if rate is None else f"{100 * rate:.2f}"


def _points(difference: float) -> str:
    text = f"{100 * difference:+.2f}"
    return text if text.strip("+-0.") else "0.00"


def _range(interval: tuple[float, float] | None) -> str:
    return f"[{_per_cent(interval[0])}, {_per_cent(interval[1])}]" if interval else "-"
