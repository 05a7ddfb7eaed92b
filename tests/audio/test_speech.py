"""Cutting by what a detector hears; the detector here is a toy that takes loudness for speech."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earmark.audio import reader
from earmark.audio.decode import decode
from earmark.audio.speech import cut_at_silence, silences, speech_pieces
from earmark.audio.vad import Heard
from earmark.errors import AudioError
from tests.audio.loudness import Loudness
from tests.audio.tones import tone

WHOLE = {"start_s": 0.0, "duration_s": None, "channel": None}
MARGIN, LONG = 16, 63  # windows: 0.5 s, and the least number that make 2 s


RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 150)), min_size=1, max_size=12)


@settings(deadline=None)
@given(RUNS, st.integers(1, 200))
@example([(False, 300)], 100)
@example([(True, 50), (False, 63), (True, 50)], 100)
def test_pieces_hold_all_speech_in_order_and_none_is_too_long(runs, max_windows):
    """Only what is half a second from speech, in a silence of 2 s and more, is in no piece."""
    is_speech = np.concatenate([np.full(length, spoken) for spoken, length in runs])
    heard = Heard(is_speech.astype(np.float32), is_speech.astype(np.float64))
    pieces = speech_pieces(heard, max_windows)
    assert all(0 < last - first <= max_windows for first, last in pieces)
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(pieces))
    is_kept = np.zeros(len(is_speech), bool)
    for first, last in pieces:
        is_kept[first:last] = True
    expected = np.ones(len(is_speech), bool)
    for first, last in silences(heard.probabilities):
        if last - first >= LONG and is_speech.any():
            expected[first if first == 0 else first + MARGIN : last if last == len(is_speech) else last - MARGIN] = (
                False
            )
    assert is_kept.tolist() == expected.tolist()


@settings(deadline=None)
@given(RUNS)
def test_a_probability_in_between_is_as_what_was_before(runs):
    """Speech begins at 0.5 and ends below 0.35, and pauses of less than 0.13 s are part of it."""
    probabilities = np.concatenate([np.full(length, 0.9 if spoken else 0.1, np.float32) for spoken, length in runs])
    blurred = probabilities.copy()
    changes = 1 + np.flatnonzero(np.diff(probabilities))
    truth = silences(probabilities)
    assert all(last - first >= 4 for first, last in truth)
    blurred[changes] = 0.4
    is_silent = np.zeros(len(probabilities), bool)
    state = True
    for place, one in enumerate(blurred):
        state = False if one >= 0.5 else True if one < 0.35 else state
        is_silent[place] = state
    for first, last in silences(blurred):
        assert is_silent[first:last].all()
    assert sum(last - first for first, last in silences(blurred)) == sum(
        len(group) for silent, some in itertools.groupby(is_silent) if silent and len(group := list(some)) >= 4
    )


def test_the_longest_silence_within_reach_is_cut_in_its_middle():
    """Of a silence of 0.2 s and one of 0.5 s the longer is taken, though the other would make a longer piece."""
    is_speech = np.ones(200, bool)
    is_speech[50:66] = False
    is_speech[85:91] = False
    heard = Heard(is_speech.astype(np.float32), np.ones(200))
    assert speech_pieces(heard, 100)[0] == (0, 58)


def test_speech_without_a_silence_is_cut_where_it_is_quietest():
    """There the energies decide."""
    energies = np.ones(200)
    energies[85:95] = 0.1
    pieces = speech_pieces(Heard(np.ones(200, np.float32), energies), 120)
    assert len(pieces) == 2
    assert 88 <= pieces[0][1] <= 92


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100])
def test_times_are_those_of_the_file(write, rate_hz):
    """Of tones with silences of 1 s and 4 s, no tone is lost, to the frame, and only long silences are left out."""
    silence = {1: np.zeros(rate_hz, np.float32), 4: np.zeros(4 * rate_hz, np.float32)}
    samples = np.concatenate([tone(3.0, rate_hz), silence[1], tone(3.0, rate_hz), silence[4]] * 3)
    path = write("a.flac", samples, rate_hz)
    found = cut_at_silence(path, detector=Loudness(), **WHOLE, max_piece_s=9.0)
    assert found.length_s == pytest.approx(33.0)
    assert len(found.pieces) == 3
    kept = np.zeros(len(samples), bool)
    for start_s, duration_s in found.pieces:
        first = round(start_s * rate_hz)
        assert start_s * rate_hz == pytest.approx(first)
        kept[first : first + round(duration_s * rate_hz)] = True
    assert not np.any(samples[~kept])
    assert found.length_s - sum(duration_s for _, duration_s in found.pieces) == pytest.approx(9.5, abs=0.3)
    for start_s, duration_s in found.pieces:
        assert len(decode(path, start_s=start_s, duration_s=duration_s, max_decoded_s=9.0)) == pytest.approx(
            duration_s * 16_000, abs=1
        )


def test_a_stretch_is_cut_within_itself(write):
    """With a start and a length, times stay those of the file."""
    path = write("a.wav", np.concatenate([tone(10.0, 16_000), np.zeros(64_000, np.float32), tone(10.0, 16_000)]))
    arguments = {"detector": Loudness(), "start_s": 8.0, "duration_s": 8.0, "channel": None}
    found = cut_at_silence(path, **arguments, max_piece_s=4.0)
    assert found.length_s == 8.0
    (first, second) = found.pieces
    assert first == (8.0, pytest.approx(2.5, abs=0.04))
    assert second[0] == pytest.approx(13.5, abs=0.04)
    assert sum(second) == 16.0


def test_what_fits_and_what_holds_no_speech_is_not_touched(write):
    """What is silent throughout is one piece where it fits; else it is cut, and all of it is kept."""
    silent = write("a.wav", np.zeros(16_000 * 10, np.float32))
    found = cut_at_silence(silent, detector=Loudness(), **WHOLE, max_piece_s=10.0)
    assert found.pieces == ((0.0, 10.0),)
    found = cut_at_silence(silent, detector=Loudness(), **WHOLE, max_piece_s=4.0)
    assert len(found.pieces) >= 3
    assert sum(duration_s for _, duration_s in found.pieces) == pytest.approx(10.0)


def test_bad_audio_is_refused_while_cutting(write):
    """As decoding refuses it."""
    path = write("a.wav", tone(1.0, 16_000))
    with pytest.raises(AudioError) as caught:
        cut_at_silence(path, detector=Loudness(), **WHOLE, max_piece_s=0.5, max_decoded_s=0.9)
    assert caught.value.kind == "too_long"
    with pytest.raises(ValueError, match="max_piece_s must be more than"):
        cut_at_silence(path, detector=Loudness(), **WHOLE, max_piece_s=0.01)


def test_a_long_file_is_streamed(tmp_path):
    """Two hours of 8 kHz audio, resampled, keep a few MB."""
    path = tmp_path / "long.wav"
    minute = (np.random.default_rng(1).normal(0, 0.1, 8000 * 60) * 32767).astype(np.int16)
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(120):
            file.write(minute)
    tracemalloc.start()
    found = cut_at_silence(str(path), detector=Loudness(), **WHOLE, max_piece_s=30.0)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(duration_s for _, duration_s in found.pieces) == pytest.approx(7200.0)
    assert peak_bytes < 16 * 4 * 2 * reader.BLOCK_SAMPLES
