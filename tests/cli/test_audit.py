"""``earmark audit``, and ``earmark eval --audit``, from the command line."""

from __future__ import annotations

import json

import pytest

from earmark.cli.main import run
from tests.toys import toy_source, write_manifest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    source = toy_source(folder / "data", durations_s=[0.2 + 0.05 * (number * 7 % 30) for number in range(30)])
    write_manifest(folder / "data" / "m.jsonl", source)
    texts = [json.dumps({"id": key, "text": text}) + "\n" for key, text in source.texts.items()]
    (folder / "texts.jsonl").write_text("".join(texts))
    return folder


@pytest.fixture
def command(folder, capsys, monkeypatch):
    """Runs a command line in the folder of the data and gives its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def command(*words):
        code = run([*words, "--data", "data/m.jsonl", "--set", "texts=texts.jsonl", "--batch-size", "4"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_a_sound_model_is_exit_0(command):
    """The table, and the sentence last."""
    code, out, said = command("audit", "echo", "--sample", "12")
    assert code == 0
    assert out.splitlines()[-1].startswith("no text changed in 12 utterances (5 batches): with 95 % confidence")
    assert [line.split(":")[0].strip() for line in out.splitlines()[4:9]] == [
        "alone",
        "batches",
        "shuffled",
        "padded",
        "again",
    ]
    assert said == "audit  sample of 12, batches drawn: 5\n"


def test_a_model_that_hears_padding_is_exit_4(command):
    """The texts and where they were said, the sentence once, and what to type next; no line ends in spaces."""
    code, out, said = command("audit", "unmasked", "--set", "heard_s=0.1", "--progress", "none", "--sample", "12")
    assert code == 4
    assert "alone, again (WER 0.00 %): " in out
    assert "2 more in --format json" in out
    assert out.splitlines()[-1].startswith("batching changes the text of ")
    assert said.startswith("error: the audit did not pass\nhint: --batch-size 1")
    assert (out + said).count("batching changes the text of ") == 1
    assert not any(line.endswith(" ") for line in out.splitlines())


def test_what_was_not_done_is_said(command):
    """On stderr, with its reason."""
    code, out, said = command("audit", "unmasked", "--max-batch-seconds", "0.1", "--sample", "4", "--progress", "none")
    assert code == 0
    assert "(one at a time)" in out
    assert said == (
        "note: not done: batches: no batch holds two\n"
        "note: not done: padded: no batch holds two, so nothing is padded\n"
    )


def test_json_is_all_that_is_printed(command):
    """With every text that changed; the exit code is the same."""
    code, out, said = command("audit", "leaky", "--sample", "12", "--format", "json", "--seed", "3")
    facts = json.loads(out)
    assert code == 4
    assert facts["verdict"]["kind"] == "changed"
    assert facts["seed"] == 3
    assert len(facts["changed"]) == facts["verdict"]["num_changed"] > 0
    assert {one["name"] for one in facts["conditions"]} == {"alone", "batches", "shuffled", "padded", "again"}
    assert set(facts["normalizer"]) == set(facts["scorer"]) == {"name", "version", "hash"}
    assert "error: the audit did not pass" in said


def test_a_run_warns_and_goes_on(command, folder):
    """Before the run and beside its score; the exit code is the run's."""
    words = ("unmasked", "--set", "heard_s=0.1", "--workers", "1", "--engine", "inline", "--out", "runs/unmasked")
    code, out, said = command("eval", *words, "--audit", "12", "--progress", "lines")
    assert code == 0
    assert "%WER" in out
    assert said.count("warning: audit: batching changes the text of ") == 2
    assert said.index("warning: audit") < said.index("run    runs/unmasked")
    assert "--batch-size 1 transcribes one at a time" in said


def test_a_score_shows_the_verdict_again(folder, capsys, monkeypatch):
    """A note where nothing changed."""
    monkeypatch.chdir(folder)
    words = ["--data", "data/m.jsonl", "--set", "texts=texts.jsonl", "--engine", "inline", "--progress", "none"]
    assert run(["eval", "echo", *words, "--out", "runs/echo", "--audit", "5"]) == 0
    capsys.readouterr()
    assert run(["score", "runs/echo"]) == 0
    assert "note: audit: no text changed in 5 utterances" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--sample", "0"), ("--sample", "x"), ("--normalizer", "no-such")])
def test_bad_usage_is_exit_2(command, words):
    """Before anything is transcribed."""
    code, out, said = command("audit", "echo", *words)
    assert (code, out) == (2, "")
    assert said.startswith("error: ")
