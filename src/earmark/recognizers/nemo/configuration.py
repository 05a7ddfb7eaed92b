"""What the configuration of a stranger's model may say: which classes are built, and which files are read.

NeMo builds whatever class ``_target_`` names, and reads whatever path it finds, so both are held against lists here,
before NeMo is loaded; NeMo's own list comes after this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.nemo.archive import Archive

_CLASS = re.compile(
    r"(?:nemo\.collections\.asr\.(?:modules|losses|models|parts\.submodules|parts\.mixins)"
    r"|nemo\.collections\.common\.(?:tokenizers|losses|parts)|nemo\.core\.(?:config|optim)|torch\.(?:nn|optim))"
    r"(?:\.\w+)*\.[A-Z]\w*"
)
_FUNCTION = re.compile(r"nemo\.collections\.asr\.modules\.transformer(?:\.\w+)?\.get_nemo_transformer")
_BUILDING = ("_target_", "target", "cls")
_RESOLVER = re.compile(r"\$\{[^{}]*:")  # ${oc.env:NAME} reads the environment, ${oc.create:...} builds
_FILES_OF_TOKENIZER = ("model_path", "vocab_path", "spe_tokenizer_vocab")
_PATHS_OF_DECODING = ("_path", "_model", "_file", "_dir")
_KEPT = "nemo:"
_MOST_VALUES = 300_000
_DEEPEST = 50


def check_configuration(archive: Archive, *, trust: bool) -> None:
    """Raise UsageError where building the model would run or read what is not NeMo's and not the archive's own.

    With ``trust`` any class goes that NeMo itself lets pass.
    """
    files = {name.rpartition("/")[2] for name in archive.names}
    num_values = 0
    for path, value in _values(archive, archive.config, ()):
        num_values += 1
        if num_values > _MOST_VALUES:
            raise _no_configuration(archive, f"it has more than {_MOST_VALUES:,} values")
        if not isinstance(value, str):
            continue
        if path[-1] in _BUILDING and not trust:
            _check_class(archive, path, value)
        if _RESOLVER.search(value):
            raise _no_configuration(archive, f"{'.'.join(path)} is {value!r}, which is computed and not said")
        if value.startswith(_KEPT) and value.removeprefix(_KEPT) not in files:
            raise _no_configuration(archive, f"{'.'.join(path)} is {value!r}, and no such file is in it")
        _check_path(archive, path, value)
    _check_tokenizer(archive)


def _values(archive: Archive, node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that is no container, with the keys that lead to it; YAML can hold itself, and so never end."""
    if len(path) > _DEEPEST:
        raise _no_configuration(archive, f"it is more than {_DEEPEST} levels deep")
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _values(archive, value, (*path, str(key)))
    elif isinstance(node, list):
        for value in node:
            yield from _values(archive, value, (*path, path[-1] if path else ""))
    else:
        yield path, node


def _check_class(archive: Archive, path: tuple[str, ...], name: str) -> None:
    if path[-1] != "_target_" and "." not in name:
        return  # a word like any other
    if _CLASS.fullmatch(name) or _FUNCTION.fullmatch(name):
        return
    raise UsageError(
        f"{archive.place} wants to build what is not known to be harmless",
        cause=f"{'.'.join(path)} is {name!r}, and only classes of NeMo and torch that models are made of are built",
        hint="if you know who made it and why: --trust",
    )


def _check_path(archive: Archive, path: tuple[str, ...], value: str) -> None:
    if not value or value.startswith(_KEPT) or value == "???":
        return
    is_of_tokenizer = path[0] == "tokenizer" and path[-1] in _FILES_OF_TOKENIZER
    is_of_decoding = "decoding" in path and path[-1].endswith(_PATHS_OF_DECODING)
    if is_of_tokenizer or is_of_decoding:
        raise UsageError(
            f"{archive.place} would read a file that is not in it",
            cause=f"{'.'.join(path)} is {value!r}, and a file of the archive begins with {_KEPT}",
            hint="load it with the NeMo that made it, and save it again",
        )


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
