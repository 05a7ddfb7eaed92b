"""From the plain values of a document to the frozen dataclasses of a recipe. Knows types and names, and no recipe.

A key that is not known is refused with the near ones, and with its line.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from earmark.errors import ManifestError, UsageError

Made = TypeVar("Made")
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


class RecipeDocument(Protocol):
    """Plain values by section and key. ``name`` is what it is called in messages."""

    name: str
    tree: dict[str, Any]

    def wrong(self, keys: Sequence[str], problem: str, *, hint: str | None = None) -> UsageError:
        """The error about the value under ``keys``, which says where it stands."""
        ...


class RecipeText:
    """A TOML document with what was set over it. ``name`` is what it is called in messages."""

    def __init__(self, path: Path, overrides: Sequence[str]) -> None:
        self.name = str(path)
        self.text = _read(path)
        try:
            self.tree: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ManifestError(self.name, f"it is no TOML: {error}") from error
        self._set: set[str] = set()
        for one in overrides:
            self._override(one)

    def _override(self, said: str) -> None:
        """``a.b=c``: the value is read as TOML where it is that, and is a text where it is not."""
        name, sign, value = said.partition("=")
        keys = name.strip().split(".")
        if not sign or not all(keys):
            raise UsageError(f"--set {said} sets nothing", hint="--set SECTION.KEY=VALUE, as in optimizer.seed=1")
        inner = self.tree
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise UsageError(f"--set {said} goes into {key}, which is no section of {self.name}")
        try:
            inner[keys[-1]] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            inner[keys[-1]] = value
        self._set.add(".".join(keys))

    def wrong(self, keys: Sequence[str], problem: str, *, hint: str | None = None) -> UsageError:
        """The error about the value under ``keys``, with its line in the file, or with the flag that set it."""
        name = ".".join(keys)
        if name in self._set:
            return UsageError(f"--set {name}: {problem}", hint=hint)
        return ManifestError(self.name, f"{name}: {problem}" if name else problem, line=self._line(keys), hint=hint)

    def _line(self, keys: Sequence[str]) -> int | None:
        """Where the key stands: in its section, or as a section; None where it is not to be found so simply."""
        section: list[str] = []
        for number, line in enumerate(self.text.splitlines(), start=1):
            if head := re.match(r"\s*\[([^\[\]]+)\]", line):
                section = [one.strip() for one in head[1].split(".")]
                if section == list(keys):
                    return number
            elif keys and section == list(keys[:-1]) and re.match(rf"\s*\"?{re.escape(keys[-1])}\"?\s*=", line):
                return number
        return None


def made_of(kind: type[Made], document: RecipeDocument) -> Made:
    """The dataclass ``kind`` from the document. Raises UsageError for what does not fit, with its line."""
    made: Made = _dataclass(kind, document.tree, (), document)
    return made


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"the recipe {path} cannot be read", cause=str(problem)) from error


def _dataclass(kind: Any, found: object, keys: tuple[str, ...], document: RecipeDocument) -> Any:  # noqa: ANN401  # any dataclass
    if not isinstance(found, Mapping):
        raise document.wrong(keys, f"it is a section, and not {found!r}")
    known = {one.name: one for one in fields(kind)}
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known there: {', '.join(known)}"
            raise document.wrong((*keys, name), "there is no such key", hint=hint)
    types_of = get_type_hints(kind)
    values = {name: _value(types_of[name], one, (*keys, name), document) for name, one in found.items()}
    for name, one in known.items():
        if name not in values and one.default is MISSING and one.default_factory is MISSING:
            raise document.wrong((*keys, name), f"it is missing in {document.name}")
    try:
        return kind(**values)
    except UsageError as error:
        raise document.wrong(keys, error.what, hint=error.hint) from error


def _value(kind: Any, found: object, keys: tuple[str, ...], document: RecipeDocument) -> Any:  # noqa: ANN401  # a field's type
    if is_dataclass(kind):
        return _dataclass(kind, found, keys, document)
    if get_origin(kind) is Literal:
        if found in get_args(kind):
            return found
        raise document.wrong(keys, f"{found!r} is none of {', '.join(map(str, get_args(kind)))}")
    if get_origin(kind) in (Union, types.UnionType):
        return _value(next(one for one in get_args(kind) if one is not type(None)), found, keys, document)
    if kind not in _WORDS:
        return _several(kind, found, keys, document)
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise document.wrong(keys, f"{found!r} is not {_WORDS[kind]}")
    return found


def _several(kind: Any, found: object, keys: tuple[str, ...], document: RecipeDocument) -> Any:  # noqa: ANN401  # a field's type
    """A list of values of one type; names, each with a text or with numbers; or columns, each with those wanted."""
    if get_origin(kind) is tuple:
        if not isinstance(found, list):
            raise document.wrong(keys, f"{found!r} is no list")
        return tuple(_value(get_args(kind)[0], one, keys, document) for one in found)
    if not isinstance(found, Mapping):
        raise document.wrong(keys, f"{found!r} is no table")
    if get_origin(get_args(kind)[1]) in (Union, types.UnionType):
        return {str(name): _numbers(one, (*keys, name), document) for name, one in found.items()}
    if get_args(kind) != (str, str):
        return {str(name): tuple(map(str, one if isinstance(one, list) else [one])) for name, one in found.items()}
    for name, one in found.items():
        if not isinstance(one, str):
            raise document.wrong((*keys, name), f"{one!r} is not a text")
    return dict(found)


def _numbers(found: object, keys: tuple[str, ...], document: RecipeDocument) -> float | tuple[float, ...]:
    """A number, or a list of them."""
    if isinstance(found, (list, tuple)):
        return tuple(_value(float, one, keys, document) for one in found)
    number: float = _value(float, found, keys, document)
    return number
