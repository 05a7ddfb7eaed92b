"""``earmark eval --dry-run``: what a run will do, take and cost, as a few lines or as JSON, and the line of a pilot."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from earmark.cli.forms import write_for_programs
from earmark.cli.progress import length
from earmark.cli.screen import number_of, say
from earmark.cli.tables import tell_in
from earmark.errors import money, without_secret

if TYPE_CHECKING:
    from earmark.reports.usage import Cost
    from earmark.verbs.forecast import Forecast

_MOST_OF_A_PILOT = 50
_PILOTS_A_RUN = 10
_NOT_OF_A_PILOT = ("--limit", "--seed", "--out", "-o", "--budget")
_SWITCHES_NOT_OF_A_PILOT = ("--dry-run", "--fresh")
_MIB = 2**20
_MINUTE_S = 60.0


def print_forecast(found: Forecast, form: str) -> None:
    """The forecast on stdout; where the model was never measured, the pilot that measures it on stderr."""
    facts = found.as_json()
    if not write_for_programs(form, facts, [facts]):
        for line in _lines(found):
            tell_in(form, line)
        sys.stdout.flush()
    if found.throughput is None:
        say("note: a short pilot tells how fast it is; after it, type --dry-run again:")
        say(without_secret(shlex.join(["earmark", *pilot_words(sys.argv[1:], found.num_utterances)])))


def pilot_words(words: list[str], num_utterances: int) -> list[str]:
    """The words of a command of a few utterances, taken at random, with the same model, data and engine.

    Fifty of them, and no more than a tenth of the ``num_utterances`` of the run.
    """
    limit = max(1, min(_MOST_OF_A_PILOT, num_utterances // _PILOTS_A_RUN))
    kept, is_value = [], False
    for word in words:
        name, equals, _ = word.partition("=")
        is_gone = name in _NOT_OF_A_PILOT or name in _SWITCHES_NOT_OF_A_PILOT
        if not is_value and not is_gone:
            kept.append(word)
        is_value = not is_value and name in _NOT_OF_A_PILOT and not equals
    return [*kept, "--limit", str(limit), "--seed", "0", "--out", "runs/pilot"]


def _lines(found: Forecast) -> list[str]:
    lines = [
        f"run     {found.run}: nothing is started",
        f"data    {found.data}: {number_of(found.num_utterances, 'utterance')}, {length(found.audio_s)}",
        f"model   {found.model} on {found.device}",
        f"work    {number_of(found.num_workers, 'worker')}, {found.engine}",
    ]
    num_done = found.num_segments - found.num_segments_left
    if num_done:
        left = f"{found.num_segments_left:,} to go, {length(found.audio_left_s)}"
        lines.append(f"reuse   {num_done:,} of {found.num_segments:,} are done already; {left}")
    return [*lines, _plan(found), _memory(found), _time(found), _cost(found)]


def _plan(found: Forecast) -> str:
    shards = f"{number_of(found.num_shards_left, 'shard')} of {number_of(found.num_batches_left, 'batch')}"
    shards = shards.replace("batchs", "batches")
    largest = f"the largest has {number_of(found.largest_batch, 'segment')}, {length(found.largest_batch_s)}"
    line = f"plan    {shards}, {100 * found.padding_share:.1f} % padding; {largest}"
    if found.pieces_are_estimated:
        line += "; long audio will be cut, into pieces that are estimated here"
    return line + ("; the run begins by measuring which batches are fastest" if found.measures_first else "")


def _memory(found: Forecast) -> str:
    line = f"memory  {found.decoded_bytes / _MIB:,.1f} MiB of decoded audio a worker"
    known = found.throughput
    if known is None or known.peak_bytes is None:
        return f"{line}; what the model itself takes is not known"
    return f"{line}; the largest process had {known.peak_bytes / _MIB:,.0f} MiB when it was measured"


def _time(found: Forecast) -> str:
    known = found.throughput
    if known is None or found.wall_s is None:
        return f"time    not known: this model was never measured on {found.device} with this machine"
    wall = f"{found.wall_s / _MINUTE_S:,.1f} min" if found.wall_s >= _MINUTE_S else f"{found.wall_s:,.1f} s"
    measured = f"{number_of(known.num_workers, 'worker')} on {length(known.audio_s)}, batches {known.rule}"
    loading = (
        f"{found.cold_start_s:.1f} s of it to load"
        if found.cold_start_s is not None
        else (f"without loading, which was never measured with {found.engine}")
    )
    return (
        f"time    about {wall}, {loading}: {known.rtfx:,.2f} x real time a worker "
        f"(measured {known.measured}, {measured})"
    )


def _cost(found: Forecast) -> str:
    spent = f"; {money(found.spent)} spent already" if found.spent else ""
    if found.spent_without:
        spent += f"; without what earlier attempts spent in {', '.join(found.spent_without)}"
    if found.cost is None:
        return f"cost    not known: {found.why_no_cost}{spent}"
    return f"cost    about {amount_of(found.cost)} ({found.cost.basis}){spent}"


def amount_of(cost: Cost) -> str:
    """A sum with its currency, if it has one."""
    return f"{money(cost.amount)}{f' {cost.currency}' if cost.currency else ''}"
