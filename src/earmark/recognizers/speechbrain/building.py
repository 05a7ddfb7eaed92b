"""From what a document wants to the objects themselves. Only this calls a name of a document's, each checked before."""

from __future__ import annotations

import importlib
import inspect
import pydoc
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from earmark.errors import RecognizerError, UsageError, first_line
from earmark.recognizers.speechbrain.allowed import PRETRAINER, canonical, check_allowed, is_backbone
from earmark.recognizers.speechbrain.document import Wanted

FAILURES = (
    TypeError, ValueError, AttributeError, ImportError, RuntimeError, AssertionError, LookupError, OSError,
)  # fmt: skip
"""What SpeechBrain's constructors raise where their arguments do not fit."""
_OUTSIDE = re.compile(r"(/|~|[A-Za-z]:[\\/]).+|(.*[\\/])?\.\.([\\/].*)?", re.DOTALL)


class Builder:
    """Builds values of a document, each object once.

    ``backbone`` is the folder with the model of Transformers that the document names, ``cache`` one that may be written
    to. With ``trust`` any name is built. Raises UsageError for what may not be built, RecognizerError for what cannot.
    """

    def __init__(self, place: str, *, backbone: Path | None, cache: Path, trust: bool) -> None:
        self._place, self._backbone, self._cache, self._trust = place, backbone, cache, trust
        self._done: dict[int, tuple[object, Any]] = {}

    def __call__(self, value: Any) -> Any:  # noqa: ANN401  # whatever the document says
        """``value`` with everything in it built."""
        if isinstance(value, (str, int, float, bool, type(None))):
            return value
        if id(value) not in self._done:
            self._done[id(value)] = (value, self._built(value))  # the value is kept: its id must stay its own
        return self._done[id(value)][1]

    def _built(self, value: Any) -> Any:  # noqa: ANN401  # whatever the document says
        if isinstance(value, Wanted):
            return self._object(value)
        if isinstance(value, Mapping):
            return {name: self(one) for name, one in value.items()}
        return type(value)(self(one) for one in value)

    def _object(self, wanted: Wanted) -> Any:  # noqa: ANN401  # whatever the document says
        if not self._trust:
            check_allowed([wanted], self._place)
            self._check_paths(wanted)
        args = [self(one) for one in wanted.args]
        kwargs = {name: self(one) for name, one in self._arguments(wanted).items()}
        try:
            if wanted.kind == "attribute":
                return self._attribute(wanted, args[0])
            return _made(wanted, self._located(wanted), args, kwargs)
        except FAILURES as error:
            raise RecognizerError(
                f"SpeechBrain cannot build {wanted.name} of {self._place}",
                cause=f"{wanted.file}, line {wanted.line}: {first_line(error)}",
            ) from error

    def _arguments(self, wanted: Wanted) -> dict[str, Any]:
        """Those of a backbone say where it is on this machine."""
        return {**wanted.kwargs, **self._replaced(wanted)}

    def _replaced(self, wanted: Wanted) -> dict[str, str]:
        return {"source": str(self._backbone), "save_path": str(self._cache)} if is_backbone(wanted) else {}

    def _attribute(self, wanted: Wanted, owner: object) -> Any:  # noqa: ANN401  # whatever the document says
        found = getattr(owner, wanted.name)
        if callable(found) and not self._trust:
            raise UsageError(
                f"{self._place} wants the method {wanted.name} of an object, which a model may not",
                cause=f"{wanted.file}, line {wanted.line}",
            )
        return found

    def _located(self, wanted: Wanted) -> Any:  # noqa: ANN401  # a class, a function or a module
        name = canonical(wanted.name)
        if self._trust:
            found = pydoc.locate(name)
        else:
            module, _, last = name.rpartition(".")
            found = getattr(importlib.import_module(module), last)
        if found is None:
            raise ImportError(f"there is no {name} here")
        return found

    def _check_paths(self, wanted: Wanted) -> None:
        if canonical(wanted.name) == PRETRAINER:
            raise UsageError(
                f"{self._place} has a Pretrainer among its modules, which would write to a folder",
                cause=f"{wanted.file}, line {wanted.line}",
            )
        # Both paths of a backbone are replaced.
        kwargs = {name: one for name, one in wanted.kwargs.items() if name not in self._replaced(wanted)}
        for one in _texts([wanted.args, kwargs]):
            if _OUTSIDE.fullmatch(one):
                raise UsageError(
                    f"{self._place} gives {wanted.name} the path {one!r}, which is not in its folder",
                    cause=f"{wanted.file}, line {wanted.line}",
                )


def _texts(value: object) -> Iterator[str]:
    """All texts in a value, at any depth; what is wanted there has its own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        inner = [*value, *value.values()] if isinstance(value, Mapping) else value
        for one in inner:
            yield from _texts(one)


def _made(wanted: Wanted, found: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401  # as above
    if wanted.kind == "module" or (wanted.kind == "name" and not args and not kwargs):
        return found
    if not callable(found):
        raise TypeError("it cannot be called")
    if wanted.kind == "name":
        return partial(found, *args, **kwargs)
    if inspect.isclass(found) != (wanted.kind == "new"):
        raise TypeError("!new is for classes, !apply for functions")
    return found(*args, **kwargs)
