"""A made-up set of which every answer is known, and what a look at data must not do."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earmark

NOISE = np.random.default_rng(0)


def write(path: Path, duration_s: float, rate_hz: int, loudness: float) -> None:
    samples = NOISE.normal(scale=loudness, size=round(duration_s * rate_hz)).clip(-1, 1)
    soundfile.write(path, samples, rate_hz)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    write(tmp_path / "a.wav", 1.5, 16_000, 0.05)
    write(tmp_path / "b.flac", 4.0, 8_000, 0.05)
    write(tmp_path / "c.wav", 12.0, 16_000, 0.05)
    write(tmp_path / "loud.wav", 3.0, 16_000, 1.0)
    write(tmp_path / "silent.wav", 3.0, 16_000, 0.0)
    rows = [
        {"id": "a", "audio": "a.wav", "text": "hello world", "language": "en", "speaker": "x"},
        {"id": "b", "audio": "b.flac", "text": "hola mundo ñandú Ж", "language": "es", "speaker": "y"},
        {"id": "c", "audio": "c.wav", "text": "", "language": "en", "speaker": "x"},
        {"id": "d", "audio": "loud.wav", "text": "loud words, here", "language": "en"},
        {"id": "e", "audio": "silent.wav", "text": "nothing is heard", "language": "en"},
        {"id": "f", "audio": "gone.wav", "duration": 2.5, "text": "it is gone", "language": "en"},
        {"id": "g", "audio": "a.wav", "text": "hello again", "language": "en"},
        {"id": "a", "audio": "b.flac", "start": 1.0, "duration": 2.0, "text": "hello\tmundo"},
    ]
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n")
    return path


def counts(shares) -> dict[str | int | None, int]:
    return {one.value: one.num_utterances for one in shares}


def test_sizes_are_those_that_were_made(manifest):
    """Counts, hours, the histogram, rates, formats, languages, speakers, words and characters."""
    found = earmark.check(manifest)
    assert found.num_utterances == 8
    assert found.audio_s == pytest.approx(1.5 + 4 + 12 + 3 + 3 + 2.5 + 1.5 + 2)
    assert (found.duration_s.min, found.duration_s.median, found.duration_s.max) == (1.5, 2.75, 12.0)
    assert {one.from_s: one.num_utterances for one in found.durations if one.num_utterances} == {1: 2, 2: 5, 10: 1}
    assert [(one.from_s, one.to_s) for one in found.durations] == [
        (0, 1), (1, 2), (2, 5), (5, 10), (10, 20), (20, 30), (30, 60), (60, None),
    ]  # fmt: skip
    assert counts(found.sample_rates_hz) == {16_000: 5, 8_000: 2}
    assert counts(found.num_channels) == {1: 7}
    assert counts(found.formats) == {"WAV/PCM_16": 5, "FLAC/PCM_16": 2}
    assert counts(found.languages) == {"en": 6, "es": 1, None: 1}
    assert (found.num_speakers, counts(found.speakers)) == (2, {"x": 2, "y": 1})
    assert (found.references.num_references, found.references.num_words) == (8, 19)
    assert found.references.num_characters == 10 + 15 + 14 + 14 + 8 + 10 + 10


def test_troubles_are_those_that_were_made(manifest):
    """Each once, and nothing else: missing, doubled and broken ones, empty texts, clipping, silence, characters."""
    found = earmark.check(manifest)
    assert {one.kind: (one.number, one.first_id) for one in found.problems} == {
        "bad_row": (1, ""),
        "duplicate_id": (1, "a"),
        "missing_audio": (1, "f"),
        "empty_reference": (1, "c"),
        "doubled_audio": (1, "g"),
        "clipped": (1, "d"),
        "silent": (1, "e"),
        "unexpected_character": (1, "b"),
        "control_character": (1, "a"),
    }
    assert [one.line for one in found.bad_rows] == [9]
    assert Counter(one.character for one in found.characters.unexpected) == {"Ж": 1, "\t": 1}
    assert found.verdict == "refused"


def test_expected_characters_are_what_the_user_says(manifest):
    """All others are listed, but the space."""
    found = earmark.check(manifest, decode="none", expected_characters="abcdefghijklmnopqrstuvwxyz")
    assert {one.character: one.number for one in found.characters.unexpected} == {
        "ñ": 1, "ú": 1, "Ж": 1, ",": 1, "\t": 1,
    }  # fmt: skip


def test_nothing_is_started(manifest, monkeypatch):
    """No process, so no model either."""

    def started(self: object) -> None:
        pytest.fail("a check started a process")

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", started)
    monkeypatch.setattr("subprocess.Popen", started)
    assert earmark.check(manifest).decoded.num_utterances == 7
