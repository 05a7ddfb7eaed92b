from __future__ import annotations

import numpy as np
import pytest
import soundfile

from earmark.audio.decode import decode
from earmark.audio.level import rms_dbfs
from earmark.audio.quality import measure_quality
from earmark.errors import AudioError

RATE_HZ = 16_000


def measured(tmp_path, samples, *, name="a.wav", rate_hz=RATE_HZ, subtype="FLOAT", **piece):
    path = tmp_path / name
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return measure_quality(str(path), max_decoded_s=60, **piece)


def tone(duration_s=1.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * 440 * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)


def test_a_tone_has_its_level_and_peak(tmp_path):
    """A sine of half of full scale is at -9 dBFS, its peak at -6."""
    quality = measured(tmp_path, tone())
    assert quality.duration_s == 1.0
    assert quality.level_dbfs == pytest.approx(-9.03, abs=0.01)
    assert quality.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert quality.offset == pytest.approx(0, abs=1e-4)
    assert quality.clipped_share == 0


def test_a_constant_is_silence_with_an_offset(tmp_path):
    """The level is that of what moves."""
    quality = measured(tmp_path, np.full(RATE_HZ, 0.25))
    assert quality.level_dbfs < -100
    assert quality.offset == pytest.approx(0.25)


def test_clipping_is_counted_in_samples(tmp_path):
    """A sine of twice full scale is beyond it for two thirds of its time."""
    quality = measured(tmp_path, tone(amplitude=2).clip(-1, 1))
    assert quality.clipped_share == pytest.approx(2 / 3, abs=0.01)


def test_samples_beyond_full_scale_are_measured_as_they_are_decoded(tmp_path):
    """Level and clipping are of what is cut at full scale; the peak says what was in the file."""
    cut = measured(tmp_path, tone(amplitude=2).clip(-1, 1))
    quality = measured(tmp_path, tone(amplitude=2))
    assert quality.level_dbfs == pytest.approx(cut.level_dbfs)
    assert quality.clipped_share == pytest.approx(cut.clipped_share)
    assert quality.content == cut.content
    assert quality.peak_dbfs == pytest.approx(6.02, abs=0.01)
    assert quality.beyond_share == pytest.approx(2 / 3, abs=0.01)
    assert cut.beyond_share == 0
    heard = decode(str(tmp_path / "a.wav"), max_decoded_s=60)
    assert quality.level_dbfs == pytest.approx(rms_dbfs(heard), abs=1e-3)


def test_long_audio_is_measured_block_by_block(tmp_path):
    """The answer for 40 s, which are three blocks, is that for all samples at once."""
    samples = np.random.default_rng(0).normal(scale=0.1, size=40 * RATE_HZ).astype(np.float32) + np.float32(0.05)
    quality = measured(tmp_path, samples)
    assert quality.level_dbfs == pytest.approx(20 * np.log10(samples.std()), abs=1e-3)
    assert quality.offset == pytest.approx(samples.mean(), abs=1e-6)
    assert quality.peak_dbfs == pytest.approx(20 * np.log10(np.abs(samples).max()), abs=1e-6)


def test_the_same_samples_have_the_same_content_however_they_are_packed(tmp_path):
    """FLAC and WAV; another rate, another sample or another piece is another content."""
    samples = (tone() * 32767).astype(np.int16)
    wav = measured(tmp_path, samples, subtype="PCM_16").content
    assert measured(tmp_path, samples, name="b.flac", subtype="PCM_16").content == wav
    assert measured(tmp_path, samples, subtype="PCM_16", rate_hz=8_000).content != wav
    assert measured(tmp_path, samples, subtype="PCM_16", start_s=0.0, duration_s=0.5).content != wav
    samples[5] += 1
    assert measured(tmp_path, samples, subtype="PCM_16").content != wav


def test_what_does_not_decode_has_no_quality(tmp_path):
    """The error is that of decoding."""
    with pytest.raises(AudioError) as caught:
        measured(tmp_path, tone(), start_s=0.5, duration_s=2.0)
    assert caught.value.kind == "truncated"
