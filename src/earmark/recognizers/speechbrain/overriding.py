"""What is set over a YAML document before it is read: nodes put in the place of others, also in an included file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from earmark.errors import UsageError

Node = Any
"""A node of ruamel.yaml, which is half typed: ``tag``, ``value``, ``start_mark``."""

_CORE = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Override:
    """A plain value for the key that ``keys`` lead to. ``name`` is what the user wrote."""

    name: str
    keys: tuple[str, ...]
    value: Node


def override_of(said: str) -> Override:
    """``a.b=c``: the value is read as YAML where it is that, and is a text where it is not. Raises UsageError."""
    name, sign, value = said.partition("=")
    keys = tuple(name.strip().split("."))
    if not sign or not all(keys):
        raise UsageError(f"--set {said} sets nothing", hint="--set KEY=VALUE, as in lr=1e-5 or opt_class.lr=1e-5")
    node = _composed(value)
    if any(not str(one.tag).startswith(_CORE) for one in _nodes(node)):
        raise UsageError(
            f"--set {said} gives a tag of YAML", cause="a plain value is set", hint="write a tag into the file"
        )
    return Override(name.strip(), keys, node)


def put(node: Node, override: Override, below: dict[int, list[Override]], *, may_add: bool) -> bool:
    """Put the value below ``node``; whether there is a place for it. A key that is not there is made if it may be.

    What belongs into an included file waits in ``below``, by the id of the node that includes it.
    """
    first, *rest = override.keys
    is_include = str(node.tag).startswith("!include:")
    inner = [] if isinstance(node.value, str) else node.value
    for position, pair in enumerate(inner):
        if isinstance(pair, tuple) and pair[0].value == first:
            if rest:
                return put(pair[1], replace(override, keys=tuple(rest)), below, may_add=may_add)
            inner[position] = (pair[0], override.value)
            return True
    if is_include:
        below.setdefault(id(node), []).append(override)
        return True
    if not may_add or isinstance(node.value, str) or any(not isinstance(one, tuple) for one in inner):
        return False
    inner.append(_pair(first, rest, override.value))
    return True


def lines_of(root: Node) -> dict[str, int]:
    """The line of each key, from 1: its name has a dot for each key above it."""
    found: dict[str, int] = {}
    seen: set[int] = set()

    def look(node: Node, above: str) -> None:
        if id(node) in seen or isinstance(node.value, str):
            return
        seen.add(id(node))
        for pair in node.value:
            if isinstance(pair, tuple) and isinstance(pair[0].value, str):
                found[above + pair[0].value] = pair[0].start_mark.line + 1
                look(pair[1], f"{above}{pair[0].value}.")

    look(root, "")
    return found


def _pair(key: str, rest: list[str], value: Node) -> tuple[Node, Node]:
    """A key with its value, below as many others as it takes."""
    made = _composed(f"{{{json.dumps(key)}: null}}")
    (name, _), *_ = made.value
    if not rest:
        return name, value
    inner = _composed("{}")
    inner.value = [_pair(rest[0], rest[1:], value)]
    return name, inner


def _composed(text: str) -> Node:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except (YAMLError, ValueError):
        found = YAML(typ="safe", pure=True).compose(io.StringIO(json.dumps(text)))
    return found if found is not None else YAML(typ="safe", pure=True).compose(io.StringIO("null"))


def _nodes(node: Node) -> Iterator[Node]:
    """The node, and all below it."""
    yield node
    if not isinstance(node.value, str):
        for one in node.value:
            for each in one if isinstance(one, tuple) else (one,):
                yield from _nodes(each)
