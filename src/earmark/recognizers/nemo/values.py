"""Every value of a configuration, with its references followed as OmegaConf will follow them. Judges none.

A reference is ``${a.b}``: the value of ``b`` in ``a``, from the top. OmegaConf knows more, which computes: it reads the
environment, or builds. None of that is let through here, also not where a name is put together from others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.\w+)*)\}")
_MOST_NODES = 300_000
_DEEPEST = 50
_MISSING = object()

Place = tuple[str, ...]
"""The keys that lead to a value; an item of a list is under the key of the list again."""


class UnreadableError(ValueError):
    """A configuration that never ends, or a value that is computed."""


class Values:
    """The values of ``config`` that are no containers. Raises UnreadableError as they are gone through."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._num_nodes = 0

    def __iter__(self) -> Iterator[tuple[Place, object]]:
        """Each with its place; one that is referred to also at the place of the reference."""
        self._num_nodes = 0
        return self._below(self._config, (), 0)

    def _below(self, node: object, place: Place, depth: int) -> Iterator[tuple[Place, object]]:
        """YAML can hold itself, and be short and hold millions: so empty containers count, and depth does."""
        self._num_nodes += 1
        if self._num_nodes > _MOST_NODES:
            raise UnreadableError(f"it has more than {_MOST_NODES:,} values")
        if depth > _DEEPEST:
            raise UnreadableError(f"it is more than {_DEEPEST} levels deep")
        if isinstance(node, Mapping):
            for key, value in node.items():
                yield from self._below(value, (*place, str(key)), depth + 1)
        elif isinstance(node, list):
            for value in node:
                yield from self._below(value, (*place, place[-1] if place else ""), depth + 1)
        elif isinstance(node, str) and "${" in node:
            yield from self._followed(node, place, depth)
        else:
            yield place, node

    def _followed(self, text: str, place: Place, depth: int) -> Iterator[tuple[Place, object]]:
        """What a reference leads to; the text itself where it leads nowhere, or is only a part of the text."""
        whole = _REFERENCE.fullmatch(text)
        if whole is None:
            self._check_parts(text, place)
            yield place, text
        elif (found := self._at(whole[1])) is _MISSING:
            yield place, text
        else:
            yield from self._below(found, place, depth + 1)

    def _check_parts(self, text: str, place: Place) -> None:
        """Raise where what is put together could be computed, now or when it is read again."""
        names = _REFERENCE.findall(text)
        parts = [_REFERENCE.sub("", text), *map(self._at, names[:_DEEPEST])]
        if len(names) > _DEEPEST or any(map(_is_computing, parts)):
            raise UnreadableError(f"{'.'.join(place)} is {text[:200]!r}, which is computed and not said")

    def _at(self, name: str) -> object:
        node: object = self._config
        for part in name.split("."):
            if isinstance(node, Mapping):
                node = node.get(part, _MISSING)
            elif isinstance(node, list) and part.isdecimal() and int(part[:9]) < len(node):
                node = node[int(part[:9])]
            else:
                return _MISSING
        return node


def _is_computing(part: object) -> bool:
    return isinstance(part, Mapping | list) or (isinstance(part, str) and ("$" in part or "{" in part))
