"""How much audio meets in a batch where nobody says it: what suits the model on its device.

A run keeps what it began with, since its spec has it. A run that begins takes what was measured on this machine, which
the user's cache remembers, and else what the recognizer declares. Measuring is the business of ``learning``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers import Recognizer
from earmark.recognizers.accelerator import supposing
from earmark.spec import DEFAULT_MAX_BATCH_S, BatchingSpec, RunSpec
from earmark.verbs.workforce import Workforce

_FOLDER = "budgets"


def declared_batching(recognizer: Recognizer, max_batch_s: float | None, batch_size: int | None) -> BatchingSpec:
    """The rule as far as it is said; else with the recognizer's own ``usual_batch_s``. Raises UsageError."""
    usual_s = float(getattr(recognizer, "usual_batch_s", DEFAULT_MAX_BATCH_S))
    return BatchingSpec(max_batch_s=usual_s if max_batch_s is None else max_batch_s, max_batch_size=batch_size)


def settled_batching(
    declared: BatchingSpec, recognizer: Recognizer, stored: RunSpec | None, cache: Path, workforce: Workforce
) -> BatchingSpec | None:
    """The rule of a run for which nobody said the seconds: its own if it has begun, else what is remembered, if any.

    What this machine remembers, and could measure, is not for workers that are elsewhere: what is usual on theirs is.
    """
    if stored is not None:
        kept_s: float | None = stored.batching.max_batch_s
    elif workforce.is_here:
        kept_s = remembered_s(recognizer, cache)
    else:
        with supposing(workforce.device_kind):
            kept_s = declared_batching(recognizer, None, None).max_batch_s
    return None if kept_s is None else dataclasses.replace(declared, max_batch_s=kept_s)


def remembered_s(recognizer: Recognizer, cache: Path) -> float | None:
    """The budget that was measured best for this model, its options and its kind of device; None: none was."""
    try:
        found = recalled(memory_path(recognizer, cache, _device(recognizer)))["max_batch_s"]
        return BatchingSpec(max_batch_s=float(found)).max_batch_s
    except (ValueError, KeyError, TypeError, UsageError):
        return None  # a memory that is damaged is none


def remember(recognizer: Recognizer, cache: Path, best_s: float, rates: Mapping[float, float]) -> None:
    """Keep the best budget, with the audio seconds for a second of each that was measured. A full disk is no error."""
    facts = {
        "max_batch_s": best_s,
        "rtfx": {f"{budget_s:g}": rate for budget_s, rate in rates.items()},
    }
    memorize(recognizer, cache, _device(recognizer), facts)


def recalled(path: Path) -> dict[str, Any]:
    """What is remembered there; nothing where nothing is, or where it is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def memorize(recognizer: Recognizer, cache: Path, device: str, facts: Mapping[str, Any]) -> None:
    """Keep ``facts`` of a model on a device, beside what else is remembered of it. A full disk is no error."""
    path = memory_path(recognizer, cache, device)
    known = {**recalled(path), **facts, "recognizer": recognizer.spec.name, "device": device}
    temporary = path.with_name(f".tmp-{secrets.token_hex(6)}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)


def memory_path(recognizer: Recognizer, cache: Path, device: str) -> Path:
    """Where it is kept what was measured of a model, with its options, on a device."""
    spec = recognizer.spec
    facts = [spec.name, spec.version, spec.content_hash, dict(spec.options), device]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return cache / _FOLDER / f"{key}.json"


def _device(recognizer: Recognizer) -> str:
    return str(getattr(recognizer, "device_kind", "cpu"))
