"""The work of staging a shard: right rows, checked bytes, one part."""

from __future__ import annotations

import hashlib
import io
import pickle

import numpy as np
import pytest
import soundfile

from earmark import schema, staging
from earmark.audio.decode import decode
from earmark.errors import AudioError
from earmark.records import AudioRef, Batch, Segment, Shard
from earmark.staging import Staging
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part
from tests.toys import write_wav


def work(folder, audio_format="wav", **more) -> Staging:
    return Staging(folder, "f" * 64, audio_format, 3600.0, "attempt", **more)


def shard_of(*audio: AudioRef) -> Shard:
    return Shard(tuple(Batch(n, (Segment(n, 0, 1, f"../id/{n}", one),)) for n, one in enumerate(audio)))


def never() -> bool:
    return False


def staged(folder: LocalFolder, shard: Shard, **more) -> list[dict]:
    with work(folder, **more) as doing:
        receipt = doing(shard, rank=3, stop=never)
    assert receipt.rank == 3
    assert receipt.num_rows == shard.num_segments
    return read_part(folder, receipt.part, schema.STAGED_PARTS.names).to_pylist()


@pytest.fixture
def folder(tmp_path) -> LocalFolder:
    return LocalFolder(tmp_path / "set")


def test_a_row_says_what_the_file_is(tmp_path, folder):
    """Length, size, digest, coding, levels, and what the original was; the file has a name without the id."""
    path = write_wav(tmp_path / "a.wav", 1.5)
    (row,) = staged(folder, shard_of(AudioRef(str(path))))
    data = folder.read("audio/00000/00000000.wav")
    samples = soundfile.read(io.BytesIO(data), dtype="float32")[0]
    assert row["path"] == "audio/00000/00000000.wav"
    assert (row["num_samples"], row["size_bytes"]) == (24_000, len(data))
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert (row["coding"], row["is_exact"], row["error"]) == ("WAV/PCM_16", True, None)
    assert (row["source_sample_rate"], row["source_num_channels"]) == (16_000, 1)
    assert row["source_coding"] == "WAV/PCM_16"
    assert row["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(samples).max()), abs=1e-4)
    assert row["level_dbfs"] == pytest.approx(-20.0, abs=0.2)
    assert row["num_clipped"] == 0


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_what_is_staged_is_what_a_run_would_hear(tmp_path, folder, audio_format, rate_hz):
    """Sample for sample, unless FLAC had to round what was resampled."""
    path = write_wav(tmp_path / "a.wav", 0.7, rate_hz=rate_hz)
    (row,) = staged(folder, shard_of(AudioRef(str(path))), audio_format=audio_format)
    original = decode(str(path), max_decoded_s=60)
    back = decode(str(folder.path / row["path"]), max_decoded_s=60)
    is_rounded = audio_format == "flac" and rate_hz != 16_000
    assert row["is_exact"] is not is_rounded
    assert np.array_equal(back, original) is not is_rounded
    assert np.abs(back - original).max() <= 2.0**-23


def test_a_piece_and_a_channel_are_staged_as_such(tmp_path, folder):
    """Half a second from 0.25 s on, of the second channel."""
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (16_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", noise, 16_000)
    (row,) = staged(folder, shard_of(AudioRef(str(tmp_path / "a.wav"), start_s=0.25, duration_s=0.5, channel=1)))
    back = soundfile.read(folder.path / row["path"], dtype="int16")[0]
    assert np.array_equal(back, noise[4_000:12_000, 1])


def test_clipping_is_counted(tmp_path, folder):
    """Samples at the largest number of 16 bits, or at the least."""
    loud = np.array([32_767, -32_768, 32_766, 0, 32_767] * 100, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", loud, 16_000)
    (row,) = staged(folder, shard_of(AudioRef(str(tmp_path / "a.wav"))))
    assert row["num_clipped"] == 300
    assert row["peak_dbfs"] == 0.0


def test_what_cannot_be_decoded_is_a_row_with_its_reason(tmp_path, folder):
    """Beside the others, which are staged; it has no file."""
    good = write_wav(tmp_path / "good.wav", 0.3)
    (tmp_path / "cut.wav").write_bytes(good.read_bytes()[:2_000])
    (tmp_path / "none.wav").touch()
    names = ("good.wav", "cut.wav", "none.wav", "gone.wav")
    rows = staged(folder, shard_of(*(AudioRef(str(tmp_path / name)) for name in names)))
    assert [row["error_kind"] for row in rows] == [None, "truncated", "empty", "missing"]
    assert "0.061 s of the 0.300 s" in rows[1]["error"]
    assert [row["path"] for row in rows] == ["audio/00000/00000000.wav", None, None, None]
    assert folder.names("audio/00000") == ["audio/00000/00000000.wav"]


def test_the_first_file_of_each_coding_is_decoded(tmp_path, folder, monkeypatch):
    """And a wrong one is a failed row, never a file."""
    checked = []

    def check(encoded, samples):
        checked.append(encoded.coding)
        raise AudioError("not_kept", "other samples")

    monkeypatch.setattr(staging, "check_decoded", check)
    path = write_wav(tmp_path / "a.wav", 0.2)
    (row,) = staged(folder, shard_of(AudioRef(str(path))))
    assert checked == ["WAV/PCM_16"]
    assert (row["error_kind"], row["path"]) == ("not_kept", None)
    assert folder.names("audio/00000") == []


def test_a_stop_commits_what_is_done(tmp_path, folder):
    """And nothing where nothing is."""
    path = write_wav(tmp_path / "a.wav", 0.2)
    answers = iter([False, True])
    with work(folder) as doing:
        receipt = doing(shard_of(*[AudioRef(str(path))] * 3), rank=0, stop=lambda: next(answers))
        assert receipt.batches == (0,)
        assert doing(shard_of(AudioRef(str(path))), rank=0, stop=lambda: True) is None
    assert len(folder.names("parts")) == 1


def test_a_shard_that_was_given_up_is_failed_rows(tmp_path, folder):
    """Without entering, and without touching its audio."""
    receipt = work(folder).give_up(shard_of(AudioRef("x"), AudioRef("y")), rank=1, reason="it killed three workers")
    rows = read_part(folder, receipt.part, schema.STAGED_PARTS.names).to_pylist()
    assert [(row["error_kind"], row["error"]) for row in rows] == [("worker_died", "it killed three workers")] * 2
    assert receipt.num_failed == 2


def test_the_work_travels(folder):
    """To the workers, by pickle."""
    doing = work(folder)
    assert pickle.loads(pickle.dumps(doing)).folder.url == folder.url
