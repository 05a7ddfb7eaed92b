"""The law of imports: data flow one way through the floors, and heavy packages stay behind their fences."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "earmark"

# Floor of each room. A module imports only from strictly lower floors, or from its own room.
FLOORS = {
    "redaction": 0, "errors": 0, "records": 0, "registry": 0, "text_bytes": 0,
    "schema": 1, "spec": 1, "text": 1, "audio": 1, "scoring": 1, "demo": 1, "formats": 1, "fetching": 1,
    "sources": 2, "recognizers": 2, "puzzles": 2, "store": 2,
    "planning": 3,
    "worker": 4, "staging": 4, "solving": 4, "training": 4,
    "engines": 5,
    "reports": 6, "diagnosis": 6, "tracking": 6,
    "sweeps": 7,
    "verbs": 8,
    "cli": 9,
    "__main__": 10,
}  # fmt: skip

# Of the lower floors, what a room may see at all (absent: all of them), beside the rest of its floor that is listed.
MAY_IMPORT = {
    "registry": {"errors"},
    "records": set(),
    "errors": {"redaction"},
    "redaction": set(),
    "scoring": {"errors", "records", "registry", "text"},
    "formats": {"errors", "records", "registry"},
    "fetching": {"redaction", "errors", "records", "registry"},
    "sources": {"redaction", "errors", "records", "registry", "schema", "spec", "text", "audio", "formats", "fetching"},
    "recognizers": {"errors", "records", "registry", "schema", "spec", "text", "audio", "fetching"},
    "puzzles": {"errors", "records", "registry", "schema", "spec", "fetching"},  # it scores itself
    "store": {"errors", "records", "registry", "schema", "spec", "fetching.stores"},  # one client for both directions
    "planning": {"errors", "records", "registry", "text_bytes", "schema", "spec", "audio", "sources.base", "store"},
    "engines": {"redaction", "errors", "records", "registry", "spec"},
    "reports": {"errors", "records", "registry", "text_bytes", "schema", "spec", "text", "scoring", "store"},
    "diagnosis": {"redaction", "errors", "registry", "audio", "engines"},
    "tracking": {"errors", "records", "registry", "schema", "spec", "store"},
    "cli": {"verbs", "errors", "records", "spec", "scoring.lines"},  # the lines that all tools of the field print alike
}

# What a room may name in its annotations, and nowhere else: a screen prints what a verb gave it.
MAY_NAME = {"cli": {"reports", "sweeps"}}

# Exceptions, each with its reason.
ALLOWED = {
    ("errors", "redaction"),  # both on the ground floor: no message shows a secret
    ("errors.base", "redaction"),
    ("registry", "errors"),  # both on the ground floor: a registry must say what is unknown
    ("cli.ls", "registry"),
    ("cli.ls", "recognizers"),  # a listing of names needs the registries, and nothing that they list
    ("cli.ls", "text"),
    ("cli.ls", "sources"),
    ("cli.ls", "scoring"),
    ("cli.ls", "engines"),
    ("cli.ls", "formats"),
    ("cli.forms", "formats.scored_csv"),  # one rule of what a spreadsheet would run
    ("cli.explain", "reports.explain"),  # it asks which of two kinds of answer it was given
    ("cli.systems", "scoring.speechbrain_summary"),  # a summary in another tool's words
    ("cli.ranks", "scoring.speechbrain_summary"),  # likewise, of each rank
}

FENCES = {
    "torch": {"recognizers", "puzzles", "training", "engines.torchrun"},
    "transformers": {"recognizers", "training"},
    "nemo": {"recognizers.nemo"},
    "omegaconf": {"recognizers.nemo"},
    "hydra": {"recognizers.nemo"},
    "speechbrain": {"recognizers", "training"},
    "safetensors": {"training.whisper"},
    "ctranslate2": {"recognizers.faster_whisper"},
    "faster_whisper": {"recognizers.faster_whisper"},
    "onnxruntime": {"audio.vad"},
    "silero_vad": set(),  # its model's file is read; importing the package would load torch
    "pocketsphinx": {"recognizers.pocketsphinx"},
    "ray": {"engines.ray"},
    "modal": {"engines.modal"},
    "wandb": {"tracking.wandb"},
    "mlflow": {"tracking.mlflow"},
    "matplotlib": {"reports.figures"},
    "cyclopts": {"cli"},
    "rich": {"cli"},
    "soundfile": {"audio"},
    "soxr": {"audio"},
    "rapidfuzz": {"scoring"},
    "kaldialign": {"scoring.open_asr"},
    "filelock": {"store.lock", "fetching.uses"},
    "urllib3": {"fetching.http", "fetching.body", "fetching.connection", "fetching.proxies", "recognizers.openai_api"},
    "huggingface_hub": {"fetching.hub", "recognizers.nemo.offline"},  # there its switch alone
    "yaml": {"sources.hub_readme", "recognizers.nemo", "puzzles.hrm.settings"},
    "ruamel": {"recognizers.speechbrain"},
    "hyperpyyaml": set(),  # it runs what it reads
}


@functools.cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of each module, by its name without ``earmark.``."""
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports_of(name: str) -> list[tuple[str, ast.AST]]:
    """Every module that a module imports anywhere in it, late imports and those for types too."""
    return [*_imports(modules()[name])]


def _imports(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            yield node.module or "", node
            for alias in node.names:  # ``from earmark import schema`` imports earmark.schema
                if node.module == "earmark" and alias.name not in ("__version__", "_STARTED"):
                    yield f"earmark.{alias.name}", node


def named_only(tree: ast.Module) -> set[str]:
    """The modules that a file imports for its annotations, under TYPE_CHECKING, and nowhere else."""
    if not any(isinstance(node, ast.If) for node in tree.body):
        return set()
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    guarded = {id(one) for block in blocks for one in block.body}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    loaded = {node.module or "" for node in imports if id(node) not in guarded}
    return {node.module or "" for node in imports if id(node) in guarded} - loaded


def within(name: str, places: set[str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def strangers_of(name: str, tree: ast.Module) -> Iterator[str]:
    """The modules of ours that a module imports, and must not."""
    room = name.split(".", maxsplit=1)[0]
    named = {one for one in named_only(tree) if within(one.removeprefix("earmark."), MAY_NAME.get(room, set()))}
    for imported, _ in imports_of(name):
        if not imported.startswith("earmark.") or imported in named:
            continue
        target = imported.removeprefix("earmark.")
        target_room = target.split(".", maxsplit=1)[0]
        if target_room == room or any(name == a and within(target, {b}) for a, b in ALLOWED):
            continue
        is_lower = FLOORS[target_room] < FLOORS[room] or (room, target_room) == ("scoring", "text")
        if not is_lower or (room in MAY_IMPORT and not within(target, MAY_IMPORT[room])):
            yield target


def test_a_module_imports_only_from_lower_floors():
    """Never sideways, never upwards, and only what its room's row allows."""
    strangers = {name: [*strangers_of(name, tree)] for name, tree in modules().items() if name}
    assert {name: found for name, found in strangers.items() if found} == {}


def test_heavy_packages_stay_behind_their_fences():
    """Each third-party package is imported in one place only."""
    imported = ((name, one.split(".", maxsplit=1)[0]) for name in modules() for one, _ in imports_of(name))
    assert [pair for pair in imported if pair[1] in FENCES and not within(pair[0], FENCES[pair[1]])] == []


def test_no_star_imports():
    """Every name can be found by search."""
    imports = ((name, node) for name in modules() for _, node in imports_of(name))
    taken = ((name, alias) for name, node in imports if isinstance(node, ast.ImportFrom) for alias in node.names)
    assert [name for name, alias in taken if alias.name == "*"] == []


def test_a_module_says_what_it_knows():
    """Each opens with a docstring."""
    assert [name for name, tree in modules().items() if not ast.get_docstring(tree)] == []


def test_modules_import_each_other_in_no_circle():
    """Not by late imports either; what is imported for annotations only does not count."""
    graph: dict[str, set[str]] = {f"earmark.{name}".rstrip("."): set() for name in modules()}
    for name, tree in modules().items():
        only_named = named_only(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("earmark"):
                found = {f"{node.module}.{alias.name}" for alias in node.names} & graph.keys() or {node.module or ""}
                graph[f"earmark.{name}".rstrip(".")] |= found & graph.keys() - only_named
    for name, targets in graph.items():
        targets.discard(name)
    assert len([*TopologicalSorter(graph).static_order()]) == len(graph)  # raises CycleError, with the circle


def test_the_page_about_the_floors_says_what_is_enforced():
    """Its table has each room, its floor and its row."""
    page = (PACKAGE.parents[1] / "docs" / "design" / "012-floors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+?) \|", page, re.MULTILINE)
    assert {room: int(floor) for floor, room, _ in rows} == FLOORS
    listed = {room: set(re.findall(r"`([\w.]+)`", seen)) for _, room, seen in rows if seen != "all below"}
    assert listed == MAY_IMPORT


def test_every_room_has_a_floor():
    """A new folder is put on a floor on purpose."""
    rooms = {name.split(".")[0] for name in modules() if name}
    assert rooms <= FLOORS.keys()
