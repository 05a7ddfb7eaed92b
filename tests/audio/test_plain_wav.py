"""What is read without a decoder must be what libsndfile would have read: its samples, or its complaint."""

from __future__ import annotations

import errno
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio import reader
from earmark.audio.decode import decode
from earmark.audio.encode import encode
from earmark.audio.plain_wav import HEAD_BYTES, PlainWav
from earmark.audio.reader import mono_blocks, open_audio
from earmark.errors import AudioError
from tests.audio.tones import tone

ANY_LENGTH = 1e9
NO_FIXTURE_CHECK = [HealthCheck.function_scoped_fixture]


def outcome(path: Path, **piece) -> tuple[str, bytes]:
    """The samples, or the sentence of the error."""
    try:
        return "", decode(str(path), **{"max_decoded_s": ANY_LENGTH, **piece}).tobytes()
    except AudioError as error:
        return f"{error.kind}: {error}", b""


def by_libsndfile(path: Path, **piece) -> tuple[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainWav, "of", lambda *_: None)
        return outcome(path, **piece)


def is_plain(path: Path) -> bool:
    with open_audio(str(path)) as audio:
        return isinstance(audio.file, PlainWav)


def noise(num_frames: int, num_channels: int = 1) -> np.ndarray:
    return np.random.default_rng(num_frames).uniform(-1.2, 1.2, (num_frames, num_channels)).astype(np.float32)


@pytest.mark.parametrize("samples", [tone(0.1, 16_000), np.rint(tone(0.1, 16_000) * 2**15) / np.float32(2**15)])
def test_what_is_staged_as_wav_is_plain(tmp_path, samples):
    """A WAV of 16 bits or of floats that ``encode`` wrote needs no decoder, and gives the very samples."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(samples, "wav").data)
    assert is_plain(path)
    assert np.array_equal(decode(str(path), max_decoded_s=1.0), samples)


@pytest.mark.parametrize(
    ("coding", "plain"), [({"subtype": "PCM_16"}, True), ({"subtype": "PCM_24"}, False), ({"format": "WAVEX"}, False)]
)
def test_only_what_is_understood_is_plain(write, coding, plain):
    """The WAV of 16 bits that all programs write is plain; one of 24 bits, or with an extended header, is not."""
    assert is_plain(Path(write("a.wav", tone(0.1, 16_000), **coding))) == plain


def test_all_integers_come_as_libsndfile_has_them(write):
    """Each of the 65,536 values becomes the same float32."""
    path = Path(write("a.wav", np.arange(-(2**15), 2**15).astype(np.int16)))
    assert is_plain(path)
    assert np.array_equal(decode(str(path), max_decoded_s=ANY_LENGTH), soundfile.read(path, dtype="float32")[0])


@settings(max_examples=60, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    num_frames=st.integers(1, 3000),
    num_channels=st.integers(1, 3),
    rate_hz=st.sampled_from([8000, 16_000, 44_100]),
    subtype=st.sampled_from(["PCM_16", "FLOAT"]),
    block=st.sampled_from([100, 1000, 1 << 20]),
    start_s=st.sampled_from([0.0, 0.01, 0.0503, 1.0]),
    duration_s=st.sampled_from([None, 0.0, 0.02, 0.11, 3.0]),
    channel=st.sampled_from([None, 0, 2]),
)
def test_any_piece_is_as_libsndfile_reads_it(
    tmp_path, num_frames, num_channels, rate_hz, subtype, block, start_s, duration_s, channel
):
    """Whole or in pieces, in blocks of any size, of any channel: the same samples or the same sentence."""
    path = tmp_path / "a.wav"
    # Without PEAK, which libsndfile adds to floats, so that they are plain as well.
    data = noise(num_frames, num_channels)
    soundfile.write(path, data, rate_hz, subtype="PCM_16")
    if subtype == "FLOAT":
        as_floats(path, data)
    assert is_plain(path)
    piece = {"start_s": start_s, "duration_s": duration_s, "channel": channel}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK_SAMPLES", block)
        assert outcome(path, **piece) == by_libsndfile(path, **piece)


def as_floats(path: Path, data: np.ndarray) -> None:
    """Make a WAV of 16 bits one of the same number of floats."""
    head = bytearray(path.read_bytes()[:44])
    frame_bytes = 4 * data.shape[1]
    rate_hz = int.from_bytes(head[24:28], "little")
    head[20:22] = (3).to_bytes(2, "little")
    head[28:36] = b"".join(
        number.to_bytes(size, "little") for number, size in [(rate_hz * frame_bytes, 4), (frame_bytes, 2), (32, 2)]
    )
    head[4:8] = (36 + data.nbytes).to_bytes(4, "little")
    head[40:44] = data.nbytes.to_bytes(4, "little")
    path.write_bytes(bytes(head) + data.tobytes())


@pytest.mark.parametrize("is_short", [True, False])
def test_a_header_that_lies_is_left_to_libsndfile(tmp_path, is_short):
    """Whatever byte of the header is another one, the outcome is libsndfile's: samples or sentence."""
    path = tmp_path / "a.wav"
    samples = tone(0.02, 16_000)
    if is_short:
        soundfile.write(path, samples, 16_000)
    else:
        path.write_bytes(encode(samples, "wav").data)
    whole = path.read_bytes()
    changes = [(place, change) for place in range(44 if is_short else 56) for change in (1, 2, 0x80, 0xFF)]
    for place, change in changes:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
        assert outcome(path) == by_libsndfile(path), (place, change)


@pytest.mark.parametrize(("num_channels", "rate_hz", "plain"), [(1024, 1, True), (1025, 16_000, False), (1, 0, False)])
def test_what_libsndfile_refuses_is_not_plain(write, num_channels, rate_hz, plain):
    """More channels than it has, and no rate: the same samples, or its sentence."""
    path = Path(write("a.wav", np.zeros(num_channels * 4, np.int16)))
    head = bytearray(path.read_bytes())
    head[22:34] = struct.pack("<HIIH", num_channels, rate_hz, rate_hz * num_channels * 2, num_channels * 2)
    path.write_bytes(head)
    with path.open("rb", buffering=0) as file:
        assert (PlainWav.of(file, bytes(head[:HEAD_BYTES])) is not None) == plain
    assert outcome(path) == by_libsndfile(path)


@pytest.mark.parametrize("cut", [1, 2, 100, 590, 600, 640])
def test_a_file_that_is_cut_anywhere_is_left_to_libsndfile(write, cut):
    """Samples or header that are not all there give the sentence that they always gave."""
    path = Path(write("a.wav", tone(0.02, 16_000)))
    path.write_bytes(path.read_bytes()[:-cut])
    assert not outcome(path)[1]
    assert outcome(path) == by_libsndfile(path)


def test_a_file_that_shrinks_while_it_is_read_is_truncated(write):
    """What is not there any more is missed."""
    path = Path(write("a.wav", tone(1.0, 16_000)))
    with open_audio(str(path)) as audio:
        os.truncate(path, 20_000)
        with pytest.raises(AudioError) as caught:
            list(mono_blocks(audio, 0, None, channel=None, max_frames=ANY_LENGTH))
    assert caught.value.kind == "truncated"


class _FailingFile(io.FileIO):
    """A file on a disk that fails."""

    def readinto(self, buffer, /) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_that_fails_makes_a_file_unreadable(write):
    """The error names the file and says why."""
    path = write("a.wav", tone(1.0, 16_000))
    with _FailingFile(path) as file:
        plain = PlainWav.of(file, Path(path).read_bytes()[:56])
        audio = reader.OpenAudio(path, plain, 16_000, 1, 16_000, 16_000)
        with pytest.raises(AudioError, match=r"a\.wav cannot be read: Input/output error") as caught:
            list(mono_blocks(audio, 0, None, channel=None, max_frames=ANY_LENGTH))
    assert caught.value.kind == "unreadable"
