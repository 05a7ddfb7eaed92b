"""What ``model.bin`` of CTranslate2 says of itself: names and shapes, and whether it is whole. No weight is read.

The layout is that of CTranslate2's ``specs/model_spec.py``, binary version 6: a version, the name of the kind of model,
a revision, and for each variable its name, shape, type, size in bytes, and bytes. Numbers are little-endian.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from earmark.errors import UsageError

KIND = "WhisperSpec"
_VERSIONS = range(4, 7)  # since 4, sizes are in bytes
_MOST_NAME_BYTES = 1_000
_POINTER = b"version https://git-lfs"
_REFETCH = "fetch it again; git lfs pull where it came by git"


@dataclass(frozen=True, slots=True)
class Shapes:
    """What the shapes of the weights say: frames of 10 ms that it hears at once, mels, most tokens, vocabulary."""

    num_frames: int
    num_mels: int
    max_tokens: int
    vocabulary_size: int


def read_shapes(place: str, path: Path) -> Shapes:
    """The shapes in the file at ``path``. Raises UsageError for a file that is not whole, or no Whisper."""
    try:
        with path.open("rb") as file:
            shapes = dict(_variables(place, file, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise UsageError(f"cannot read model.bin of {place}", cause=error.strerror or str(error)) from error
    try:
        positions = shapes["encoder/position_encodings/encodings"][0]
        return Shapes(
            num_frames=2 * positions,  # the encoder halves them
            num_mels=shapes["encoder/conv1/weight"][1],
            max_tokens=shapes["decoder/position_encodings/encodings"][0],
            vocabulary_size=shapes["decoder/embeddings/weight"][0],
        )
    except (KeyError, IndexError) as error:
        raise UsageError(f"model.bin of {place} is no Whisper", cause=f"it lacks {error}") from error


def _variables(place: str, file: BinaryIO, size_bytes: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each variable, while the file is as long as it says."""
    start = file.read(len(_POINTER))
    if start == _POINTER:
        raise UsageError(
            f"model.bin of {place} is not there", cause="a Git LFS pointer lies in its place", hint=_REFETCH
        )
    file.seek(0)
    try:
        (version,) = _numbers(file, "<I")
        kind = _text(file)
        if version not in _VERSIONS or kind != KIND:
            raise UsageError(
                f"{place} is no Whisper of CTranslate2",
                cause=f"its model.bin is a {kind!r} of version {version}; a {KIND} of 4 to 6 is read here",
                hint="ct2-transformers-converter makes one of a Whisper of Transformers",
            )
        _revision, num_variables = _numbers(file, "<II")
        for _ in range(num_variables):
            name = _text(file)
            (rank,) = _numbers(file, "<B")
            shape = _numbers(file, f"<{rank}I")
            _type, num_bytes = _numbers(file, "<BI")
            if file.tell() + num_bytes > size_bytes:
                raise _cut_off(place, size_bytes)
            file.seek(num_bytes, os.SEEK_CUR)
            yield name, shape
    except (struct.error, UnicodeDecodeError) as error:
        raise _cut_off(place, size_bytes) from error


def _cut_off(place: str, size_bytes: int) -> UsageError:
    return UsageError(
        f"model.bin of {place} is not whole", cause=f"it ends after {size_bytes:,} bytes, amid a weight", hint=_REFETCH
    )


def _numbers(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _text(file: BinaryIO) -> str:
    (length,) = _numbers(file, "<H")
    if length > _MOST_NAME_BYTES:
        raise struct.error("no name is so long")
    return file.read(length)[:-1].decode("utf-8")
