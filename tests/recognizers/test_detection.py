"""A model is named by its place, and what lies there says which recognizer it is for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.errors import UnknownNameError, UsageError
from earmark.fetching import FetchOptions
from earmark.recognizers import RECOGNIZERS, load_recognizer
from earmark.recognizers.detection import KINDS, prefix_of, recognizer_at, whisper_at
from tests.fetching.servers import Repository, Server, hub
from tests.fetching.test_objects import bucket, endpoint  # noqa: F401  # fixtures

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
    assert recognizer_at(name) == ("transformers", name)


COMMIT = "a" * 40
WEIGHTS = "model.safetensors"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A hub with repositories of the given files, all of one byte; gives what to ask with, and the requests."""

    @contextlib.contextmanager
    def served(**repositories: list[str]) -> Iterator[tuple[FetchOptions, Server]]:
        held = {
            f"models/o/{name}": Repository({COMMIT: dict.fromkeys(files, b"x")}, {"main": COMMIT})
            for name, files in repositories.items()
        }
        with hub(held) as server:
            monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
            monkeypatch.setenv("HF_ENDPOINT", server.url)
            yield FetchOptions(cache=tmp_path / "cache", allow_private=True), server

    return served


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["config.json", WEIGHTS], "transformers"),
        (["config.json", "pytorch_model.bin"], "transformers"),
        (["m.nemo", "README.md"], "nemo"),
        (["m.nemo", "config.json"], "nemo"),
        (["m.nemo", "config.json", WEIGHTS], "transformers"),
        (["hyperparams.yaml", "config.json", "asr.ckpt"], "speechbrain"),
        (["config.json", "model.bin", "vocabulary.json"], "faster-whisper"),
    ],
)
def test_a_repository_is_told_by_its_list(folder, elsewhere, files, kind):
    """Where there are several, Transformers with safetensors comes first; no file is fetched to find out."""
    with elsewhere(one=[*files, "deep/other.nemo"]) as (options, server):
        assert recognizer_at("o/one", options) == (kind, "hf:o/one")
        assert recognizer_at("hf:o/one@main", options) == (kind, "hf:o/one@main")
        assert not [one for one in server.requests if "/resolve/" in one.path]


def test_a_folder_of_a_repository_is_told_by_its_own_files(folder, elsewhere):
    """And an archive in one by its name alone."""
    with elsewhere(many=["config.json", WEIGHTS, "old/m.nemo"]) as (options, server):
        assert recognizer_at("hf:o/many/old", options) == ("nemo", "hf:o/many/old")
        num_asked = len(server.requests)
        assert recognizer_at("hf:o/many/old/m.nemo", options) == ("nemo", "hf:o/many/old/m.nemo")
        assert len(server.requests) == num_asked


def test_a_repository_of_no_model_and_of_two_other_kinds_is_refused(folder, elsewhere):
    """With what was looked for; and with what to type for each."""
    with elsewhere(none=["README.md"], two=["m.nemo", "model.bin"]) as (options, _):
        with pytest.raises(UsageError, match="o/none holds no model"):
            recognizer_at("o/none", options)
        with pytest.raises(UsageError, match="2 kinds") as refused:
            recognizer_at("o/two", options)
    assert refused.value.hint == "say which: nemo:o/two or faster-whisper:o/two"


def test_offline_what_is_not_known_is_taken_for_transformers(folder, tmp_path, elsewhere):
    """Its files may be kept; and a list that was asked for before is still known."""
    offline = FetchOptions(cache=tmp_path / "cache", offline=True)
    assert recognizer_at("o/one", offline) == ("transformers", "hf:o/one")
    assert recognizer_at("s3://bucket/model", offline) == ("transformers", "s3://bucket/model")
    with elsewhere(one=["m.nemo"]) as (options, _):
        recognizer_at("o/one", options)
    assert recognizer_at("o/one", offline) == ("nemo", "hf:o/one")


@pytest.mark.parametrize("name", ["s3://bucket/a/m.nemo", "https://example.org/m.nemo?download=1"])
def test_an_archive_elsewhere_is_told_by_its_name(folder, name):
    """Nobody is asked."""
    assert recognizer_at(name) == ("nemo", name)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (["config.json", WEIGHTS], "transformers"),
        (["m.nemo", "notes/config.json"], "nemo"),
        (["hyperparams.yaml", "config.json"], "speechbrain"),
    ],
)
def test_a_folder_of_a_store_is_told_by_its_list(folder, bucket, keys, found):  # noqa: F811  # the fixture
    """As one here is."""
    for key in keys:
        bucket.put_object(Key=f"models/one/{key}", Body=b"x")
    assert recognizer_at("s3://data/models/one") == (found, "s3://data/models/one")


def test_two_kinds_in_a_folder_of_a_store_are_refused(folder, bucket):  # noqa: F811  # the fixture
    """It is somebody's own, and not published for many."""
    for key in ("config.json", WEIGHTS, "m.nemo"):
        bucket.put_object(Key=f"models/{key}", Body=b"x")
    with pytest.raises(UsageError, match="2 kinds"):
        recognizer_at("s3://data/models")


def test_a_bare_name_that_could_be_two_things_is_refused(folder):
    """A folder here, and the form of a name on the hub."""
    (folder / "model").mkdir()
    with pytest.raises(UsageError, match="two things"):
        recognizer_at("own/model")


@pytest.mark.parametrize(
    ("file", "kind"), [("model.nemo", "nemo"), ("hyperparams.yaml", "speechbrain"), ("model.bin", "faster-whisper")]
)
def test_each_kind_leads_to_its_recognizer(folder, file, kind):
    """With a config.json that is none of Transformers', as CTranslate2 and SpeechBrain have one."""
    (folder / file).write_bytes(b"x")
    (folder / "config.json").write_text("{}")
    assert recognizer_at("./own") == (kind, "./own")


def test_an_archive_of_nemo_is_one_file(folder):
    """By its name."""
    (folder / "model.nemo").write_bytes(b"x")
    assert recognizer_at("./own/model.nemo") == ("nemo", "./own/model.nemo")


def test_two_kinds_in_one_folder_are_refused(folder):
    """And the hint says how to choose."""
    (folder / "config.json").write_text(MODEL)
    (folder / "model.nemo").write_bytes(b"x")
    with pytest.raises(UsageError, match="2 kinds of models") as refused:
        recognizer_at("./own")
    assert refused.value.hint == "say which: transformers:./own or nemo:./own"


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


@pytest.mark.parametrize(("file", "kind"), [("config.json", "transformers"), ("model.bin", "faster-whisper")])
def test_whisper_is_whichever_the_place_holds(folder, file, kind):
    """Transformers' or CTranslate2's."""
    (folder / file).write_text(MODEL)
    assert whisper_at("./own") == (kind, "./own")


def test_whisper_is_nothing_else(folder):
    """What is there is said."""
    (folder / "model.nemo").write_bytes(b"x")
    with pytest.raises(UsageError, match="not for whisper:") as refused:
        load_recognizer("whisper:./own")
    assert refused.value.hint == "nemo:./own"


CTC = json.dumps({"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"]})


@pytest.mark.parametrize("place", ["./own", "own", "own/"])
def test_another_model_of_transformers_is_no_whisper(folder, place):
    """It is refused by what it says of itself, with its class and what to type."""
    (folder / "config.json").write_text(CTC)
    with pytest.raises(UsageError, match="is no Whisper") as refused:
        load_recognizer(f"whisper:{place}")
    assert refused.value.cause == "its config.json says model_type 'wav2vec2': Wav2Vec2ForCTC"
    assert refused.value.hint == f"transformers:{place}"


def test_another_model_elsewhere_is_no_whisper(folder, bucket, tmp_path):  # noqa: F811  # the fixture
    """Its config.json is fetched to find out."""
    options = FetchOptions(cache=tmp_path / "cache", allow_private=True)
    for name, content in (("ctc", CTC), ("own", MODEL)):
        bucket.put_object(Key=f"models/{name}/config.json", Body=content.encode())
        bucket.put_object(Key=f"models/{name}/{WEIGHTS}", Body=b"x")
    assert whisper_at("s3://data/models/own", options) == ("transformers", "s3://data/models/own")
    with pytest.raises(UsageError, match="is no Whisper") as refused:
        whisper_at("s3://data/models/ctc", options)
    assert refused.value.hint == "transformers:s3://data/models/ctc"


def test_what_a_broken_model_is_its_reader_says(folder):
    """It may be a Whisper."""
    (folder / "config.json").write_text("{")
    assert whisper_at("./own") == ("transformers", "./own")


def test_a_folder_one_level_too_high_hints_at_the_model_in_it(folder):
    """Of any kind, and at more than one."""
    for name, file, content in (("a", "config.json", MODEL), ("b", "m.nemo", "x"), ("c", "notes.txt", "x")):
        (folder / name).mkdir()
        (folder / name / file).write_text(content)
    with pytest.raises(UsageError, match="holds no model") as refused:
        recognizer_at("./own/")
    assert refused.value.hint == "a model lies one folder further down: ./own/a or ./own/b"


def test_each_kind_has_a_recognizer():
    """Of that name, which so is its prefix, too."""
    assert set(KINDS.values()) <= RECOGNIZERS.entries().keys()


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
