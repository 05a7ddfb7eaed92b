"""A document from plain values and what they want built: read again, it is the same. The other way of ``document``.

What two places share is written once, under a key of its own, and referred to.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from earmark.recognizers.speechbrain.document import Wanted

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_INDENT = "    "


def written(tree: Mapping[str, Any]) -> str:
    """The text of a document of these keys, for ``read_document`` and for HyperPyYAML."""
    return _Writer(tree).text()


class _Writer:
    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree
        self._uses: Counter[int] = Counter()
        self._first_key: dict[int, str] = {}
        self._names = {id(one): name for name, one in tree.items() if _is_thing(one)}
        self._lines: list[str] = []
        for name, one in tree.items():
            self._count(one, name)

    def text(self) -> str:
        for name, one in self._tree.items():
            said = self._block(one) if self._names.get(id(one), name) == name else self._flow(one)
            self._lines.append(f"{_key(name)}:{said}")
        return "\n".join(self._lines) + "\n"

    def _count(self, value: object, key: str) -> None:
        if isinstance(value, Wanted):
            self._uses[id(value)] += 1
            self._first_key.setdefault(id(value), key)
            if value.kind == "attribute":  # what it is of must have a name
                self._uses[id(value.args[0])] += 1
            if self._uses[id(value)] == 1:
                self._count(value.args, key)
                self._count(value.kwargs, key)
        elif isinstance(value, Mapping):
            for name, one in value.items():
                self._count(one, name)
        elif isinstance(value, (list, tuple)):
            for one in value:
                self._count(one, key)

    def _block(self, value: Any) -> str:  # noqa: ANN401  # whatever a document says
        """What stands after a key at the left: keys and values a line each."""
        tag, inner = "", value
        if _is_thing(value):
            tag, inner = " " + _tag(value), _arguments(value)
            if not inner:
                return tag
        if isinstance(inner, Mapping) and inner:
            said = [f"{_INDENT}{_key(name)}: {self._flow(one)}" for name, one in inner.items()]
            return "\n".join([tag, *said])
        return f"{tag} {self._flow(inner)}"

    def _flow(self, value: Any) -> str:  # noqa: ANN401  # whatever a document says
        if isinstance(value, Wanted):
            return self._thing(value)
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{_key(name)}: {self._flow(one)}" for name, one in value.items()) + "}"
        if isinstance(value, tuple):
            return f"!tuple {json.dumps('(' + ', '.join(map(self._flow, value)) + ')', ensure_ascii=False)}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self._flow, value)) + "]"
        return _plain(value)

    def _thing(self, wanted: Wanted) -> str:
        if wanted.kind == "attribute":
            return f"!ref <{self._named(wanted.args[0])}.{wanted.name}>"
        if id(wanted) in self._names or self._uses[id(wanted)] > 1:
            return f"!ref <{self._named(wanted)}>"
        return f"{_tag(wanted)} {self._flow(_arguments(wanted))}"

    def _named(self, wanted: Wanted) -> str:
        """The key under which it stands. One that has none yet gets it, with its line before all that follow."""
        if id(wanted) not in self._names:
            taken = {*self._tree, *self._names.values()}
            first = self._first_key.get(id(wanted), "part")
            stem = first if _WORD.fullmatch(first) else "part"
            name, number = stem, 1
            while name in taken:
                number += 1
                name = f"{stem}_{number}"
            self._names[id(wanted)] = name
            self._lines.append(f"{name}:{self._block(wanted)}")
        return self._names[id(wanted)]


def _is_thing(value: object) -> bool:
    return isinstance(value, Wanted) and value.kind != "attribute"


def _tag(wanted: Wanted) -> str:
    has_both = wanted.args and wanted.kwargs
    return f"!{'applyref' if has_both else wanted.kind}:{wanted.name}"


def _arguments(wanted: Wanted) -> Any:  # noqa: ANN401  # names with values, or values
    if wanted.args and wanted.kwargs:
        return {"_args": wanted.args, "_kwargs": wanted.kwargs}
    return wanted.kwargs or wanted.args


def _key(name: str) -> str:
    return name if _WORD.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
        said = repr(value)
        return said.replace("e", ".0e") if "e" in said and "." not in said else said  # else a text to other readers
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
