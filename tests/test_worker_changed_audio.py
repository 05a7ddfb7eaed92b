"""Runs whose recognizer hears something else than what was recorded."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from earmark.errors import RunMismatchError
from earmark.recognizers.doubles import Echo
from earmark.records import SAMPLE_RATE_HZ, AudioRef, Hypothesis, Utterance, Word
from earmark.spec import AS_RECORDED, AudioSpec
from earmark.store import layout
from earmark.verbs.evaluate import evaluate
from tests.toys import ToySource, toy_spec

CLICK_S, LENGTH_S = 0.5, 1.0


class Listener(Echo):
    """Says when it hears the loudest sample, how loud it is, and how long it listened."""

    name = "listener"

    def __init__(self, max_audio_s: float | None = None) -> None:
        super().__init__(max_audio_s=max_audio_s)
        self.lengths_s: list[float] = []

    def transcribe(self, batch):
        self.lengths_s += [one.duration_s for one in batch]
        return [self._heard(one.samples) for one in batch]

    def _heard(self, samples):
        place = int(np.argmax(np.abs(samples)))
        level = f"{float(np.abs(samples[place])):.2f}"
        return Hypothesis(level, words=(Word(level, place / SAMPLE_RATE_HZ, (place + 160) / SAMPLE_RATE_HZ),))


@pytest.fixture
def clicks(tmp_path):
    """Two recordings of silence with a click in the middle, one second each."""
    samples = np.zeros(round(LENGTH_S * SAMPLE_RATE_HZ), np.float32)
    place = round(CLICK_S * SAMPLE_RATE_HZ)
    samples[place - 40 : place + 40] = 0.25 * np.hanning(80)
    items = []
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        items.append(Utterance(name, AudioRef(f"{name}.wav", duration_s=LENGTH_S), reference="0.25"))
    return ToySource(str(tmp_path), tuple(items))


def rows_of(run):
    return pq.read_table(run / layout.PARTS).sort_by("index").to_pylist()


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 2.0])
def test_times_of_words_are_those_of_the_recording(clicks, tmp_path, speed):
    """Whatever the speed at which it was heard; and so are the lengths that a run adds up."""
    listener = Listener()
    summary = evaluate(listener, clicks, out=tmp_path / "run", engine="inline", audio=AudioSpec(speed=speed))
    assert listener.lengths_s == pytest.approx([LENGTH_S / speed] * 2, abs=1e-3)
    for row in rows_of(tmp_path / "run"):
        assert row["words"][0]["start_s"] == pytest.approx(CLICK_S, abs=2e-3)
        assert row["words"][0]["end_s"] == pytest.approx(CLICK_S + 0.01 * speed, abs=2e-3)
        assert row["audio_s"] == pytest.approx(LENGTH_S)
    assert summary.audio_s == pytest.approx(2 * LENGTH_S)


def test_a_change_of_level_is_heard(clicks, tmp_path):
    """And kept as the level that the recognizer was given."""
    evaluate(Listener(), clicks, out=tmp_path / "as-is", engine="inline")
    evaluate(Listener(), clicks, out=tmp_path / "peak", engine="inline", audio=AudioSpec(normalization="peak"))
    evaluate(Listener(), clicks, out=tmp_path / "quiet", engine="inline", audio=AudioSpec(level_db=-6.0206))
    found = {name: rows_of(tmp_path / name)[0] for name in ("as-is", "peak", "quiet")}
    assert [row["hypothesis"] for row in found.values()] == ["0.25", "1.00", "0.12"]
    assert found["peak"]["level_dbfs"] - found["as-is"]["level_dbfs"] == pytest.approx(12.04, abs=0.01)


@pytest.mark.parametrize("segmenter", ["energy", "none"])
def test_what_gets_too_long_by_its_speed_is_cut_before(clicks, tmp_path, segmenter):
    """The recognizer is never given more than it takes; and what nobody may cut fails, by name."""
    listener = Listener(max_audio_s=1.2)
    summary = evaluate(
        listener, clicks, out=tmp_path / "run", engine="inline", segmenter=segmenter, audio=AudioSpec(speed=0.5)
    )
    assert all(length_s <= 1.21 for length_s in listener.lengths_s)
    if segmenter == "energy":
        assert summary.num_failed == 0
        assert [row["num_segments"] for row in rows_of(tmp_path / "run")] == [2] * 4
    else:
        assert {row["error_kind"] for row in rows_of(tmp_path / "run")} == {"not_cut"}


def test_another_change_is_another_run(clicks, tmp_path):
    """It is refused by name; and a run without changes is what it was before there were any."""
    out = tmp_path / "run"
    evaluate(Listener(), clicks, out=out, engine="inline", audio=AudioSpec(speed=0.9))
    with pytest.raises(RunMismatchError) as refused:
        evaluate(Listener(), clicks, out=out, engine="inline", audio=AudioSpec(speed=1.1))
    assert refused.value.fields == {"audio.speed": (0.9, 1.1)}
    assert not [name for name in toy_spec(audio=AS_RECORDED).identity() if "speed" in name or "level" in name]
