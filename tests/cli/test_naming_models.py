"""What the screen and the summary say of a model: where it is, of what class, that it loads, what it is not told."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property

import pytest

from earmark.cli.main import run
from earmark.recognizers import RECOGNIZERS
from earmark.recognizers.doubles import Echo
from earmark.spec import ModelSource
from tests.toys import toy_source, write_manifest

PLACE = "./models/[bold]tiny"


class Placed(Echo):
    """An echo that says of itself what a model in a folder says."""

    def __init__(self, *, language: str | None = None) -> None:
        super().__init__()

    takes_language = True

    @cached_property
    def spec(self):
        source = ModelSource(role="model", name=PLACE, kind="local", revision=None, sha256="0")
        return replace(super().spec, sources=(source,), architecture="EchoForCTC")


@pytest.fixture
def placed(monkeypatch):
    entries = {"placed": None, "echo": None}
    monkeypatch.setattr(RECOGNIZERS, "load", lambda name: {"placed": Placed, "echo": Echo}[name])
    monkeypatch.setattr(RECOGNIZERS, "entries", lambda: entries)


@pytest.fixture
def manifest(tmp_path):
    return write_manifest(tmp_path / "m.jsonl", toy_source(tmp_path, 3))


@pytest.fixture
def evaluated(manifest, tmp_path, capsys):
    """Runs a model with more words, and gives the two streams."""

    def ran(model: str, *more: str):
        words = ["eval", model, "-d", str(manifest), "--out", str(tmp_path / "run"), "--engine", "inline", *more]
        assert run(words) == 0
        return capsys.readouterr()

    return ran


def test_the_screen_and_the_summary_say_which_model_it_was(placed, evaluated, tmp_path):
    """Its place as it was named and its class, before it is loaded and behind the numbers."""
    shown = evaluated("placed")
    assert f"model  {PLACE} (EchoForCTC), echo 1\n" in shown.err
    assert f"load   {PLACE} ...\n" in shown.err
    assert f"model {PLACE} (EchoForCTC)\n" in shown.out
    facts = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (facts["model"], facts["model_place"], facts["model_architecture"]) == ("echo", PLACE, "EchoForCTC")


def test_of_a_model_without_a_place_nothing_more_is_said(placed, evaluated, tmp_path):
    """A toy has only its name; and where nothing is left to do, nothing is loaded."""
    shown = evaluated("echo")
    assert "model  echo 1\n" in shown.err
    assert "load   echo ...\n" in shown.err
    assert "\nmodel " not in shown.out
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["model_place"] is None
    assert "load " not in evaluated("echo").err


def test_a_bar_says_that_a_model_loads_until_the_first_results(placed, evaluated, monkeypatch):
    """In place of the facts that it has none of yet; a name is no markup."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # or nothing is drawn where no terminal is
    monkeypatch.setenv("COLUMNS", "160")
    shown = evaluated("placed", "--progress", "bar")
    assert "load   " not in shown.err
    assert f"loading {PLACE}, then the first batches ..." in shown.err
    assert f"model  {PLACE} (EchoForCTC), echo 1" in shown.err


@pytest.mark.parametrize(("language", "code"), [("es", "es"), ("Spanish", "es"), ("a b", "'a b'")])
def test_a_language_that_the_model_is_not_told_is_said(placed, evaluated, language, code):
    """With what to type, where the model could be told it."""
    said = evaluated("placed", "--language", language).err
    assert f"warning: --language {language} says it of the data, and not to the model" in said
    assert f"--set language={code} tells the model" in said


@pytest.mark.parametrize(
    "words", [["placed"], ["placed", "--language", "es", "--set", "language=en"], ["echo", "--language", "es"]]
)
def test_nothing_is_said_of_a_language_where_all_is_told_or_nothing_can_be(placed, evaluated, words):
    """It is not given, it is given twice, or the model takes none."""
    assert "tells the model" not in evaluated(*words).err


def test_the_recognizers_are_the_models(capsys):
    """Under both names, each with what it needs and whether that is installed."""
    assert run(["ls", "models"]) == 0
    models = capsys.readouterr().out
    assert run(["ls", "recognizers"]) == 0
    assert capsys.readouterr().out == models
    for name in ("pocketsphinx", "transformers", "nemo", "speechbrain", "faster-whisper", "openai", "hf:OWNER/NAME"):
        [line] = [line for line in models.splitlines() if line.split()[:1] == [name]]
        assert line.endswith(")")
        assert "installed)" in line or "(needs" in line


def test_one_utterance_is_exported(evaluated, tmp_path, capsys):
    """Not one utterances."""
    evaluated("echo", "--limit", "1")
    assert run(["export", str(tmp_path / "run"), "--to", "csv", "--out", str(tmp_path / "out.csv")]) == 0
    assert capsys.readouterr().err.startswith("exported 1 utterance: ")
