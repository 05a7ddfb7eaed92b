"""A .nemo archive, looked into before it is opened: one configuration, one file of weights. Knows no NeMo, no pickle.

Such an archive is a tar, plain or packed, with ``model_config.yaml``, ``model_weights.ckpt`` and the files of the
tokenizer: https://docs.nvidia.com/nemo/speech/nightly/checkpoints/intro.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from earmark.errors import ArchiveError, FolderError, UsageError
from earmark.fetching.archive import look_into
from earmark.recognizers.model_files import LFS_POINTER
from earmark.recognizers.packages import packages_of

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"
TIMES_MODEL = ("timestamps_asr_model_config.yaml", "timestamps_asr_model_weights.ckpt")
"""A second model, in some archives of Canary; it is not loaded."""
_MOST_YAML_BYTES = 4 << 20


@dataclass(frozen=True)
class Archive:
    """An archive that keeps the rules: its files and its configuration. ``place`` is its name in messages."""

    place: str
    path: Path
    names: tuple[str, ...]
    config: Mapping[str, Any]


def read_archive(place: str, path: Path) -> Archive:
    """Look into the archive at ``path``; nothing is unpacked.

    Raises FolderError where it cannot be read, ArchiveError where it breaks the rules of ``fetching.archive``, and
    UsageError where it is no archive of one NeMo model.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise FolderError(place, "it is a Git LFS pointer, not the model", hint="git lfs pull, where it lies")
        found = look_into(path, (CONFIG,))
    except ArchiveError as error:
        error.rename(str(path), place)
        raise
    except OSError as error:
        raise FolderError(place, error.strerror or str(error), hint="./MODEL.nemo, or hf:OWNER/NAME") from error
    for wanted in (CONFIG, WEIGHTS):
        _check_once(place, wanted, found.names)
    return Archive(place, path, found.names, _parsed(place, found.read[CONFIG]))


def _check_once(place: str, wanted: str, names: tuple[str, ...]) -> None:
    of_that_name = [name for name in names if PurePosixPath(name).name == wanted]
    if of_that_name == [wanted]:
        return
    if len(of_that_name) > 1:
        raise UsageError(f"{place} is no archive of one model", cause=f"{wanted} is in it {len(of_that_name)} times")
    listed = ", ".join(sorted(names)[:8])
    raise UsageError(
        f"{place} is no archive of a NeMo model",
        cause=f"looked for {wanted} at its top; found {listed or 'nothing'}",
        hint="an archive that save_to wrote; of a model in several pieces, save it again in one",
    )


def _parsed(place: str, content: bytes) -> Mapping[str, Any]:
    """YAML of plain values: no tag builds anything."""
    with packages_of("nemo"):
        import yaml
    if len(content) > _MOST_YAML_BYTES:
        raise UsageError(f"the configuration of {place} is too large for what it is", cause=f"{len(content):,} bytes")
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"the configuration of {place} is no plain YAML", cause=said) from error
    if not isinstance(found, dict):
        raise UsageError(f"the configuration of {place} is no plain YAML", cause="it holds no mapping")
    return found
