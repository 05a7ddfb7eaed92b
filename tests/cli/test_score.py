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


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("key", [None, "data"])
def test_an_array_of_rows_is_scored_as_their_lines_are(command, tmp_path, key, indent):
    """One JSON value of many rows, bare or as ``data``, is told from SegLST by what the first row holds."""
    rows = [{"id": f"{n}", "text": "a b", "pred_text": "a" * (n + 1)} for n in range(3)]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rows.json").write_text(json.dumps({key: rows} if key else rows, indent=indent))
    line = "%WER 83.33 [ 5 / 6, 0 ins, 3 del, 2 sub ]"
    for name in ("lines.jsonl", "rows.json"):
        code, out, _ = command(name)
        assert (code, line in out) == (0, True)


def test_several_systems_are_rows_of_one_table(command):
    """Of one file, or of several -h."""
    _, out, said = command("m.jsonl", "--out", "runs")
    assert [line.split()[0] for line in out.splitlines() if "pred_text" in line] == ["pred_text_x", "pred_text_y"]
    assert "pred_text_x: results runs/pred_text_x" in said
    _, out, _ = command("-r", "r.trn", "-h", "h.trn", "-h", "part.trn", "--missing-hyp", "delete")
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("  h ", "  part "))] == ["h", "part"]


def test_each_form_has_the_same_numbers(command):
    """JSON of several has its systems in an object, jsonl and csv a line each; notes stay on stderr."""
    rates = [0.0, 0.5]
    facts = json.loads(command("m.jsonl", "--format", "json")[1])
    assert [one["wer"] for one in facts["systems"]] == rates
    *lines, last = map(json.loads, command("m.jsonl", "--format", "jsonl")[1].splitlines())
    assert [line["wer"] for line in lines] == rates
    assert last["suspect_references"] == facts["suspect_references"]
    assert last["suspect_references"]["num_systems"] == 2
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
        (("m.jsonl", "--explain", "a", "7"), "--explain scores nothing, so m.jsonl", "only --format"),
        (("-h", "h.trn", "--explain", "a", "7"), "so --hypothesis has no meaning", "only --format"),
        (("--explain", "a", "7", "--out", "x"), "so --out has no meaning", "only --format"),
        (("--explain", "a", "7", "--slices", "x"), "so --slices has no meaning", "only --format"),
        (("--explain", "a", "7", "--missing-hyp", "skip"), "so --missing-hyp has no meaning", "only --format"),
        (("--explain", "m.jsonl", "7"), "it is a file, and no run's folder", "earmark score m.jsonl --out FOLDER"),
        (("--explain", "3.65", "3.72"), "A must be a run, and this is a number", "number that a tool printed"),
        (("--explain", "abc", "3.72"), "there is no such folder", "number that a tool printed"),
        (("--explain", "a.json", "3.72"), "there is no such summary", "number that a tool printed"),
    ],
)
def test_a_mistake_is_said_with_what_to_type(command, words, what, hint):
    """Exit code 2, nothing on stdout."""
    code, out, said = command(*words)
    assert (code, out) == (2, "")
    assert what in said.replace("\n       ", " ")
    assert hint in said


@pytest.mark.parametrize("side", ["abc", "-3", "1e10"])
def test_a_side_that_is_neither_run_nor_number_is_said(command, side):
    """Of the right one: what it must be."""
    command("m.jsonl", "--out", "runs")
    code, out, said = command("--explain", "runs/pred_text_x", side)
    assert (code, out) == (2, "")
    assert "there is no such folder, nor is it a number" in said
    assert "number that a tool printed" in said


@pytest.mark.parametrize("words", [("score", "runs"), ("score", "--explain", "runs", "7"), ("compare", "runs", "runs")])
def test_runs_inside_a_folder_are_named(command, capsys, words):
    """As score --out makes it for several systems."""
    command("m.jsonl", "--out", "runs")
    assert run(list(words)) == 2
    said = capsys.readouterr().err
    assert "one in each of runs/pred_text_x, runs/pred_text_y" in said
    assert "hint: name one of them: runs/pred_text_x" in said


def test_a_file_is_no_run_to_compare(command, capsys):
    """What makes one of it is said."""
    command("m.jsonl", "--out", "runs")
    assert run(["compare", "m.jsonl", "m.jsonl"]) == 2
    assert "earmark score m.jsonl --out FOLDER makes a run" in capsys.readouterr().err


def test_imported_runs_have_nothing_to_merge(command, capsys):
    """And it is said why."""
    command("-r", "r.trn", "-h", "h.trn", "--out", "run")
    assert run(["merge", "run"]) == 2
    assert "its hypotheses are imported, and only earmark eval writes mistakes files" in capsys.readouterr().err


def test_the_dicts_of_speechbrain_are_one_object(command):
    """By the names of the systems."""
    facts = json.loads(command("m.jsonl", "--format", "speechbrain")[1])
    assert {name: one["WER"] for name, one in facts.items()} == {"pred_text_x": 0.0, "pred_text_y": 50.0}


@pytest.mark.parametrize("form", ["csv", "speechbrain"])
def test_suspect_references_are_said_where_a_form_has_no_room(command, tmp_path, form):
    """On stderr, with their number; one utterance is one."""
    (tmp_path / "s.jsonl").write_text('{"id": "1", "text": "a b", "pred_text_x": "a c", "pred_text_y": "a c"}\n')
    said = command("s.jsonl", "--format", form)[2]
    assert "note: in 1 utterance all systems contradict the reference" in said
    facts = json.loads(command("s.jsonl", "--format", "json")[1])
    assert [one["id"] for one in facts["suspect_references"]["listed"]] == ["1"]


def test_a_note_points_only_to_what_is_kept(command, tmp_path):
    """To the folder, or to how there would be one."""
    (tmp_path / "e.jsonl").write_text('{"id": "1", "text": "a b", "pred_text": ""}\n')
    assert "all of them: --out FOLDER keeps them" in command("e.jsonl")[2]
    assert "all of them: the column flags of kept/scores.parquet" in command("e.jsonl", "--out", "kept")[2]


def test_compounds_are_all_in_the_folder_or_not_at_all(command, tmp_path):
    """Their different ones are counted in JSON."""
    pytest.importorskip("kaldialign", reason="the scorer open-asr needs kaldialign")
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "white paper", "pred_text": "whitepaper"}\n')
    assert "1 compound counts as right" in command("c.jsonl", "--scorer", "open-asr")[2]
    assert "(--out FOLDER keeps all)" in command("c.jsonl", "--scorer", "open-asr")[2]
    said = command("c.jsonl", "--scorer", "open-asr", "--out", "kept")[2]
    assert "(all in the column forgiven of kept/scores.parquet)" in said
    facts = json.loads(command("c.jsonl", "--scorer", "open-asr", "--format", "json")[1])
    assert (facts["num_forgiven"], facts["num_different_forgiven"]) == (1, 1)


def test_the_rate_of_characters_and_words_is_called_mer(command):
    """In the tables of one system, of several and of slices."""
    for words in (("-r", "r.trn", "-h", "h.trn"), ("m.jsonl",), ("m.jsonl", "--slices", "accent")):
        out = command(*words, "--scorer", "mixed")[1]
        heads = [line.split() for line in out.splitlines() if " utts " in line]
        assert heads
        assert all("MER" in head and "tokens" in head and "WER" not in head for head in heads)


def test_the_interval_of_several_systems_has_its_unit(command, tmp_path):
    """As that of one has; and of how many utterances it is, where they are few."""
    rows = [{"id": str(n), "text": "a b", "pred_text_x": "a b", "pred_text_y": "a"} for n in range(30)]
    said = {5: "no 95 % interval: fewer than 6", 6: "by utterance; of fewer than 30", 30: "by utterance; by speaker"}
    for number, line in said.items():
        (tmp_path / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:number]))
        assert line in command("some.jsonl")[1]


def test_a_comparison_has_no_slices_of_what_nobody_knows(command, capsys):
    """No durations, so no table of them; other columns have theirs."""
    command("m.jsonl", "--out", "runs")
    capsys.readouterr()
    assert run(["compare", "runs/pred_text_x", "runs/pred_text_y", "--slices", "duration,accent"]) == 0
    out = capsys.readouterr().out
    assert "duration" not in out
    assert "accent north*" in out
    assert out.startswith("1 utterance, 2 words\n")


def test_slices_and_confusions_are_shown_for_every_system(command):
    """Under the name of each."""
    _, out, _ = command("m.jsonl", "--slices", "accent", "--confusions", "3")
    assert out.count("accent north") == 2
    assert out.count("most frequent errors") == 2


def test_a_damaged_part_is_named(command, tmp_path):
    """With what to do; the others are scored, and the earlier results, which counted it, stay."""
    source = toy_source(tmp_path / "data", 4)
    earmark.evaluate(Echo(source.texts), source, out=tmp_path / "run", batch_size=2)
    part = min((tmp_path / "run" / layout.PARTS).iterdir())
    content = bytearray(part.read_bytes())
    content[8:40] = bytes(32)
    part.write_bytes(content)
    before = (tmp_path / "run" / layout.SUMMARY).read_bytes(), (tmp_path / "run" / layout.SCORES).read_bytes()
    code, out, said = command("run")
    assert code == 1
    assert "%WER 0.00" in out
    assert before == ((tmp_path / "run" / layout.SUMMARY).read_bytes(), (tmp_path / "run" / layout.SCORES).read_bytes())
    assert f"warning: parts/{part.name} is damaged" in said
    assert "the command that made the run transcribes them again" in said


def test_the_listing_has_the_formats(capsys):
    """Each by the name that --from takes."""
    run(["ls", "formats"])
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in ("jsonl", "kaldi", "trn", "stm", "ctm", "seglst", "csv", "tsv", "lines"))


def test_a_damaged_import_says_how_it_is_made_again(command, tmp_path):
    """Good numbers are not replaced by none, and the hint is for imports."""
    command("-r", "r.trn", "-h", "h.trn", "--out", "kept")
    summary = tmp_path / "kept" / layout.SUMMARY
    before = summary.read_bytes()
    for part in (tmp_path / "kept" / layout.PARTS).iterdir():
        part.write_bytes(b"PAR1")
    code, _, said = command("kept")
    assert (code, summary.read_bytes()) == (1, before)
    assert "earmark score FILE --out kept imports it again" in said


@pytest.mark.parametrize(
    ("reference", "hypothesis", "read_as", "num_words"),
    [
        ("UTT-A hello world\nUTT-B yes\n", "UTT-A hello word\nUTT-B yes\n", "Kaldi text", 3),
        ("ann hello world\nbob yes\n", "bob yes\nann hello word\n", "Kaldi text", 3),
        ("hello world\nyes\n", "hello word\nyes\n", "lines", 3),
        ("yes (noise)\nno (laughter)\n", "yes (noise)\nno (laughter)\n", "lines", 4),
        ("hello there (u-1)\n", "hello (u-1)\n", "trn", 2),
        ("1 2 3\n4 5\n", "1 2 3\n4 6\n", "lines", 5),
    ],
)
def test_how_text_was_read_is_said(command, tmp_path, reference, hypothesis, read_as, num_words):
    """An id is no word and a word is no id; where that was told by the content alone, a note says what was taken."""
    (tmp_path / "r.txt").write_text(reference)
    (tmp_path / "h.txt").write_text(hypothesis)
    code, out, said = command("-r", "r.txt", "-h", "h.txt", "--format", "json", "--normalizer", "none")
    assert code == 0
    assert f"note: r.txt, h.txt read as {read_as}, matched by" in said
    assert json.loads(out)["num_reference_words"] == num_words


def test_many_lines_that_begin_alike_are_asked_about(command, tmp_path):
    """Names as ids, or words that were all recognized: both are likely, and one of the numbers would be wrong."""
    text = "".join(f"{letter}x some words\n" for letter in "abcdefghijkl")
    for name in ("r.txt", "h.txt"):
        (tmp_path / name).write_text(text)
    code, out, said = command("-r", "r.txt", "-h", "h.txt")
    assert (code, out) == (2, "")
    assert "--from kaldi" in said
    for name in ("kaldi", "lines"):
        assert command("-r", "r.txt", "-h", "h.txt", "--from", name)[0] == 0


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("t.jsonl",), "no hypothesis text", "--hyp-column words\n"),
        (("t.jsonl", "--hyp-column", "text"), "cannot be both reference and hypothesis", "--hyp-column words\n"),
        (("t.jsonl", "--hyp-column", "txt"), "no column 'txt'", "--hyp-column words\n"),
        (("m.jsonl", "--text-column", "pred_text_x"), "cannot be both", "--hyp-column NAME"),
        (("-r", "t.jsonl", "-h", "t.jsonl"), "no hypothesis text", "--hyp-column words\n"),
        (("-r", "r.trn", "-h", "r.trn"), "one text for each utterance", "-h HYPOTHESES"),
        (("-r", "only.jsonl", "-h", "/dev/null"), "a pipe or a device", "write it to a file"),
        (("only.jsonl",), "no hypothesis text", "no other column can hold them"),
        (("m.jsonl", "--slices", "accents", "--out", "no"), "no column to slice by 'accents'", "did you mean accent?"),
        (("m.jsonl", "--slices", "id", "--out", "no"), "an id is of one utterance", "--slices speaker"),
        (("semi.csv",), "separated by semicolons", "commas"),
        (("-r", "latin.txt", "-h", "r.trn"), "not UTF-8", "iconv"),
    ],
)
def test_nothing_is_scored_against_itself_or_guessed(command, tmp_path, words, what, hint):
    """The columns that are proposed can be hypotheses; nothing is written."""
    row = {"id": "1", "audio": "a.wav", "duration": 2, "text": "a b", "n": 3}
    (tmp_path / "t.jsonl").write_text(json.dumps({**row, "words": "a c"}) + "\n")
    (tmp_path / "only.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "semi.csv").write_text("id;text;pred_text\n1;a;b\n")
    (tmp_path / "latin.txt").write_bytes("caf\u00e9\n".encode("latin-1"))
    code, out, said = command(*words)
    assert (code, out) == (2, "")
    assert what in said
    assert hint in said
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_no_name_speaks_to_the_terminal(command, tmp_path, monkeypatch, form):
    """Control and direction characters are spelled out in every form; what JSON says stays the same."""
    name = "pred_text_\x1b]0;x\x07\u202e\x9b"
    row = {"id": "1", "text": "a b", name: "a b", "pred_text_y": "a"}
    (tmp_path / "hostile.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    code, out, said = command("hostile.jsonl", "--format", form)
    assert code == 0
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(out + said)
    if form.startswith("json"):
        first = json.loads(out)["systems"][0] if form == "json" else json.loads(out.splitlines()[0])
        assert first["model"] == name


def test_a_table_for_programs_has_the_names_as_they_are(command, tmp_path):
    """Where no terminal reads it."""
    name = "pred_text_\u202ex"
    (tmp_path / "names.jsonl").write_text(
        json.dumps({"id": "1", "text": "a b", name: "a b", "pred_text_y": "a"}) + "\n"
    )
    assert next(csv.DictReader(io.StringIO(command("names.jsonl", "--format", "csv")[1])))["model"] == name


def test_other_rules_for_a_run_are_said_to_stay(command):
    """The next score and comparison take them; the same rules again are nothing to say."""
    command("-r", "r.trn", "-h", "h.trn", "--out", "run")
    assert "was scored with" not in command("run")[2]
    said = command("run", "--normalizer", "none")[2]
    assert "note: run was scored with basic and levenshtein; from now on none and levenshtein is what" in said
    assert "was scored with" not in command("run")[2]


def test_two_files_without_flags_are_told_how(command):
    """What most people type first."""
    code, _, said = command("r.trn", "h.trn")
    assert code == 2
    assert "hint: two files are scored by: earmark score -r REFERENCES -h HYPOTHESES" in said
