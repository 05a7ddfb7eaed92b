"""What a careless user types to a verb that opens data: one error each, that fits on a terminal and says what to do."""

from __future__ import annotations

import pytest

from earmark.cli.main import run
from tests.toys import toy_source, write_manifest

COLUMNS = 80


@pytest.fixture
def typed(tmp_path, capsys, monkeypatch):
    """Types a line at a terminal, in a folder with m.jsonl and an empty folder, and gives the code and all lines."""
    write_manifest(tmp_path / "m.jsonl", toy_source(tmp_path, 2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "m.csv").write_text("audio,text\n")
    (tmp_path / "notes").write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))

    def typed(line: str) -> tuple[int, list[str]]:
        for stream in ("stdout", "stderr"):
            monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
        code = run(["" if word == "''" else word for word in line.split()])
        said = capsys.readouterr()
        assert said.out == ""
        return code, said.err.splitlines()

    return typed


LINES = {
    "check nonexistent": "earmark ls sources",
    "check tables": "hint: tables/m.csv; folder:tables reads it as a plain folder",
    "check m.jsonll": "did you mean m.jsonl?",
    "check empty": "earmark ls sources",
    "check notes": "earmark ls sources",
    "check ''": "names no data",
    "check": "DATA is missing hint: earmark check manifest.jsonl",
    "compare": "RUNS is missing hint: earmark compare runs/BASELINE runs/CANDIDATE",
    "export": "RUN is missing hint: earmark export runs/NAME --to jsonl",
    "track": "RUN is missing hint: earmark track runs/NAME --to wandb",
    "stage m.jsonl": "--to is missing hint: --to FOLDER",
    "export m.jsonl": "--to is missing hint: --to jsonl; earmark ls exports",
    "track m.jsonl": "--to is missing hint: --to wandb or --to mlflow",
    "show m.jsonl --grep (?=x)": "RE2 looks neither ahead nor behind",
    "report m.jsonl --out ''": "--out is empty hint: --out report.html",
    "eval echo --limit 4": "--data is missing hint: --data manifest.jsonl",
    "eval echo --dat m.jsonl": "Did you mean --data instead of --dat?",
    "eval echo --data m.jsonl --limit": "--limit has no value",
    "eval --data m.jsonl": "MODEL is missing hint: earmark eval MODEL --data DATA",
    "audit echo --data m.jsonl --trsut": "Did you mean --trust?",
    "check m.jsonl twice": "one word too many: twice",
    "check --data m.jsonl": "earmark check DATA: here they need no flag",
    "stage -d m.jsonl --to x": "earmark stage DATA: here they need no flag",
    "check m.jsonl --limit abc": "--limit 100 (utterances) or --limit 5%",
    "check m.jsonl --limit 0": "--limit 100 (utterances) or --limit 5%",
    "check m.jsonl --limit -1": "--limit 100 (utterances) or --limit 5%",
    "check m.jsonl --limit 200%": "--limit 100 (utterances) or --limit 5%",
    "check m.jsonl --seed x": "--seed",
    "check m.jsonl --channel -1": "--channel 0 is the first one",
    "check m.jsonl --text-column nope": "no column 'nope' in m.jsonl",
    "check m.jsonl --normalizer nope": "no normalizer 'nope'",
    "check m.jsonl --missing-audio no": "--missing-audio",
    "check m.jsonl --audio-root nowhere/at/all --limits 5": "--limit?",
    "-vv score a b c": "hint: two files are scored by: earmark score -r REFERENCES -h HYPOTHESES",
    "-vv check": "DATA is missing hint: earmark check manifest.jsonl",
    "ls --data x": "hint: earmark ls --help",
    "score --data x": "hint: earmark score --help",
    "train sudoku --siz 3": "hint: earmark train sudoku --help",
    "check s3://": "names no bucket",
    "check ftp://example.com/m.jsonl": "no data are fetched from ftp",
    "check https://127.0.0.1:9/m.jsonl": "127.0.0.1",
    "check https://example.com/folder": "the URL of a manifest",
    "check nothing:here": "no source 'nothing'",
}


@pytest.mark.parametrize("line", LINES)
def test_one_error_that_fits_and_says_what_to_do(typed, line):
    """Three parts at most, folded between words; nothing on stdout, no traceback."""
    code, said = typed(line)
    assert code in (1, 2)
    assert said[0].startswith("error: ")
    assert [one.split(":")[0] for one in said if not one.startswith(" ")] in (
        ["error"], ["error", "cause"], ["error", "hint"], ["error", "cause", "hint"],
    )  # fmt: skip
    assert LINES[line] in " ".join(" ".join(said).split())
    assert all(len(one) <= COLUMNS for one in said)
    assert not any("a defect of earmark" in one for one in said)


@pytest.mark.parametrize(
    "line",
    [
        "audit echo --data m.jsonl --gpus 1",
        "eval echo --data m.jsonl --device cpu",
        "sweep --checkpoint x --num-puzzles 4",
        "audit nope --data m.jsonl",
    ],
)
def test_nothing_is_proposed_that_has_little_in_common_with_what_was_typed(typed, line):
    """Least of all what runs foreign code or costs money."""
    code, said = typed(line)
    assert code == 2
    assert "did you mean" not in " ".join(said).lower()


def test_a_broken_line_is_shown_with_a_caret_below_the_place_on_a_narrow_terminal(typed, tmp_path):
    """An excerpt is not folded, and is short enough not to be."""
    (tmp_path / "m.jsonl").write_text('{"audio": "' + "a" * 300 + '" "text": "' + "b" * 300 + '"}\n')
    _, said = typed("eval echo -d m.jsonl")
    place, caret = said[1], said[2]
    assert max(len(place), len(caret)) <= COLUMNS
    assert place[caret.index("^") :].startswith('"text"')


def test_a_command_to_copy_is_not_folded(typed, tmp_path):
    """However long the path in it."""
    name = "a-long-name-" * 10 + ".jsonl"
    (tmp_path / name).write_text("{\n")
    _, said = typed(f"eval echo -d {name}")
    assert f"hint: earmark check {name} lists all that is broken" in said
