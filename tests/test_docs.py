"""The documentation is true: what it shows runs, what it names is there, what it lists is complete."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import earmark
from earmark import errors
from earmark.cli import help_texts, main
from earmark.cli.help_page import RARE
from earmark.cli.main import app
from earmark.planning import plan
from earmark.sources import columns
from earmark.store import layout

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
CONCEPTS = sorted([*(DOCS / "concepts").glob("*.md"), DOCS / "how-to" / "show.md"])  # all those whose examples run
TUTORIAL = DOCS / "tutorial.md"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
OUR_FILE = re.compile(r"(?<![\w/.])(?:benchmarks|docs|scripts|tests)/[\w/.-]*\w")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def table(page: Path, heading: str) -> dict[str, list[str]]:
    """The first table under a heading: the other cells by the first one."""
    section = page.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    first = re.search(r"^(?:\|.*\n)+", section, re.MULTILINE)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in first.splitlines()]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def shown_commands() -> Iterator[tuple[str, list[str]]]:
    """Every line of ours in a fenced block: the page, and the words after ``earmark``."""
    for page in PAGES:
        for language, text in blocks(page):
            for line in text.splitlines() if language in ("sh", "console", "") else ():
                words = shlex.split(line.removeprefix("$ "), comments=True) if line[:2] in ("$ ", "ea") else []
                if words[:1] in (["earmark"], ["timeout"]):
                    yield name_of(page), words[words.index("earmark") + 1 :]


def script(name: str) -> ModuleType:
    """A script of ours as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The script that writes the command line's reference."""
    return script("make_cli_reference")


def test_the_command_line_reference_is_what_the_script_writes():
    """``--check`` finds no difference."""
    script = ROOT / "scripts" / "make_cli_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_reference_script_sees_a_difference(reference, tmp_path, monkeypatch):
    """``--check`` is 1 for a file that is missing or differs, and 0 for the one that it wrote."""
    monkeypatch.setattr(reference, "TARGET", tmp_path / "cli.md")
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    assert reference.main() == 1
    monkeypatch.setattr(sys, "argv", ["script"])
    assert reference.main() == 0
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    assert reference.main() == 0
    reference.TARGET.write_text(reference.TARGET.read_text() + " ")
    assert reference.main() == 1


def test_the_python_reference_is_what_the_script_writes(monkeypatch, tmp_path):
    """Every public name with its signature and its docstring; and ``--check`` sees a file that says something else."""
    module = script("make_python_reference")
    text = module.page()
    assert (DOCS / "reference" / "python.md").read_text(encoding="utf-8") == text
    assert all(f"### {name}\n" in text for name in earmark.__all__)
    monkeypatch.setattr(module, "TARGET", tmp_path / "python.md")
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    assert module.main() == 1


def test_a_notebook_says_what_its_cells_print(tmp_path):
    """Every code cell of every notebook runs, in order, in an empty folder, and prints what the notebook shows."""
    for path in sorted(DOCS.rglob("*.ipynb")):
        namespace: dict[str, object] = {}
        cells = [one for one in json.loads(path.read_text(encoding="utf-8"))["cells"] if one["cell_type"] == "code"]
        assert cells
        with contextlib.chdir(tmp_path):
            for cell in cells:
                shown = "".join(line for output in cell["outputs"] for line in output["text"])
                assert printed_by("".join(cell["source"]), namespace) == shown, path


def test_a_flag_is_of_the_same_type_in_every_verb(reference):
    """A flag that occurs in two verbs takes the same values in both, under the same names.

    Only ``--format`` has more of them where there may be several results: behind those that every verb has.
    """
    for name, flags in reference.flags_by_name().items():
        shortest = min((flag.kind for flag in flags), key=len)
        is_list = name == "--format"
        assert all(one.kind == shortest or (is_list and one.kind.startswith(shortest)) for one in flags), name
        assert len({flag.names for flag in flags if len(flag.names) == max(len(one.names) for one in flags)}) == 1, name


SHARED = {
    "--address", "--audio-root", "--batch-size", "--channel", "--cleanup", "--data", "--device", "--engine",
    "--format", "--fresh", "--gpu", "--gpu-memory-limit", "--gpus", "--intersect", "--json", "--language", "--limit",
    "--max-batch-seconds", "--max-errors", "--missing-audio", "--normalizer", "--offline", "--out", "--output",
    "--progress", "--retry-failed", "--runtime-env", "--scorer", "--seed", "--segmenter", "--set", "--shard-timeout",
    "--slices", "--text-column", "--to", "--track", "--track-texts", "--trust", "--workers", "DATA", "MODEL", "RUN",
    "RUNS",
}  # fmt: skip


# A verb that makes one file in a chosen format, as its grammar was agreed: earmark export RUN --to FORMAT -o FILE.
# Likewise earmark track RUN --to TRACKER, and the files of report and plot. A training has no sample, and its seed
# decides all of it. The results of a sweep go where parallel_batch_inference.py wrote them.
OF_THEIR_OWN = {
    ("--out", "export"),
    ("--out", "plot"),
    ("--out", "report"),
    ("--output", "sweep"),
    ("--to", "export"),
    ("--to", "track"),
    ("--seed", "train sudoku"),
}


@pytest.mark.parametrize("name", sorted(SHARED))
def test_a_flag_is_explained_alike_in_every_verb(reference, name):
    """Up to the remark on a verb's default that may follow in parentheses or after a semicolon."""
    flags = reference.flags_by_name()[name]
    assert len({flag.meaning for flag in flags if (name, flag.verb) not in OF_THEIR_OWN}) == 1


def test_every_flag_of_two_verbs_is_compared(reference):
    """A flag that joins a second verb joins the list above on purpose."""
    shared = {name for name, flags in reference.flags_by_name().items() if len(flags) > 1}
    assert shared == SHARED


HELP_LINES = {line for text in vars(help_texts).values() if isinstance(text, str) for line in text.splitlines()}


def test_help_is_short_and_begins_with_examples(reference, capsys, monkeypatch):
    """Fewer than 60 lines of 80 columns for every verb, four examples before the first flag; all flags when asked."""
    monkeypatch.setenv("COLUMNS", "80")
    for verb in reference.verbs():
        assert main.run([*verb.split(), "--help"]) == 0
        # Bold, where a test before this one let the console believe that it is a terminal.
        lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
        assert len(lines) < 60, verb
        assert max(map(len, lines)) <= 80, verb
        before = lines[: next((n for n, line in enumerate(lines) if line.startswith("\u256d")), None)]
        assert sum(bool(re.match(r"([A-Z_]+=\S+ )?earmark ", line)) for line in before) >= 4, verb
        told = before[2:]  # after the usage, which the library breaks where it must
        assert all(line.rstrip() in HELP_LINES for line in told), f"{verb}: a line of its text was broken"
        assert main.run([*verb.split(), "--help-all"]) == 0
        whole = capsys.readouterr().out
        assert all(flag.name in whole for flag in reference.flags_of(verb)), verb
        assert RARE.get(verb, set()) <= {name for flag in reference.flags_of(verb) for name in flag.names}, verb


def test_exit_codes_are_documented_alike(reference):
    """The page on errors has the table that the reference is made of, and that has every code."""
    meanings = {str(code): [meaning] for code, meaning in reference.MEANING_OF_EXIT.items()}
    assert table(DOCS / "concepts" / "errors.md", "Exit codes") == meanings
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {0, *codes} == set(reference.MEANING_OF_EXIT)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    """Relative links name files that are there, and headings that are in them."""
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith("https:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_are_there(page):
    """A benchmark, a script, a test or a page that the text names exists."""
    for name in OUR_FILE.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_the_citation_is_of_this_version():
    """And of this licence."""
    facts = dict(re.findall(r"^(\w+): (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (facts["version"], facts["license"]) == (earmark.__version__, project["license"])


def test_every_page_is_in_the_navigation():
    """mkdocs.yml lists each page once, and no other."""
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize(
    ("page", "words"), list(shown_commands()), ids=lambda value: None if isinstance(value, str) else ""
)
def test_shown_commands_are_understood(page, words):
    """Every command line in a fenced block parses, with no flag that does not exist."""
    app.parse_args(words, exit_on_error=False, print_error=False)


def test_there_are_commands_to_check():
    """Finding none would be a defect of the search."""
    assert len(list(shown_commands())) > 15


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_blocks_compile(page):
    """What is shown as Python is Python."""
    for language, text in blocks(page):
        if language == "python":
            compile(text, name_of(page), "exec")


def printed_by(text: str, namespace: dict[str, object]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, "documentation", "exec"), namespace)  # noqa: S102  # our own pages
    return out.getvalue()


def run_transcript(text: str) -> None:
    """Run the ``$`` lines of a console block; every line shown below one, but ``...``, is in its output."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        done = subprocess.run(  # noqa: S602  # our own pages
            command, shell=True, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
        printed = {line.rstrip() for line in (done.stdout + done.stderr).splitlines()}
        for line in shown:
            assert line == "..." or line.rstrip() in printed, f"{command}\n{line}\n---\n{done.stdout}{done.stderr}"


def run_page(page: Path) -> None:
    """Run the console and Python blocks of a page in order. A text block after a Python block is what it prints."""
    printed = None
    namespace: dict[str, object] = {}
    for language, text in blocks(page):
        if language == "text" and printed is not None:
            assert printed == text
        printed = printed_by(text, namespace) if language == "python" else None
        if language == "console":
            run_transcript(text)


@pytest.fixture(scope="module")
def after_tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who did all that the tutorial says."""
    pytest.importorskip("pocketsphinx")
    folder = tmp_path_factory.mktemp("tutorial")
    with contextlib.chdir(folder):
        run_page(TUTORIAL)
    return folder


def test_the_tutorial_runs_and_shows_real_output(after_tutorial):
    """Every command and every Python block of it, in order, in an empty folder."""
    assert (after_tutorial / "runs" / "commands" / layout.MERGED).is_file()


@pytest.mark.parametrize("page", CONCEPTS, ids=name_of)
def test_examples_of_the_concepts_run(page, after_tutorial, tmp_path):
    """Every Python block, in the folder that the tutorial leaves behind."""
    folder = tmp_path / "folder"
    shutil.copytree(after_tutorial, folder)
    shutil.copy(folder / "runs" / "commands" / layout.MERGED, folder)
    with contextlib.chdir(folder):
        run_page(page)


def test_the_run_folder_is_documented_file_by_file():
    """The names in the table are those of store/layout.py."""
    names = {value for name, value in vars(layout).items() if name.isupper()}
    assert {name.rstrip("/") for name in table(DOCS / "concepts" / "run.md", "The folder, file by file")} == names


def test_the_columns_of_a_manifest_are_documented():
    """In the order in which they count."""
    roles = {
        "audio": columns.AUDIO, "reference": columns.TEXT, "id": columns.ID, "start": columns.START,
        "duration": columns.DURATION, "channel": columns.CHANNEL, "language": columns.LANGUAGE,
        "speaker": columns.SPEAKER,
    }  # fmt: skip
    rows = table(DOCS / "concepts" / "utterance-and-source.md", "Columns of a manifest")
    assert {role: tuple(re.findall(r"`(\w+)`", cells[0])) for role, cells in rows.items()} == roles


def test_the_kinds_of_failure_are_documented():
    """Every kind that some line of the source gives to a failed utterance."""
    kinds = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("AudioError", "Failure"):
                kinds |= {first.value for first in node.args[:1] if isinstance(first, ast.Constant)}
    section = (DOCS / "concepts" / "errors.md").read_text(encoding="utf-8").split("Audio that cannot be used")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == kinds


@pytest.mark.parametrize("page", ["concepts/run.md", "design/004-shards.md"])
def test_the_bounds_of_a_shard_are_documented(page):
    """As planning/plan.py has them."""
    least, most = plan._MOST_SHARD_S
    assert f"between {least:g} s and {most:g} s" in (DOCS / page).read_text(encoding="utf-8")


def test_every_dependency_has_its_reason():
    """Base and development tables list what pyproject.toml does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = DOCS / "design" / "dependencies.md"
    for heading, wanted in (
        ("Base", project["dependencies"]),
        ("Development", project["optional-dependencies"]["dev"]),
    ):
        assert set(table(page, heading)) == {re.match(r"[\w.-]+", one)[0] for one in wanted}


def test_an_item_of_the_changelog_is_one_short_sentence():
    """At most 25 words."""
    items = re.findall(r"^- (.+(?:\n  .+)*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert items
    for item in items:
        assert len(item.split()) <= 25, item


def test_nothing_names_a_workplace_or_a_registry():
    """No file of the repository has the path of a machine that it was made on, or the address of a package index."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a checkout")
    unwanted = re.compile(rb"(?<![\w.-])/wor[k]/|\.libra[r]y/|index[-_]u[r]l|/simpl[e]\b")
    for name in done.stdout.splitlines():
        path = ROOT / name
        found = unwanted.search(path.read_bytes()) if path.is_file() else None
        assert found is None, f"{name}: {found}"
