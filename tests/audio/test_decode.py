from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio import decode as decoding
from earmark.audio import reader
from earmark.audio.decode import decode
from earmark.errors import AudioError
from tests.audio.tones import FORMATS, tone

ANY_LENGTH = 1e9


def kind_of(path: str, **piece) -> str:
    with pytest.raises(AudioError) as caught:
        decode(path, **{"max_decoded_s": ANY_LENGTH, **piece})
    assert "/" not in str(caught.value)
    return caught.value.kind


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_the_samples_that_were_written(write, name):
    """WAV, FLAC, Vorbis, Opus and MP3 give float32 mono of the written length, close to the written tone."""
    written = tone(2.0, 16_000)
    samples = decode(write(name, written), max_decoded_s=ANY_LENGTH)
    assert samples.dtype == np.float32
    assert samples.shape == written.shape
    assert np.sqrt(np.mean((samples - written)[800:-800] ** 2)) < 0.03


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_a_tone_keeps_its_pitch_and_length_at_any_rate(write, name, rate_hz):
    """After resampling, the spectrum still peaks at the tone's frequency, and the length is right to a millisecond."""
    samples = decode(write(name, tone(1.0, rate_hz, hz=1000.0), rate_hz), max_decoded_s=ANY_LENGTH)
    assert abs(len(samples) - 16_000) <= 16
    assert abs(np.abs(np.fft.rfft(samples[:15_984])).argmax() * 16_000 / 15_984 - 1000) < 2


def test_channels_are_averaged_or_chosen(write):
    """Without a channel the mean of all is taken; with one, exactly that."""
    left, right = tone(0.2, 16_000), np.zeros(3200, np.float32)
    path = write("a.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    assert np.array_equal(decode(path, channel=0, max_decoded_s=1.0), left)
    assert np.array_equal(decode(path, channel=1, max_decoded_s=1.0), right)
    assert np.allclose(decode(path, max_decoded_s=1.0), left / 2)


@pytest.mark.parametrize("channel", [2, -1])
def test_a_channel_that_is_not_there_is_refused(write, channel):
    """Channel 2 of a stereo file, or a negative one, is an error of its own kind."""
    assert kind_of(write("a.wav", np.zeros((100, 2))), channel=channel) == "no_channel"


@pytest.mark.parametrize("name", FORMATS)
def test_a_piece_equals_the_same_stretch_of_the_whole(write, name):
    """Seeking is exact to the sample in every format."""
    path = write(name, np.random.default_rng(1).normal(0, 0.1, 48_000))
    whole = decode(path, max_decoded_s=ANY_LENGTH)
    piece = decode(path, start_s=1.00003, duration_s=0.5, max_decoded_s=ANY_LENGTH)
    assert len(piece) == 8000
    assert np.allclose(piece, whole[16_000:24_000], atol=1e-6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    num_frames=st.integers(1, 3000),
    block=st.integers(1, 700),
    rate_hz=st.sampled_from([8000, 16_000, 22_050, 44_100]),
    num_channels=st.integers(1, 3),
)
def test_blocks_do_not_change_the_samples(tmp_path, num_frames, block, rate_hz, num_channels):
    """Streaming with any size of block gives what one call of soundfile and soxr gives, sample for sample."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(num_frames).normal(0, 0.1, (num_frames, num_channels)), rate_hz)
    truth = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    truth = truth if rate_hz == 16_000 else soxr.resample(truth, rate_hz, 16_000, decoding.RESAMPLER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK_SAMPLES", block * num_channels)
        if len(truth):
            assert np.array_equal(decode(str(path), max_decoded_s=ANY_LENGTH), truth)
        else:
            assert kind_of(str(path)) == "empty"


def test_samples_beyond_full_scale_are_clipped(write):
    """A float WAV that holds more than full scale still gives samples in [-1, 1]."""
    path = write("a.wav", np.array([3.0, -3.0, 0.5], np.float32), subtype="FLOAT")
    assert decode(path, max_decoded_s=1.0).tolist() == [1.0, -1.0, 0.5]


def test_content_counts_and_not_the_name(write):
    """A FLAC that is called .mp3 decodes as the FLAC that it is."""
    path = write("a.flac", tone(0.1, 16_000))
    wrong = path.replace(".flac", ".mp3")
    Path(path).rename(wrong)
    assert len(decode(wrong, max_decoded_s=ANY_LENGTH)) == 1600


def test_what_is_no_audio_says_why(tmp_path, write):
    """A missing file, a folder, text, a file of 0 bytes and a file of 0 samples are each told apart."""
    (tmp_path / "text.wav").write_text("this is not audio" * 100)
    (tmp_path / "nothing.wav").touch()
    assert kind_of(str(tmp_path / "absent.wav")) == "missing"
    assert kind_of("nul\0byte.wav") == "missing"
    assert kind_of(str(tmp_path / ("x" * 300))) == "unreadable"
    assert kind_of(str(tmp_path)) == "unreadable"
    assert kind_of(str(tmp_path / "text.wav")) == "unreadable"
    assert kind_of(str(tmp_path / "nothing.wav")) == "empty"
    assert kind_of(write("a.wav", np.zeros(0))) == "empty"
    assert kind_of(write("b.wav", np.zeros(100)), start_s=0.001, duration_s=0.0) == "empty"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(write):
    """A file that we may not open is unreadable, not missing."""
    path = write("a.wav", np.zeros(100))
    Path(path).chmod(0)
    assert kind_of(path) == "unreadable"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused(write, bad):
    """One NaN or infinity anywhere spoils the file."""
    samples = tone(0.1, 16_000)
    samples[700] = bad
    assert kind_of(write("a.wav", samples, subtype="FLOAT")) == "not_finite"


def test_a_start_beyond_the_end_is_told(write):
    """A piece that begins after the last sample is past the end, in a file of known and of unknown length."""
    path = write("a.flac", tone(1.0, 16_000))
    assert kind_of(path, start_s=1.0) == "past_the_end"
    set_flac_length(path, 0)
    assert kind_of(path, start_s=1.5) == "past_the_end"


def test_a_piece_may_end_a_little_early_and_no_more(write):
    """A duration that was rounded up by 50 ms passes; one that is 200 ms too long does not."""
    path = write("a.wav", tone(1.0, 16_000))
    assert len(decode(path, duration_s=1.05, max_decoded_s=ANY_LENGTH)) == 16_000
    assert kind_of(path, start_s=0.5, duration_s=0.7) == "truncated"


@pytest.mark.parametrize("name", FORMATS)
def test_the_cap_stops_decoding(write, name):
    """More audio than the cap is refused, as much as the cap is not."""
    path = write(name, tone(1.0, 16_000))
    assert len(decode(path, max_decoded_s=1.0)) == 16_000
    assert kind_of(path, max_decoded_s=0.999) == "too_long"
    assert len(decode(path, start_s=0.5, duration_s=0.25, max_decoded_s=0.25)) == 4000


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_file_cut_short_is_truncated(write, name, share):
    """Where the header promises a length, a file that was cut is never taken for a shorter one."""
    path = Path(write(name, np.random.default_rng(1).normal(0, 0.1, 48_000)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert kind_of(str(path)) == "truncated"
    assert kind_of(str(path), start_s=0.1) == "truncated"
    assert kind_of(str(path), start_s=2.95) == "truncated"
    assert len(decode(str(path), duration_s=0.5, max_decoded_s=ANY_LENGTH)) == 8000


@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
def test_an_ogg_cut_short_is_shorter(write, name):
    """An Ogg promises nothing: what decodes is taken, and a stated duration finds the loss."""
    path = Path(write(name, np.random.default_rng(1).normal(0, 0.1, 80_000)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0 < len(decode(str(path), max_decoded_s=ANY_LENGTH)) < 60_000
    assert kind_of(str(path), duration_s=5.0) == "truncated"


def set_wav_sizes(path: str, data_bytes: int, riff_bytes: int | None = None) -> None:
    raw = bytearray(Path(path).read_bytes())
    raw[40:44] = data_bytes.to_bytes(4, "little")
    if riff_bytes is not None:
        raw[4:8] = riff_bytes.to_bytes(4, "little")
    Path(path).write_bytes(raw)


def set_flac_length(path: str, num_frames: int) -> None:
    raw = bytearray(Path(path).read_bytes())
    info = int.from_bytes(raw[18:26], "big") >> 36 << 36  # the low 36 bits of these 8 bytes are the length
    raw[18:26] = (info | num_frames).to_bytes(8, "big")
    Path(path).write_bytes(raw)


def test_a_wav_of_54_bytes_that_claims_37_hours_is_truncated(write):
    """A header that lies costs neither memory nor an hour of silence."""
    path = write("a.wav", np.zeros(5))
    set_wav_sizes(path, 37 * 3600 * 32_000)
    assert Path(path).stat().st_size == 54
    assert kind_of(path) == "truncated"


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFF000, 0x80000000])
@pytest.mark.parametrize("riff_size", [0, 0xFFFFFFFF])
def test_a_wav_written_into_a_pipe_gives_what_is_there(write, size, riff_size):
    """The sizes that programs write when they cannot know are no lies, and all samples are read."""
    samples = tone(0.1, 16_000)
    path = write("a.wav", samples, subtype="FLOAT")
    offset = Path(path).read_bytes().index(b"data") + 4
    raw = bytearray(Path(path).read_bytes())
    raw[offset : offset + 4] = size.to_bytes(4, "little")
    raw[4:8] = riff_size.to_bytes(4, "little")
    Path(path).write_bytes(raw)
    assert np.array_equal(decode(path, max_decoded_s=ANY_LENGTH), samples)
    assert np.array_equal(decode(path, start_s=0.05, max_decoded_s=ANY_LENGTH), samples[800:])


def test_a_whole_wav_without_samples_but_with_tags_is_empty(write):
    """A data size of 0 in a file whose other sizes are right means no samples, not an unknown number."""
    path = write("a.wav", np.zeros(0))
    raw = bytearray(Path(path).read_bytes()) + b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    raw[4:8] = (len(raw) - 8).to_bytes(4, "little")
    Path(path).write_bytes(raw)
    assert kind_of(path) == "empty"


def test_an_rf64_cut_short_is_truncated(write):
    """The long sizes of an RF64 are read where they stand."""
    path = Path(write("a.wav", np.zeros(16_000), format="RF64"))
    assert len(decode(str(path), max_decoded_s=ANY_LENGTH)) == 16_000
    path.write_bytes(path.read_bytes()[:-2])
    assert kind_of(str(path)) == "truncated"


def test_bytes_after_the_samples_do_no_harm(write):
    """A WAV with something appended decodes to its own samples."""
    path = Path(write("a.wav", tone(0.1, 16_000)))
    path.write_bytes(path.read_bytes() + b"\0" * 500)
    assert len(decode(str(path), max_decoded_s=ANY_LENGTH)) == 1600


def test_a_flac_of_unknown_length_gives_all_its_samples(write):
    """A FLAC that was written into a pipe tells no length, and every sample is read, in blocks or in pieces."""
    samples = np.random.default_rng(2).normal(0, 0.1, 40_000)
    path = write("a.flac", samples)
    whole = decode(path, max_decoded_s=ANY_LENGTH)
    set_flac_length(path, 0)
    assert np.array_equal(decode(path, max_decoded_s=ANY_LENGTH), whole)
    assert np.array_equal(decode(path, start_s=2.0, max_decoded_s=ANY_LENGTH), whole[32_000:])
    assert np.array_equal(decode(path, start_s=2.0, duration_s=0.25, max_decoded_s=ANY_LENGTH), whole[32_000:36_000])


@pytest.mark.parametrize("claimed", [50_000, 2**36 - 1])
def test_a_flac_that_claims_too_much_is_truncated(write, claimed):
    """A FLAC that promises more than it holds is found out, however much it claims."""
    path = write("a.flac", np.random.default_rng(2).normal(0, 0.1, 40_000))
    set_flac_length(path, claimed)
    assert kind_of(path) == "truncated"
    assert kind_of(path, start_s=2.9) == "truncated"


def test_a_damaged_flac_is_not_taken_for_a_short_one(write):
    """Zeros in the middle of a FLAC are an error, with and without a promised length."""
    path = write("a.flac", np.random.default_rng(2).normal(0, 0.1, 40_000))
    raw = bytearray(Path(path).read_bytes())
    raw[len(raw) // 2 :] = bytes(len(raw) - len(raw) // 2)
    Path(path).write_bytes(raw)
    assert kind_of(path) == "truncated"
    set_flac_length(path, 0)
    assert kind_of(path) == "unreadable"


def without_length_header(path: str) -> str:
    raw = Path(path).read_bytes()
    second = raw.index(raw[:2], 4)
    Path(path).write_bytes(raw[second:])
    return path


def test_an_mp3_of_one_bit_rate_needs_no_length_header(tmp_path):
    """At a constant bit rate the length follows from the size, and the file decodes whole, or cut."""
    path = str(tmp_path / "a.mp3")
    noise = np.random.default_rng(3).normal(0, 0.1, 80_000)
    soundfile.write(
        path, noise, 16_000, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.3
    )
    without_length_header(path)
    assert 80_000 <= len(decode(path, max_decoded_s=ANY_LENGTH)) < 80_000 + 5 * 576
    Path(path).write_bytes(Path(path).read_bytes()[:-100])
    assert 78_000 <= len(decode(path, max_decoded_s=ANY_LENGTH)) < 80_000 + 5 * 576


def test_an_mp3_that_libsndfile_would_read_in_part_is_refused(tmp_path):
    """A variable-rate MP3 without a length header is longer than libsndfile believes: an error, not half the audio."""
    path = str(tmp_path / "a.mp3")
    samples = np.random.default_rng(3).normal(0, 0.1, 160_000)
    samples[80_000:] *= 1e-5
    soundfile.write(
        path, samples, 16_000, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE", compression_level=0.3
    )
    assert len(decode(path, max_decoded_s=ANY_LENGTH)) == 160_000
    without_length_header(path)
    assert len(soundfile.read(path)[0]) < 140_000
    assert kind_of(path) == "unreadable"
    assert kind_of(path, start_s=9.5) == "unreadable"
    assert len(decode(path, start_s=1.0, duration_s=1.0, max_decoded_s=ANY_LENGTH)) == 16_000


def test_two_mp3s_in_one_file_are_refused(write):
    """Joined files carry the length of the first only, so they are not read in part."""
    path = Path(write("a.mp3", tone(2.0, 16_000)))
    path.write_bytes(path.read_bytes() * 2)
    assert kind_of(str(path)) == "unreadable"


def test_an_impossible_rate_is_refused(write):
    """A header that claims 7 samples a second does not make the resampler work for an hour."""
    path = write("a.wav", np.zeros(100))
    raw = bytearray(Path(path).read_bytes())
    raw[24:28] = (7).to_bytes(4, "little")
    Path(path).write_bytes(raw)
    assert kind_of(path) == "unreadable"


def test_an_error_travels_and_repeats_itself(write):
    """The same file gives the same sentence each time."""
    path = write("a.wav", np.zeros(16_000))
    Path(path).write_bytes(Path(path).read_bytes()[:20_000])
    sentences = set()
    for _ in range(2):
        with pytest.raises(AudioError) as caught:
            decode(path, max_decoded_s=ANY_LENGTH)
        sentences.add(str(caught.value))
    assert sentences == {"a.wav holds 0.624 s of the 1.000 s that its header promises"}


def test_real_files_decode(open_data):
    """All 74 real files decode to float32 of their length at 16 kHz, and those of that rate come through unchanged."""
    paths = sorted(open_data.rglob("*.flac"))
    assert len(paths) == 74
    for path in paths:
        info = soundfile.info(path)
        samples = decode(str(path), max_decoded_s=ANY_LENGTH)
        assert samples.dtype == np.float32
        assert abs(len(samples) - info.duration * 16_000) < 1
        if (info.samplerate, info.channels) == (16_000, 1):
            assert np.array_equal(samples, soundfile.read(path, dtype="float32")[0])


def test_the_real_stereo_file_is_averaged(open_data):
    """The one recording of 44.1 kHz stereo is the mean of its channels, resampled."""
    path = str(open_data / "other" / "jfk.flac")
    both, rate_hz = soundfile.read(path, dtype="float32")
    assert (rate_hz, both.shape[1]) == (44_100, 2)
    truth = soxr.resample(both.mean(axis=1), rate_hz, 16_000, decoding.RESAMPLER)
    assert np.array_equal(decode(path, max_decoded_s=ANY_LENGTH), np.clip(truth, -1, 1))


def test_one_channel_of_several_does_not_keep_the_others(tmp_path):
    """Its samples are its own, one after the other in memory, as native recognizers want them."""
    path = str(tmp_path / "eight.wav")
    soundfile.write(path, np.zeros((1600, 8), np.float32), 16_000)
    samples = decode(path, channel=2, max_decoded_s=ANY_LENGTH)
    assert samples.flags.c_contiguous
    assert samples.base is None or samples.base.nbytes == samples.nbytes
