"""Long audio the whole way through: cut, transcribed in pieces, joined, and every second accounted for."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from earmark.audio.decode import decode
from earmark.cli.flags import at_most
from earmark.cli.results import coverage_notes
from earmark.errors import InterruptedRunError, RecognizerError, RunMismatchError, TooManyFailuresError, UsageError
from earmark.recognizers.doubles import Echo
from earmark.recognizers.pocketsphinx import PocketSphinx
from earmark.records import AudioRef, Utterance
from earmark.reports.summarize import summarize
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs import segments as segments_verb
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import SegmentingProgressed
from earmark.verbs.score import score
from tests.toys import ToySource, toy_source


class FailsOnThird(Echo):
    """Fails on its third call."""

    calls = 0

    def text(self, waveform):
        self.calls += 1
        if self.calls == 3:
            raise RecognizerError("no third time")
        return super().text(waveform)


def run(source, out, recognizer, **arguments):
    return evaluate(recognizer, source, out=str(out), normalizer="none", max_batch_s=1.0, **arguments)


def adds_up(coverage) -> bool:
    parts = (coverage.transcribed_s, coverage.silence_s, coverage.failed_s, coverage.not_done_s)
    return coverage.audio_s == pytest.approx(sum(parts))


def test_without_long_audio_everything_is_covered(tmp_path):
    """And nothing is said of it."""
    source = toy_source(tmp_path / "audio", 6)
    found = run(source, tmp_path / "run", Echo(source.texts)).coverage
    assert found.ratio == 1.0
    assert found.audio_s == pytest.approx(sum(item.audio.duration_s for item in source.items))
    assert (found.num_cut, found.num_pieces) == (0, 0)
    assert coverage_notes(found) == []


class BrokenOff(Echo):
    """Says of all but the longest that they ended by a limit."""

    def transcribe(self, batch):
        heard = zip(super().transcribe(batch), batch, strict=True)
        return [dataclasses.replace(one, is_unfinished=waveform.duration_s < 5.0) for one, waveform in heard]


def test_texts_that_ended_by_a_limit_are_counted(tmp_path):
    """They stay what they are, and count as transcribed."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5, 0.6])
    summary = run(source, tmp_path / "run", BrokenOff(source.texts))
    assert (summary.num_failed, summary.coverage.num_unfinished, summary.coverage.ratio) == (0, 2, 1.0)
    assert json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["coverage"]["num_unfinished"] == 2
    [note] = coverage_notes(summary.coverage)
    assert note.startswith("note: 2 texts ended at the most tokens")


def test_a_piece_that_failed_is_seconds_that_failed(tmp_path):
    """Of an utterance in pieces one fails, and with it the utterance; the others stay transcribed."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5])
    summary = run(source, tmp_path / "run", FailsOnThird(source.texts, max_audio_s=2.0))
    pieces = pq.read_table(tmp_path / "run" / layout.SEGMENTS).to_pylist()
    found = summary.coverage
    assert (summary.num_failed, found.num_cut, found.num_pieces, found.num_failed_pieces) == (1, 1, len(pieces), 1)
    assert 0.6 < found.failed_s <= 2.0
    assert any(found.failed_s == pytest.approx(piece["duration_s"]) for piece in pieces)
    assert found.audio_s == pytest.approx(5.5)
    assert adds_up(found)
    first, second = coverage_notes(found)
    assert first == f"note: 1 long utterance was cut into {len(pieces)} pieces (--segmenter energy); 1 of them failed"
    assert second.startswith("note: coverage of the audio ")
    assert second.endswith(f" % of 5.5 s: {found.failed_s:.1f} s failed")
    facts = json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["coverage"]
    assert facts == found.facts()
    assert facts["ratio"] == pytest.approx(1 - found.failed_s / 5.5)


def test_with_splitting_off_long_audio_fails_and_is_counted(tmp_path):
    """It is never cut off in silence; and the reason says how it can be done."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5])
    summary = run(source, tmp_path / "run", Echo(source.texts, max_audio_s=2.0), segmenter="none")
    assert (summary.num_failed, summary.num_scored) == (1, 1)
    reason = json.loads((tmp_path / "run" / layout.ERRORS).read_text())["reason"]
    assert reason.startswith("not_cut: 2 s is the longest that echo takes in one piece")
    found = summary.coverage
    assert (found.failed_s, found.transcribed_s) == (pytest.approx(5.0), pytest.approx(0.5))
    with pytest.raises(RunMismatchError) as refused:
        run(source, tmp_path / "run", Echo(source.texts, max_audio_s=2.0))
    assert refused.value.cause == "segmentation.name was 'none', is now 'energy'"
    assert (found.num_not_cut, found.facts()["num_not_cut"]) == (1, 1)
    assert any("--segmenter energy" in note for note in coverage_notes(found))
    with pytest.raises(TooManyFailuresError) as too_many:
        at_most("0", summary)
    assert too_many.value.hint == "--segmenter energy transcribes the 1 that are too long, in a run of its own"


class NeverEntered(Echo):
    """Fails the test that loads it."""

    def __enter__(self):
        pytest.fail("it was loaded for nothing")


def test_where_nothing_fits_no_model_is_loaded(tmp_path):
    """With splitting off, and every utterance too long: the run does not begin, and the hint is what cuts them."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 2.5])
    with pytest.raises(UsageError, match="every utterance is longer than echo takes") as refused:
        run(source, tmp_path / "run", NeverEntered(source.texts, max_audio_s=2.0), segmenter="none")
    assert refused.value.cause == "it takes 2 s in one piece, and the shortest has 2.5 s"
    assert refused.value.hint == "--segmenter energy"
    assert not (tmp_path / "run").exists()


def test_what_a_rule_leaves_out_is_no_audio_of_the_run(tmp_path):
    """A file that is not there and is skipped counts nowhere; one that fails counts as long as it was said to be."""
    source = toy_source(tmp_path / "audio", durations_s=[0.5, 0.7])
    (tmp_path / "audio" / "001.wav").unlink()
    assert run(source, tmp_path / "a", Echo(source.texts), missing_audio="skip").coverage.audio_s == pytest.approx(0.5)
    failed = run(source, tmp_path / "b", Echo(source.texts), missing_audio="fail").coverage
    assert (failed.failed_s, failed.ratio) == (pytest.approx(0.7), pytest.approx(0.5 / 1.2))


def test_what_nobody_came_to_yet_is_said(tmp_path):
    """The parts of a run that are gone are seconds not transcribed yet, of whole utterances and of pieces."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5, 0.6])
    run(source, tmp_path / "run", Echo(source.texts, max_audio_s=2.0))
    parts = sorted((tmp_path / "run" / layout.PARTS).iterdir())
    kept_s = 0.0
    for number, part in enumerate(parts):
        if number % 2:
            part.unlink()
        else:
            kept_s += sum(pq.read_table(part)["audio_s"].to_pylist())
    found = score(tmp_path / "run").coverage
    assert found.not_done_s == pytest.approx(6.1 - kept_s)
    assert found.transcribed_s == pytest.approx(kept_s)
    assert found.not_done_s > 0
    assert coverage_notes(found)[-1].endswith("s are not transcribed yet")


def test_a_run_from_before_lengths_were_kept_is_read(tmp_path):
    """Its pieces covered all."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5])
    run(source, tmp_path / "run", Echo(source.texts, max_audio_s=2.0))
    path = tmp_path / "run" / layout.SEGMENTS
    pq.write_table(pq.read_table(path).drop_columns("utterance_s"), path)
    store = RunStore.at(str(tmp_path / "run"))
    found = summarize(store, store.spec(), load_normalizer("none")).coverage
    assert (found.silence_s, found.ratio) == (0.0, 1.0)


def test_cutting_is_done_once(tmp_path, monkeypatch):
    """A start that was killed after it had cut goes on with those pieces, and looks at no audio for it."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 3.0, 0.5])
    recognizer = Echo(source.texts, max_audio_s=2.0)
    told = []
    run(source, tmp_path / "run", recognizer, observer=told.append)
    looked_at = [event for event in told if isinstance(event, SegmentingProgressed)]
    assert looked_at == [SegmentingProgressed(num_utterances=2, num_done=number) for number in (1, 2)]
    truth = (tmp_path / "run" / layout.SCORES).read_bytes()
    (tmp_path / "run" / layout.PLAN).unlink()
    for part in (tmp_path / "run" / layout.PARTS).iterdir():
        part.unlink()
    told.clear()
    run(source, tmp_path / "run", recognizer, observer=told.append)
    assert not any(isinstance(event, SegmentingProgressed) for event in told)
    assert (tmp_path / "run" / layout.SCORES).read_bytes() == truth


def test_the_pieces_do_not_depend_on_the_number_of_threads(tmp_path, monkeypatch):
    """One and many give the same table."""
    source = toy_source(tmp_path / "audio", durations_s=[3.0 + 0.3 * number for number in range(8)])
    tables = []
    for number in (1, 4):
        monkeypatch.setattr(segments_verb, "num_threads", lambda number=number: number)
        run(source, tmp_path / str(number), Echo(source.texts, max_audio_s=1.0))
        tables.append(pq.read_table(tmp_path / str(number) / layout.SEGMENTS))
    assert tables[0].equals(tables[1])


def test_a_stop_while_cutting_stops(tmp_path):
    """Nothing is planned then, and the same command does it all."""
    source = toy_source(tmp_path / "audio", durations_s=[3.0, 4.0, 5.0])
    recognizer = Echo(source.texts, max_audio_s=1.0)

    def interrupt(event):
        if isinstance(event, SegmentingProgressed):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError) as stopped:
        run(source, tmp_path / "run", recognizer, observer=interrupt)
    assert "long audio was being cut" in stopped.value.hint
    assert not (tmp_path / "run" / layout.PLAN).exists()
    assert run(source, tmp_path / "run", recognizer).num_scored == 3


class ShortSphinx(PocketSphinx):
    """PocketSphinx that takes so many seconds and no more."""

    def __init__(self, longest_s: float) -> None:
        super().__init__(fwdflat=False, bestpath=False, maxhmmpf=3_000)  # which is fast
        self._longest_s = longest_s

    @cached_property
    def spec(self):
        return dataclasses.replace(PocketSphinx.spec.func(self), max_audio_s=self._longest_s)


@pytest.fixture(scope="module")
def lecture(open_data, tmp_path_factory):
    """Four real utterances as four, and as one recording with pauses between them."""
    rows = [json.loads(line) for line in (open_data / "manifest.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["audio"].startswith("LibriSpeech") and 3.0 < row["duration"] < 6.5][:4]
    single = [
        Utterance(row["id"], AudioRef(str(open_data / row["audio"]), duration_s=row["duration"]), row["text"])
        for row in rows
    ]
    noise = np.random.default_rng(5)
    pieces = []
    for number, row in enumerate(rows):
        pieces.append(decode(str(open_data / row["audio"]), max_decoded_s=60.0))
        pieces.append(noise.normal(0, 3e-4, 16_000 * (1, 4)[number % 2]).astype(np.float32))
    path = tmp_path_factory.mktemp("lecture") / "lecture.flac"
    soundfile.write(path, np.concatenate(pieces), 16_000)
    whole = Utterance("lecture", AudioRef(str(path)), " ".join(row["text"] for row in rows))
    return ToySource("", tuple(single)), ToySource("", (whole,))


@pytest.mark.soak
def test_real_speech_in_pieces_is_understood_as_well_as_alone(lecture, tmp_path):
    """PocketSphinx makes about the errors on one long recording that it makes on its utterances."""
    single, whole = lecture
    alone = evaluate(ShortSphinx(10.0), single, out=str(tmp_path / "alone"), normalizer="basic")
    found = {
        name: evaluate(ShortSphinx(10.0), whole, out=str(tmp_path / name), normalizer="basic", segmenter=name)
        for name in ("energy", "vad")
    }
    for summary in found.values():
        assert summary.num_scored == 1
        assert summary.coverage.num_pieces >= 3
        assert abs(summary.wer - alone.wer) < 0.12
        assert adds_up(summary.coverage)
    assert found["energy"].coverage.ratio == pytest.approx(1.0)
    assert 4.0 < found["vad"].coverage.silence_s < 8.5
    assert coverage_notes(found["vad"].coverage)[-1].endswith("s are silence that was left out")
    pieces = pd.read_parquet(tmp_path / "vad" / layout.SEGMENTS)
    assert (pieces["duration_s"] <= 10.0).all()
    assert (pieces["start_s"].diff().dropna() >= pieces["duration_s"].iloc[:-1].to_numpy() - 1e-9).all()
