"""The flags of a model mean the same in every verb that runs one."""

from __future__ import annotations

import dataclasses
import inspect
from importlib import import_module

import pytest

from earmark.cli.main import app, run
from earmark.cli.model_flags import ModelFlags
from earmark.errors import UsageError
from earmark.recognizers import RECOGNIZERS
from earmark.recognizers.doubles import Echo
from earmark.verbs.inputs import recognizer_of
from tests.toys import toy_source, write_manifest

VERBS = {"eval": "evaluate", "audit": "audit"}
FLAGS = {f"--{field.name.strip('_').replace('_', '-')}" for field in dataclasses.fields(ModelFlags)}


class Permitted(Echo):
    """Takes both of what a recognizer may be permitted."""

    device_kind = "cuda"

    def __init__(self, *, trust: bool = False, gpu_memory_limit: float | None = None) -> None:
        super().__init__()
        self.permitted = (trust, gpu_memory_limit)


@pytest.fixture
def permitted(monkeypatch):
    monkeypatch.setattr(RECOGNIZERS, "load", lambda name: {"permitted": Permitted, "echo": Echo}[name])
    monkeypatch.setattr(RECOGNIZERS, "entries", lambda: {"permitted": None, "echo": None})


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_runs_a_model_has_all_of_its_flags(verb):
    """On the command line, and in Python by the names that the flags hand over."""
    flags = {name for one in app[verb].assemble_argument_collection() for name in one.names}
    assert flags >= FLAGS
    name = VERBS[verb]
    parameters = inspect.signature(getattr(import_module(f"earmark.verbs.{name}"), name)).parameters
    assert set(ModelFlags().arguments()) <= set(parameters)


def test_a_permission_reaches_the_recognizers_that_know_it(permitted):
    """And changes nothing for the others: the same command is to run with any model."""
    made = recognizer_of("permitted", {}, trust=True, gpu_memory_limit=0.5)
    assert made.permitted == (True, 0.5)
    assert recognizer_of("permitted", {"trust": True}).permitted == (True, None)
    assert isinstance(recognizer_of("echo", {}, trust=True, gpu_memory_limit=0.5), Echo)


def test_a_limit_that_limits_nothing_is_said_and_no_error(permitted):
    """Where there is no GPU; where there is one, nothing is said."""
    said = []
    recognizer_of("permitted", {}, gpu_memory_limit=0.5, observer=said.append)
    assert said == []
    recognizer_of("echo", {}, gpu_memory_limit=0.5, observer=said.append)
    assert said[0].sentence == "--gpu-memory-limit has no effect: this model does not run on a GPU here"


def test_a_limit_that_is_not_known_on_the_gpu_is_said_as_that(monkeypatch):
    """CTranslate2 has none, wherever it runs."""
    kind = type("Unlimited", (Echo,), {"device_kind": "cuda"})
    monkeypatch.setattr(RECOGNIZERS, "load", lambda name: kind)
    said = []
    recognizer_of("echo", {}, gpu_memory_limit=0.5, observer=said.append)
    assert "no such limit" in said[0].sentence


@pytest.mark.parametrize(
    ("module", "name", "limits"),
    [
        ("transformers", "Transformers", True),
        ("nemo", "Nemo", True),
        ("speechbrain", "SpeechBrain", True),
        ("faster_whisper", "FasterWhisper", False),
    ],
)
def test_what_runs_on_this_machine_says_where_and_in_what_batches(module, name, limits):
    """So that what is said of a limit is true of it; and it takes the limit if it can keep it."""
    kind = getattr(import_module(f"earmark.recognizers.{module}"), name)
    assert {"device_kind", "usual_batch_s"} <= set(dir(kind))
    assert ("gpu_memory_limit" in inspect.signature(kind).parameters) == limits


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_a_share_is_of_one(share):
    """Not of a hundred, and not nothing."""
    with pytest.raises(UsageError, match="no share of 1"):
        recognizer_of("echo", {}, gpu_memory_limit=share)


def test_a_recognizer_that_is_made_already_was_permitted_then():
    """Its maker's choice is not overruled."""
    with pytest.raises(UsageError, match="made already"):
        recognizer_of(Echo(), None, trust=True)


def test_a_script_with_a_limit_runs_on_any_machine(tmp_path, capsys):
    """A line on stderr, and the run is done."""
    manifest = write_manifest(tmp_path / "m.jsonl", toy_source(tmp_path, 3))
    words = ("eval", "echo", "-d", str(manifest), "--gpu-memory-limit", "0.9", "--trust", "--engine", "inline")
    assert run([*words, "--out", str(tmp_path / "run")]) == 0
    assert "warning: --gpu-memory-limit has no effect" in capsys.readouterr().err
