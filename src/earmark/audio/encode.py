"""Samples as the bytes of a FLAC or WAV file that gives them back, and the proof that it does. It knows no file name.

The samples are those of ``decode``: float32 at 16 kHz. Where they are whole numbers of 16 or 24 bits, which all that
was recorded so and not resampled is, FLAC or WAV of so many bits holds them exactly. Other samples (resampled, or of
MP3, Ogg and Opus) are held exactly by a WAV of 32-bit floats only; rounded to 24 bits they are off by at most 2**-24.
Nothing is dithered.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import soundfile

from earmark.errors import AudioError
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int16] | NDArray[np.int32]

AudioFormat = Literal["auto", "flac", "wav"]
"""``auto``: FLAC, or WAV of floats where FLAC would round. ``flac``: always FLAC. ``wav``: always WAV, exactly."""

WAV_FLOAT = "WAV/FLOAT"
LIBSNDFILE_VERSION: str = soundfile.__libsndfile_version__
_SHORT, _LONG = 16, 24  # bits
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


def encode(samples: NDArray[np.float32], form: AudioFormat = "auto") -> EncodedAudio:
    """Encode mono samples in [-1, 1], shape ``(num_samples,)``, at 16 kHz. The same samples give the same bytes.

    What was written is checked: of a FLAC the length, the rate and the MD5 of the samples that stand in it, of a WAV
    the samples themselves. Raises AudioError ``not_kept`` where they are not ours.
    """
    bits, is_exact = _SHORT, True
    integers: Integers | None = _short_integers(samples)
    if integers is None:
        bits = _LONG
        integers, is_exact = _long_integers(samples)
    if not is_exact and form != "flac":
        return EncodedAudio(_wav(samples.astype("<f4").tobytes(), 32, _IEEE_FLOAT), ".wav", WAV_FLOAT, is_exact=True)
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


def _short_integers(samples: NDArray[np.float32]) -> NDArray[np.int16] | None:
    """The samples as integers of 16 bits; None where they are not such."""
    scaled = samples * np.float32(1 << (_SHORT - 1))  # a power of two, so nothing is rounded
    with np.errstate(invalid="ignore"):  # +1 is one too many, and becomes some other number
        integers = scaled.astype(np.int16)
    return integers if np.array_equal(integers.astype(np.float32), scaled) else None


def _long_integers(samples: NDArray[np.float32]) -> tuple[NDArray[np.int32], bool]:
    """The nearest integers of 24 bits, and whether they are the very samples."""
    scale = 1 << (_LONG - 1)
    scaled = samples * np.float32(scale)
    nearest = np.rint(scaled)
    np.minimum(nearest, np.float32(scale - 1), out=nearest)
    return nearest.astype(np.int32), bool(np.array_equal(nearest, scaled))


def _payload(integers: Integers, bits: int) -> bytes:
    """The samples as little-endian integers of ``bits`` bits, as a WAV holds them and FLAC's MD5 takes them."""
    if bits == _SHORT:
        return integers.astype("<i2", copy=False).tobytes()
    return integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _flac(integers: Integers, bits: int) -> bytes:
    stream = io.BytesIO()
    samples = integers if bits == _SHORT else integers << 8  # libsndfile wants 24 bits at the top of 32
    subtype = f"PCM_{bits}"
    soundfile.write(stream, samples, SAMPLE_RATE_HZ, format="FLAC", subtype=subtype, compression_level=_FLAC_LEVEL)
    return stream.getvalue()


def _check_flac(data: bytes, payload: bytes, bits: int) -> None:
    marker, _, facts, md5 = _STREAMINFO.unpack_from(data)
    num_samples = len(payload) * 8 // bits
    # 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of samples
    expected = SAMPLE_RATE_HZ << 44 | (bits - 1) << 36 | num_samples
    if (marker, facts) != (b"fLaC", expected) or md5 != hashlib.md5(payload, usedforsecurity=False).digest():
        raise _not_kept(f"FLAC/PCM_{bits}", "says in its header that it holds other samples")


def _wav(payload: bytes, bits: int, coding: int) -> bytes:
    """A WAV with the chunks that both codings need (Multimedia Programming Interface 1.0, IBM and Microsoft, 1991).

    Ours, because libsndfile writes the time of day into a WAV of floats.
    """
    width = bits // 8
    padding = b"\0" * (len(payload) % 2)
    header = _WAV_HEADER.pack(
        b"RIFF", _WAV_HEADER.size - 8 + len(payload) + len(padding), b"WAVE",
        b"fmt ", 16, coding, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * width, width, bits,
        b"fact", 4, len(payload) // width,
        b"data", len(payload),
    )  # fmt: skip
    return header + payload + padding


def _not_kept(coding: str, problem: str) -> AudioError:
    return AudioError("not_kept", f"the {coding} that was written {problem}")
