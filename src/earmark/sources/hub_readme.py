"""What the head of a data set's README says of its configurations. It comes from a stranger, and is read as YAML.

Only the list ``configs`` is looked at, as texts, lists and maps: no object is made of a tag, and no alias is followed,
so that a small file stays small.

Source: huggingface.co/docs/hub, "Manual configuration".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any

from earmark.errors import UsageError
from earmark.sources.hub_patterns import unclear

DEFAULT = "default"

_LARGEST_LIST = 1 << 18
_MOST_MARKS, _DEEPEST = 20_000, 50
"""Of brackets and commas, and of brackets within brackets: the parser takes long for each, and for each level."""
_MARK = re.compile(r"[\[\]{},]")
_KEY = re.compile(r"""(?:configs|"configs"|'configs')[ \t]*:""")
_HEAD = re.compile(r"\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Declared:
    """A configuration: the patterns of each split in ``folder``; None where the files' own names say the splits."""

    folder: str
    patterns: dict[str, list[str]] | None
    is_default: bool


def declared_configs(readme: str) -> dict[str, Declared]:
    """The configurations by name; none where the README declares none. Raises UsageError."""
    head = _HEAD.match(readme)
    block = _lines_of_configs(head[1]) if head else ""
    if not head or not block:
        return {}
    try:
        configs = _configs(block)
    except UsageError:  # what belongs to the list may stand at the beginning of a line, such as a last bracket
        if len(head[1]) > _LARGEST_LIST:
            raise
        configs = _configs(head[1])
    if not isinstance(configs, list):
        return {}
    return {_text(one.get("config_name", DEFAULT)): _declared(one) for one in configs if isinstance(one, dict)}


def _lines_of_configs(head: str) -> str:
    """The lines of ``configs:``: the other keys can be many times longer."""
    lines = head.splitlines()
    first = next((number for number, line in enumerate(lines) if _KEY.match(line)), len(lines))
    own = takewhile(lambda line: not line or line[0] in " \t#-", lines[first + 1 :])
    return "\n".join([*lines[first : first + 1], *own])


def _declared(config: dict[str, Any]) -> Declared:
    files = config.get("data_files")
    patterns = _patterns(files) if files else None
    is_default = str(config.get(DEFAULT)).lower() in ("true", "yes", "on")
    return Declared(_clean(config.get("data_dir")), patterns, is_default)


def _patterns(files: Any) -> dict[str, list[str]]:  # noqa: ANN401  # as YAML says it
    """``data_files`` in any of its forms: a pattern, some, a map of splits, or a list of splits with their paths."""
    if isinstance(files, dict):
        return {split: _paths(paths) for split, paths in files.items()}
    if not isinstance(files, list) or not any(isinstance(one, dict) for one in files):
        return {"train": _paths(files)}
    found: dict[str, list[str]] = {}
    for one in files:
        if not isinstance(one, dict) or not {"split", "path"} <= one.keys():
            raise unclear("an entry of data_files has no 'split', or no 'path'")
        if (split := _text(one["split"])) in found:
            raise unclear(f"the split {split!r} stands twice in data_files")
        found[split] = _paths(one["path"])
    return found


def _paths(value: Any) -> list[str]:  # noqa: ANN401  # as YAML says it
    return [_clean(one) for one in (value if isinstance(value, list) else [value])]


def _clean(path: Any) -> str:  # noqa: ANN401  # as YAML says it
    text = "" if path is None else _text(path).removeprefix("./").strip("/")
    return "" if text == "." else text


def _text(value: Any) -> str:  # noqa: ANN401  # as YAML says it
    if isinstance(value, str):
        return value
    raise unclear("a name or a path in it is no text")


def _configs(head: str) -> Any:  # noqa: ANN401  # as YAML says it
    """What stands behind ``configs`` in a head, as texts, lists and maps. Raises UsageError."""
    import yaml

    _refuse_costly(head)
    try:
        node = yaml.compose(head, yaml.SafeLoader)
        pairs = node.value if node and node.id == "mapping" else []
        found = [value for key, value in pairs if key.value == "configs"]
        return _of_node(found[-1], set()) if found else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise unclear(f"its head is no YAML: {problem}") from error


def _refuse_costly(head: str) -> None:
    """Raise UsageError for what would take the parser more than some seconds."""
    if len(head) > _LARGEST_LIST:
        raise unclear(f"its list of configurations has {len(head):,} characters")
    marks = _MARK.findall(head)
    if len(marks) > _MOST_MARKS:
        raise unclear(f"its list of configurations has {len(marks):,} brackets and commas")
    depth = max(accumulate((mark in "[{") - (mark in "]}") for mark in marks), default=0)
    if depth > _DEEPEST:
        raise unclear(f"its list of configurations has {depth:,} brackets within each other")


def _of_node(node: Any, seen: set[int]) -> Any:  # noqa: ANN401  # yaml has no types
    if id(node) in seen:
        raise unclear("it repeats a part by an alias (&, *)")
    seen.add(id(node))
    if isinstance(node.value, str):
        return None if node.tag.endswith(":null") else node.value
    if node.id == "sequence":
        return [_of_node(one, seen) for one in node.value]
    return {_text(_of_node(key, seen)): _of_node(one, seen) for key, one in node.value}
