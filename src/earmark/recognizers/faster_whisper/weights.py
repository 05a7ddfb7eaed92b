"""What ``model.bin`` of CTranslate2 says of itself: names and shapes, whether it is whole, and whether it is numbers.

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

import numpy as np

from earmark.errors import RecognizerError, UsageError
from earmark.recognizers.model_files import LFS_POINTER

KIND = "WhisperSpec"
_VERSIONS = range(4, 7)  # since 4, sizes are in bytes
_MOST_NAME_BYTES = 1_000
_FLOAT32, _FLOAT16, _BFLOAT16 = 0, 4, 5  # in CTranslate2's include/ctranslate2/types.h
_EXPONENT = 0x7F80  # of a bfloat16; where all of it is set, it is NaN or infinity
_BLOCK_BYTES = 1 << 24
_REFETCH = "fetch it again; git lfs pull where it came by git"


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    shape: tuple[int, ...]
    kind: int
    start: int
    num_bytes: int


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
            size_bytes = os.fstat(file.fileno()).st_size
            shapes = {one.name: one.shape for one in _variables(place, file, size_bytes)}
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


def check_numbers(place: str, path: Path) -> None:
    """Raise RecognizerError where a weight is NaN or infinite: such a model hears nothing, and says so of all."""
    with path.open("rb") as file:
        for one in list(_variables(place, file, os.fstat(file.fileno()).st_size)):
            if not all(_is_finite(block, one.kind) for block in _blocks(file, one)):
                raise RecognizerError(
                    f"the weights of {place} are no numbers", cause=f"{one.name} holds NaN or infinity", hint=_REFETCH
                )


def _blocks(file: BinaryIO, variable: _Variable) -> Iterator[bytes]:
    file.seek(variable.start)
    left = variable.num_bytes if variable.kind in (_FLOAT32, _FLOAT16, _BFLOAT16) else 0
    while left > 0:
        yield file.read(min(left, _BLOCK_BYTES))
        left -= _BLOCK_BYTES


def _is_finite(block: bytes, kind: int) -> bool:
    if kind == _BFLOAT16:  # the upper half of a float32
        return not bool((np.frombuffer(block, "<u2") & _EXPONENT == _EXPONENT).any())
    return bool(np.isfinite(np.frombuffer(block, "<f4" if kind == _FLOAT32 else "<f2")).all())


def _variables(place: str, file: BinaryIO, size_bytes: int) -> Iterator[_Variable]:
    """Each variable, while the file is as long as it says."""
    if file.read(len(LFS_POINTER)) == LFS_POINTER:
        raise UsageError(
            f"model.bin of {place} is not there", cause="a Git LFS pointer lies in its place", hint=_REFETCH
        )
    file.seek(0)
    try:
        (version,) = _numbers(file, "<I")
        model_kind = _text(file)
        if version not in _VERSIONS or model_kind != KIND:
            raise UsageError(
                f"{place} is no Whisper of CTranslate2",
                cause=f"its model.bin is a {model_kind!r} of version {version}; a {KIND} of 4 to 6 is read here",
                hint="ct2-transformers-converter makes one of a Whisper of Transformers",
            )
        _revision, num_variables = _numbers(file, "<II")
        for _ in range(num_variables):
            name = _text(file)
            (rank,) = _numbers(file, "<B")
            shape = _numbers(file, f"<{rank}I")
            kind, num_bytes = _numbers(file, "<BI")
            start = file.tell()
            if start + num_bytes > size_bytes:
                raise _cut_off(place, size_bytes)
            yield _Variable(name, shape, kind, start, num_bytes)
            file.seek(start + num_bytes)
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
