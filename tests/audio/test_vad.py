"""The kept detector, on real speech."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from earmark.audio import vad
from earmark.audio.decode import decode
from earmark.audio.segment import cut_points
from earmark.audio.speech import cut_at_silence
from earmark.audio.vad import WINDOW_SAMPLES, SpeechDetector
from earmark.errors import MissingExtraError, UsageError

PAUSES_S = (0.6, 3.0, 1.0, 5.0)
WHOLE = {"start_s": 0.0, "duration_s": None, "channel": None}


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    return SpeechDetector()


@pytest.fixture(scope="module")
def recording(open_data, tmp_path_factory):
    """Real utterances with quiet noise between them in one file; and where each begins and ends, in seconds."""
    rows = [json.loads(line) for line in (open_data / "manifest.jsonl").read_text().splitlines()]
    noise = np.random.default_rng(3)
    pieces, spoken, at = [], [], 0.0
    for number, row in enumerate(row for row in rows if row["duration"] < 9.0 and "LibriSpeech" in row["audio"]):
        if number == 12:
            break
        samples = decode(str(open_data / row["audio"]), max_decoded_s=60.0)
        pause = noise.normal(0, 1e-4, round(16_000 * PAUSES_S[number % 4])).astype(np.float32)
        spoken.append((at, at + len(samples) / 16_000))
        pieces += [samples, pause]
        at += (len(samples) + len(pause)) / 16_000
    path = tmp_path_factory.mktemp("recording") / "long.flac"
    soundfile.write(path, np.concatenate(pieces), 16_000)
    return str(path), spoken


def test_cuts_fall_into_the_pauses_and_no_speech_is_left_out(detector, recording):
    """No piece ends inside an utterance, and what is in no piece is at most the breath at an utterance's end."""
    path, spoken = recording
    found = cut_at_silence(path, detector=detector, **WHOLE, max_piece_s=12.0)
    assert all(duration_s <= 12.0 for _, duration_s in found.pieces)
    edges = {round(edge, 3) for start_s, length_s in found.pieces for edge in (start_s, start_s + length_s)}
    assert not [edge for edge in edges if any(first + 0.3 < edge < last - 0.3 for first, last in spoken)]
    for first, last in spoken:
        inside = sum(max(0.0, min(last, start + length) - max(first, start)) for start, length in found.pieces)
        assert last - first - inside < 0.3
    left_out_s = found.length_s - sum(length_s for _, length_s in found.pieces)
    assert 6 * (3.0 + 5.0 - 2.0) / 2 - 3.0 < left_out_s < 6 * (3.0 + 5.0) / 2


def test_energy_cuts_the_same_recording_in_pauses_too(recording):
    """Without a detector, and all of it is kept."""
    path, spoken = recording
    found = cut_points(path, **WHOLE, max_piece_s=20.0)
    assert sum(length_s for _, length_s in found.pieces) == pytest.approx(found.length_s)
    cuts = [start_s for start_s, _ in found.pieces[1:]]
    assert not [cut for cut in cuts if any(first + 0.3 < cut < last - 0.3 for first, last in spoken)]


def test_the_answer_is_the_same_in_many_threads_and_blocks(detector, recording):
    """One detector serves several threads, and a stream may come in blocks of any size."""
    path, _ = recording
    with ThreadPoolExecutor(4) as pool:
        tasks = [
            pool.submit(cut_at_silence, path, detector=detector, **WHOLE, max_piece_s=limit)
            for limit in (12.0, 8.0) * 2
        ]
    first, second, *others = [task.result() for task in tasks]
    assert others == [first, second]
    assert first == cut_at_silence(path, detector=SpeechDetector(), **WHOLE, max_piece_s=12.0)
    samples = decode(path, max_decoded_s=600.0)[: 16_000 * 40]
    whole = detector.listen([samples])
    pieces = detector.listen(np.split(samples, [1, 700, 40_000, 40_001, 500_000]))
    assert np.array_equal(whole.probabilities, pieces.probabilities)
    assert np.array_equal(whole.energies, pieces.energies)
    assert len(whole.probabilities) == -(-len(samples) // WINDOW_SAMPLES)


def test_it_hears_speech_and_not_noise(detector, recording):
    """An utterance is mostly speech, and noise and nothing are none."""
    path, spoken = recording
    first, last = spoken[0]
    speech = detector.listen([decode(path, start_s=first, duration_s=last - first, max_decoded_s=60.0)]).probabilities
    assert np.mean(speech > 0.5) > 0.7
    noise = np.random.default_rng(1).normal(0, 0.01, 16_000 * 5).astype(np.float32)
    assert np.mean(detector.listen([noise]).probabilities > 0.5) < 0.05
    assert len(detector.listen([]).probabilities) == 0


@pytest.mark.parametrize("package", ["_PACKAGE", "_RUNTIME"])
def test_without_its_packages_it_says_what_to_type(monkeypatch, package):
    """One sentence, and the extra."""
    monkeypatch.setattr(vad, package, "no_such_package_here")
    with pytest.raises(MissingExtraError) as caught:
        SpeechDetector()
    assert caught.value.hint == "pip install 'earmark[vad]'"


def test_a_version_with_another_model_is_refused(monkeypatch):
    """Before anything is cut."""
    monkeypatch.setattr(vad, "_MODEL", "data/another.onnx")
    with pytest.raises(UsageError, match="not known to work"):
        SpeechDetector()


def test_it_needs_no_torch():
    """The package brings torch with it, and it is never loaded."""
    code = (
        "import sys, numpy; from earmark.audio.vad import SpeechDetector; "
        "SpeechDetector().listen([numpy.zeros(512, numpy.float32)]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
