from __future__ import annotations

import dataclasses
import inspect
from importlib import import_module

import pytest

from earmark.cli.data_flags import DataFlags
from earmark.cli.main import app, run
from tests.toys import toy_source, write_manifest

VERBS = {"eval": "evaluate", "audit": "audit", "check": "check", "stage": "stage"}
FIELDS = {field.name: field.default for field in dataclasses.fields(DataFlags)}


@pytest.fixture
def manifest(tmp_path):
    return write_manifest(tmp_path / "m.jsonl", toy_source(tmp_path, 4))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_opens_data_has_all_flags_of_data(verb):
    """On the command line and in Python, by the same names and with the same defaults."""
    name = VERBS[verb]
    parameters = inspect.signature(getattr(import_module(f"earmark.verbs.{name}"), name)).parameters
    assert {one: parameters[one].default for one in FIELDS} == FIELDS
    flags = {name for one in app[verb].assemble_argument_collection() for name in one.names}
    assert flags >= {f"--{one.replace('_', '-')}" for one in FIELDS}


def test_a_flag_of_data_reaches_the_verb(manifest, capsys, monkeypatch):
    """From the command line, and from its environment twin, which the command line overrules."""

    def number(*words: str) -> str:
        assert run(["check", str(manifest), *words]) == 0
        return next(line.split()[1] for line in capsys.readouterr().out.splitlines() if "utterances  " in line)

    assert number() == "4,"
    assert number("--limit", "3") == "3,"
    monkeypatch.setenv("EARMARK_LIMIT", "2")
    assert number() == "2,"
    assert number("--limit", "3", "--seed", "1") == "3,"


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_the_flags_of_data(verb, capsys):
    """Each with its words, under its heading, on the page of all flags."""
    assert run([verb, "--help-all"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "Where relative audio paths start" in page
    assert "Refuse to begin, fail the utterance" in page
    assert page.index(" Input ") < page.index("--audio-root") < page.index(" Errors ") < page.index("--missing-audio")
