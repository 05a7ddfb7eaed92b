"""Samples come back from what is written of them, bit for bit wherever a format can hold them."""

from __future__ import annotations

import errno
import io
import os

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earmark.audio import encode as encoding
from earmark.audio.decode import decode
from earmark.audio.encode import EncodedAudio, check_decoded, encode
from earmark.errors import AudioError

FORMS = ("wav", "flac")
EVERY_16_BITS = np.arange(-(2**15), 2**15, dtype=np.int16)
EDGES = np.array([0.0, 1.0, -1.0, np.float32(1e-30), -0.0, np.float32(1 / 3), np.nextafter(np.float32(1), 0)], "f4")


def heard(encoded: EncodedAudio, tmp_path) -> np.ndarray:
    """The samples as a run would see them."""
    path = tmp_path / f"x{encoded.suffix}"
    path.write_bytes(encoded.data)
    return decode(str(path), max_decoded_s=1e9)


@pytest.mark.parametrize("form", FORMS)
def test_every_number_of_16_bits_comes_back_and_takes_16(form, tmp_path):
    """All 65,536 of them, the lowest and the highest too, as float32 and as libsndfile scales them."""
    path = tmp_path / "source.wav"
    soundfile.write(path, EVERY_16_BITS, 16_000, subtype="PCM_16")
    samples = decode(str(path), max_decoded_s=1e9)
    encoded = encode(samples, form)
    assert encoded.coding.endswith("PCM_16")
    assert encoded.is_exact
    assert np.array_equal(heard(encoded, tmp_path), samples)
    assert np.array_equal(soundfile.read(io.BytesIO(encoded.data), dtype="int16")[0], EVERY_16_BITS)


@pytest.mark.parametrize("form", FORMS)
def test_24_bits_come_back(form, tmp_path):
    """Numbers of 24 bits, the least and the greatest among them."""
    integers = np.random.default_rng(0).integers(-(2**23), 2**23, 50_001)
    integers[:2] = -(2**23), 2**23 - 1
    samples = (integers / 2**23).astype(np.float32)
    encoded = encode(samples, form)
    assert (encoded.coding.endswith("PCM_24"), encoded.is_exact) == (True, True)
    assert np.array_equal(heard(encoded, tmp_path), samples)


def test_the_mean_of_two_channels_of_16_bits_needs_24(tmp_path):
    """Its halves are no numbers of 16 bits, and FLAC holds them."""
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([EVERY_16_BITS, EVERY_16_BITS[::-1] // 3], axis=1), 16_000, subtype="PCM_16")
    samples = decode(str(path), max_decoded_s=1e9)
    encoded = encode(samples, "flac")
    assert (encoded.coding, encoded.is_exact) == ("FLAC/PCM_24", True)
    assert np.array_equal(heard(encoded, tmp_path), samples)


@given(arrays.arrays(np.float32, st.integers(1, 300), elements=st.floats(-1, 1, width=32)))
def test_any_samples_come_back_from_wav(samples):
    """Whatever float32 they are; FLAC may round, by less than 2**-23, and says so."""
    for form in FORMS:
        encoded = encode(samples, form)
        back = soundfile.read(io.BytesIO(encoded.data), dtype="float32")[0]
        assert encoded.is_exact == np.array_equal(back, samples)
        assert encoded.is_exact or (form == "flac" and np.abs(back - samples).max() <= 2.0**-23)
        check_decoded(encoded, samples)


@pytest.mark.parametrize("form", FORMS)
def test_the_edges_of_the_scale(form, tmp_path):
    """+1 is beyond all integers: it comes back as it is from floats, and as the largest number from FLAC."""
    back = heard(encode(EDGES, form), tmp_path)
    assert np.abs(back - EDGES).max() <= (2.0**-23 if form == "flac" else 0.0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("samples", [EVERY_16_BITS / np.float32(2**15), EDGES], ids=["whole numbers", "floats"])
def test_the_same_samples_give_the_same_bytes(form, samples, monkeypatch):
    """At any time of the day: libsndfile would write the time into a WAV of floats."""
    first = encode(samples.astype(np.float32), form)
    assert b"PEAK" not in first.data
    assert encode(samples.astype(np.float32), form) == first


def test_flac_is_written_where_there_are_no_files_in_memory(monkeypatch):
    """On an old kernel or in a sandbox: the same bytes, by way of a temporary file."""
    samples = EVERY_16_BITS / np.float32(2**15)
    expected = encode(samples, "flac")

    def refused(name):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(encoding.os, "memfd_create", refused, raising=False)
    assert encode(samples, "flac") == expected


def test_an_encoder_that_was_given_other_samples_is_found_out(monkeypatch):
    """By the MD5 in the file's header, without decoding."""
    real = encoding.soundfile.write

    def wrong(stream, samples, *arguments, **options):
        samples = samples.copy()
        samples[7] += 1
        real(stream, samples, *arguments, **options)

    monkeypatch.setattr(encoding.soundfile, "write", wrong)
    with pytest.raises(AudioError, match="FLAC/PCM_16 that was written says") as caught:
        encode(EVERY_16_BITS / np.float32(2**15), "flac")
    assert caught.value.kind == "not_kept"


@pytest.mark.parametrize("form", FORMS)
def test_bytes_that_do_not_decode_to_the_samples_are_found_out(form):
    """By the thorough check, which decodes."""
    samples = np.linspace(-1, 1, 3_000, dtype=np.float32)
    other = encode(samples[::-1].copy(), form)
    with pytest.raises(AudioError, match="does not decode"):
        check_decoded(other, samples)
    with pytest.raises(AudioError, match="does not decode"):
        check_decoded(other, samples[1:])
