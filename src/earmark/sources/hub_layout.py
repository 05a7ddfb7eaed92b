"""Which Parquet files of a data set hold which split of which configuration: as its README says, or by their names.

The README's ``configs`` and the names by default are those of the Hugging Face hub (huggingface.co/docs/hub,
"Manual configuration" and "File names and splits"). Both come from strangers. Nothing is fetched here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from earmark.errors import UnknownNameError, UsageError

DEFAULT = "default"
SUFFIX = ".parquet"

_MOST_STARS = 6  # each one more makes a pattern that does not fit slower to refuse
_NUMBERED = re.compile(r"(?P<split>.+?)-\d+-of-\d+(?:-\w+)?")
_SPLIT = re.compile(r"(?:train|test|validation|valid|val|dev|eval)(?![a-z])", re.IGNORECASE)
_WILD = re.compile(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])")
_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}

Splits = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Layout:
    """The files, in order, of each split of each configuration; and the configuration that is meant by default."""

    configs: Mapping[str, Splits] = field(default_factory=dict)
    default: str | None = None

    def chosen(self, data: str, config: str | None, split: str | None) -> tuple[str, str, tuple[str, ...]]:
        """Choose a configuration, a split and its files. Raises UnknownNameError or UsageError, with the known ones."""
        if config is None:
            config = self.default or _only(self.configs, data, "configuration", f"{data}/CONFIGURATION:SPLIT")
        if config not in self.configs:
            raise UnknownNameError(f"configuration of {data}", config, self.configs)
        splits = self.configs[config]
        where = f"{data}/{config}" if len(self.configs) > 1 else data
        if split is None:
            split = _only(splits, where, "split", f"{where}:SPLIT")
        if split not in splits:
            raise UnknownNameError(f"split of {where}", split, splits)
        return config, split, splits[split]


def _only(known: Mapping[str, object], data: str, what: str, hint: str) -> str:
    if len(known) != 1:
        raise UsageError(f"{data} has more than one {what}", cause=f"known: {', '.join(sorted(known))}", hint=hint)
    return next(iter(known))


def layout(paths: Iterable[str], readme: str | None = None) -> Layout:
    """Lay out the Parquet files among ``paths``. A layout without configurations: there are none."""
    files = sorted(path for path in paths if path.lower().endswith(SUFFIX))
    declared = _declared(readme) if readme else None
    if not declared:
        configs = _by_names(files)
        return Layout(configs, DEFAULT if DEFAULT in configs else None)
    configs = {name: _splits(config, files) for name, config in declared.items()}
    named = next((name for name, config in declared.items() if config.get(DEFAULT) is True), None)
    found = {name: splits for name, splits in configs.items() if splits}
    return Layout(found, named or (DEFAULT if DEFAULT in found else None))


def _declared(readme: str) -> dict[str, dict[str, Any]] | None:
    """Read the configurations in the head of a README; None where there are none. Raises UsageError."""
    import yaml

    head = re.match(r"\s*---\s*\n(.*?)\n---\s*(?:\n|$)", readme, re.DOTALL)
    try:
        facts = yaml.safe_load(head[1]) if head else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise _unclear(f"its head is no YAML: {problem}") from error
    configs = facts.get("configs") if isinstance(facts, dict) else None
    if not isinstance(configs, list):
        return None
    usable = [one for one in configs if isinstance(one, dict) and (one.get("data_files") or one.get("data_dir"))]
    return {str(one.get("config_name", DEFAULT)): one for one in usable}


def _unclear(problem: str) -> UsageError:
    hint = "hf:OWNER/NAME@REVISION/PATH.parquet names one of its files"
    return UsageError("the data set's README cannot be understood", cause=problem, hint=hint)


def _splits(config: Mapping[str, Any], files: Sequence[str]) -> Splits:
    folder = _clean(config.get("data_dir"))
    below = [path for path in files if path.startswith(f"{folder}/")] if folder else files
    declared = config.get("data_files")
    if not declared:
        return {split: paths for splits in _by_names(below).values() for split, paths in splits.items()}
    prefix = f"{folder}/" if folder else ""
    found = {
        split: tuple(dict.fromkeys(path for one in patterns for path in _matching(prefix + one, files)))
        for split, patterns in _patterns(declared).items()
    }
    return {split: paths for split, paths in found.items() if paths}


def _patterns(declared: object) -> dict[str, list[str]]:
    """``data_files`` in any of its forms: a pattern, some, a map of splits, or a list of splits with their paths."""
    if isinstance(declared, dict):
        return {str(split): _texts(paths) for split, paths in declared.items()}
    if isinstance(declared, list) and all(isinstance(one, dict) for one in declared):
        return {str(one.get("split", "train")): _texts(one.get("path")) for one in declared}
    return {"train": _texts(declared)}


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_clean(one) for one in values if isinstance(one, str)]


def _clean(path: object) -> str:
    return path.removeprefix("./").strip("/") if isinstance(path, str) else ""


def _matching(pattern: str, files: Iterable[str]) -> list[str]:
    if pattern.count("*") > _MOST_STARS:
        raise _unclear(f"a pattern with many stars: {pattern!r}")
    parts = (
        _REGEX.get(part) or (_class(part) if part[:1] == "[" else re.escape(part)) for part in _WILD.split(pattern)
    )
    try:
        regex = re.compile("".join(parts))
    except re.error as error:
        raise _unclear(f"{pattern!r} is no pattern: {error}") from error
    return [path for path in files if regex.fullmatch(path)]


def _class(part: str) -> str:
    inside = part[1:-1].replace("\\", r"\\")
    return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"


def _by_names(files: Iterable[str]) -> dict[str, Splits]:
    found: dict[str, dict[str, list[str]]] = {}
    for path in files:
        config, split = _named(path)
        found.setdefault(config, {}).setdefault(split, []).append(path)
    return {config: {split: tuple(paths) for split, paths in splits.items()} for config, splits in found.items()}


def _named(path: str) -> tuple[str, str]:
    """The configuration and the split of ``[data/][CONFIG/]SPLIT-0-of-2.parquet``, or ``[CONFIG/]SPLIT/0.parquet``."""
    place = PurePosixPath(path)
    folders = [part for part in place.parts[:-1] if part != "data"]
    if match := _NUMBERED.fullmatch(place.stem):
        split = match["split"]
    elif _SPLIT.match(place.stem):
        split = re.sub(r"[-_]\d+$", "", place.stem)
    else:
        split = folders.pop() if folders else "train"
    return "/".join(folders) or DEFAULT, split
