"""``earmark score`` on runs and on anyone's outputs: flags, forms of the result, and what goes where."""

from __future__ import annotations

import csv
import io
import json

import pytest

import earmark
from earmark.cli.main import run
from earmark.recognizers.doubles import Echo
from earmark.store import layout
from tests.toys import toy_source


@pytest.fixture
def command(tmp_path, capsys, monkeypatch):
    """Runs ``earmark score`` in a folder with some files and gives its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.trn").write_text("a b (u-1)\nc (u-2)\n")
    (tmp_path / "h.trn").write_text("a x (u-1)\nc (u-2)\n")
    (tmp_path / "part.trn").write_text("a b (u-1)\n")
    (tmp_path / "m.jsonl").write_text(
        '{"id": "1", "text": "a b", "pred_text_x": "a b", "pred_text_y": "a", "accent": "north"}\n'
    )

    def command(*words):
        code = run(["score", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_references_and_hypotheses_give_one_table(command):
    """With the line that scripts look for; a folder is named only where there is one."""
    code, out, said = command("-r", "r.trn", "-h", "h.trn")
    assert (code, said) == (0, "")
    assert "%WER 33.33 [ 1 / 3, 0 ins, 0 del, 1 sub ]" in out


def test_several_systems_are_rows_of_one_table(command):
    """Of one file, or of several -h."""
    _, out, said = command("m.jsonl", "--out", "runs")
    assert [line.split()[0] for line in out.splitlines() if "pred_text" in line] == ["pred_text_x", "pred_text_y"]
    assert "pred_text_x: results runs/pred_text_x" in said
    _, out, _ = command("-r", "r.trn", "-h", "h.trn", "-h", "part.trn", "--missing-hyp", "delete")
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("  h ", "  part "))] == ["h", "part"]


def test_each_form_has_the_same_numbers(command):
    """JSON is a list of several or an object of one, jsonl and csv a line each; notes stay on stderr."""
    rates = [0.0, 0.5]
    assert [one["wer"] for one in json.loads(command("m.jsonl", "--format", "json")[1])] == rates
    assert [json.loads(line)["wer"] for line in command("m.jsonl", "--format", "jsonl")[1].splitlines()] == rates
    table = list(csv.DictReader(io.StringIO(command("m.jsonl", "--format", "csv")[1])))
    assert [float(row["wer"]) for row in table] == rates
    assert [row["model"] for row in table] == ["pred_text_x", "pred_text_y"]
    assert json.loads(command("-r", "r.trn", "-h", "h.trn", "--format", "json")[1])["num_reference_words"] == 3


def test_a_rate_that_is_none_is_null_and_said(command, tmp_path):
    """No reference word at all."""
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "heard.txt").write_text("x\n")
    code, out, said = command("-r", "empty.txt", "-h", "heard.txt")
    assert code == 0
    assert "there is no reference word, so there is no word error rate" in said
    out = command("-r", "empty.txt", "-h", "heard.txt", "--format", "json")[1]
    assert json.loads(out)["wer"] is None
    table = command("-r", "empty.txt", "-h", "heard.txt", "--format", "csv")[1]
    assert next(csv.DictReader(io.StringIO(table)))["wer"] == ""


def test_lines_of_one_character_and_blank_lines_count(command, tmp_path):
    """Jiwer's command line drops them."""
    (tmp_path / "r.txt").write_text("a\n\nb c\n")
    (tmp_path / "h.txt").write_text("x\ny\nb c\n")
    _, out, _ = command("-r", "r.txt", "-h", "h.txt")
    assert "%WER 66.67 [ 2 / 3, 1 ins, 0 del, 1 sub ]  %SER 66.67 [ 2 / 3 ]" in out


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        ((), "nothing is said to score", "earmark score RUN"),
        (("-h", "h.trn"), "one side", "-r REFERENCES"),
        (("-r", "r.trn"), "one side", "-h HYPOTHESES"),
        (("m.jsonl", "-r", "r.trn", "-h", "h.trn"), "two things to score", "one of them"),
        (("runs/none",), "there is no run in it", "earmark eval"),
        (("runs/none", "--out", "x"), "--out is for files", "earmark score runs/none"),
        (("runs/none", "--hyp-column", "x"), "--hyp-column is for files", ""),
        (("nowhere.jsonl",), "there is no such file", ""),
        (("-r", "r.trn", "-h", "part.trn"), "1 reference has no hypothesis", "--missing-hyp skip"),
        (("r.trn",), "one text for each utterance", "-h HYPOTHESES"),
        (("m.jsonl", "--hyp-column", "pred_text_z"), "no column 'pred_text_z'", "--hyp-column pred_text_"),
        (("m.jsonl", "--from", "kalid"), "no format 'kalid'", "did you mean kaldi?"),
    ],
)
def test_a_mistake_is_said_with_what_to_type(command, words, what, hint):
    """Exit code 2, nothing on stdout."""
    code, out, said = command(*words)
    assert (code, out) == (2, "")
    assert what in said.replace("\n       ", " ")
    assert hint in said


def test_slices_and_confusions_are_shown_for_every_system(command):
    """Under the name of each."""
    _, out, _ = command("m.jsonl", "--slices", "accent", "--confusions", "3")
    assert out.count("accent north") == 2
    assert out.count("most frequent errors") == 2


def test_a_damaged_part_is_named(command, tmp_path):
    """With what to do; the others are scored."""
    source = toy_source(tmp_path / "data", 4)
    earmark.evaluate(Echo(source.texts), source, out=tmp_path / "run", batch_size=2)
    part = min((tmp_path / "run" / layout.PARTS).iterdir())
    content = bytearray(part.read_bytes())
    content[8:40] = bytes(32)
    part.write_bytes(content)
    code, out, said = command("run")
    assert code == 0
    assert "%WER 0.00" in out
    assert f"warning: parts/{part.name} is damaged" in said
    assert "the command that made the run transcribes them again" in said


def test_the_listing_has_the_formats(capsys):
    """Each by the name that --from takes."""
    run(["ls", "formats"])
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in ("jsonl", "kaldi", "trn", "stm", "ctm", "seglst", "csv", "tsv", "lines"))
