"""Whether a model's weights are there and whole: safetensors told by their headers. Reads no tensor and no pickle.

A safetensors file is eight bytes with the length of a JSON header (little-endian), the header, and the tensors, whose
places in the rest the header says: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earmark.errors import FolderError, UsageError
from earmark.recognizers.model_files import LFS_POINTER

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_OTHERS = (".h5", ".msgpack", ".onnx")
_MOST_HEADER_BYTES = 100_000_000  # the format's own limit


def check_weights(folder: Path, place: str, names: Sequence[str], architecture: str) -> None:
    """Raise UsageError unless ``folder`` holds whole safetensors; ``names`` are all that its origin has.

    ``place`` is the model's name in messages, ``architecture`` the class that can convert a pickle.
    """
    if (folder / SINGLE).is_file():
        check_safetensors(folder / SINGLE)
    elif (folder / INDEX).is_file():
        for name in _shards(folder / INDEX):
            check_safetensors(folder / name)
    else:
        raise _without_weights(place, names, architecture)


def check_safetensors(path: Path) -> None:
    """Raise FolderError unless the file is as long as its header says."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(LFS_POINTER))
            if start == LFS_POINTER:
                problem = "it is a Git LFS pointer, not the weights"
                raise FolderError(str(path), problem, hint="git lfs pull, in the folder of the model")
            length = int.from_bytes(start[:8], "little")
            if size_bytes < 8 or length > min(size_bytes - 8, _MOST_HEADER_BYTES):  # noqa: PLR2004  # the first field
                raise _cut_off(path, size_bytes)
            file.seek(8)
            header = json.loads(file.read(length))
            data_bytes = max((_end(one) for name, one in header.items() if name != "__metadata__"), default=0)
    except OSError as error:
        raise FolderError(
            str(path), error.strerror or str(error), hint="the index names it: fetch the model again"
        ) from error
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise FolderError(str(path), "its header is not that of safetensors", hint="fetch the model again") from error
    if 8 + length + data_bytes != size_bytes:
        raise _cut_off(path, size_bytes, 8 + length + data_bytes)


def _end(tensor: dict[str, Any]) -> int:
    return int(tensor["data_offsets"][1])


def _cut_off(path: Path, size_bytes: int, wanted_bytes: int | None = None) -> FolderError:
    said = f" of {wanted_bytes:,}" if wanted_bytes is not None else ""
    return FolderError(str(path), f"it is not whole: {size_bytes:,}{said} bytes", hint="fetch the model again")


def _shards(index: Path) -> list[str]:
    try:
        names = sorted({str(name) for name in json.loads(index.read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(str(index), "it is no index of weights", hint="fetch the model again") from error
    for name in names:
        if not SHARD.fullmatch(name):
            raise FolderError(str(index), f"it names the weights {name!r}, which is not model-N-of-N.safetensors")
    if not names:
        raise FolderError(str(index), "it names no weights")
    return names


def _without_weights(place: str, names: Sequence[str], architecture: str) -> UsageError:
    looked_for = f"looked for {SINGLE} and {INDEX}"
    pickles = [name for name in names if name.endswith(_PICKLES)]
    if pickles:
        return UsageError(
            f"the weights of {place} are pickles, which can run code as they are read",
            cause=f"{looked_for}; found {pickles[0]}",
            hint=(
                "convert a copy that you trust, once, with its tokenizer's and processor's files beside it: "
                f"python -c \"import transformers as t; t.{architecture}.from_pretrained('IN').save_pretrained('OUT')\""
            ),
        )
    others = [name for name in names if name.endswith(_OTHERS)]
    found = f"; found {others[0]}, which is for another framework" if others else ""
    return UsageError(f"{place} has no weights", cause=f"{looked_for}{found}", hint="fetch or save the model again")
