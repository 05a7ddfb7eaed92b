"""Every family of recognizers on real digits, by the command line: audited, and word for word what its library says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from earmark.audio.decode import decode
from earmark.records import Waveform
from earmark.store import layout
from tests.recognizers import test_nemo, test_speechbrain, test_transformers, test_transformers_instructed
from tests.recognizers.test_faster_whisper import own_texts
from tests.recognizers.tiny import (
    CTRANSLATE2_KINDS,
    INSTRUCTED_KINDS,
    KINDS,
    NEMO_KINDS,
    SPEECHBRAIN_KINDS,
    tiny_model,
    tiny_models,  # noqa: F401  # a fixture
)

pytestmark = pytest.mark.soak
NUM_UTTERANCES = 12
LANGUAGES = {"cohere asr": "en"}


def own_words(kind: str, heard: Sequence[Waveform], folder: Path) -> list[str]:
    """What the library itself says of each alone."""
    arrays = [one.samples for one in heard]
    if kind in KINDS:
        return [test_transformers.simplest_call(kind, one) for one in arrays]
    if kind in INSTRUCTED_KINDS:
        return [test_transformers_instructed.simplest_call(kind, one, None) for one in arrays]
    if kind in NEMO_KINDS:
        return test_nemo.simplest_call(kind, arrays)
    if kind in SPEECHBRAIN_KINDS:
        return test_speechbrain.own_words(kind, list(heard), folder)
    return own_texts(tiny_model(kind), arrays, window_s=30 if kind.endswith("multilingual") else 5)


@pytest.mark.parametrize("kind", [*KINDS, *INSTRUCTED_KINDS, *NEMO_KINDS, *SPEECHBRAIN_KINDS, *CTRANSLATE2_KINDS])
def test_a_family_hears_digits_in_any_company(kind, data_folder, tmp_path, monkeypatch):
    """The audit finds no text that changed, and each text is that of the library's simplest call at batch size one."""
    model = tiny_model(kind)
    manifest = data_folder / "digits" / "manifest.jsonl"
    out = tmp_path / "run"
    sample = ["--limit", str(NUM_UTTERANCES), "--seed", "1", "--audit", str(NUM_UTTERANCES), "--workers", "1"]
    language = ["--set", f"language={LANGUAGES[kind]}"] if kind in LANGUAGES else []
    command = [sys.executable, "-m", "earmark", "eval", str(model), "--data", str(manifest), "--out", str(out)]
    done = subprocess.run([*command, *sample, *language], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    print(kind, next(line for line in done.stdout.splitlines() if "%WER" in line))
    assert json.loads((out / "audit.json").read_text())["verdict"]["kind"] == "invariant"
    monkeypatch.chdir(model if model.is_dir() else model.parent)  # where SpeechBrain's reader finds a backbone
    paths = {row["id"]: manifest.parent / row["audio"] for row in map(json.loads, manifest.read_text().splitlines())}
    scores = pd.read_parquet(out / layout.SCORES)
    heard = [Waveform(one, decode(str(paths[one]), max_decoded_s=60.0)) for one in scores["id"]]
    assert scores["hypothesis"].tolist() == own_words(kind, heard, tmp_path / "own")
    assert len(scores) == NUM_UTTERANCES
