"""What the configuration of a stranger's model may say: which classes are built, and which files are read.

NeMo builds whatever class ``_target_`` names, and reads whatever path it finds, so both are held against lists here,
before NeMo is loaded. What is read here is what OmegaConf will read: references are followed first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.nemo.allowed import is_allowed
from earmark.recognizers.nemo.archive import Archive
from earmark.recognizers.nemo.values import Place, UnreadableError, Values

_BUILDING = ("_target_", "target", "cls")
_UNUSED = ("train_ds", "validation_ds", "test_ds", "optim", "trainer", "exp_manager", "name")
"""Sections of training, which every real archive has. Nothing is made of them here, so their paths are let be."""
_TOKENS = ("labels", "vocabulary")
_FILES_OF_TOKENIZER = ("model_path", "vocab_path", "spe_tokenizer_vocab")
_PATHS_OF_DECODING = ("_path", "_model", "_file", "_dir")
_KEPT = "nemo:"
_OWN_BLEU_TOKENIZERS = ("none", "13a", "zh", "intl", "char")
"""Of the metric for translations, in torchmetrics: the others are fetched, or are of packages that may be missing."""


def check_configuration(archive: Archive, *, trust: bool) -> None:
    """Raise UsageError where building the model would run or read what is not NeMo's and not the archive's own.

    With ``trust`` any class goes that NeMo itself lets pass.
    """
    files = {name.rpartition("/")[2] for name in archive.names}
    try:
        for place, value in Values(archive.config):
            if not isinstance(value, str):
                continue
            if place[-1] in _BUILDING and place != ("target",) and not trust:  # the model's own class is the family's
                _check_class(archive, place, value)
            if _is_used(place):
                _check_text(archive, place, value, files)
    except UnreadableError as error:
        raise _no_configuration(archive, str(error)) from error
    _check_tokenizer(archive)


def _check_class(archive: Archive, place: Place, name: str) -> None:
    if (place[-1] != "_target_" and "." not in name) or is_allowed(place, name):
        return  # what has no dot is a word like any other
    raise UsageError(
        f"{archive.place} wants to build what is not known to be harmless",
        cause=f"{'.'.join(place)} is {name!r}, and only what is on the list of what models are made of is built",
        hint="if you know who made it and why: --trust",
    )


def _is_used(place: Place) -> bool:
    """Whether the value can reach what is built; a token of a vocabulary may look like any path."""
    is_training = place[0] in _UNUSED or place[0].startswith("init_from_")
    is_made_at = place[0] == "tokenizer" and place[-1] == "dir"  # where it lay in training
    is_token = place[-1] in _TOKENS and place[-2:-1] == place[-1:]
    return not (is_training or is_made_at or is_token)


def _check_text(archive: Archive, place: Place, value: str, files: set[str]) -> None:
    """Raise UsageError for what is computed, and for what could be a file or a repository outside of the archive."""
    if "${" in value:
        raise _no_configuration(archive, f"{'.'.join(place)} is {value!r}, which is computed and not said")
    if place[-1] == "bleu_tokenizer" and value not in _OWN_BLEU_TOKENIZERS:
        raise _no_configuration(
            archive,
            f"{'.'.join(place)} is {value!r}, which NeMo has from elsewhere; known: {', '.join(_OWN_BLEU_TOKENIZERS)}",
        )
    is_of_tokenizer = place[0] == "tokenizer" and place[-1] in _FILES_OF_TOKENIZER
    if is_of_tokenizer and value.startswith(_KEPT):
        if value.removeprefix(_KEPT) not in files:
            raise _no_configuration(archive, f"{'.'.join(place)} is {value!r}, and no such file is in it")
        return
    is_of_decoding = "decoding" in place and place[-1].endswith(_PATHS_OF_DECODING)
    names_a_file = (is_of_tokenizer or is_of_decoding) and value not in ("", "???")
    if names_a_file or value.startswith(_KEPT) or _may_be_path(value):
        raise UsageError(
            f"{archive.place} would read a file that is not in it",
            cause=f"{'.'.join(place)} is {value!r}, and only files of the tokenizer are read: {_KEPT}NAME",
            hint="load it with the NeMo that made it, and save it again",
        )


def _may_be_path(value: str) -> bool:
    """Absolute or not, a URL, a repository, or the name of a file that lies in the working directory."""
    is_place = len(value) > 1 and ("/" in value or "\\" in value or value == ".." or value.startswith("~"))
    return is_place or os.path.isfile(value)  # noqa: PTH113  # Path.is_file raises where it is too long


def _check_tokenizer(archive: Archive) -> None:
    """Raise UsageError for one that NeMo would fetch from the hub."""
    tokenizer = archive.config.get("tokenizer")
    if tokenizer is None:
        return
    if not isinstance(tokenizer, Mapping):
        raise _no_configuration(archive, "its tokenizer is no mapping")
    many = tokenizer.get("langs")
    for one in [tokenizer, *(many.values() if isinstance(many, Mapping) else ())]:
        kind = one.get("type") if isinstance(one, Mapping) else None
        if kind not in ("bpe", "agg"):
            raise UsageError(
                f"the tokenizer of {archive.place} is not supported",
                cause=f"its type is {kind!r}; of these NeMo fetches parts from elsewhere. Known: agg, bpe",
            )
        if kind == "bpe" and not isinstance(one.get("model_path"), str):
            raise UsageError(f"{archive.place} has no tokenizer", cause="its configuration names no model_path of one")


def _no_configuration(archive: Archive, problem: str) -> UsageError:
    return UsageError(f"the configuration of {archive.place} is refused", cause=problem)


def decoding_of(config: Mapping[str, Any], decoder: str | None) -> Mapping[str, Any]:
    """What the configuration says about decoding; of a hybrid's CTC branch where ``decoder`` is ``ctc``."""
    auxiliary = config.get("aux_ctc")
    owner = auxiliary if decoder == "ctc" and isinstance(auxiliary, Mapping) else config
    found = owner.get("decoding")
    return found if isinstance(found, Mapping) else {}
