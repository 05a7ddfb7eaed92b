"""How fast a model was, kept on this machine for each model, device and rule of batches: what a forecast is made of.

It lies where the learned budgets lie, in the user's cache. It is a memory, and no result: a run never depends on it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from earmark.recognizers import Recognizer
from earmark.spec import RunSpec
from earmark.verbs.budget import memorize, memory_path, recalled
from earmark.verbs.metering import Meter

_FIELD = "throughput"
_COLD_STARTS = "cold_start_s"
"""By engine: a cluster takes longer to load a model than this process does."""
_MOST_FAILED = 0.1
"""A run in which more failed says little of the others' time."""
_LEAST_SHARE = 0.1
"""Of the audio of what is known already: less does not replace it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What workers did in one run: ``worker_s`` is of all ``num_workers``, for ``audio_s`` seconds of audio.

    ``measured`` is the day, and ``rule`` the batches that it was measured with. ``peak_bytes`` is of the largest
    process. Tokens are a server's.
    """

    rule: str
    measured: str
    num_workers: int
    audio_s: float
    worker_s: float
    peak_bytes: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def rtfx(self) -> float:
        """Seconds of audio for a second of one worker's time."""
        return self.audio_s / self.worker_s


def rule_of(spec: RunSpec) -> str:
    """What the batches of a run are cut by, in a few words."""
    if spec.recognizer.batching == "single":
        return "one by one"
    most = spec.batching.max_batch_size
    return f"{spec.batching.max_batch_s:g} s" + (f", at most {most}" if most is not None else "")


def keep_throughput(recognizer: Recognizer, spec: RunSpec, meter: Meter, cache: Path) -> None:
    """Remember how fast an attempt was that is over; nothing where it did nothing, or much of it failed."""
    workers = meter.workers.values()
    audio_s, worker_s = (sum(getattr(worker, name) for worker in workers) for name in ("audio_s", "worker_s"))
    if not audio_s or not worker_s or meter.num_failed > _MOST_FAILED * meter.num_rows:
        return
    if meter.cold_start_s is not None:
        starts = {**_cold_starts(recognizer, meter.device, cache), meter.engine: meter.cold_start_s}
        memorize(recognizer, cache, meter.device, {_COLD_STARTS: starts})
    rule = rule_of(spec)
    known = _kept(recognizer, meter.device, cache)
    if rule in known and audio_s < _LEAST_SHARE * known[rule].audio_s:
        return
    known[rule] = Throughput(
        rule=rule,
        measured=datetime.now(UTC).date().isoformat(),
        num_workers=len(workers),
        audio_s=audio_s,
        worker_s=worker_s,
        peak_bytes=meter.peak_bytes(),
        input_tokens=meter.usage.input_tokens if meter.usage else 0,
        output_tokens=meter.usage.output_tokens if meter.usage else 0,
    )
    facts = {_FIELD: {name: dataclasses.asdict(one) for name, one in known.items()}}
    memorize(recognizer, cache, meter.device, facts)


def known_throughput(recognizer: Recognizer, spec: RunSpec, device: str, cache: Path) -> Throughput | None:
    """What is known of the model on the device with these batches, else with the others that were measured longest."""
    known = _kept(recognizer, device, cache)
    longest = max(known.values(), key=lambda one: one.audio_s, default=None)
    return known.get(rule_of(spec), longest)


def known_cold_start_s(recognizer: Recognizer, device: str, engine: str, cache: Path) -> float | None:
    """How long the latest run took from the start of ``engine`` to its first shard; None: it was never measured."""
    return _cold_starts(recognizer, device, cache).get(engine)


def _cold_starts(recognizer: Recognizer, device: str, cache: Path) -> dict[str, float]:
    """By engine. What is damaged is forgotten."""
    found = recalled(memory_path(recognizer, cache, device)).get(_COLD_STARTS)
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(engine): float(took_s) for engine, took_s in pairs if isinstance(took_s, int | float) and took_s >= 0}


def _kept(recognizer: Recognizer, device: str, cache: Path) -> dict[str, Throughput]:
    """By rule. What is damaged is forgotten."""
    found = recalled(memory_path(recognizer, cache, device)).get(_FIELD)
    known = {}
    for rule, facts in found.items() if isinstance(found, dict) else ():
        try:
            one = Throughput(**facts)
            if one.audio_s > 0 and one.worker_s > 0:
                known[str(rule)] = one
        except TypeError:
            continue
    return known
