"""Which utterances are looked at, and what becomes of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from earmark import schema
from earmark.errors import UnknownNameError
from earmark.planning import segmenting
from earmark.planning.plan import make_plan
from earmark.planning.segmenting import Segmenter, long_utterances, segmentation_of, segments_table
from earmark.spec import RecognizerSpec, RunSpec, SegmentationSpec
from tests.audio.loudness import Loudness
from tests.audio.tones import tone
from tests.toys import toy_spec, write_wav

LIMITED = RecognizerSpec(name="echo", version="1", max_audio_s=20.0)


def spec_of(name: str = "energy") -> RunSpec:
    return toy_spec(recognizer=LIMITED, segmentation=segmentation_of(name, LIMITED))


def utterances(*rows: dict) -> pa.Table:
    full = [{"index": index, "id": f"u{index}", "audio": f"{index}.wav", **row} for index, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema.UTTERANCES)


def segments(table: pa.Table, root, spec: RunSpec) -> pa.Table:
    segmenter = Segmenter(spec, str(root))
    return segments_table((row["index"], segmenter.cut(row)) for row in long_utterances(table, spec).to_pylist())


def test_what_may_be_too_long_is_looked_at():
    """What is longer, what nobody knows the length of, and what is stated to be shorter by no more than rounding."""
    table = utterances(
        {"duration_s": 20.1},
        {"duration_s": 0.0},
        {"duration_s": 19.5, "stated_duration_s": 19.5},
        {"duration_s": 19.5},
        {"duration_s": 18.9, "stated_duration_s": 18.9},
    )
    assert long_utterances(table, spec_of())["index"].to_pylist() == [0, 1, 2]
    assert not len(long_utterances(table, spec_of("none")))
    assert not len(long_utterances(table, toy_spec()))


def test_long_audio_is_cut_into_pieces_that_the_recognizer_takes(tmp_path):
    """A 50 s file for a recognizer of 20 s becomes pieces, planned each on its own."""
    write_wav(tmp_path / "0.wav", 50.0)
    write_wav(tmp_path / "1.wav", 5.0)
    table = utterances({"duration_s": 50.0}, {"duration_s": 5.0})
    pieces = segments(table, tmp_path, spec_of())
    plan = make_plan(table, pieces, toy_spec())
    long = plan.filter(pa.compute.equal(plan["index"], 0)).sort_by("segment").to_pylist()
    assert [row["num_segments"] for row in long] == [len(long)] * len(long)
    assert all(row["duration_s"] <= 20.0 for row in long)
    assert sum(row["duration_s"] for row in long) == 50.0
    assert set(pieces["utterance_s"].to_pylist()) == {50.0}
    assert len(plan) == len(long) + 1


def test_what_is_longer_than_it_was_said_to_be_is_cut(tmp_path):
    """A length that was rounded down makes no utterance fail, and one that was rounded up is not cut."""
    write_wav(tmp_path / "0.wav", 20.4)
    write_wav(tmp_path / "1.wav", 19.6)
    stated = {"duration_s": 20.0, "stated_duration_s": 20.0}
    assert segments(utterances(stated, stated), tmp_path, spec_of())["index"].to_pylist() == [0, 0]


@pytest.mark.parametrize("name", ["energy", "vad"])
def test_long_audio_that_does_not_decode_stays_whole(tmp_path, name):
    """Its worker will say why, and the plan goes on."""
    (tmp_path / "0.wav").write_bytes(b"no audio")
    assert len(segments(utterances({"duration_s": 50.0}), tmp_path, spec_of(name))) == 0


def test_one_piece_of_a_long_utterance_is_a_piece(tmp_path, monkeypatch):
    """Where a detector leaves out so much that the rest fits, the rest alone is what is planned."""
    monkeypatch.setattr(segmenting, "SpeechDetector", Loudness)
    silence = np.zeros(16_000 * 15, np.float32)
    soundfile.write(tmp_path / "0.wav", np.concatenate([silence, tone(2.0, 16_000), silence]), 16_000)
    table = utterances({"duration_s": 32.0})
    spec = toy_spec(recognizer=LIMITED, segmentation=SegmentationSpec(name="vad"))
    (piece,) = segments(table, tmp_path, spec).to_pylist()
    assert (piece["start_s"], piece["duration_s"]) == (pytest.approx(14.5, abs=0.04), pytest.approx(3.0, abs=0.08))
    assert piece["utterance_s"] == 32.0
    (planned,) = make_plan(table, segments(table, tmp_path, spec), spec).to_pylist()
    assert (planned["start_s"], planned["num_segments"]) == (piece["start_s"], 1)


def test_a_segmenter_stands_in_the_identity_with_what_it_is_made_of():
    """Its rule, its model and its parameters; for a recognizer that takes any length nothing of it is needed."""
    found = segmentation_of("vad", LIMITED)
    assert len(found.content_hash) == 64
    assert found.options["long_silence_s"] == 2.0
    assert segmentation_of("vad", RecognizerSpec(name="echo", version="1")) == SegmentationSpec(name="vad")
    assert segmentation_of("energy", LIMITED) == SegmentationSpec()


def test_an_unknown_segmenter_is_refused():
    """With the names that there are."""
    with pytest.raises(UnknownNameError, match="vda"):
        segmentation_of("vda", LIMITED)
