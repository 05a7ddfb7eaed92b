"""Which Parquet files of a data set hold which split of which configuration: as its README says, or by their names.

The rules are those of the package ``datasets`` for repositories without a script (huggingface.co/docs/hub, "Manual
configuration" and "File names and splits"), so that a name means the rows that it means there; what is no Parquet is
passed over. The names come from strangers. Nothing is fetched here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from earmark.errors import UnknownNameError, UsageError
from earmark.sources.hub_patterns import Patterns, beginning_with, has_wild_cards, is_hidden, unclear
from earmark.sources.hub_readme import DEFAULT, Declared, declared_configs
from earmark.sources.naming import likely

SUFFIX = ".parquet"

_CONVERTED = re.compile(r"(?:(?P<config>[^/]+)/)?(?P<split>[^/]+)/\d{4}\.parquet")
_SHARDED = re.compile(r"data/(?P<split>[^/]*)-\d{5}-of-\d{5}[^/]*\.[^/]*", re.ASCII)
_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_BEFORE, _AFTER = r"(?<![^-._ 0-9])", r"[-._ 0-9]"
_IN_FILE = {split: re.compile(f"{_BEFORE}(?:{'|'.join(words)}){_AFTER}") for split, words in _KEYWORDS.items()}
_IN_FOLDER = {split: re.compile(f"{_BEFORE}(?:{'|'.join(words)})(?:{_AFTER}|$)") for split, words in _KEYWORDS.items()}

Splits = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Layout:
    """The files, in order, of each split of each configuration; and the configuration that is meant by default.

    ``files`` are all of them where nothing says what the configurations are: then each folder can be named as one.
    """

    configs: Mapping[str, Splits] = field(default_factory=dict)
    default: str | None = None
    files: Sequence[str] = ()

    def chosen(self, data: str, config: str | None, split: str | None) -> tuple[str, str, tuple[str, ...]]:
        """Choose a configuration, a split and its files. Raises UnknownNameError or UsageError, with the known ones."""
        is_named = config is not None
        config = config or self.default or self._only_config(data, split)
        splits = self.configs.get(config) or splits_by_names(self.files, below=config)
        if not splits:
            raise UnknownNameError(f"configuration of {data}", config, self._folders or self.configs)
        where = f"{data}/{config}" if len(self.configs) > 1 or (is_named and config != DEFAULT) else data
        if split is None:
            split = _only(splits, where, "split", f"{where}:{likely(splits)}")
        if split not in splits:
            raise UnknownNameError(f"split of {where}", split, splits)
        return config, split, splits[split]

    def _only_config(self, data: str, split: str | None) -> str:
        having = [config for config, splits in self.configs.items() if split in splits] or self.configs
        config = min(having, default="")
        hint = f"{data}/{config}:{split or likely(self.configs[config])}" if config else ""
        return _only(self.configs, data, "configuration", hint)

    @property
    def _folders(self) -> set[str]:
        return {path[: place.start()] for path in self.files for place in re.finditer("/", path)}


def _only(known: Mapping[str, object], data: str, what: str, hint: str) -> str:
    if len(known) != 1:
        raise UsageError(
            f"{data} has more than one {what}", cause=f"known: {', '.join(sorted(known))}", hint=shlex.quote(hint)
        )
    return next(iter(known))


def layout(paths: Iterable[str], readme: str | None = None) -> Layout:
    """Lay out the Parquet files among ``paths``. A layout without configurations: there are none.

    Raises UsageError for a README that cannot be understood.
    """
    files = sorted(path for path in paths if path.lower().endswith(SUFFIX))
    declared = declared_configs(readme) if readme else {}
    if declared:
        return _as_declared(declared, files)
    if files and all(_CONVERTED.fullmatch(path) for path in files):
        return _converted(files)
    splits = splits_by_names(files)
    return Layout({DEFAULT: splits} if splits else {}, DEFAULT if splits else None, files)


def _as_declared(declared: Mapping[str, Declared], files: Sequence[str]) -> Layout:
    patterns = Patterns(files)
    by_names = cache(lambda folder: splits_by_names(files, below=folder))  # many configurations may be of one folder
    configs = {name: _declared_splits(config, patterns, by_names) for name, config in declared.items()}
    named = next((name for name, config in declared.items() if config.is_default), None)
    found = {name: splits for name, splits in configs.items() if splits}
    return Layout(found, named or (DEFAULT if DEFAULT in found else None))


def _declared_splits(config: Declared, patterns: Patterns, by_names: Callable[[str], Splits]) -> Splits:
    if config.patterns is None:
        if has_wild_cards(config.folder):
            raise unclear(f"data_dir: {config.folder[:40]!r} is no folder; wild cards are for data_files")
        return by_names(config.folder)
    prefix = f"{config.folder}/" if config.folder else ""
    found = {
        split: tuple(dict.fromkeys(path for one in some for path in patterns.matching(prefix + one)))
        for split, some in config.patterns.items()
    }
    return {split: paths for split, paths in found.items() if paths}


def _converted(files: Sequence[str]) -> Layout:
    """``[CONFIG/]SPLIT/0000.parquet``, as the hub writes what it converts; ``partial-SPLIT`` is left out."""
    configs: dict[str, Splits] = {}
    for path in files:
        match = _CONVERTED.fullmatch(path)
        if match and not match["split"].startswith("partial-"):
            splits = configs.setdefault(match["config"] or DEFAULT, {})
            splits[match["split"]] = (*splits.get(match["split"], ()), path)
    return Layout(configs, DEFAULT if DEFAULT in configs else None)


def splits_by_names(files: Sequence[str], below: str = "") -> Splits:
    """The splits by the paths below a folder: shards in ``data/``, else by folders, else by files, else all train.

    ``files`` are sorted.
    """
    prefix = f"{below}/" if below else ""
    paths = [files[at].removeprefix(prefix) for at in beginning_with(files, prefix)]
    paths = [path for path in paths if not is_hidden(path)]
    found: dict[str, list[str]] = {}
    for split_of in (_sharded, _by_folder, _by_file, lambda _: ["train"]):
        for path in paths:
            for split in split_of(path):
                found.setdefault(split, []).append(prefix + path)
        if found:
            break
    return {split: tuple(some) for split, some in found.items()}


def _sharded(path: str) -> list[str]:
    match = _SHARDED.fullmatch(path)
    return [match["split"]] if match else []


def _by_folder(path: str) -> list[str]:
    folders = path.split("/")[:-1]
    return [split for split, words in _IN_FOLDER.items() if any(words.search(folder) for folder in folders)]


def _by_file(path: str) -> list[str]:
    name = path.rpartition("/")[2]
    return [split for split, words in _IN_FILE.items() if words.search(name)]
