"""What a run was made with: each value with the file of the run's folder that says it, and the command that repeats it.

Knows the identity of a run, its summary, its receipts and attempts; it computes nothing.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from earmark.records import Receipt
from earmark.reports.speed import Attempt
from earmark.spec import Asked, AudioSpec, OptionValue, RunSpec, SegmentationSpec, option_value
from earmark.store import layout

_IMPORTED = "imported-"
_SAID_OTHERWISE = ("model", "data", "options", "normalizer", "scorer")
_ON_A_VOLUME = "modal:"  # only one engine sees such data
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
    """The command line that makes the same run; of an imported one what scores it again.

    Empty where there is none: no flag of ``eval`` changes audio on purpose, names an object of Python, or is kept with
    a secret in it; and ``--set`` has no spelling for a text that looks like a number.
    """
    roles = ("normalizer", "scorer")
    scoring = [(f"--{role}", summary[role]["name"]) for role in roles if (summary.get(role) or {}).get("name")]
    if spec.recognizer.version.startswith(_IMPORTED):
        return _line(["score", url], scoring)
    asked = spec.asked
    if spec.audio.is_changed or asked.model is None or asked.data is None or not _can_be_set(asked):
        return ""
    where = [("--engine", "modal")] if asked.data.startswith(_ON_A_VOLUME) else []
    flags = [("--data", asked.data), *where, *_set(asked), *_chosen(asked), *_batches(spec), *scoring, ("--out", url)]
    return _line(["eval", asked.model], flags)


def _line(words: Sequence[str], flags: Sequence[tuple[str, str | None]]) -> str:
    """The words, and behind them the flags with their values; a value that begins like a flag clings to its own."""
    said = [
        [flag] if value is None else [f"{flag}={value}"] if value.startswith("-") else [flag, value]
        for flag, value in flags
    ]
    return shlex.join(["earmark", *words, *(word for one in said for word in one)])


def _set(asked: Asked) -> Iterator[tuple[str, str]]:
    for name, value in asked.options.items():
        yield "--set", f"{name}={_spelled(value)}"


def _can_be_set(asked: Asked) -> bool:
    """Whether each option, as it is spelled, is read as the same value: the text ``5`` is read as a number."""
    return all(repr(option_value(_spelled(value))) == repr(value) for value in asked.options.values())


def _spelled(value: OptionValue) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _chosen(asked: Asked) -> Iterator[tuple[str, str | None]]:
    """Every flag of what was asked that is not at its default, so that none is forgotten; a switch has no value."""
    for one in dataclasses.fields(asked):
        value = getattr(asked, one.name)
        if one.name not in _SAID_OTHERWISE and value != one.default:
            yield f"--{one.name.replace('_', '-')}", None if value is True else str(value)


def _batches(spec: RunSpec) -> Iterator[tuple[str, str]]:
    """The rule of the batches where they matter, also one that was found out: another machine would find another."""
    if spec.recognizer.batching not in ("any", "single"):
        yield "--max-batch-seconds", repr(float(spec.batching.max_batch_s)).removesuffix(".0")
        if spec.batching.max_batch_size is not None:
            yield "--batch-size", str(spec.batching.max_batch_size)
    if spec.recognizer.max_audio_s is not None and spec.segmentation.name != SegmentationSpec().name:
        yield "--segmenter", spec.segmentation.name


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
    read = shlex.join(word for flag in _chosen(spec.asked) for word in flag if word is not None)
    yield Fact("data", "chosen and read by", read, layout.SPEC)
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
