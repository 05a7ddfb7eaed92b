"""What in a model's JSON files, or beside them, would lead the library to other files than those that count.

A file that is not hashed, or comes from another repository, could change between two runs of one identity. Reads JSON
only, and knows no loader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.transformers.json_files import read_json

ADAPTER = "adapter_config.json"
_CONFIGS = ("config.json", "processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def check_pointers(place: str, folder: Path, tokenizer: Path, *, trust: bool) -> None:
    """Look at the model in ``folder``, and at its ``tokenizer``. ``trust`` says that code of its own is run.

    Raises UsageError for other weights, another tokenizer file, an adapter, and code from another repository, and
    FolderError for what is no JSON.
    """
    if (folder / ADAPTER).exists():
        raise UsageError(
            f"an adapter lies beside the weights of {place}",
            cause=f"whether {ADAPTER} counts depends on peft being installed; only weights that are whole are run",
            hint="merge the adapter into the weights with peft, or take its files out of the folder",
        )
    for path in _files(folder, tokenizer):
        _check_file(place, path, trust=trust)


def _files(folder: Path, tokenizer: Path) -> list[Path]:
    others = [] if tokenizer == folder else [tokenizer / "tokenizer_config.json"]
    return [path for path in [*(folder / name for name in _CONFIGS), *others] if path.is_file()]


def _check_file(place: str, path: Path, *, trust: bool) -> None:
    content = read_json(path)
    if content.get("transformers_weights") is not None:
        raise _leads_elsewhere(place, path, "transformers_weights", "model.safetensors are the weights that count")
    if content.get("fast_tokenizer_files") not in (None, [], ["tokenizer.json"]):
        raise _leads_elsewhere(place, path, "fast_tokenizer_files", "tokenizer.json is the one that counts")
    if trust and any("--" in target for one in _maps(content) for target in _texts(one)):
        raise UsageError(
            f"{place} takes its code from another repository",
            cause=f"auto_map in {path.name} says so, and only what lies beside the weights is run",
        )


def _leads_elsewhere(place: str, path: Path, key: str, cause: str) -> UsageError:
    return UsageError(
        f"{path.name} of {place} leads to other files", cause=f"it says {key}; {cause}", hint=f"take {key} out of it"
    )


def _maps(value: object) -> Iterator[object]:
    """Every ``auto_map`` in it: files of processors hold those of their parts."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name == "auto_map":
                yield one
            else:
                yield from _maps(one)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401  # a value of JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(one)
