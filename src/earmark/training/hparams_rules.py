"""Optimizer, schedule, batches and Whisper of a SpeechBrain YAML by the names of a recipe. Reads plain values only.

Each function gives, by the name in the YAML, the place in the recipe and the value.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from earmark.errors import UsageError
from earmark.recognizers.speechbrain.document import Wanted
from earmark.training import hparams_keys as keys

Placed = dict[str, tuple[tuple[str, ...], object]]


class Wrong(Protocol):
    """Makes the error about the key ``name``."""

    def __call__(self, name: str, problem: str, *, hint: str | None = None) -> UsageError: ...


def optimizer_of(values: Mapping[str, Any], wrong: Wrong) -> Placed:
    """What ``opt_class`` and a schedule say. Without them: AdamW, and a rate that stays."""
    found: Placed = {}
    for name in ("warmup_steps", "decay"):
        if name not in values:
            found[f"({name})"] = (("optimizer", name), {"warmup_steps": 0, "decay": "none"}[name])
    said = [name for name in keys.OPTIMIZER if values.get(name) is not None]
    if len(said) > 1:
        raise wrong(said[1], f"{said[0]} is the optimizer already")
    if said:
        found |= _optimizer(said[0], values, wrong)
    schedules = [name for name, one in values.items() if is_schedule(name, one)]
    if len(schedules) > 1:
        raise wrong(schedules[1], f"{schedules[0]} is the schedule already")
    return found | (_schedule(schedules[0], values[schedules[0]], wrong) if schedules else {})


def is_schedule(name: str, one: object) -> bool:
    """By its class, whatever a recipe calls it: ``lr_annealing_whisper``, ``noam_annealing``."""
    if isinstance(one, Wanted):
        return one.name.startswith(keys.SCHEDULERS) or name.startswith("lr_annealing")
    return one is not None and name == "lr_annealing"


def _optimizer(name: str, values: Mapping[str, Any], wrong: Wrong) -> Placed:
    one = values[name]
    known = ", ".join(f"!name:{torchs}" for torchs in keys.OPTIMIZERS)
    if not isinstance(one, Wanted) or one.kind != "name" or one.name not in keys.OPTIMIZERS or one.args:
        said = f"!{one.kind}:{one.name}" if isinstance(one, Wanted) else repr(one)
        raise wrong(name, f"{said} is no optimizer that is known here", hint=f"{known}, with lr: and others by name")
    rule = keys.OPTIMIZERS[one.name]
    found: Placed = {name: (("optimizer", "rule"), rule)}
    rest = dict(one.kwargs)
    if "lr" in rest:
        rate = rest.pop("lr")
        if "lr" in values and values["lr"] != rate:
            raise wrong(f"{name}.lr", f"it is {rate!r}, and lr is {values['lr']!r}", hint="lr: !ref <lr>")
        found["lr" if "lr" in values else f"{name}.lr"] = (("optimizer", "learning_rate"), rate)
    decay = rest.pop("weight_decay", keys.USUAL_DECAY.get(rule, 0.0))
    found[f"{name}.weight_decay"] = (("optimizer", "weight_decay"), decay)
    if rest:
        found[f"{name} "] = (("optimizer", "arguments"), rest)
    return found


def _schedule(name: str, one: object, wrong: Wrong) -> Placed:
    said, told = (one.name, one.kwargs) if isinstance(one, Wanted) else (repr(one), {})
    read = keys.SCHEDULES.get(said, {})
    is_whole = all(argument in told for argument in keys.SCHEDULES_NEED if argument in read)
    if not read or not is_whole or told.keys() - read.keys() or (isinstance(one, Wanted) and one.args):
        known = "; ".join(f"!new:{known} with {', '.join(names)}" for known, names in keys.SCHEDULES.items())
        hint = f"{known}; or warmup_steps: 100 and decay: linear, or none"
        raise wrong(name, f"{said} with {', '.join(told) or 'nothing'} is no schedule that is known here", hint=hint)
    found: Placed = {f"{name}.{argument}": (("optimizer", read[argument]), value) for argument, value in told.items()}
    return found | {name: (("optimizer", "decay"), keys.SCHEDULES_AS[said])}


def batching_of(values: Mapping[str, Any], kind: keys.Kind, data: Any, wrong: Wrong) -> Placed:  # noqa: ANN401  # a section
    """What ``dynamic_batch_sampler`` says, or else ``batch_size``: so many utterances, however long they are."""
    sampler = values.get("dynamic_batch_sampler")
    if sampler is not None and values.get("dynamic_batching", True):
        return _sampler(sampler, kind, wrong)
    size = values.get("batch_size")
    if size is None:
        return {}
    found: Placed = {"batch_size": (("batching", "max_batch_size"), size)}
    longest = data.get("max_s", 30.0) if isinstance(data, Mapping) else 30.0
    if kind != "lm" and isinstance(size, int) and isinstance(longest, (int, float)):
        found["batch_size "] = (("batching", "max_batch_s"), float(size * longest))
    return found


def _sampler(sampler: object, kind: keys.Kind, wrong: Wrong) -> Placed:
    if not isinstance(sampler, Mapping):
        raise wrong("dynamic_batch_sampler", "it is a section, with max_batch_length")
    found: Placed = {}
    for name, value in sampler.items():
        if name in keys.SAMPLER:
            most = "max_batch_tokens" if kind == "lm" else "max_batch_s"
            place = most if keys.SAMPLER[name] == "most" else keys.SAMPLER[name]
            found[f"dynamic_batch_sampler.{name}"] = (("batching", place), value)
        elif name not in keys.SAMPLER_NOT_READ:
            known = [*keys.SAMPLER, *sorted(keys.SAMPLER_NOT_READ)]
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or known
            raise wrong(f"dynamic_batch_sampler.{name}", "there is no such key", hint=f"known: {', '.join(near)}")
    return found


def whisper_of(wanted: Wanted, wrong: Wrong) -> Placed:
    """Where a Whisper begins, and what of it stays."""
    told = wanted.kwargs
    if other := sorted(told.keys() - keys.WHISPER_READ):
        raise wrong(
            "modules", f"the argument {other[0]} of its whisper (line {wanted.line}) is none that is known here"
        )
    if told.get("freeze"):
        raise wrong("modules", f"its whisper (line {wanted.line}) is frozen, and learns nothing", hint="freeze: False")
    source = told.get("source")
    if wanted.args or not isinstance(source, str):
        raise wrong("modules", f"its whisper (line {wanted.line}) has no source", hint="source: FOLDER, or OWNER/NAME")
    is_hub = (
        "/" in source and ":" not in source and not source.startswith(("/", ".", "~")) and not Path(source).exists()
    )
    found: Placed = {"modules": (("model", "pretrained"), f"hf:{source}" if is_hub else source)}
    if told.get("freeze_encoder"):
        found["modules "] = (("model", "freeze"), "encoder")
    for name in ("language", "task"):
        if told.get(name) is not None:
            found[f"modules {name}"] = (("model", name), told[name])
    return found
