"""Small real things that tests share: speech-shaped audio, a source made of it, and a run over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from earmark.records import Alternative, AudioRef, Hypothesis, Utterance, Waveform, Word
from earmark.spec import AudioSpec, BatchingSpec, DataSpec, RecognizerSpec, RunSpec

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "hundred", "point")


def write_wav(path: Path, duration_s: float, *, seed: int = 0, rate_hz: int = 16_000) -> Path:
    """A noise of ``duration_s`` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=round(duration_s * rate_hz)).clip(-1, 1)
    soundfile.write(path, noise.astype(np.float32), rate_hz, subtype="PCM_16")
    return path


def sentence(number: int) -> str:
    """A text of a few words, another one for each number."""
    chosen = np.random.default_rng(number).choice(WORDS, size=3 + number % 7)
    return " ".join(chosen.tolist())


@dataclass(frozen=True)
class ToySource:
    """A source that holds its utterances."""

    root: str
    items: tuple[Utterance, ...]
    name: str = "toy"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr(self.items).encode()).hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        return iter(self.items)

    @property
    def texts(self) -> dict[str, str]:
        """What an echo must say."""
        return {item.id: item.reference or "" for item in self.items}


def toy_source(folder: Path, num_utterances: int = 12, *, durations_s: Sequence[float] | None = None) -> ToySource:
    """``num_utterances`` short noises with texts, of two speakers."""
    lengths = durations_s or [0.2 + 0.05 * (number * 7 % 11) for number in range(num_utterances)]
    items = []
    for number, duration_s in enumerate(lengths):
        path = write_wav(folder / f"{number:03d}.wav", duration_s, seed=number)
        audio = AudioRef(path.name, duration_s=duration_s)
        items.append(Utterance(f"utt-{number:03d}", audio, sentence(number), speaker=f"speaker-{number % 2}"))
    return ToySource(str(folder), tuple(items))


def write_manifest(path: Path, source: ToySource) -> Path:
    """The toy source as a JSONL manifest beside its audio."""
    rows = [
        {
            "id": item.id,
            "audio": item.audio.uri,
            "text": item.reference,
            "duration": item.audio.duration_s,
            "speaker": item.speaker,
        }
        for item in source.items
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def toy_spec(num_utterances: int = 12, **changes: object) -> RunSpec:
    """A run's identity that no recognizer stands behind."""
    fields = {
        "recognizer": RecognizerSpec(name="echo", version="1"),
        "data": DataSpec(name="toy", fingerprint="f", audio_sample="s", num_utterances=num_utterances),
        "batching": BatchingSpec(),
        "audio": AudioSpec(),
    }
    return RunSpec(**{**fields, **changes})  # type: ignore[arg-type]  # a toy takes any field


class WithTimes:
    """Before a double of texts: each word lasts a hundredth of a second, and of later words it is less sure."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        return [self._heard(waveform) for waveform in batch]

    def _heard(self, waveform: Waveform) -> Hypothesis:
        text: str = self.text(waveform)  # type: ignore[attr-defined]  # of the double
        words = [
            Word(word, 0.01 * place, 0.01 * place + 0.01, 1 / (1 + place)) for place, word in enumerate(text.split())
        ]
        sure = [word.confidence for word in words if word.confidence is not None]
        mean = sum(sure) / len(sure) if sure else None
        return Hypothesis(text, tuple(words), mean, (Alternative(text, -1.0), Alternative("x", -2.0)))
