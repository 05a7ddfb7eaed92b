"""A WAV that needs no decoder: 16-bit integers or 32-bit floats behind a header of 44 or 56 bytes, and nothing else.

Such a file is what ``encode`` and most recorders write. Its frames are read from the file straight into float32, some
times as fast as libsndfile reads the same file. A header that has anything else in it, or a size that is not to the
byte what the file has, is left to libsndfile, so that there is one opinion about odd files.
"""

from __future__ import annotations

import io
import os
import struct
import sys
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAD_BYTES = 56
"""Of the longest header that is plain: RIFF, ``fmt ``, ``fact``, ``data``."""
_FORMAT = struct.Struct("<4sI4s4sIHHIIHH")  # RIFF, its size, WAVE, fmt, 16, coding, channels, rates, frame, bits
_CHUNK = struct.Struct("<4sI")
_FACT_BYTES = 12
_SUBTYPES = {(1, 16): "PCM_16", (3, 32): "FLOAT"}
_MOST_CHANNELS = 1024  # of libsndfile
_SCALE = np.float32(2.0**-15)  # a power of two, so nothing is rounded
_INTEGERS_AT_ONCE = 1 << 17  # they are still in the processor's cache when they become floats


class PlainWav:
    """An open plain WAV, with those names of ``soundfile.SoundFile`` that a reader of frames needs.

    ``subtype`` is ``PCM_16`` or ``FLOAT``; ``frames`` is how many the file holds, to the byte.
    """

    format = "WAV"

    def __init__(
        self, file: io.FileIO, subtype: str, samplerate: int, channels: int, frames: int, data_at: int
    ) -> None:
        self._file = file
        self._data_at = data_at
        self._position = 0
        self.subtype = subtype
        self.samplerate = samplerate
        self.channels = channels
        self.frames = frames

    @classmethod
    def of(cls, file: io.FileIO, head: bytes) -> Self | None:
        """The WAV in an open file that begins with ``head``, its first HEAD_BYTES; None where it is not plain."""
        if len(head) < _FORMAT.size + _CHUNK.size or sys.byteorder != "little":
            return None
        riff, riff_bytes, wave, fmt, fmt_bytes, coding, channels, rate, byte_rate, frame_bytes, bits = (
            _FORMAT.unpack_from(head)
        )
        data_at = _data_at(head)
        subtype = _SUBTYPES.get((coding, bits))
        if (riff, wave, fmt, fmt_bytes) != (b"RIFF", b"WAVE", b"fmt ", 16) or subtype is None or data_at is None:
            return None
        data_bytes = int.from_bytes(head[data_at - 4 : data_at], "little")
        is_whole = data_at + data_bytes == riff_bytes + 8 == os.fstat(file.fileno()).st_size
        is_even = (
            0 < channels <= _MOST_CHANNELS
            and rate > 0
            and frame_bytes == channels * bits // 8
            and byte_rate == rate * frame_bytes
        )
        if not is_whole or not is_even or data_bytes % frame_bytes or not data_bytes:
            return None
        return cls(file, subtype, rate, channels, data_bytes // frame_bytes, data_at)

    def seek(self, frame: int) -> None:
        """Read on from ``frame``, which counts from 0 and is not past the end."""
        self._position = frame

    def read(self, num_frames: int) -> NDArray[np.float32]:
        """The next frames, as float32 of shape ``(num_frames or as many as are left, channels)``. Raises OSError."""
        num_samples = max(0, min(num_frames, self.frames - self._position)) * self.channels
        samples = np.empty(num_samples, np.float32)
        width = 4 if self.subtype == "FLOAT" else 2
        self._file.seek(self._data_at + self._position * self.channels * width)
        found = _fill(self._file, samples) // width if width == 4 else self._integers(samples)  # noqa: PLR2004
        block = samples[: found - found % self.channels].reshape(-1, self.channels)
        self._position += len(block)
        return block

    def _integers(self, samples: NDArray[np.float32]) -> int:
        """Fill ``samples`` with the integers that follow in the file; say how many of them there were."""
        integers = np.empty(min(len(samples), _INTEGERS_AT_ONCE), np.int16)
        done = 0
        while done < len(samples) and (found := _fill(self._file, integers[: len(samples) - done]) // 2):
            some = samples[done : done + found]
            some[...] = integers[:found]
            some *= _SCALE
            done += found
        return done


def _data_at(head: bytes) -> int | None:
    """Where the samples begin; None where something else stands there."""
    chunk_at = _FORMAT.size
    name, num_bytes = _CHUNK.unpack_from(head, chunk_at)
    if (name, num_bytes) == (b"fact", 4) and len(head) >= HEAD_BYTES:
        chunk_at += _FACT_BYTES
        name, _ = _CHUNK.unpack_from(head, chunk_at)
    return chunk_at + _CHUNK.size if name == b"data" else None


def _fill(file: io.FileIO, array: NDArray[np.float32] | NDArray[np.int16]) -> int:
    """Read until the array is full or the file ends; say how many bytes came."""
    rest = array.view(np.uint8).data
    num_bytes = 0
    while num_bytes < len(rest) and (found := file.readinto(rest[num_bytes:])):
        num_bytes += found
    return num_bytes
