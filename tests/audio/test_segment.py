from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earmark.audio import reader
from earmark.audio.decode import decode
from earmark.audio.segment import Cutting, cut_points, hop_energies, quiet_cuts
from earmark.errors import AudioError
from tests.audio.tones import tone

WHOLE = {"start_s": 0.0, "duration_s": None, "channel": None}


@given(arrays.arrays(np.float64, st.integers(0, 400), elements=st.integers(0, 9).map(float)), st.integers(1, 120))
def test_cuts_are_where_a_slower_search_finds_them(energies, max_hops):
    """Each cut is the last of the quietest places that the rule allows, and the pieces keep their bounds."""
    cuts = quiet_cuts(energies, max_hops)
    edges = [0, *cuts, len(energies)]
    lengths = [last - first for first, last in itertools.pairwise(edges)]
    assert all(length <= max_hops for length in lengths)
    assert len(lengths) == 1 or all(length >= max_hops // 3 for length in lengths)
    for first, cut in zip(edges, cuts, strict=False):
        allowed = range(first + max_hops - max_hops // 3, min(first + max_hops, len(energies) - max_hops // 3) + 1)
        loudness = {place: energies[max(0, place - 15) : place + 15].sum() for place in allowed}
        assert cut == max(place for place in allowed if loudness[place] == min(loudness.values()))


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=8), st.integers(1, 20))
def test_energies_do_not_depend_on_blocks(sizes, hop):
    """However the samples are cut into blocks, the energies are those of all samples at once."""
    samples = np.arange(sum(sizes), dtype=np.float32)
    blocks = np.split(samples, np.cumsum(sizes)[:-1]) if sizes else []
    energies, num_samples = hop_energies(blocks, hop)
    assert num_samples == len(samples)
    truth = [float(np.square(samples[at : at + hop], dtype=np.float64).sum()) for at in range(0, len(samples), hop)]
    assert energies.tolist() == truth


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100])
def test_pieces_cover_the_file_and_cut_in_the_pauses(write, rate_hz):
    """Of tones with half a second of silence after every 3 s, each cut lies in a silence, and the pieces add up."""
    samples = np.concatenate([tone(3.0, rate_hz), np.zeros(rate_hz // 2, np.float32)] * 6)
    path = write("a.flac", samples, rate_hz)
    found = cut_points(path, **WHOLE, max_piece_s=8.0)
    pieces = found.pieces
    assert found.length_s == pytest.approx(21.0)
    assert pieces[0][0] == 0.0
    assert all(duration_s <= 8.0 for _, duration_s in pieces)
    assert all(start_s % 3.5 + 1e-9 >= 3.0 for start_s, _ in pieces[1:])
    decoded = [decode(path, start_s=start, duration_s=length, max_decoded_s=9.0) for start, length in pieces]
    if rate_hz == 16_000:
        assert np.array_equal(np.concatenate(decoded), decode(path, max_decoded_s=60.0))
    edges = [(round(start * rate_hz), round((start + length) * rate_hz)) for start, length in pieces]
    assert [first for first, _ in edges[1:]] == [last for _, last in edges[:-1]]
    assert edges[-1][1] == len(samples)


def test_a_stretch_is_cut_within_itself(write):
    """With a start and a duration, the pieces cover that stretch, of the channel that was asked for."""
    loud, gap = tone(10.0, 16_000), tone(10.0, 16_000)
    gap[5 * 16_000 : 5 * 16_000 + 8000] = 0
    path = write("a.wav", np.stack([loud, gap], axis=1))
    (first, second) = cut_points(path, start_s=2.0, duration_s=6.0, channel=1, max_piece_s=4.0).pieces
    assert first[0] == 2.0
    assert 5.0 <= second[0] <= 5.5
    assert second[0] + second[1] == 8.0


def test_short_audio_is_one_piece(write):
    """What fits is not cut."""
    assert cut_points(write("a.wav", tone(1.0, 16_000)), **WHOLE, max_piece_s=1.0) == Cutting(((0.0, 1.0),), 1.0)


def test_bad_audio_is_refused_while_cutting(write):
    """Cutting complains as decoding does, and has a cap of its own."""
    path = write("a.wav", tone(1.0, 16_000))
    with pytest.raises(AudioError) as caught:
        cut_points(path, **WHOLE, max_piece_s=0.5, max_decoded_s=0.9)
    assert caught.value.kind == "too_long"
    with pytest.raises(AudioError) as caught:
        cut_points(path, start_s=2.0, duration_s=None, channel=None, max_piece_s=0.5)
    assert caught.value.kind == "past_the_end"


def test_a_long_file_is_streamed(tmp_path):
    """Cutting two hours of 8 kHz audio keeps a few MB, where the decoded audio would be 230 MB."""
    path = tmp_path / "long.wav"
    minute = (np.random.default_rng(1).normal(0, 0.1, 8000 * 60) * 32767).astype(np.int16)
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(120):
            file.write(minute)
    tracemalloc.start()
    pieces = cut_points(str(path), **WHOLE, max_piece_s=30.0).pieces
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(duration_s for _, duration_s in pieces) == pytest.approx(7200.0)
    assert peak_bytes < 12 * 4 * reader.BLOCK_SAMPLES + 4 * 8 * 720_000
