"""What a tracker is told of a run, from the run's folder alone: so that a replay says what was said at once.

Texts go through the one rule about secrets. No transcript is among these values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from earmark.errors import without_secret
from earmark.records import Receipt
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.parts import receipts
from earmark.store.run import RunStore
from earmark.tracking.base import Outcome, Result, RunCard, Table, Value
from earmark.tracking.kept import kept_attempts, kept_id, read_object
from earmark.tracking.worst import worst_utterances

DEFINITIONS = {
    "rtfx.compute": "seconds of audio for a second inside the recognizer, the device synchronised, over all parts",
    "rtfx.worker": "seconds of audio for a second of the workers, decoding and waiting included, over all parts",
    "rtfx.wall": "seconds of audio for a second from the program's start to its last result, of the latest attempt",
    "live/rtfx_wall": "the same of the attempt that goes on, so far",
    "live/wer": "word errors for a reference word, over what this attempt scored so far",
}
"""What the numbers are that other tools define in other ways."""

_HOUR_S = 3600.0
_NO_NUMBERS = frozenset({"schema_version", "normalizer", "scorer", "guards", "audit"})
"""Of summary.json: what says how the numbers were made."""
_SLICE_COLUMNS = ("column", "value", "num_utterances", "num_reference_words", "hits", "substitutions", "deletions",
                  "insertions", "wer")  # fmt: skip


def card_of(store: RunStore, spec: RunSpec, tracker: str) -> RunCard:
    """What a tracker is told first. Raises StoreError."""
    identity = {key: _shown(value) for key, value in spec.identity().items()}
    name = without_secret(store.url).rstrip("/").rpartition("/")[2]
    return RunCard(name=name or spec.recognizer.name, identity=identity, kept_id=kept_id(store, tracker))


def result_of(store: RunStore, spec: RunSpec, outcome: Outcome, *, texts: bool) -> Result:
    """What the run came to: the numbers of its summary, its slices, its worst utterances, and what it was made with.

    ``texts`` puts references and hypotheses beside the worst utterances. Raises StoreError.
    """
    summary = read_object(store, layout.SUMMARY)
    tables = tuple(_slices(summary))
    if summary and store.folder.has(layout.SCORES):
        tables = (worst_utterances(store, texts=texts), *tables)
    numbers = dict(_numbers(summary))
    if "audio_s" in numbers:
        numbers["audio_h"] = numbers["audio_s"] / _HOUR_S
    return Result(outcome=outcome, numbers=numbers, facts=dict(_facts(store, spec, summary)), tables=tables)


def _numbers(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON object by its path, such as ``wer_interval.low``. Lists have none."""
    for key, value in facts.items():
        if isinstance(value, Mapping):
            if prefix or key not in _NO_NUMBERS:
                yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and key not in _NO_NUMBERS:
            yield prefix + key, float(value)


def _facts(store: RunStore, spec: RunSpec, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the numbers were made with, where it can differ between two attempts or two scorings of one run."""
    yield "run", without_secret(store.url)
    yield "spec_fingerprint", spec.fingerprint()
    yield "data", without_secret(spec.data.name)
    for source in spec.recognizer.sources:
        revision = f" at {source.revision}" if source.revision else ""
        yield f"model.{source.role}", without_secret(f"{source.name}{revision}")
    for role in ("normalizer", "scorer"):
        made_with = summary.get(role)
        if isinstance(made_with, Mapping):
            for key, value in made_with.items():
                yield f"{role}.{key}", str(value)
    if "scores_hash" in summary:
        yield "scores_hash", str(summary["scores_hash"])
    yield from _workers(store, spec)
    for name, meaning in DEFINITIONS.items():
        yield f"definition.{name}", meaning


def _workers(store: RunStore, spec: RunSpec) -> Iterator[tuple[str, str]]:
    """Who did the work: engine, devices, and the versions of what it was done with; several where they differ."""
    for attempt in kept_attempts(store)[-1:]:
        for key in ("engine", "num_workers"):
            yield key, str(attempt.get(key))
    found = receipts(store.folder, spec.fingerprint())
    whole = [receipt for receipt in found if isinstance(receipt, Receipt)]
    devices = sorted({receipt.device for receipt in whole})
    if devices:
        yield "devices", ", ".join(devices)
    for package in sorted({name for receipt in whole for name in receipt.versions}):
        versions = {receipt.versions[package] for receipt in whole if package in receipt.versions}
        yield f"version.{package}", ", ".join(sorted(versions))


def _slices(summary: Mapping[str, Any]) -> Iterator[Table]:
    slices = summary.get("slices")
    if isinstance(slices, list) and slices:
        columns = (*_SLICE_COLUMNS, "wer_low", "wer_high")
        yield Table(name="slices", columns=columns, rows=tuple(_slice_row(one) for one in slices))


def _slice_row(one: Mapping[str, Any]) -> tuple[Value, ...]:
    interval = one.get("wer_interval") or {}
    return (*(_shown(one.get(name)) for name in _SLICE_COLUMNS), interval.get("low"), interval.get("high"))


def _shown(value: Value) -> Value:
    return without_secret(value) if isinstance(value, str) else value
