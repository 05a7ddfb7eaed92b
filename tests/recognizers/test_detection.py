"""A model is named by its place, and what lies there says which recognizer it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.errors import UnknownNameError, UsageError
from earmark.recognizers import load_recognizer
from earmark.recognizers.detection import prefix_of, recognizer_at

MODEL = json.dumps({"model_type": "whisper"})


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with a folder ``own`` in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.mark.parametrize("name", ["./own", "own", "own/"])
def test_a_folder_of_transformers_is_found(folder, name):
    """With and without its dot."""
    (folder / "config.json").write_text(MODEL)
    assert recognizer_at(name) == ("transformers", str(folder))


@pytest.mark.parametrize(
    ("name", "place"),
    [("hf:owner/name", "hf:owner/name"), ("owner/name", "hf:owner/name"), ("s3://bucket/model", "s3://bucket/model")],
)
def test_what_is_elsewhere_is_said_outright(folder, name, place):
    """A bare ``a/b`` that is not here is the hub's."""
    assert recognizer_at(name) == ("transformers", place)


def test_a_bare_name_that_could_be_two_things_is_refused(folder):
    """A folder here, and the form of a name on the hub."""
    (folder / "model").mkdir()
    with pytest.raises(UsageError, match="two things"):
        recognizer_at("own/model")


@pytest.mark.parametrize(
    ("file", "kind"), [("model.nemo", "NeMo"), ("hyperparams.yaml", "SpeechBrain"), ("model.bin", "CTranslate2")]
)
def test_kinds_without_a_recognizer_are_named(folder, file, kind):
    """As what they are, in a folder; CTranslate2's comes with a config.json that is none of Transformers'."""
    (folder / file).write_bytes(b"x")
    if kind == "CTranslate2":
        (folder / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=f"a model for {kind}, which is not supported yet"):
        recognizer_at("./own")


def test_an_archive_of_nemo_is_named_too(folder):
    """It is one file."""
    (folder / "model.nemo").write_bytes(b"x")
    with pytest.raises(UsageError, match="NeMo"):
        recognizer_at("./own/model.nemo")


def test_two_kinds_in_one_folder_are_refused(folder):
    """And the hint says how to choose."""
    (folder / "config.json").write_text(MODEL)
    (folder / "model.nemo").write_bytes(b"x")
    with pytest.raises(UsageError, match="2 kinds of models") as refused:
        recognizer_at("./own")
    assert refused.value.hint == "transformers:./own is the one"


def test_a_folder_without_a_model_says_what_was_looked_for(folder):
    """And what lies there."""
    (folder / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="holds no model") as refused:
        recognizer_at("./own")
    assert "config.json" in refused.value.cause
    assert "notes.txt" in refused.value.cause


@pytest.mark.parametrize("name", ["./none", "https://example.org/model", "./own/weights.safetensors"])
def test_what_is_no_folder_is_no_model(folder, name):
    """Not there, a URL, a file."""
    (folder / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(UsageError):
        recognizer_at(name)


def test_a_prefix_is_no_scheme_and_no_path(folder):
    """``hf:`` and the like are places, and so is a file with a colon in its name."""
    Path("odd:name").touch()
    assert prefix_of("transformers:./own") == ("transformers", "./own")
    assert [prefix_of(name) for name in ("hf:a/b", "s3://a/b", "odd:name", "./own", "echo")] == [None] * 5


def test_a_registered_name_comes_before_a_place(folder):
    """A folder that is called like a toy changes nothing."""
    Path("echo").mkdir()
    assert load_recognizer("echo").spec.name == "echo"


@pytest.mark.parametrize("prefix", ["nemo", "speechbrain", "faster-whisper"])
def test_a_prefix_of_a_kind_without_a_recognizer_is_named(folder, prefix):
    """Whatever lies there."""
    with pytest.raises(UsageError, match="not supported yet"):
        load_recognizer(f"{prefix}:./own")


def test_names_that_are_neither_stay_unknown(folder):
    """With the near ones."""
    with pytest.raises(UnknownNameError) as unknown:
        load_recognizer("ecco")
    assert unknown.value.near == ["echo"]
    with pytest.raises(UnknownNameError):
        load_recognizer("transformer:./own")


def test_one_model_is_named_once(folder):
    """Neither never nor twice."""
    (folder / "config.json").write_text(MODEL)
    with pytest.raises(UsageError, match="two models"):
        load_recognizer("./own", {"model": "hf:a/b"})
    with pytest.raises(UsageError, match="needs its model"):
        load_recognizer("transformers")
