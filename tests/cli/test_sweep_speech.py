from __future__ import annotations

import csv
import io
import json

import pytest

from earmark.cli.main import run
from tests.toys import toy_source, write_manifest

MEMBERS = [f"noisy+set:texts=texts.jsonl+set:error_rate=0.3+set:seed={seed}" for seed in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps")
    source = toy_source(folder, 30, durations_s=[0.1 + 0.001 * number for number in range(30)])
    write_manifest(folder / "manifest.jsonl", source)
    lines = (json.dumps({"id": id_, "text": text}) + "\n" for id_, text in source.texts.items())
    (folder / "texts.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture
def command(folder, capsys, monkeypatch):
    """Runs a speech sweep in the folder of the data and gives its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def command(members, *words):
        named = [word for member in members for word in ("--checkpoint", member)]
        always = ["--task", "asr", "--data", "manifest.jsonl", "--engine", "inline", "--progress", "lines"]
        code = run(["sweep", *always, *named, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def tables_of(out):
    """The title and the first words of the rows of each table, in their order."""
    found = []
    for line in out.splitlines():
        if line and not line.startswith(" ") and not set(line) & set("─━"):
            found.append((line, []))
        elif found and line.strip() and not set(line.strip()) & set("─━"):
            found[-1][1].append(line.strip())
    return [one for one in found if one[1]]


def test_honest_numbers_and_the_oracle_stand_in_tables_of_their_own(command):
    """One of the cells, one of what needs no references, and one of the oracle; the note says who is flattered."""
    code, out, said = command(MEMBERS, "--out", "one")
    assert code == 0
    tables = tables_of(out)
    cells, combined, oracle = (
        next(one for one in tables if word in one[0]) for word in ("3 cells", "combined", "orac")
    )
    assert [row.split()[0] for row in cells[1][1:]] == MEMBERS
    assert {"rover", "mbr"} <= {row.split()[0] for row in combined[1]}
    assert not any("oracle" in row for row in [*cells[1], *combined[1]])
    assert combined[1][1].startswith(f"first cell: {MEMBERS[0]} ")
    chosen = [row for row in combined[1] if "best cell" in row]
    assert chosen == combined[1][-1:], "what looked at references stands last"
    assert chosen[0].startswith("best cell, chosen by the references: ")
    assert [row.split(",")[0].split("  ")[0] for row in oracle[1][1:]] == ["1", "2", "all 3"]
    assert "flatters" in said
    assert "cell   2 of 3" in said


def test_json_is_the_honest_file_of_the_folder(command, folder):
    """To the byte, on stdout, and nothing else there; the note says where the oracle is."""
    code, out, said = command(MEMBERS[:2], "--variants", "speed:0.9,1.0", "--out", "json", "--format", "json")
    assert code == 0
    assert out == (folder / "json" / "honest.json").read_text()
    assert json.loads(out)["num_cells"] == 4
    assert "json/oracle.json" in said


def test_a_cell_that_failed_ends_with_3_unless_that_is_allowed(command):
    """And its reason is told."""
    members = [*MEMBERS[:2], "hungry+set:most_at_once=0"]
    code, _, said = command(members, "--out", "failed", "--limit", "6")
    assert code == 3
    assert "failed: hungry+set:most_at_once=0 plain: every utterance failed" in said
    assert command(members, "--out", "failed", "--limit", "6", "--max-failures", "1")[0] == 0


def test_all_cells_failed_ends_with_1_and_no_rate(command):
    """The table has no number."""
    code, out, _ = command(["hungry+set:most_at_once=0"], "--out", "none", "--limit", "6")
    assert code == 1
    assert "n/a" in out
    assert "0.00" not in out


def test_utterances_that_failed_count_as_in_eval(command):
    """By --max-errors, over all cells."""
    members = [*MEMBERS[:2], "failing+set:texts=texts.jsonl+set:ids=utt-003"]
    code, _, said = command(members, "--out", "utterances")
    assert code == 3
    assert "1 of 90 utterances failed" in said
    assert "1 utterance is left out: failed in failing" in said
    assert command(members, "--out", "utterances", "--max-errors", "1")[0] == 0


def test_all_rates_of_a_csv_are_over_the_same_utterances(command, folder):
    """Also where one cell failed in an utterance, and one altogether; what is combined has the same columns."""
    members = [*MEMBERS[:2], "failing+set:texts=texts.jsonl+set:ids=utt-003", "hungry+set:most_at_once=0"]
    code, out, _ = command(members, "--out", "alike", "--format", "csv", "--max-errors", "9", "--max-failures", "1")
    assert code == 0
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(out))}
    broken = rows.pop("hungry+set:most_at_once=0 plain")
    assert (broken["status"], broken["wer"], broken["num_scored"]) == ("failed", "", "")
    together = json.loads((folder / "alike" / "honest.json").read_text())["together"]
    rates = {rate["name"]: rate for rate in (*together["cells"], *together["combinations"])}
    assert rows.keys() == rates.keys()
    for name, row in rows.items():
        assert (row["num_scored"], row["wer"]) == ("29", str(rates[name]["wer"]))
        assert row["interval_low"] == str(rates[name]["interval"]["low"])
    assert rows["rover"]["kind"] == "combined"


def test_a_cell_alone_has_the_rate_of_its_run(command):
    """Under the names that it has beside others."""
    code, out, _ = command(MEMBERS[:1], "--out", "alone", "--format", "jsonl")
    [row] = map(json.loads, out.splitlines())
    assert (code, row["num_scored"], row["status"]) == (0, 30, "done")
    assert row["interval"]["low"] < row["wer"] < row["interval"]["high"]


@pytest.mark.parametrize(
    ("members", "words", "problem"),
    [
        (["poketsphinx"], ["--out", "x"], "pocketsphinx"),
        (MEMBERS[:1], ["--out", "x", "--variants", "pitch:2"], "pitch:2"),
        (MEMBERS[:1] * 2, ["--out", "x"], "counted twice"),
        (MEMBERS[:1], [], "--out runs/sweep"),
        ([], ["--out", "x"], "needs a model"),
    ],
)
def test_what_cannot_begin_ends_with_2_and_makes_no_folder(command, folder, members, words, problem):
    """One error, with what to type."""
    code, out, said = command(members, *words)
    assert (code, out) == (2, "")
    assert said.startswith("error: ")
    assert problem in said
    assert not (folder / "x").exists()
