"""Which recognizer a model is for, told by what lies in its folder. Reads names and one JSON file; loads nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from pathlib import Path

from earmark.errors import FolderError, UsageError
from earmark.fetching import Place, resolve

TRANSFORMERS = "transformers"
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(?!//)(.+)", re.DOTALL)
_SCHEMES = ("hf", "http", "https", "s3", "gs")
# Kinds of models that are known by their files, and that no recognizer here reads: what people call them by prefix.
_NOT_YET = {"nemo": "NeMo", "speechbrain": "SpeechBrain", "faster-whisper": "CTranslate2", "whisper": "CTranslate2"}


def prefix_of(name: str) -> tuple[str, str] | None:
    """``PREFIX:PLACE`` taken apart, where the prefix is no scheme of a place and nothing here has that whole name."""
    match = _PREFIX.fullmatch(name)
    if match is None or match[1].lower() in _SCHEMES or os.path.lexists(name):
        return None
    return match[1], match[2]


def is_place(name: str) -> bool:
    """Whether a name that no recognizer has can only be that of a place."""
    return ":" in name or "/" in name or name.startswith((".", "~")) or os.path.lexists(name)


def recognizer_at(name: str) -> tuple[str, str]:
    """The name of the recognizer for the model at the place ``name``, and the place, said outright.

    A folder is told by its files. What is elsewhere is taken for a model of Transformers, and looked at when its files
    are here. Raises UsageError for no model, for two kinds in one folder, and for a kind that is not supported yet.
    """
    place = resolve(name, bare="hub")
    if place.kind == "url":
        raise UsageError(
            f"{place.name} is no model", cause="a URL names one file, and a model is a folder", hint="hf:OWNER/NAME"
        )
    if place.kind != "local":
        return TRANSFORMERS, name if place.kind == "store" or name.startswith("hf:") else f"hf:{name}"
    kinds = _kinds_at(Path(place.locator), place)
    if len(kinds) > 1:
        raise UsageError(
            f"{name} holds {len(kinds)} kinds of models",
            cause="; ".join(f"{kind}: {sign}" for kind, sign in kinds.items()),
            hint=f"{TRANSFORMERS}:{name} is the one" if "Transformers" in kinds else "keep each in a folder of its own",
        )
    if "Transformers" not in kinds:
        kind, sign = next(iter(kinds.items()))
        raise not_yet(name, kind, sign)
    return TRANSFORMERS, place.locator


def check_prefix(prefix: str, name: str) -> None:
    """Raise UsageError where the prefix is that of a kind which is known, and not supported yet."""
    if kind := _NOT_YET.get(prefix):
        raise not_yet(name, kind, f"prefix {prefix}:")


def not_yet(name: str, kind: str, sign: str) -> UsageError:
    """What to say of a model of a known kind without a recognizer."""
    return UsageError(
        f"{name} is a model for {kind}, which is not supported yet",
        cause=f"told by {sign}",
        hint="its version in the format of Transformers, where there is one, is: hf:OWNER/NAME",
    )


def kinds_of(names: Collection[str], *, has_model_type: bool) -> dict[str, str]:
    """The kinds of models that files of these names are, each with the file that says so."""
    signs = {
        "Transformers": ["config.json"] if "config.json" in names and has_model_type else [],
        "NeMo": [name for name in names if name.endswith(".nemo")],
        "SpeechBrain": [name for name in names if name == "hyperparams.yaml"],
        "CTranslate2": [name for name in names if name == "model.bin"],
    }
    return {kind: found[0] for kind, found in signs.items() if found}


def _kinds_at(path: Path, place: Place) -> dict[str, str]:
    if path.is_file():
        kinds = kinds_of([path.name], has_model_type=False)
        if not kinds:
            raise UsageError(f"{place.name} is a file, and a model is a folder", hint="name the folder that it lies in")
        return kinds
    try:
        names = sorted(os.listdir(path))  # noqa: PTH208  # only names are wanted
    except OSError as error:
        raise FolderError(
            place.name, error.strerror or str(error), hint="earmark ls models, or the place of a model"
        ) from error
    kinds = kinds_of(names, has_model_type=_has_model_type(path / "config.json"))
    if not kinds:
        raise UsageError(
            f"{place.name} holds no model",
            cause=(
                "looked for config.json with a model_type (Transformers), *.nemo (NeMo), hyperparams.yaml "
                f"(SpeechBrain) and model.bin (CTranslate2); found {', '.join(names[:8]) or 'nothing'}"
            ),
            hint="name the folder that save_pretrained wrote, or hf:OWNER/NAME",
        )
    return kinds


def _has_model_type(path: Path) -> bool:
    try:
        return "model_type" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return path.is_file() and not path.with_name("model.bin").is_file()  # broken: its reader says how
