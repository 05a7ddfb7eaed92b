"""How long an MP3 really is, counted frame by frame from its headers. It decodes nothing.

libsndfile believes the length header of the first frame (Xing, Info) or else guesses from the first bit rate and the
size of the file, and then reads no further than that: of a variable-rate file without such a header it reads a part,
without a word. The layout of a frame's header is in ISO/IEC 11172-3, 2.4.1.3, and 13818-3, 2.4.2.3.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

_KBPS_VERSION_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_KBPS_VERSION_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_RATES_HZ = (44_100, 48_000, 32_000, 0)
_VERSION_2_5, _RESERVED, _VERSION_1 = 0, 1, 3
_LAYER_3 = 1


@dataclass(frozen=True, slots=True)
class Mp3Length:
    """The frames of samples (one of each channel) that the headers add up to, encoder padding included.

    ``slack_frames`` bounds that padding. ``has_length_header`` says whether the first frame tells the length.
    """

    num_frames: int
    slack_frames: int
    has_length_header: bool


def measure(path: str) -> Mp3Length:
    """Walk the headers of the MP3 at ``path`` until something is no header: a tag, damage, or the end."""
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = position = _first_header(data)
        num_frames = per_block = 0
        while (block := _block(data, position)) is not None:
            num_bytes, per_block = block
            if position + num_bytes > len(data):
                break
            num_frames += per_block
            position += num_bytes
        opening = data[first : first + 200]
    # One block for the length header itself, one cut short, and at most two and a half of delay and padding.
    return Mp3Length(num_frames, 5 * per_block, b"Xing" in opening or b"Info" in opening)


def _first_header(data: mmap.mmap) -> int:
    position = 0
    if data[:3] == b"ID3":
        position = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    while position < len(data) and _block(data, position) is None:
        position = data.find(b"\xff", position + 1)
        if position < 0:
            return len(data)
    return position


def _block(data: mmap.mmap, position: int) -> tuple[int, int] | None:
    """Bytes and sample frames of the block whose header stands at ``position``, or None where none does."""
    head = data[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:  # noqa: PLR2004
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if version == _RESERVED or layer != _LAYER_3:
        return None
    is_version_1 = version == _VERSION_1
    kbps = (_KBPS_VERSION_1 if is_version_1 else _KBPS_VERSION_2)[head[2] >> 4]
    rate_hz = _RATES_HZ[head[2] >> 2 & 3] // (1 if is_version_1 else 4 if version == _VERSION_2_5 else 2)
    if not kbps or not rate_hz:
        return None
    num_frames = 1152 if is_version_1 else 576
    return num_frames // 8 * kbps * 1000 // rate_hz + (head[2] >> 1 & 1), num_frames
