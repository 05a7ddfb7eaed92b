"""Toy recognizers for tests, ours and yours: they behave in one known way each, and need no model.

They are told what to say by utterance id (a mapping, or the path of a JSONL file with ``id`` and ``text``); without
that they say the id itself, in words.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.errors import OutOfMemoryError, RecognizerError, UsageError
from earmark.records import SAMPLE_RATE_HZ, Hypothesis, Waveform
from earmark.spec import BatchingKind, OptionValue, RecognizerSpec

_WORDS = re.compile(r"[^\W_]+")


class Echo:
    """Says the text of the utterance, at once and without error."""

    name = "echo"
    batching: BatchingKind = "any"

    def __init__(self, texts: Mapping[str, str] | str | None = None, *, max_audio_s: float | None = None) -> None:
        self._texts = _read_texts(texts) if isinstance(texts, str) else dict(texts or {})
        self._max_audio_s = max_audio_s

    def options(self) -> dict[str, OptionValue]:
        """What else makes a difference to its answers."""
        return {}

    @cached_property
    def spec(self) -> RecognizerSpec:
        """The name, the options, and a hash over the texts."""
        return RecognizerSpec(
            name=self.name,
            version="1",
            content_hash=hashlib.sha256(json.dumps(self._texts, sort_keys=True).encode()).hexdigest(),
            options=self.options(),
            batching=self.batching,
            max_audio_s=self._max_audio_s,
        )

    def __enter__(self) -> Self:
        """Nothing to load."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to free."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One text a waveform."""
        return [Hypothesis(self.text(waveform)) for waveform in batch]

    def text(self, waveform: Waveform) -> str:
        """What it says to one waveform."""
        known = self._texts.get(waveform.utterance_id)
        return known if known is not None else " ".join(_WORDS.findall(waveform.utterance_id))


class Noisy(Echo):
    """Says the text with about ``error_rate`` of its words changed, left out or added, the same ones every time."""

    name = "noisy"

    def __init__(self, texts: Mapping[str, str] | str | None = None, *, error_rate: float = 0.1, seed: int = 0) -> None:
        super().__init__(texts)
        self._error_rate = error_rate
        self._seed = seed

    def options(self) -> dict[str, OptionValue]:
        return {"error_rate": self._error_rate, "seed": self._seed}

    def text(self, waveform: Waveform) -> str:
        chance = random.Random(f"{self._seed} {waveform.utterance_id}")  # noqa: S311  # repeatable, not secret
        words: list[str] = []
        for word in super().text(waveform).split():
            kept = [[word]] if chance.random() >= self._error_rate else [[word[::-1] + "x"], [], [word, "uh"]]
            words += chance.choice(kept)
        return " ".join(words)


class Slow(Echo):
    """Takes ``seconds`` for every utterance, as a device would: asleep."""

    name = "slow"

    def __init__(self, texts: Mapping[str, str] | str | None = None, *, seconds: float = 0.1) -> None:
        super().__init__(texts)
        self._seconds = seconds

    def text(self, waveform: Waveform) -> str:
        time.sleep(self._seconds)
        return super().text(waveform)


class Failing(Echo):
    """Raises on the utterances whose ids are in ``ids`` (several are separated by commas)."""

    name = "failing"
    batching: BatchingKind = "masked"

    def __init__(self, texts: Mapping[str, str] | str | None = None, *, ids: str = "") -> None:
        super().__init__(texts)
        self._ids = frozenset(ids.split(",")) if ids else frozenset()

    def options(self) -> dict[str, OptionValue]:
        return {"ids": ",".join(sorted(self._ids))}

    def text(self, waveform: Waveform) -> str:
        if waveform.utterance_id in self._ids:
            raise RecognizerError(f"told to fail on {waveform.utterance_id}")
        return super().text(waveform)


class Crashing(Failing):
    """Kills its own process on the utterances in ``ids``, as a driver fault or the kernel's memory killer would."""

    name = "crashing"

    def text(self, waveform: Waveform) -> str:
        if waveform.utterance_id in self._ids:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().text(waveform)


class Hungry(Echo):
    """Is out of memory with more than ``most_at_once`` utterances in a batch."""

    name = "hungry"
    batching: BatchingKind = "masked"

    def __init__(self, texts: Mapping[str, str] | str | None = None, *, most_at_once: int = 2) -> None:
        super().__init__(texts)
        self._most_at_once = most_at_once

    def options(self) -> dict[str, OptionValue]:
        return {"most_at_once": self._most_at_once}

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        if len(batch) > self._most_at_once:
            raise OutOfMemoryError(f"{len(batch)} utterances do not fit")
        return super().transcribe(batch)


class Unmasked(Echo):
    """Hears the padding: a word too many for each ``heard_s`` seconds by which its batch pads an utterance.

    So does an encoder without an attention mask. What it declares, that batches do not matter, is false.
    """

    name = "unmasked"

    def __init__(self, texts: Mapping[str, str] | str | None = None, *, heard_s: float = 1.0) -> None:
        super().__init__(texts)
        if not heard_s > 0:
            raise UsageError(f"unmasked option heard_s is above 0, not {heard_s:g}")
        self._heard_s = heard_s

    def options(self) -> dict[str, OptionValue]:
        return {"heard_s": self._heard_s}

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        longest = max((len(waveform.samples) for waveform in batch), default=0)
        padding_s = ((longest - len(waveform.samples)) / SAMPLE_RATE_HZ for waveform in batch)
        return [
            Hypothesis(" ".join([self.text(waveform), *["uh"] * int(one_s / self._heard_s)]))
            for waveform, one_s in zip(batch, padding_s, strict=True)
        ]


class Leaky(Echo):
    """Begins each text with the last word of the one before, as a decoder does that is not reset."""

    name = "leaky"

    def __init__(self, texts: Mapping[str, str] | str | None = None) -> None:
        super().__init__(texts)
        self._kept: list[str] = []

    def __enter__(self) -> Self:
        """Forget, as a model does that is loaded anew."""
        self._kept = []
        return self

    def text(self, waveform: Waveform) -> str:
        said = super().text(waveform)
        leaked, self._kept = self._kept, said.split()[-1:]
        return " ".join([*leaked, said])


class Fickle(Echo):
    """Ends each text with a word that it makes up: the same call has never the same answer."""

    name = "fickle"

    def text(self, waveform: Waveform) -> str:
        return f"{super().text(waveform)} {secrets.token_hex(8)}"


def _read_texts(path: str) -> dict[str, str]:
    try:
        rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        return {row["id"]: row["text"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"cannot read texts from {path}", cause=repr(error), hint="JSONL with id and text") from error
