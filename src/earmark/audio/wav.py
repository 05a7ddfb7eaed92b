"""What a WAV file's own header promises. It reads chunk headers and no samples.

libsndfile takes a WAV that was cut short for a shorter WAV, without a word: only the sizes in the RIFF header tell the
two apart (Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991; RF64: EBU Tech 3306).
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import BinaryIO, Self

OPEN_ENDED_BYTES = 4352
"""A data size of 0, or so close below 2**31 or 2**32, was written by a program that could not know the length.

ffmpeg writes 0xFFFFFFFF into a pipe, SoX and eSpeak NG 0x7FFFF000, arecord 0x80000000, others 0.
"""
_IN_DS64 = 0xFFFFFFFF  # an RF64 keeps its long size in another chunk
_NUM_CHUNKS = 1000  # a header with more is not searched further


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The data chunk of a WAV: where its size field and its samples stand, and how many bytes it claims and has.

    ``claimed_bytes`` is None where the writer did not know. ``frame_bytes`` is the block alignment: all channels of
    one instant, in the encodings that have such a thing.
    """

    size_at: int
    claimed_bytes: int | None
    present_bytes: int
    frame_bytes: int
    is_zero: bool

    @property
    def missing_frames(self) -> int:
        """How many frames the header promises beyond those that the file has bytes for, rounded up."""
        missing_bytes = (self.claimed_bytes or 0) - self.present_bytes
        return max(0, -(-missing_bytes // max(1, self.frame_bytes)))

    @classmethod
    def read(cls, file: BinaryIO) -> Self | None:
        """Read the header of an open file; None where it is no WAV or has no data chunk."""
        file_bytes = os.fstat(file.fileno()).st_size
        start = file.read(12)
        if start[:4] not in (b"RIFF", b"RF64") or start[8:12] != b"WAVE":
            return None
        is_whole = int.from_bytes(start[4:8], "little") + 8 == file_bytes
        frame_bytes, long_bytes = 1, 0
        for _ in range(_NUM_CHUNKS):
            name, size, body = _chunk(file)
            if name == b"data":
                claimed = long_bytes if start[:4] == b"RF64" and size == _IN_DS64 else size
                is_open = _is_open_ended(claimed) and not (claimed == 0 and is_whole)
                present = max(0, file_bytes - body)
                return cls(body - 4, None if is_open else claimed, present, frame_bytes, claimed == 0 and is_open)
            if name == b"fmt ":
                frame_bytes = int.from_bytes(file.read(14)[12:14], "little")
            elif name == b"ds64":
                long_bytes = int.from_bytes(file.read(16)[8:16], "little")
            elif not name:
                return None
            file.seek(body + size + size % 2)
        return None


def _chunk(file: BinaryIO) -> tuple[bytes, int, int]:
    head = file.read(8)
    return (head[:4], int.from_bytes(head[4:8], "little"), file.tell()) if len(head) == 8 else (b"", 0, 0)  # noqa: PLR2004


def _is_open_ended(claimed_bytes: int) -> bool:
    return claimed_bytes <= 2**32 and -claimed_bytes % 2**31 <= OPEN_ENDED_BYTES


class OpenEndedWav(io.FileIO):
    """A WAV whose data size reads as 0xFFFFFFFF instead of 0, so that libsndfile takes all bytes that are there."""

    def __init__(self, path: str, size_at: int) -> None:
        super().__init__(path, "rb")
        self._size_at = size_at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # soundfile gives such a buffer
        """Read as a file does, with the four bytes of the size replaced."""
        position = self.tell()
        num_bytes = super().readinto(buffer) or 0
        for place in range(self._size_at - position, self._size_at - position + 4):
            if 0 <= place < num_bytes:
                buffer[place : place + 1] = b"\xff"
        return num_bytes
