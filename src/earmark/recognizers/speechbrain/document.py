"""A HyperPyYAML document read into plain values, with what it wants to build as ``Wanted``. Runs nothing of it.

HyperPyYAML's own reader imports and calls what the document names while it reads, and knows YAML tags that run any
code: https://github.com/speechbrain/HyperPyYAML. Here every tag is taken apart first. What is built later is compared
with a list by whoever builds. Documents come from strangers: sizes, depths and copies are bounded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from earmark.errors import FolderError
from earmark.recognizers.speechbrain.overriding import Override, lines_of, put
from earmark.recognizers.speechbrain.references import Budget, calculated, copied, pieces

WantedKind = Literal["new", "name", "apply", "module", "attribute"]
Node = Any
"""A node of ruamel.yaml, which is half typed: ``tag``, ``value``, ``start_mark``."""

_OBJECT = re.compile(r"!(new|name|apply|applyref|module):([\w.]+)", re.ASCII)
_INCLUDE = "!include:"
_CORE = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null"})
_TUPLE = re.compile(r"\(.*\)", re.DOTALL)
_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Document:
    """The top-level keys, and the files that they were read from: paths in the folder of the document, with ``/``.

    Of its first file: ``hidden`` are the keys that begin with two underscores, ``lines`` the line of each key, whose
    name has a dot for each section above it, and ``referred`` the top-level keys that another one refers to.
    """

    tree: dict[str, Any]
    files: tuple[str, ...]
    hidden: dict[str, Any]
    lines: Mapping[str, int]
    referred: frozenset[str]


@dataclass(eq=False, slots=True)
class Wanted:
    """Something that a document wants built: a class, a function or a module by its name, with its arguments.

    ``attribute`` is that of the first argument, called ``name``. ``line`` counts from 1, in ``file``.
    """

    kind: WantedKind
    name: str
    line: int
    file: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


def read_document(path: Path, place: str, overrides: Sequence[Override] | None = None) -> Document:
    """The document at ``path``, its references resolved; ``place`` is its model's name in messages.

    Two references to one thing give one and the same value, as in HyperPyYAML. ``overrides`` go before what it says;
    None is for what nobody fills in, of which hidden keys are not looked at. Raises FolderError for what is no such
    document, with the line.
    """
    opened: set[Path] = set()
    reader = _Reader(path, place, Budget(), frozenset(), opened)
    try:
        tree = reader.read({}, overrides or (), may_add=True)
        hidden = reader.hidden(is_filled_in=overrides is not None)
        files = tuple(sorted(one.relative_to(path.parent).as_posix() for one in opened))
        return Document(tree, files, hidden, reader.lines, frozenset(reader.referred))
    except RecursionError as error:
        raise reader.wrong(None, "it is nested too deeply") from error


class _Reader:
    """Reads one file; an included one has a reader of its own, and the same budget."""

    def __init__(self, path: Path, place: str, budget: Budget, above: frozenset[Path], opened: set[Path]) -> None:
        self._path, self._place, self._budget, self._opened = path, place, budget, opened
        opened.add(path)
        self._above = above | {path}
        self._done: dict[int, Any] = {}
        self._doing: set[int] = set()
        self._top: dict[str, Node] = {}
        self._given: Mapping[str, Any] = {}
        self._below: dict[int, list[Override]] = {}
        self.lines: dict[str, int] = {}
        self.referred: set[str] = set()

    def wrong(self, node: Node | None, problem: str, *, hint: str | None = None) -> FolderError:
        """What to raise for a node."""
        line = f", line {node.start_mark.line + 1}" if node is not None else ""
        return FolderError(f"{self._place}/{self._path.name}{line}", problem, hint=hint)

    def read(self, given: Mapping[str, Any], overrides: Sequence[Override], *, may_add: bool = False) -> dict[str, Any]:
        """All keys but those that begin with two underscores; ``given`` goes before what the file says."""
        root = self._composed()
        if root is None or root.tag != f"{_CORE}map":
            raise self.wrong(root, "it holds no keys and values")
        self.lines = lines_of(root)
        for one in overrides:
            if not put(root, one, self._below, may_add=may_add):
                raise self.wrong(None, f"--set {one.name}: there is no {'.'.join(one.keys)} in it")
        self._top = self._keyed(root)
        self._given = given
        return {name: self._of(name) for name in {**self._top, **given} if not name.startswith("__")}

    def hidden(self, *, is_filled_in: bool) -> dict[str, Any]:
        """The others, of a document whose hidden keys count."""
        return {name: self._of(name) for name in self._top if is_filled_in and name.startswith("__")}

    def _of(self, name: str) -> Any:  # noqa: ANN401  # whatever the document says
        return self._given[name] if name in self._given else self._value(self._top[name])

    def _composed(self) -> Node:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            if self._path.stat().st_size > _MOST_BYTES:
                raise self.wrong(None, "it is too large for what it is")
            text = self._path.read_text(encoding="utf-8")
            return YAML(typ="safe", pure=True).compose(io.StringIO(text))
        except OSError as error:
            raise self.wrong(None, error.strerror or str(error)) from error
        except (YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f" at line {mark.line + 1}" if mark is not None else ""
            problem = getattr(error, "problem", None) or type(error).__name__
            raise self.wrong(None, f"it is no YAML: {problem}{line}") from error

    def _value(self, node: Node) -> Any:  # noqa: ANN401  # whatever the document says
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._doing:
            raise self.wrong(node, "it refers to itself")
        self._doing.add(id(node))
        self._budget.spend(1, lambda: self.wrong(node, "it grows without end"))
        found = self._done[id(node)] = self._made(node)
        self._doing.discard(id(node))
        return found

    def _made(self, node: Node) -> Any:  # noqa: ANN401  # whatever the document says
        tag = str(node.tag)
        if tag in ("!ref", "!copy") and isinstance(node.value, str):
            return self._referred(node, node.value, is_copy=tag == "!copy")
        if match := _OBJECT.fullmatch(tag):
            return self._wanted(node, match[1], match[2])
        if tag.startswith(_INCLUDE):
            return self._included(node, tag.removeprefix(_INCLUDE))
        if tag == "!tuple" and isinstance(
            node.value, str
        ):  # where HyperPyYAML was imported, ruamel.yaml says so itself
            return self._perhaps_tuple(node, node.value)
        if tag == "!PLACEHOLDER":
            hint = "a model that was saved whole has no !PLACEHOLDER; of a recipe, --set KEY=VALUE fills it in"
            raise self.wrong(node, "it was left to be filled in", hint=hint)
        makers: dict[str, Callable[[Node], Any]] = {f"{_CORE}map": self._mapping, f"{_CORE}seq": self._sequence}
        if tag in makers:
            return makers[tag](node)
        if tag.startswith(_CORE) and tag.removeprefix(_CORE) in _SCALARS:
            return self._scalar(node)
        raise self.wrong(node, f"the tag {tag!r} is not one that a model needs, and can run any code")

    def _mapping(self, node: Node) -> dict[str, Any]:
        return {name: self._value(value) for name, value in self._keyed(node).items()}

    def _keyed(self, node: Node) -> dict[str, Node]:
        found = {self._key(key): value for key, value in node.value}
        if len(found) < len(node.value):
            raise self.wrong(node, "it says something twice")
        return found

    def _sequence(self, node: Node) -> list[Any]:
        return [self._value(one) for one in node.value]

    def _key(self, node: Node) -> str:
        if not isinstance(node.value, str) or node.tag not in (f"{_CORE}{one}" for one in _SCALARS):
            raise self.wrong(node, "a key is a plain word")
        return node.value

    def _scalar(self, node: Node) -> Any:  # noqa: ANN401  # a plain value
        if node.tag == f"{_CORE}str":
            return self._perhaps_tuple(node, node.value) if node.style is None else node.value
        return _constructed(node)

    def _perhaps_tuple(self, node: Node, text: str) -> Any:  # noqa: ANN401  # a text or a tuple
        """``(3, 4)`` is a tuple of plain values."""
        if not _TUPLE.fullmatch(text):
            return text
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            inner = YAML(typ="safe", pure=True).compose(io.StringIO(f"[{text[1:-1]}]"))
        except (YAMLError, ValueError):
            return text
        if any(not isinstance(one.value, str) or not one.tag.startswith(_CORE) for one in inner.value):
            raise self.wrong(node, "a tuple holds plain values only")
        return tuple(self._scalar(one) for one in inner.value)

    def _wanted(self, node: Node, kind: str, name: str) -> Wanted:
        wanted = Wanted(_KINDS[kind], name, node.start_mark.line + 1, self._path.name)
        if isinstance(node.value, str):
            if node.value:
                raise self.wrong(node, f"the arguments of {name} are keys and values, or a list")
        elif node.value and isinstance(node.value[0], tuple):
            wanted.kwargs = self._mapping(node)
            if kind == "applyref" and wanted.kwargs.keys() == {"_args", "_kwargs"}:
                wanted.args, wanted.kwargs = wanted.kwargs["_args"], wanted.kwargs["_kwargs"]
        else:
            wanted.args = self._sequence(node)
        return wanted

    def _included(self, node: Node, name: str) -> dict[str, Any]:
        parts = PurePosixPath(name).parts
        if not re.fullmatch(r"[\w./ -]+", name, re.ASCII) or name.startswith("/") or ".." in parts:
            raise self.wrong(node, f"it includes {name!r}, which is not in its folder")
        path = self._path.parent / name
        if path.suffix not in (".yaml", ".yml"):  # what is fetched of a model, and what Git shows as text
            raise self.wrong(node, f"it includes {name!r}, which is no .yaml or .yml")
        if path in self._above:
            raise self.wrong(node, "it includes itself")
        given = {} if isinstance(node.value, str) else self._mapping(node)
        reader = _Reader(path, self._place, self._budget, self._above, self._opened)
        return reader.read(given, self._below.get(id(node), ()))

    def _referred(self, node: Node, text: str, *, is_copy: bool) -> Any:  # noqa: ANN401  # whatever it refers to
        """A text with ``<key>`` in it: alone it is the thing itself, within a text it is written out."""
        found = pieces(text)
        if len(found) == 1 and found[0][0]:
            return self._at(node, found[0][1], is_copy=is_copy)
        said = "".join(self._plain(node, name) if is_reference else name for is_reference, name in found)
        self._budget.spend(len(said) // 100, lambda: self.wrong(node, "it grows without end"))
        return calculated(said)

    def _plain(self, node: Node, name: str) -> str:
        value = self._at(node, name, is_copy=False)
        if isinstance(value, (Wanted, dict, list)):
            raise self.wrong(node, f"{name!r} is no word or number, and stands within a text")
        return str(value)

    def _at(self, node: Node, name: str, *, is_copy: bool) -> Any:  # noqa: ANN401  # whatever is there
        key, dot, attribute = name.partition(".")
        value = self._walked(node, key)
        if is_copy:
            return copied(value, self._budget, lambda: self.wrong(node, "it grows without end"))
        if not dot:
            return value
        return Wanted("attribute", attribute, node.start_mark.line + 1, self._path.name, [value])

    def _walked(self, node: Node, name: str) -> Any:  # noqa: ANN401  # whatever is there
        """What ``a[b][c]`` is: down the nodes as far as they go, so that a part of ``a`` may refer to another."""
        first, *rest = [part.rstrip("]") for part in name.split("[")]
        self.referred.add(first)
        if first in self._given:
            here = self._given[first]
        elif first in self._top:
            below = self._top[first]
            while rest and (inner := _inside(below)):
                part, rest = rest[0], rest[1:]
                if part not in inner:
                    raise self.wrong(node, f"there is no {name!r} to refer to")
                below = inner[part]
            here = self._value(below)
        else:
            raise self.wrong(node, f"there is no {name!r} to refer to")
        for part in rest:
            within = here.kwargs if isinstance(here, Wanted) else here
            if not isinstance(within, Mapping) or part not in within:
                raise self.wrong(node, f"there is no {name!r} to refer to")
            here = within[part]
        return here


_KINDS: dict[str, WantedKind] = {
    "new": "new", "name": "name", "apply": "apply", "applyref": "apply", "module": "module",
}  # fmt: skip


def _inside(node: Node) -> dict[str, Node]:
    """The nodes in a node with keys, by key; nothing for others, and for those that another file stands for."""
    if str(node.tag).startswith(_INCLUDE) or not node.value or not isinstance(node.value[0], tuple):
        return {}
    return {str(key.value): value for key, value in node.value}


def _constructed(node: Node) -> Any:  # noqa: ANN401  # a number, a truth or nothing
    """The value of a plain scalar by the rules of YAML 1.2, which HyperPyYAML reads."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).constructor.construct_object(node)


def all_wanted(value: object) -> list[Wanted]:
    """Everything in a document that it wants built, each once, in the order of the lines."""
    found: dict[int, Wanted] = {}
    seen: set[int] = set()
    left = [value]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Wanted):
            found[id(one)] = one
            left += [one.args, one.kwargs]
        elif isinstance(one, Mapping):
            left += one.values()
        elif isinstance(one, (list, tuple)):
            left += one
    return sorted(found.values(), key=lambda one: (one.file, one.line))
