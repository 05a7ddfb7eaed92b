"""What a run was made with: each value with the file of the run's folder that says it, and the command that repeats it.

Knows the identity of a run, its summary, its receipts and attempts; it computes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from earmark.records import Receipt
from earmark.reports.speed import Attempt
from earmark.spec import DEFAULT_MAX_BATCH_S, AudioSpec, RunSpec
from earmark.store import layout

_IMPORTED = "imported-"
_NUM_NAMED = 8


class Fact(NamedTuple):
    """A value under a name, in a group of such, and the file that it comes from."""

    group: str
    name: str
    value: str
    origin: str


def facts(
    url: str, spec: RunSpec, summary: Mapping[str, Any], receipts: Sequence[Receipt], attempts: Sequence[Attempt]
) -> list[Fact]:
    """All of them, in the order in which a reader asks."""
    found = [
        *_of_model(spec),
        *_of_data(spec),
        *_of_scores(summary),
        *_of_work(receipts, attempts),
        Fact("run", "folder", url, layout.SPEC),
        Fact("run", "identity", spec.fingerprint(), layout.SPEC),
    ]
    return [one for one in found if one.value]


def command(url: str, spec: RunSpec, summary: Mapping[str, Any]) -> str:
    """The command line that makes the same run, as far as the run knows it; of an imported one what scores it again.

    Empty where audio was changed on purpose: no flag of ``eval`` does that.
    """
    if spec.audio.is_changed:
        return ""
    words = ["earmark"]
    normalizer = (summary.get("normalizer") or {}).get("name", "")
    scorer = (summary.get("scorer") or {}).get("name", "")
    if spec.recognizer.version.startswith(_IMPORTED):
        words += ["score", url]
    else:
        place = spec.recognizer.place
        words += ["eval", place or spec.recognizer.name, "--data", spec.data.name, *_chosen(spec), *_batching(spec)]
        words += [] if spec.segmentation.name == "energy" else ["--segmenter", spec.segmentation.name]
    words += ["--normalizer", normalizer] if normalizer else []
    words += ["--scorer", scorer] if scorer else []
    if words[1] == "eval":
        words += ["--out", url]
    return shlex.join(words)


def _chosen(spec: RunSpec) -> Iterator[str]:
    if spec.data.limit is not None:
        yield from ("--limit", spec.data.limit)
    if spec.data.seed is not None:
        yield from ("--seed", str(spec.data.seed))


def _batching(spec: RunSpec) -> Iterator[str]:
    if spec.recognizer.batching in ("any", "single"):
        return
    if spec.batching.max_batch_s != DEFAULT_MAX_BATCH_S:
        yield from ("--max-batch-seconds", f"{spec.batching.max_batch_s:g}")
    if spec.batching.max_batch_size is not None:
        yield from ("--batch-size", str(spec.batching.max_batch_size))


def _of_model(spec: RunSpec) -> Iterator[Fact]:
    recognizer = spec.recognizer
    yield Fact("model", "recognizer", f"{recognizer.name} {recognizer.version}", layout.SPEC)
    yield Fact("model", "place", recognizer.place or "", layout.SPEC)
    yield Fact("model", "class", recognizer.architecture or "", layout.SPEC)
    for source in recognizer.sources:
        revision = f" at {source.revision}" if source.revision else ""
        yield Fact("model", source.role, f"{source.name}{revision}, sha256 {source.sha256}", layout.SPEC)
    yield Fact("model", "content", recognizer.content_hash and f"sha256 {recognizer.content_hash}", layout.SPEC)
    options = ", ".join(f"{name}={value}" for name, value in recognizer.options.items() if value is not None)
    yield Fact("model", "options", options, layout.SPEC)
    if recognizer.batching not in ("any", "single"):
        most = f" of at most {spec.batching.max_batch_size} utterances" if spec.batching.max_batch_size else ""
        yield Fact("model", "batches", f"{spec.batching.max_batch_s:g} s of padded audio{most}", layout.SPEC)
    if recognizer.max_audio_s is not None:
        cut = f"longer than {recognizer.max_audio_s:g} s: {spec.segmentation.name} {spec.segmentation.version}"
        yield Fact("model", "segmenter", cut, layout.SPEC)


def _of_data(spec: RunSpec) -> Iterator[Fact]:
    yield Fact("data", "data", spec.data.name, layout.SPEC)
    yield Fact("data", "utterances", f"{spec.data.num_utterances:,}", layout.SPEC)
    yield Fact("data", "chosen by", " ".join(_chosen(spec)), layout.SPEC)
    yield Fact("data", "audio", _changes(spec.audio), layout.SPEC)
    yield Fact("data", "fingerprint", f"sha256 {spec.data.fingerprint}", layout.SPEC)


def _changes(audio: AudioSpec) -> str:
    """What was changed on purpose before the recognizer heard it, in the order in which it was; empty: nothing."""
    said = [
        f"speed {audio.speed:g}" if audio.speed is not None else "",
        f"normalization {audio.normalization}" if audio.normalization is not None else "",
        f"level {audio.level_db:+g} dB" if audio.level_db is not None else "",
    ]
    return f"changed: {', '.join(filter(None, said))}" if audio.is_changed else ""


def _of_scores(summary: Mapping[str, Any]) -> Iterator[Fact]:
    for role in ("normalizer", "scorer", "guards"):
        one = summary.get(role) or {}
        if one.get("name"):
            yield Fact("scores", role, f"{one['name']} {one.get('version')}, sha256 {one.get('hash')}", layout.SUMMARY)
    interval = summary.get("wer_interval")
    if interval:
        drawn = f"{interval['num_replicates']:,} bootstraps of {interval['num_units']:,} {interval['unit']}s"
        yield Fact("scores", "interval", f"{100 * interval['level']:g} %, {drawn}, seed 0", layout.SUMMARY)
    yield Fact("scores", "hash of the scores", str(summary.get("scores_hash") or ""), layout.SUMMARY)


def _of_work(receipts: Sequence[Receipt], attempts: Sequence[Attempt]) -> Iterator[Fact]:
    for attempt in attempts:
        done = f"{attempt.engine}, {attempt.num_workers} workers, {attempt.num_rows:,} rows in {attempt.wall_s:.1f} s"
        yield Fact("work", f"attempt {attempt.started}", f"{done}: {attempt.outcome}", f"{layout.ATTEMPTS}/")
    for name, values in (
        ("devices", {one.device for one in receipts}),
        ("hosts", {one.host for one in receipts}),
        ("versions", {f"{name} {version}" for one in receipts for name, version in one.versions.items()}),
    ):
        yield Fact("work", name, _listed(values), f"{layout.PARTS}/")


def _listed(values: set[str]) -> str:
    names = sorted(values)
    more = f" and {len(names) - _NUM_NAMED:,} more" if len(names) > _NUM_NAMED else ""
    return ", ".join(names[:_NUM_NAMED]) + more
