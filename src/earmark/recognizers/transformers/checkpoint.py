"""A folder with a model of Transformers: which files count, and what is wrong with it. Reads JSON and headers only.

Everything here comes from strangers. What can be seen to be wrong is said before anything is begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.transformers.family import Family, family_of
from earmark.recognizers.transformers.json_files import read_json
from earmark.recognizers.transformers.pointers import ADAPTER, check_pointers
from earmark.recognizers.transformers.settings import Settings
from earmark.recognizers.transformers.weights import INDEX, SINGLE, check_weights

CONFIG = "config.json"
TOKENIZER_FILES = (
    "tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
    "tekken.json",
)  # fmt: skip
"""Each of them is a vocabulary; one must be there."""
TOKENIZER_PATTERNS = (
    *TOKENIZER_FILES, "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json", "merges.txt",
    "normalizer.json",
)  # fmt: skip
EXTRACTOR_FILES = ("preprocessor_config.json", "processor_config.json")
MODEL_PATTERNS = (
    CONFIG, "generation_config.json", *EXTRACTOR_FILES, "chat_template.json", "chat_template.jinja",
    "additional_chat_templates/*.jinja", *TOKENIZER_PATTERNS, SINGLE, INDEX, "model-*-of-*.safetensors", ADAPTER,
)  # fmt: skip
"""What is fetched and hashed of a model: neither pickles, nor weights for other frameworks or in other precisions.

The adapter's configuration is among them so that it is seen, and refused.
"""
CODE_PATTERNS = ("*.py",)


@dataclass(frozen=True)
class Checkpoint:
    """A model that was looked at and found whole.

    ``folder`` and ``tokenizer`` are on this machine; ``config`` and ``generation`` are what its JSON files say, the
    latter empty where there is none. ``code`` is set where it is to run code of its own.
    """

    place: str
    folder: Path
    tokenizer: Path
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    family: Family
    runs_code: bool


def read_checkpoint(
    place: str, folder: Path, tokenizer: Path | None, settings: Settings, names: Callable[[], Sequence[str]]
) -> Checkpoint:
    """Look at the model in ``folder``, whose name in messages is ``place``.

    ``tokenizer`` is another folder with it, and ``names`` gives all files at the model's origin, for messages.

    Raises UsageError and FolderError for a folder that holds no whole model, and for one that is not for speech.
    """
    if not (folder / CONFIG).is_file():
        raise _no_model(place, names())
    config = read_json(folder / CONFIG)
    if "model_type" not in config:
        raise UsageError(f"{place} is no model of Transformers", cause=f"its {CONFIG} says no model_type")
    family = family_of(config, place, trust=settings.trust)
    check_weights(folder, place, [] if _has_weights(folder) else names(), family.architecture)
    _check_extractor(folder, place)
    vocabulary = tokenizer or folder
    _check_tokenizer(vocabulary, place)
    check_pointers(place, folder, vocabulary, trust=settings.trust)
    generation = folder / "generation_config.json"
    return Checkpoint(
        place=place,
        folder=folder,
        tokenizer=vocabulary,
        config=config,
        generation=read_json(generation) if generation.is_file() else {},
        family=family,
        runs_code=settings.trust and "auto_map" in config,
    )


def _has_weights(folder: Path) -> bool:
    return (folder / SINGLE).is_file() or (folder / INDEX).is_file()


def _no_model(place: str, names: Sequence[str]) -> UsageError:
    found = ", ".join(sorted(names)[:8])
    return UsageError(
        f"{place} holds no model of Transformers",
        cause=f"looked for {CONFIG}; found {found or 'nothing'}",
        hint="a folder that save_pretrained wrote, or hf:OWNER/NAME",
    )


def _check_extractor(folder: Path, place: str) -> None:
    if not any((folder / name).is_file() for name in EXTRACTOR_FILES):
        raise UsageError(
            f"{place} does not say how audio becomes features",
            cause=f"looked for {' and '.join(EXTRACTOR_FILES)}",
            hint=f"copy {EXTRACTOR_FILES[0]} of the model that it was made from into its folder",
        )


def _check_tokenizer(folder: Path, place: str) -> None:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise UsageError(
            f"{place} has no tokenizer",
            cause=f"looked for {', '.join(TOKENIZER_FILES)}",
            hint="--set tokenizer=PLACE takes that of the model that it was made from",
        )
