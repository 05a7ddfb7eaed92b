"""Evaluation results of a model's repository on the Hugging Face hub: a YAML file in its ``.eval_results`` folder.

Source: ``eval_results.yaml`` of https://github.com/huggingface/hub-docs. The data must be a data set of the hub; a
leaderboard shows the result where that data set is a benchmark there. Its ``eval.yaml`` names its tasks: of these the
configuration of the data is written, or ``default``. Nothing is sent anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from earmark.errors import UsageError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.hub_names import HubData


def write_hub_results(run: ExportedRun) -> Iterator[bytes]:
    """Yield one result: the data set, the word error rate in per cent, and in the notes the rules that it was made by.

    Raises UsageError where the data are not of the hub, and where there is no rate.
    """
    wer = run.summary.get("wer")
    if wer is None:
        raise UsageError("there is no word error rate to report", cause="the run has no reference word")
    data = HubData.of(run.data)
    if data is None:
        raise UsageError(
            f"the hub's evaluation results name a data set of the hub, and the data are {run.data}",
            hint="earmark eval MODEL --data hf:OWNER/NAME:SPLIT; --to md has the same numbers",
        )
    lines = ["- dataset:", f"    id: {_quoted(data.id)}", f"    task_id: {_quoted(data.config or 'default')}"]
    if data.revision is not None:
        lines.append(f"    revision: {_quoted(data.revision)}")
    lines += [f"  value: {100 * wer:.4f}", f"  notes: {_quoted(_notes(run, data.split))}"]
    yield ("\n".join(lines) + "\n").encode()


def _notes(run: ExportedRun, split: str | None) -> str:
    facts = run.summary
    rules = [
        f"{role} {facts[role]['name']}@{facts[role]['version']} sha256:{facts[role]['hash'][:8]}"
        for role in ("normalizer", "scorer")
    ]
    failed = f"{facts['num_failed']} failed" if facts.get("num_failed") else ""
    parts = [f"WER %, {facts['num_scored']} utterances", f"split {split}" if split else "", failed, *rules, "earmark"]
    return "; ".join(part for part in parts if part)


def _quoted(text: str) -> str:
    """A text as JSON writes it is one in YAML, too, while no character is escaped by halves."""
    return json.dumps(text, ensure_ascii=False)
