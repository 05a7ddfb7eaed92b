"""A checkpoint on the disk: which file is meant, whether it is whole, and what stands beside it. Loads no weights.

::

    DIR/all_config.yaml     the settings
    DIR/step_<number>       a state dict, written by torch.save
    DIR/<data_path>/test/   the puzzles that came with it, where data_path leads below DIR

Code that lies beside a checkpoint is never looked at. https://github.com/sapientinc/HRM writes this layout.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from earmark.errors import CheckpointError, first_line
from earmark.puzzles.hrm.settings import HrmSettings, parse_yaml, settings_from

CONFIG = "all_config.yaml"
_STEP = re.compile(r"step_([0-9]{1,18})", re.ASCII)
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_MOST_TEXT_BYTES = 1 << 20
_RECORD = "data.pkl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights that were found whole, and what model they are of. It travels to workers by pickle.

    ``step`` is -1 where the file's name says none. ``data_path`` is the folder of puzzles that belongs to it.
    """

    path: str
    step: int
    sha256: str
    settings: HrmSettings
    data_path: str | None = None


def read_checkpoint(place: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint at a file, or the newest ``step_<number>`` of a folder; its bytes are hashed.

    Raises CheckpointError where there is none, where it has no usable ``all_config.yaml``, and where the file is a
    pointer of Git LFS or is not whole. The shapes and values of the weights are looked at when they are loaded.
    """
    path = _file_of(Path(place))
    document = read_config(path.parent)
    sha256 = check_whole(path)
    data = _data_path(path.parent, document)
    try:
        sizes = _sizes_of_data(data) if data is not None else None
        vocab_size, seq_len = sizes or _sizes_of_weights(path)
        settings = settings_from(document, vocab_size=vocab_size, seq_len=seq_len)
    except ValueError as error:
        raise CheckpointError("config", str(path.parent / CONFIG), str(error)) from error
    number = _STEP.fullmatch(path.name)
    has_puzzles = data is not None and (data / "test").is_dir()
    return Checkpoint(
        path=str(path),
        step=int(number[1]) if number else -1,
        sha256=sha256,
        settings=settings,
        data_path=str(data) if has_puzzles else None,
    )


def read_checkpoints(places: Iterable[str | os.PathLike[str]]) -> tuple[Checkpoint, ...]:
    """``read_checkpoint`` of each. Raises one CheckpointError that lists all those that cannot be used."""
    found: list[Checkpoint] = []
    bad: list[CheckpointError] = []
    for place in places:
        try:
            found.append(read_checkpoint(place))
        except CheckpointError as error:
            bad.append(error)
    if len(bad) == 1:
        raise bad[0]
    if bad:
        listed = "\n".join(f"{error.place}: {error.cause}" for error in bad)
        hint = next((error.hint for error in bad if error.hint), None)
        raise CheckpointError(bad[0].kind, f"{len(bad)} checkpoints", listed, hint=hint)
    return tuple(found)


def read_config(folder: Path) -> Mapping[str, Any]:
    """The ``all_config.yaml`` of a folder, parsed. Raises CheckpointError where it is none."""
    config = folder / CONFIG
    try:
        content = config.read_bytes() if config.stat().st_size <= _MOST_TEXT_BYTES else None
    except OSError as error:
        hint = f"it lies beside the weights: copy it to {folder}"
        raise CheckpointError("config", str(config), error.strerror or str(error), hint=hint) from error
    if content is None:
        raise CheckpointError("config", str(config), "it is too large for what it is")
    if content.startswith(_LFS_POINTER):
        hint = f"git lfs pull, in {folder}"
        raise CheckpointError("pointer", str(config), "it is a Git LFS pointer, not the settings", hint=hint)
    try:
        document = parse_yaml(content)
    except ValueError as error:
        raise CheckpointError("config", str(config), f"it is no plain YAML: {error}") from error
    if not isinstance(document, Mapping):
        raise CheckpointError("config", str(config), "it is no mapping of names to values")
    return document


def check_whole(path: Path) -> str:
    """The SHA-256 of the file, in hexadecimal. Raises CheckpointError unless it is a whole archive of torch.save."""
    try:
        with path.open("rb") as file:
            if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
                hint = f"git lfs pull, in {path.parent}"
                raise CheckpointError("pointer", str(path), "it is a Git LFS pointer, not the weights", hint=hint)
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        problem = "it is not a whole file of torch.save (cut off, or of another format)"
        raise CheckpointError("damaged", str(path), problem, hint="fetch or save it again") from error
    except OSError as error:
        raise CheckpointError("missing", str(path), error.strerror or str(error)) from error
    # torch.save packs nothing, so what does would only grow in memory.
    if any(one.compress_type != zipfile.ZIP_STORED for one in members) or not any(
        PurePosixPath(one.filename).name == _RECORD for one in members
    ):
        raise CheckpointError("damaged", str(path), "it is an archive that torch.save did not write")
    return sha256


def _file_of(place: Path) -> Path:
    if place.is_file():
        return place
    if not place.is_dir():
        hint = "a file step_<number>, or the folder that holds it"
        raise CheckpointError("missing", str(place), "there is no such file or folder", hint=hint)
    try:
        steps = [(int(found[1]), path) for path in place.iterdir() if (found := _STEP.fullmatch(path.name))]
    except OSError as error:
        raise CheckpointError("missing", str(place), error.strerror or str(error)) from error
    if not steps:
        raise CheckpointError("missing", str(place), "no file step_<number> is in this folder")
    return max(steps)[1]


def _data_path(folder: Path, document: Mapping[str, Any]) -> Path | None:
    """The folder that ``data_path`` names below the checkpoint's own; a path that leads elsewhere names none."""
    said = document.get("data_path")
    if not isinstance(said, str) or not said or "\0" in said:
        return None
    path = PurePosixPath(said)
    if path.is_absolute() or ".." in path.parts or "\\" in said:
        return None
    return folder / path if (folder / path).is_dir() else None


def _sizes_of_data(data: Path) -> tuple[int, int] | None:
    """``(vocab_size, seq_len)`` as ``dataset.json`` says; None where there is none. Raises ValueError for another."""
    facts = data / "train" / "dataset.json"
    try:
        content = facts.read_bytes() if facts.stat().st_size <= _MOST_TEXT_BYTES else b""
        said = json.loads(content)
    except OSError:
        return None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{facts} is no JSON: {first_line(error)}") from error
    sizes = [said.get(name) if isinstance(said, dict) else None for name in ("vocab_size", "seq_len")]
    if not all(isinstance(size, int) and 1 <= size <= 1 << 20 for size in sizes):
        raise ValueError(f"{facts} does not say vocab_size and seq_len")
    return int(sizes[0] or 0), int(sizes[1] or 0)


def _sizes_of_weights(path: Path) -> tuple[int, int]:
    """As the embedding of the tokens has it, for a Sudoku: nothing else says how many cells there are."""
    from earmark.puzzles.hrm.state_dict import read_weights

    embedding = read_weights(path).get("inner.embed_tokens.embedding_weight")
    if embedding is None or embedding.dim() != 2:  # noqa: PLR2004  # tokens by values
        raise CheckpointError(
            "shape", str(path), "it has no weight inner.embed_tokens.embedding_weight of 2 dimensions"
        )
    size = int(embedding.shape[0]) - 2
    return size + 2, size * size
