"""The staged source: what was staged, from a folder or from an object store, and never a set that is not whole."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from earmark.errors import (
    FetchError,
    FolderError,
    ManifestError,
    MissingAudioError,
    MissingColumnError,
    UnknownNameError,
    UsageError,
)
from earmark.fetching import FetchOptions
from earmark.recognizers.doubles import Noisy
from earmark.sources import open_source
from earmark.sources.staged_files import StagedFile, staged_files
from earmark.store.folder import open_folder
from earmark.verbs.audit import audit
from earmark.verbs.check import check
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import DataIncomplete
from earmark.verbs.stage import stage
from tests.toys import ToySource, toy_source

SECRET = "hunter2hunter2"  # noqa: S105  # of a server that lives as long as the test


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The query of a URL that reaches a bucket named ``sets`` of an object store on loopback."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = fs.S3FileSystem(
        access_key="key",
        secret_key=SECRET,
        region="us-east-1",
        scheme="http",
        endpoint_override=f"{host}:{port}",
        allow_bucket_creation=True,
    )
    client.create_dir("sets")
    yield f"?scheme=http&endpoint_override={host}%3A{port}&region=us-east-1"
    server.stop()


@pytest.fixture
def url(bucket: str, tmp_path: Path) -> str:
    return f"s3://key:{SECRET}@sets/{tmp_path.name}{bucket}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 8)


def brought(cache: Path) -> list[Path]:
    return sorted((cache / "staged").rglob("*.wav"))


def test_a_folder_with_a_staged_set_is_one(source, tmp_path):
    """Named by its path alone, or with the prefix."""
    stage(source, tmp_path / "set")
    for data in (str(tmp_path / "set"), f"staged:{tmp_path / 'set'}"):
        found = list(open_source(data).utterances())
        assert [(u.id, u.reference, u.speaker) for u in found] == [(u.id, u.reference, u.speaker) for u in source.items]


def test_options_fill_what_the_set_does_not_say(source, tmp_path):
    """A language; another text column, of the extras; none at all."""
    data = tmp_path / "m.jsonl"
    rows = [{"audio": f"{source.root}/{u.audio.uri}", "text": "a", "heard": "b"} for u in source.items]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    stage(data, tmp_path / "set")
    there = str(tmp_path / "set")
    assert next(open_source(there, language="es").utterances()).language == "es"
    assert next(open_source(there, text_column="heard").utterances()).reference == "b"
    assert next(open_source(there, text_column="none").utterances()).reference is None
    with pytest.raises(MissingColumnError, match="no column 'said'") as caught:
        next(open_source(there, text_column="said").utterances())
    assert caught.value.cause == "its columns are text, heard"
    assert caught.value.hint == "--text-column text; --text-column none if there is no such text"
    with pytest.raises(UsageError, match="--text-column id does not hold the references"):
        open_source(there, text_column="id")


def test_the_table_is_a_plain_manifest_as_well(source, tmp_path):
    """For whoever reads no staged set."""
    stage(source, tmp_path / "set")
    found = list(open_source(str(tmp_path / "set" / "utterances.parquet")).utterances())
    assert [(u.id, u.reference) for u in found] == [(u.id, u.reference) for u in source.items]
    assert all((tmp_path / "set" / u.audio.uri).is_file() for u in found)


def test_a_table_that_was_changed_is_refused(source, tmp_path):
    """The identity of the set would be a lie; the hint says how to have it as it was."""
    stage(source, tmp_path / "set")
    path = tmp_path / "set" / "utterances.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(ManifestError, match="not the table") as caught:
        next(open_source(str(tmp_path / "set")).utterances())
    assert "--verify" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"identity": 3}', "\udcff"])
def test_a_strange_staged_json_is_an_error_of_one_line(tmp_path, text):
    """Whatever is in it."""
    (tmp_path / "staged.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ManifestError, match=r"staged\.json"):
        open_source(str(tmp_path))


def test_a_folder_without_a_set_is_none(tmp_path):
    """The prefix insists."""
    with pytest.raises(FolderError, match="cannot use"):
        open_source(f"staged:{tmp_path}")


def test_a_set_in_an_object_store_is_brought_once(source, tmp_path, url, cache, monkeypatch):
    """Staged there, evaluated from there: the hypotheses of the originals; the second time no file is asked for."""
    summary = stage(source, url, workers=2, engine="processes")
    assert summary.num_new == 8
    assert SECRET not in summary.target
    assert stage(source, url).num_new == 0
    recognizer = Noisy(source.texts, error_rate=0.4)
    remote = evaluate(recognizer, url, out=str(tmp_path / "remote"), normalizer="none")
    original = evaluate(recognizer, source, out=str(tmp_path / "original"), normalizer="none")
    assert remote.scores_hash == original.scores_hash
    assert len(brought(cache)) == 8
    before = [path.stat().st_mtime_ns for path in brought(cache)]
    again = open_source(url)
    assert len(list(again.utterances())) == 8
    assert [path.stat().st_mtime_ns for path in brought(cache)] == before
    assert SECRET not in again.name


def test_the_same_bytes_on_a_disk_and_in_an_object_store(source, tmp_path, url):
    """The set is the set, wherever it lies."""
    stage(source, url)
    stage(source, tmp_path / "set")
    folder = open_folder(url)
    for path in [*(tmp_path / "set" / "audio").rglob("*.wav"), tmp_path / "set" / "utterances.parquet"]:
        assert folder.read(path.relative_to(tmp_path / "set").as_posix()) == path.read_bytes()
    assert open_source(url).fingerprint == open_source(str(tmp_path / "set")).fingerprint


def test_a_set_in_an_object_store_is_staged_elsewhere(source, tmp_path, url):
    """From one store to another place, with the same audio."""
    stage(source, url)
    stage(url, tmp_path / "copy")
    stage(source, tmp_path / "set")
    for path in (tmp_path / "set" / "audio").rglob("*.wav"):
        assert (tmp_path / "copy" / path.relative_to(tmp_path / "set")).read_bytes() == path.read_bytes()


def test_a_damaged_object_is_never_used(source, url, cache):
    """Its digest is not the table's: an error that says so; ``verify`` mends the set."""
    stage(source, url)
    folder = open_folder(url)
    folder.write("audio/00000/00000003.wav", folder.read("audio/00000/00000003.wav")[:-1] + b"?")
    with pytest.raises(FetchError, match=r"cannot fetch .*00000003\.wav") as caught:
        list(open_source(url).utterances())
    assert caught.value.kind == "wrong"
    assert SECRET not in f"{caught.value} {caught.value.cause} {caught.value.hint}"
    assert not [path for path in brought(cache) if path.name == "00000003.wav"]
    assert stage(source, url, verify=True).num_new == 1
    assert len(list(open_source(url).utterances())) == 8


def test_an_object_that_is_gone_is_missing_audio(source, tmp_path, url):
    """Counted as every missing file is."""
    stage(source, url)
    open_folder(url).remove("audio/00000/00000003.wav")
    summary = evaluate(Noisy(source.texts), url, out=str(tmp_path / "run"), missing_audio="fail")
    assert (summary.num_scored, summary.num_failed) == (7, 1)


@pytest.mark.parametrize("limit", [None, 5])
def test_a_run_goes_on_where_the_audio_has_never_been(source, tmp_path, url, cache, limit):
    """Another machine has the run's folder and an empty cache."""
    stage(source, url)
    out = str(tmp_path / "run")
    first = evaluate(Noisy(source.texts), url, out=out, limit=limit)
    shutil.rmtree(cache)
    shutil.rmtree(tmp_path / "run" / "parts")
    again = evaluate(Noisy(source.texts), url, out=out, limit=limit)
    assert (again.num_failed, again.scores_hash) == (0, first.scores_hash)


@pytest.mark.parametrize("path", ["../../evil.flac", "/evil.flac", "audio/../../../evil.flac", "a\\b.flac", "", "a//b"])
def test_a_hostile_table_writes_nothing_elsewhere(source, tmp_path, url, cache, path):
    """Its digest is right, since whoever wrote the table wrote that, too."""
    stage(source, url)
    folder = open_folder(url)
    rows = pq.read_table(pa.BufferReader(folder.read("utterances.parquet")))
    paths = pa.array([path, *rows["path"].to_pylist()[1:]])
    sink = pa.BufferOutputStream()
    pq.write_table(rows.set_column(rows.column_names.index("path"), rows.schema.field("path"), paths), sink)
    data = sink.getvalue().to_pybytes()
    facts = json.loads(folder.read("staged.json")) | {"table_sha256": hashlib.sha256(data).hexdigest()}
    folder.write("utterances.parquet", data)
    folder.write("staged.json", json.dumps(facts).encode())
    before = {one for one in tmp_path.rglob("*") if one.is_file()}
    with pytest.raises(ManifestError, match="leads out of the set"):
        list(open_source(url).utterances())
    new = {one for one in tmp_path.rglob("*") if one.is_file()} - before
    assert not [one for one in new if cache not in one.parents]


def test_a_digest_that_is_a_path_is_none(source, url):
    """It would be the name of a folder."""
    stage(source, url)
    folder = open_folder(url)
    facts = json.loads(folder.read("staged.json")) | {"table_sha256": "../../evil"}
    folder.write("staged.json", json.dumps(facts).encode())
    with pytest.raises(ManifestError, match="is no SHA-256"):
        open_source(url)


def test_a_prefix_without_a_set_is_an_error(url):
    """It says what makes one, and no secret."""
    with pytest.raises(ManifestError, match=r"there is no staged\.json") as caught:
        open_source(url)
    assert SECRET not in f"{caught.value} {caught.value.hint}"
    assert f"a manifest there has a full name: {caught.value.path}/FILE.csv" in caught.value.hint


def test_a_bucket_that_is_not_there_is_said(bucket):
    """And not that a file of it is missing."""
    with pytest.raises(FetchError) as caught:
        open_source(f"s3://key:{SECRET}@nothere/in{bucket.replace('allow_bucket_creation=True', '')}")
    assert caught.value.cause == "there is no bucket 'nothere' on its server"


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_without_a_network_what_was_brought_is_used(source, tmp_path, url, monkeypatch, how):
    """All of it from the cache, the facts of the set as well; before it was brought, an error of the right kind."""
    stage(source, url)
    if how == "variable":
        monkeypatch.setenv("EARMARK_OFFLINE", "1")
    flags = {"offline": how == "flag"}
    recognizer = Noisy(source.texts, error_rate=0.4)
    with pytest.raises(FetchError) as caught:
        evaluate(recognizer, url, out=str(tmp_path / "early"), **flags)
    assert caught.value.kind == "offline"
    assert SECRET not in f"{caught.value} {caught.value.cause} {caught.value.hint}"
    monkeypatch.delenv("EARMARK_OFFLINE", raising=False)
    first = evaluate(recognizer, url, out=str(tmp_path / "first"))
    open_folder(url).remove("staged.json")  # nobody asks for it
    if how == "variable":
        monkeypatch.setenv("EARMARK_OFFLINE", "1")
    again = evaluate(recognizer, url, out=str(tmp_path / "again"), **flags)
    assert (again.scores_hash, again.num_scored) == (first.scores_hash, 8)
    assert stage(url, tmp_path / "copy", **flags).num_staged == 8


@pytest.mark.parametrize(("limit", "seed"), [("3", None), ("2", 5), ("25%", None), ("25%", 5)])
def test_only_what_is_chosen_is_brought(source, tmp_path, url, cache, limit, seed):
    """To be evaluated or staged, at random too, and no more of them; the choice is that of the set in a folder."""
    stage(source, url)
    evaluate(Noisy(source.texts), url, out=str(tmp_path / "run"), limit=limit, seed=seed)
    number = int(limit.removesuffix("%")) if "%" not in limit else 2
    assert len({path.name for path in brought(cache)}) == number
    check(url, limit=limit, seed=seed)
    stage(url, tmp_path / "part", limit=limit, seed=seed)
    assert len({path.name for path in brought(cache)}) == number
    stage(source, tmp_path / "set")
    chosen = [u.id for u in open_source(str(tmp_path / "set"), limit=limit, seed=seed).utterances()]
    assert [u.id for u in open_source(str(tmp_path / "part")).utterances()] == chosen


def test_what_staging_lost_is_said_when_the_set_is_used(tmp_path):
    """What failed and what was left out, before an evaluation; what to type to stage it again, where it refuses."""
    source = toy_source(tmp_path / "audio", 6)
    (tmp_path / "audio" / "001.wav").unlink()
    (tmp_path / "audio" / "002.wav").write_bytes((tmp_path / "audio" / "002.wav").read_bytes()[:1_000])
    there = str(tmp_path / "set")
    stage(source, there, missing_audio="skip")
    events = []
    with pytest.raises(MissingAudioError) as caught:
        evaluate(Noisy(source.texts), there, out=str(tmp_path / "run"), limit=3, observer=events.append)
    assert caught.value.cause == "1 failed when they were staged, the first: truncated"
    assert caught.value.hint.startswith("type the line that staged it, with --retry-failed")
    assert "--audio-root" not in caught.value.hint
    (event,) = [one for one in events if isinstance(one, DataIncomplete)]
    assert "of 6 utterances\n1 failed and 1 were left out" in event.loss
    told = []
    check(there, limit=3, observer=told.append)
    assert told[0] == event
    told.clear()
    audit(Noisy(source.texts), there, missing_audio="skip", observer=told.append)
    assert told[0] == event
    (tmp_path / "set" / "audio" / "00000" / "00000000.wav").unlink()
    with pytest.raises(MissingAudioError) as caught:
        evaluate(Noisy(source.texts), there, out=str(tmp_path / "run"))
    assert (caught.value.cause, "--verify" in caught.value.hint) == ("it was staged, and is gone", True)


def test_a_whole_set_says_nothing(source, tmp_path):
    """There is nothing to tell."""
    stage(source, tmp_path / "set")
    assert open_source(str(tmp_path / "set")).loss is None
    assert open_source(str(tmp_path / "set"), limit="2").loss is None


def test_an_object_store_is_no_place_that_holds_other_things(source, url):
    """However deep they lie below the prefix."""
    address, question, query = url.partition("?")
    open_folder(f"{address}/deep/in{question}{query}").write("thesis.tex", b"x")
    with pytest.raises(FolderError, match="cannot use") as caught:
        stage(source, url)
    assert "it is not empty, and holds no staged set (deep)" in str(caught.value.cause)
    assert open_folder(url).names() == []


def test_a_set_in_an_object_store_is_not_staged_onto_itself(source, url):
    """Nor into one of its folders, nor around it; no object is lost."""
    stage(source, url)
    before = open_folder(url).names("audio/00000")
    address, question, query = url.partition("?")
    for to in (url, f"{address}/{question}{query}", f"{address}/sub{question}{query}", f"{address}//{question}{query}"):
        for data in (url, f"staged:{url}"):
            with pytest.raises(FolderError, match="cannot use"):
                stage(data, to, fresh=True)
    assert open_folder(url).names("audio/00000") == before
    assert open_source(url).fingerprint


def count_gets(url: str, files: list[StagedFile], start, queue) -> None:
    from earmark.fetching import files as module

    remote = staged_files(url, FetchOptions())
    names: list[str] = []
    real = module._Fetching._brought

    def brought(self, kept):
        names.append(self._place.locator)
        return real(self, kept)

    module._Fetching._brought = brought
    start.wait()
    remote.bring(files)
    queue.put(names)


def test_one_download_on_a_machine_however_many_processes_ask(source, url, cache):
    """Three at once: each file is asked for once."""
    stage(source, url)
    rows = pq.read_table(staged_files(url, FetchOptions()).table()).to_pylist()
    files = [StagedFile(row["path"], row["size_bytes"], row["sha256"]) for row in rows]
    context = multiprocessing.get_context("spawn")
    start, queue = context.Barrier(3), context.Queue()
    children = [context.Process(target=count_gets, args=(url, files, start, queue)) for _ in range(3)]
    for child in children:
        child.start()
    asked = sorted(name for _ in children for name in queue.get(timeout=60))
    for child in children:
        child.join()
    address, question, query = url.partition("?")
    address = f"s3://{address.partition('@')[2]}"
    assert asked == sorted(f"{address}/{file.path}{question}{query}" for file in files)


def test_a_name_that_is_near_is_named():
    """The registry knows ``staged``."""
    with pytest.raises(UnknownNameError) as caught:
        open_source("stagd:somewhere")
    assert "staged" in caught.value.near
