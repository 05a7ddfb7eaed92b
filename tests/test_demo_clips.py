from __future__ import annotations

import json
import re
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile

DEMO = Path(__file__).parents[1] / "src" / "earmark" / "demo"
ROWS = [json.loads(line) for line in (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_clip_is_what_manifest_says(row):
    """Each clip is 16 kHz mono, as long as the manifest claims, and quiet for a quarter of a second at both ends."""
    info = soundfile.info(DEMO / row["audio"])
    assert (info.samplerate, info.channels, info.format, info.subtype) == (16_000, 1, "FLAC", "PCM_16")
    assert info.frames / info.samplerate == row["duration"]
    samples, _ = soundfile.read(DEMO / row["audio"], dtype="int16")
    assert 0 < np.abs(samples[:4000]).max() < 10
    assert 0 < np.abs(samples[-4000:]).max() < 10
    assert 3000 < np.abs(samples).max() < 32_767


def test_manifest_names_every_clip_once():
    """The manifest and the folder agree, ids are unique, and no clip passes for a person's speech."""
    assert sorted(row["audio"] for row in ROWS) == sorted(f"clips/{path.name}" for path in (DEMO / "clips").iterdir())
    assert len({row["id"] for row in ROWS}) == len(ROWS) >= 12
    assert all(row["synthetic"] is True and row["speaker"].startswith("espeak-ng ") for row in ROWS)
    assert {row["language"] for row in ROWS} == {"en"}


def test_demo_is_small():
    """All the demo's data stay under a megabyte, since every installation carries them."""
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 1_000_000


def test_every_reference_word_is_in_the_grammar():
    """No reference asks for a word that the recognizer cannot say."""
    grammar = re.sub(
        r"<\w+>|//.*|^.*(?:JSGF|grammar).*$", " ", (DEMO / "commands.gram").read_text(), flags=re.MULTILINE
    )
    words = set(re.findall(r"[a-z]+", grammar)) - {"public"}
    assert {word for row in ROWS for word in row["text"].split()} <= words


def test_demo_teaches():
    """The embedded recognizer gets most clips right, and makes each of the three kinds of error."""
    pocketsphinx = pytest.importorskip("pocketsphinx")
    decoder = pocketsphinx.Decoder(lm=None, jsgf=str(DEMO / "commands.gram"), loglevel="FATAL")
    hypotheses = [_heard(decoder, DEMO / row["audio"]) for row in ROWS]
    references = [row["text"] for row in ROWS]
    scores = jiwer.process_words(references, hypotheses)
    assert 0.05 <= scores.wer <= 0.25
    assert min(scores.substitutions, scores.deletions, scores.insertions) >= 1
    num_right = sum(map(str.__eq__, references, hypotheses))
    assert len(ROWS) / 2 < num_right < len(ROWS)


def _heard(decoder, path):
    samples, _ = soundfile.read(path, dtype="int16")
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""
