"""What each rank of a run found, as a table on stdout, and the exact sum."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from earmark.cli.tables import new_table, print_table
from earmark.scoring.lines import per_cent
from earmark.scoring.speechbrain_summary import SpeechBrainSummary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.reports.summary import RankErrors

_COLUMNS = {
    "utts": "num_scored_sents",
    "wrong": "num_erraneous_sents",
    "failed": "num_absent_sents",
    "words": "num_scored_tokens",
    "edits": "num_edits",
    "sub": "substitutions",
    "del": "deletions",
    "ins": "insertions",
}
"""What a column is called on the screen, and its key in ranks.json."""


def print_ranks(ranks: Sequence[RankErrors]) -> None:
    """A row a rank, and all together; nothing where no engine with ranks did the work."""
    if not ranks:
        return
    table = new_table("by rank: ranks.json")
    for name in ("rank", "WER %", "SER %", *_COLUMNS):
        table.add_column(name, justify="right", no_wrap=True)
    everything = sum((one.errors for one in ranks), SpeechBrainSummary())
    for name, errors in [*((str(one.rank), one.errors) for one in ranks), ("all", everything)]:
        rates = (_rate(errors.wer), _rate(errors.ser))
        table.add_row(name, *rates, *(f"{getattr(errors, column):,}" for column in _COLUMNS.values()))
    print_table(table)
    sys.stdout.flush()


def _rate(percentage: float | None) -> str:
    return per_cent(percentage / 100 if percentage is not None else None)
