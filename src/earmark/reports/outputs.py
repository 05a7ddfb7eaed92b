"""What a run said and should have said, raw, with what became of each utterance. Reads a run and scores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from earmark.reports.scores import Outcome, outcomes, status_of
from earmark.reports.settings import Settings
from earmark.schema import FAILED, SCORED
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.parts import IMPORT
from earmark.store.reader import WINDOW, windows
from earmark.store.run import RunStore


@dataclass(frozen=True, slots=True)
class Output:
    """One utterance. ``batch`` and ``rank`` are where it was transcribed, None where nobody knows."""

    id: str
    status: str
    reason: str | None
    reference: str | None
    hypothesis: str | None
    batch: int | None
    rank: int | None

    @property
    def is_scored(self) -> bool:
        """Whether it counts."""
        return self.status == SCORED

    @property
    def is_failed(self) -> bool:
        """Whether there is a reference and no hypothesis, so that it can count as deletions."""
        return self.status == FAILED and self.reference is not None


@dataclass(frozen=True, slots=True)
class RunOutputs:
    """All utterances of a run in the order of the data, and the settings that its number was made with."""

    label: str
    settings: Settings
    outputs: tuple[Output, ...]

    def by_id(self) -> dict[str, Output]:
        """Each utterance under its id."""
        return {one.id: one for one in self.outputs}


def read_outputs(store: RunStore, spec: RunSpec, label: str, settings: Settings) -> RunOutputs:
    """Read a run whole: memory grows with its texts. Raises StoreError."""
    done = store.progress(spec)
    is_imported = all(receipt.attempt == IMPORT for receipt in done.receipts)
    batches = {} if is_imported else _batches(store.table(layout.PLAN))
    rows = windows(store.folder, done.part_names, spec.data.num_utterances, WINDOW)
    found: list[Output] = []
    for window, parts in zip(store.batches(layout.UTTERANCES, WINDOW), rows, strict=True):
        ranks = {} if is_imported else dict(zip(parts["index"].to_pylist(), parts["rank"].to_pylist(), strict=True))
        texts = outcomes(parts)
        columns = [window[name].to_pylist() for name in ("index", "id", "reference", "skip_reason")]
        for index, name, reference, skip_reason in zip(*columns, strict=True):
            where = (batches.get(index), ranks.get(index))
            found.append(_output(name, texts.get(index), reference, skip_reason, where))
    return RunOutputs(label, settings, tuple(found))


def _output(
    name: str,
    outcome: Outcome | None,
    reference: str | None,
    skip_reason: str | None,
    where: Sequence[int | None],
) -> Output:
    status, reason, hypothesis = status_of(outcome, reference, skip_reason)
    return Output(name, status, reason, reference, hypothesis, *where)


def _batches(plan: pa.Table | None) -> dict[int, int]:
    """The batch of each utterance by its index; of a long one, that of its first piece."""
    if plan is None or not {"index", "segment", "batch"} <= set(plan.column_names):
        return {}
    first = plan.filter(pc.equal(plan["segment"], 0))
    return dict(zip(first["index"].to_pylist(), first["batch"].to_pylist(), strict=True))
