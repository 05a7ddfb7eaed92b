"""Which recognizer a model is for, told by what lies at its place. Reads names and one JSON file; loads nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from earmark.errors import FetchError, FolderError, UsageError
from earmark.fetching import FetchOptions, Place, fetch, list_names, resolve
from earmark.recognizers.model_files import outright

TRANSFORMERS = "transformers"
KINDS = {
    "Transformers": TRANSFORMERS,
    "NeMo": "nemo",
    "SpeechBrain": "speechbrain",
    "CTranslate2": "faster-whisper",
}
"""The kinds of models that are known by their files, and the name of the recognizer for each."""
WHISPER = "whisper"
"""A prefix for either of two: whichever the place holds."""
ARCHIVE = ".nemo"
CONFIG = "config.json"
_WHISPERS = (TRANSFORMERS, "faster-whisper")
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(?!//)(.+)", re.DOTALL)
_SCHEMES = ("hf", "http", "https", "s3", "gs")
_MOST_LOOKED_INTO = 1_000
_NUM_SHOWN = 3
_LOOKED_FOR = (
    "config.json with a model_type (Transformers), *.nemo (NeMo), hyperparams.yaml (SpeechBrain) and model.bin "
    "(CTranslate2)"
)


def prefix_of(name: str) -> tuple[str, str] | None:
    """``PREFIX:PLACE`` taken apart, where the prefix is no scheme of a place and nothing here has that whole name."""
    match = _PREFIX.fullmatch(name)
    if match is None or match[1].lower() in _SCHEMES or os.path.lexists(name):
        return None
    return match[1], match[2]


def is_place(name: str) -> bool:
    """Whether a name that no recognizer has can only be that of a place."""
    return ":" in name or "/" in name or name.startswith((".", "~")) or os.path.lexists(name)


def recognizer_at(name: str, fetching: FetchOptions = FetchOptions()) -> tuple[str, str]:  # noqa: B008  # frozen
    """The name of the recognizer for the model at the place ``name``, and the place, said outright.

    A folder is told by its files, wherever it is; of one that is elsewhere only the list of its files is asked for. Two
    kinds in one folder are refused. A repository of the hub is often published for several libraries, so there
    Transformers is taken where it has safetensors, which run no code as they are read.

    Raises UsageError for no model and for two kinds, and FetchError.
    """
    place = resolve(name, bare="hub")
    said = outright(name)
    if place.kind == "local":
        return KINDS[_only(name, _kinds_here(Path(place.locator), place))], place.name
    if place.file_name.endswith(ARCHIVE):
        return KINDS["NeMo"], said
    if place.kind == "url":
        raise UsageError(
            f"{place.name} is no model",
            cause="a URL names one file; only an archive of NeMo, *.nemo, is a model in one file",
            hint="hf:OWNER/NAME",
        )
    return KINDS[_only(name, _kinds_elsewhere(said, place, fetching))], said


def whisper_at(name: str, fetching: FetchOptions = FetchOptions()) -> tuple[str, str]:  # noqa: B008  # frozen
    """``recognizer_at`` for a Whisper, of Transformers or CTranslate2. Raises UsageError for any other kind."""
    kind, place = recognizer_at(name, fetching)
    if kind not in _WHISPERS:
        raise UsageError(
            f"{name} is not for {WHISPER}:",
            cause=f"what lies there is for {kind}; {WHISPER}: is for {' and '.join(_WHISPERS)}",
            hint=f"{kind}:{name}",
        )
    if kind == TRANSFORMERS:  # a model.bin says of itself what it is, and its reader refuses others
        _check_whisper(name, place, fetching)
    return kind, place


def _check_whisper(name: str, place: str, fetching: FetchOptions) -> None:
    """Raise UsageError where ``config.json`` there says that it is another model; where it is broken, its reader does.

    Of a place that is elsewhere it is fetched, as it would be next.
    """
    config = _config_at(fetch(f"{place.rstrip('/')}/{CONFIG}", options=fetching).path)
    model_type, classes = config.get("model_type"), config.get("architectures")
    if model_type == WHISPER or not config:
        return
    named = f": {classes[0]}" if isinstance(classes, list) and classes else ""
    raise UsageError(
        f"{name} is no Whisper",
        cause=f"its {CONFIG} says model_type {model_type!r}{named}",
        hint=f"{TRANSFORMERS}:{name}",
    )


def kinds_of(names: Collection[str], *, has_model_type: bool) -> dict[str, str]:
    """The kinds of models that files of these names are, each with the file that says so."""
    signs = {
        "Transformers": [CONFIG] if CONFIG in names and has_model_type else [],
        "NeMo": [name for name in names if name.endswith(ARCHIVE)],
        "SpeechBrain": [name for name in names if name == "hyperparams.yaml"],
        "CTranslate2": [name for name in names if name == "model.bin"],
    }
    return {kind: found[0] for kind, found in signs.items() if found}


def _only(name: str, kinds: dict[str, str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    raise UsageError(
        f"{name} holds {len(kinds)} kinds of models",
        cause="; ".join(f"{kind}: {sign}" for kind, sign in kinds.items()),
        hint=f"say which: {' or '.join(f'{KINDS[kind]}:{name}' for kind in kinds)}",
    )


def _kinds_elsewhere(said: str, place: Place, fetching: FetchOptions) -> dict[str, str]:
    """By the list of files alone, so that nothing heavy is fetched to find out what it is."""
    try:
        names = [name for name in list_names(said, options=fetching) if "/" not in name]
    except FetchError as error:
        if error.kind != "offline":
            raise
        return {"Transformers": CONFIG}  # the list is not kept; its files may be, and their reader says what is
    has_weights = any(name.endswith(".safetensors") for name in names)
    kinds = kinds_of(names, has_model_type=has_weights) or kinds_of(names, has_model_type=True)
    if not kinds:
        raise _no_model(place.name, names)
    is_published = place.kind == "hub" and "Transformers" in kinds
    return {"Transformers": kinds["Transformers"]} if is_published else kinds


def _kinds_here(path: Path, place: Place) -> dict[str, str]:
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
    kinds = kinds_of(names, has_model_type=_has_model_type(path / CONFIG))
    if not kinds:
        raise _no_model(place.name, names, _models_in(path, names))
    return kinds


def _models_in(path: Path, names: Collection[str]) -> list[str]:
    """Those of the ``names`` in a folder that are folders with a model: somebody may have meant one of them."""
    found = []
    for name in sorted(names)[:_MOST_LOOKED_INTO]:
        inside = path / name
        with contextlib.suppress(OSError):
            files = os.listdir(inside) if inside.is_dir() else []  # noqa: PTH208  # only names are wanted
            if kinds_of(files, has_model_type=_has_model_type(inside / CONFIG)):
                found.append(name)
    return found


def _no_model(name: str, names: Collection[str], inside: Sequence[str] = ()) -> UsageError:
    hint = "name the folder that save_pretrained wrote, a .nemo file, or hf:OWNER/NAME"
    if inside:
        some = " or ".join(f"{name.rstrip('/')}/{one}" for one in inside[:_NUM_SHOWN])
        hint = f"a model lies one folder further down: {some}{', ...' if len(inside) > _NUM_SHOWN else ''}"
    return UsageError(
        f"{name} holds no model",
        cause=f"looked for {_LOOKED_FOR}; found {', '.join(sorted(names)[:8]) or 'nothing'}",
        hint=hint,
    )


def _config_at(path: Path) -> dict[str, Any]:
    """What a JSON file says; nothing where it is no JSON of names and values."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_model_type(path: Path) -> bool:
    try:
        return "model_type" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        others = ("model.bin", "hyperparams.yaml")  # without them it is broken, and its reader says how
        return path.is_file() and not any(path.with_name(one).is_file() for one in others)
