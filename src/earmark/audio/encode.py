"""Samples as the bytes of a FLAC or WAV file that gives them back, and the proof that it does. It knows no file name.

The samples are those of ``decode``: float32 at 16 kHz. Where they are whole numbers of 16 or 24 bits, which all that
was recorded so and not resampled is, FLAC or WAV of so many bits holds them exactly. Other samples (resampled, or of
MP3, Ogg and Opus) are held exactly by a WAV of 32-bit floats only; rounded to 24 bits they are off by at most 2**-24.
Nothing is dithered.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
import soundfile

from earmark.errors import AudioError
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int16] | NDArray[np.int32]
    Payload = NDArray[np.int16] | NDArray[np.int32] | NDArray[np.uint8] | NDArray[np.float32]

AudioFormat = Literal["wav", "flac"]
"""``wav``: the very samples, quickest to read. ``flac``: half as large or less, and rounded where 24 bits do."""

WAV_FLOAT = "WAV/FLOAT"
LIBSNDFILE_VERSION: str = soundfile.__libsndfile_version__
_SHORT, _LONG = 16, 24  # bits
_BLOCK_SAMPLES = 1 << 14  # few enough to stay near the processor
_FLAC_LEVEL = 2 / 8
"""Of libsndfile, which takes eighths: files 2 % larger than at its own level 5, quicker to write and to read."""
_ROUNDING = 2.0**-23  # what 24 bits take from a sample, at most: half of it, and all of it at +1
_STREAMINFO = struct.Struct(">4sI10xQ16s")  # marker, block header, sizes, rate to length, MD5: RFC 9639, 8.2
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sII4sI")
_PCM, _IEEE_FLOAT = 1, 3


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """The bytes of a file, its suffix, libsndfile's name of its coding, and whether it gives back the very samples."""

    data: bytes
    suffix: str
    coding: str
    is_exact: bool


def encode(samples: NDArray[np.float32], form: AudioFormat = "wav") -> EncodedAudio:
    """Encode mono samples in [-1, 1], shape ``(num_samples,)``, at 16 kHz. The same samples give the same bytes.

    What was written is checked: of a FLAC the length, the rate and the MD5 of the samples that stand in it, of a WAV
    the samples themselves. Raises AudioError ``not_kept`` where they are not ours.
    """
    for bits in (_SHORT, _LONG):
        if (integers := _exact_integers(samples, bits)) is not None:
            return _encoded(integers, bits, form, is_exact=True)
    if form == "flac":
        return _encoded(_rounded_integers(samples), _LONG, form, is_exact=False)
    return EncodedAudio(_wav(samples.astype("<f4", copy=False), 32, _IEEE_FLOAT), ".wav", WAV_FLOAT, is_exact=True)


def _encoded(integers: Integers, bits: int, form: AudioFormat, *, is_exact: bool) -> EncodedAudio:
    payload = _payload(integers, bits)
    if form == "wav":
        return EncodedAudio(_wav(payload, bits, _PCM), ".wav", f"WAV/PCM_{bits}", is_exact)
    data = _flac(integers, bits)
    _check_flac(data, payload, bits)
    return EncodedAudio(data, ".flac", f"FLAC/PCM_{bits}", is_exact)


def check_decoded(encoded: EncodedAudio, samples: NDArray[np.float32]) -> None:
    """Decode the bytes and compare them with ``samples``. Raises AudioError ``not_kept`` where they differ.

    Costs as much as reading a staged file. Samples that were rounded may differ by what 24 bits take from them.
    """
    heard, rate_hz = soundfile.read(io.BytesIO(encoded.data), dtype="float32")
    is_whole = rate_hz == SAMPLE_RATE_HZ and heard.shape == samples.shape
    most = 0.0 if encoded.is_exact else _ROUNDING
    if not is_whole or float(np.max(np.abs(heard - samples), initial=0.0)) > most:
        raise _not_kept(encoded.coding, "does not decode to the samples that it was made of")


def _exact_integers(samples: NDArray[np.float32], bits: int) -> Integers | None:
    """The samples as integers of ``bits`` bits; None where they are not such, which the first of them mostly show."""
    scale = 1 << (bits - 1)
    num_samples = len(samples)
    integers: Integers = np.empty(num_samples, np.int16) if bits == _SHORT else np.empty(num_samples, np.int32)
    for start in range(0, num_samples, _BLOCK_SAMPLES):
        scaled = samples[start : start + _BLOCK_SAMPLES] * np.float32(scale)  # a power of two, so nothing is rounded
        block = integers[start : start + _BLOCK_SAMPLES]
        block[:] = np.minimum(scaled, np.float32(scale - 1))  # +1 is one too many
        if not (block == scaled).all():
            return None
    return integers


def _rounded_integers(samples: NDArray[np.float32]) -> Integers:
    """The nearest integers of 24 bits."""
    scale = 1 << (_LONG - 1)
    nearest = np.rint(samples * np.float32(scale))
    integers: Integers = np.minimum(nearest, np.float32(scale - 1), out=nearest).astype(np.int32)
    return integers


def _payload(integers: Integers, bits: int) -> Payload:
    """The samples as little-endian integers of ``bits`` bits, as a WAV holds them and FLAC's MD5 takes them."""
    if bits == _SHORT:
        return integers.astype("<i2", copy=False)
    return np.ascontiguousarray(integers.astype("<i4", copy=False).view(np.uint8).reshape(-1, 4)[:, :3])


def _flac(integers: Integers, bits: int) -> bytes:
    samples = integers if bits == _SHORT else integers << 8  # libsndfile wants 24 bits at the top of 32
    with _scratch_file() as file:
        soundfile.write(
            file,
            samples,
            SAMPLE_RATE_HZ,
            format="FLAC",
            subtype=f"PCM_{bits}",
            compression_level=_FLAC_LEVEL,
            closefd=False,
        )
        return os.pread(file, os.fstat(file).st_size, 0)


@contextlib.contextmanager
def _scratch_file() -> Iterator[int]:
    """A file that nobody else sees, in memory where there are such: libsndfile writes to it a hundred times a clip.

    Into a Python object each of these would be a call of Python, which costs as much as a twentieth of the encoding.
    """
    with _opened_scratch_file() as file:
        yield file.fileno()


def _opened_scratch_file() -> IO[bytes]:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # an old kernel or C library, or a sandbox, may have none
            return os.fdopen(os.memfd_create("flac"), "rb")
    return tempfile.TemporaryFile()


def _check_flac(data: bytes, payload: Payload, bits: int) -> None:
    marker, _, facts, md5 = _STREAMINFO.unpack_from(data)
    num_samples = payload.nbytes * 8 // bits
    # 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of samples
    expected = SAMPLE_RATE_HZ << 44 | (bits - 1) << 36 | num_samples
    if (marker, facts) != (b"fLaC", expected) or md5 != hashlib.md5(payload.data, usedforsecurity=False).digest():
        raise _not_kept(f"FLAC/PCM_{bits}", "says in its header that it holds other samples")


def _wav(payload: Payload, bits: int, coding: int) -> bytes:
    """A WAV with the chunks that both codings need (Multimedia Programming Interface 1.0, IBM and Microsoft, 1991).

    Ours, because libsndfile writes the time of day into a WAV of floats.
    """
    width = bits // 8
    size_bytes = payload.nbytes
    header = _WAV_HEADER.pack(
        b"RIFF", _WAV_HEADER.size - 8 + size_bytes + size_bytes % 2, b"WAVE",
        b"fmt ", 16, coding, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * width, width, bits,
        b"fact", 4, size_bytes // width,
        b"data", size_bytes,
    )  # fmt: skip
    return b"".join((header, payload.data, b"\0" * (size_bytes % 2)))


def _not_kept(coding: str, problem: str) -> AudioError:
    return AudioError("not_kept", f"the {coding} that was written {problem}")
