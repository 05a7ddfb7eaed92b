"""What every folder must do: each file is there whole or not at all. On a disk, in pyarrow's memory, and over S3."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from earmark.errors import FolderError, InterruptedRunError, StoreError
from earmark.recognizers.doubles import Noisy
from earmark.store import layout
from earmark.store.disk import Disk
from earmark.store.folder import Folder, LocalFolder, ObjectFolder, open_folder
from earmark.store.run import RunStore
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunBegan
from earmark.verbs.score import score
from tests.toys import ToySource, toy_source
from tests.verbs.test_evaluate import StopAfter

SECRET = "hunter2hunter2"  # noqa: S105  # of a server that lives as long as the test


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The query of a URL that reaches a bucket named ``runs`` of an object store on loopback."""
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
    client.create_dir("runs")
    yield f"?scheme=http&endpoint_override={host}%3A{port}&region=us-east-1"
    server.stop()


def s3_url(bucket: str, path: str) -> str:
    return f"s3://key:{SECRET}@{path}{bucket}"


@pytest.fixture(params=["local", "memory", "local through pyarrow", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    match request.param:
        case "local":
            return open_folder(str(tmp_path / "run"))
        case "memory":
            filesystem, path = fs.FileSystem.from_uri("mock:///bucket/run")
            return ObjectFolder("mock:///bucket/run", filesystem, path)
        case "local through pyarrow":
            return ObjectFolder("file", fs.LocalFileSystem(), str(tmp_path / "run"))
        case _:
            return open_folder(s3_url(request.getfixturevalue("bucket"), f"runs/{tmp_path.name}"))


class OopsError(Exception):
    """Comes out of nowhere."""


def test_a_folder_that_is_not_there_is_empty(folder):
    """Looking makes nothing, and reading says which file is missing."""
    assert folder.names() == []
    assert folder.names("parts") == []
    assert not folder.has("a.json")
    with pytest.raises(FileNotFoundError):
        folder.read("a.json")
    with pytest.raises(FileNotFoundError):
        folder.open("a.json")
    folder.remove("a.json")


def test_what_is_written_is_read(folder):
    """The bytes, also none, through read and through open; the newest win."""
    for data in (b"one", b"", b"\x00\xff" * 40_000):
        folder.write("parts/a.bin", data)
        assert folder.read("parts/a.bin") == data
        with folder.open("parts/a.bin") as file:
            assert file.size() == len(data)
            assert file.read() == data


def test_open_files_can_be_sought_in(folder):
    """A Parquet footer is at the end."""
    folder.write("a.bin", b"0123456789")
    with folder.open("a.bin") as file:
        file.seek(7)
        assert file.read() == b"789"


def test_names_are_the_files_of_one_subfolder_sorted(folder):
    """Not those below or beside it, and no folders."""
    for name in ("spec.json", "parts/b", "parts/a", "parts/deep/c", "parts2/d"):
        folder.write(name, b"x")
    assert folder.names() == ["spec.json"]
    assert folder.names("parts") == ["parts/a", "parts/b"]
    assert folder.has("parts/a")
    assert not folder.has("parts"), "a folder is no file"
    assert not folder.has("parts/c")


def test_names_that_begin_with_a_dot_are_hidden(folder):
    """They are nobody's results, yet can be read by who knows them."""
    folder.write(".hidden", b"x")
    folder.write("parts/.hidden", b"x")
    assert folder.names() == folder.names("parts") == []
    assert folder.read(".hidden") == b"x"


@pytest.mark.parametrize("name", ["日本語.txt", "été/ünï cödé.bin", "with space", "plus+percent%20", "a=b&c"])
def test_any_name_comes_back_as_it_was_given(folder, name):
    """Other scripts, spaces, and what a URL would read otherwise."""
    folder.write(name, b"x")
    assert folder.names(name.rpartition("/")[0]) == [name]
    assert folder.read(name) == b"x"


def test_creating_takes_a_name_only_once(folder):
    """The second one is told no, and changes nothing."""
    assert folder.create("spec.json", b"first")
    assert not folder.create("spec.json", b"second")
    assert folder.read("spec.json") == b"first"
    assert folder.names() == ["spec.json"]


def test_removing_takes_one_file_away(folder):
    """Twice is no error, and its neighbours and their folder stay."""
    folder.write("parts/a", b"x")
    folder.write("parts/b", b"x")
    folder.remove("parts/a")
    folder.remove("parts/a")
    assert folder.names("parts") == ["parts/b"]
    assert folder.create("parts/a", b"again")


def test_a_file_is_invisible_until_it_is_whole(folder):
    """While the block runs there is nothing, or the older file."""
    with folder.replacing("table") as stream:
        stream.write(b"first")
        assert not folder.has("table")
        assert folder.names() == []
    with folder.replacing("table") as stream:
        stream.write(b"sec")
        assert folder.read("table") == b"first"
        stream.write(b"ond")
    assert folder.read("table") == b"second"


def test_a_block_that_fails_leaves_no_trace_and_the_older_file(folder, tmp_path):
    """The error goes up as it is."""

    def fail() -> None:
        with folder.replacing("table") as stream:
            stream.write(b"half")
            raise OopsError

    with pytest.raises(OopsError):
        fail()
    assert folder.names() == []
    folder.write("table", b"older")
    with pytest.raises(OopsError):
        fail()
    assert folder.read("table") == b"older"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in ([], ["table"])


def test_a_table_is_written_and_read_through_it(folder):
    """Parquet needs a stream that tells its position, and a file that seeks."""
    store = RunStore(folder)
    table = pa.table({"number": list(range(1000)), "text": ["ü"] * 1000})
    store.write_table("table.parquet", table)
    assert store.read_table("table.parquet") == table
    assert store.read_table("table.parquet", ["number"]).column_names == ["number"]

    def fail() -> None:
        with store.table_writer("table.parquet", table.schema) as writer:
            writer.write_table(table.slice(1))
            raise OopsError

    with pytest.raises(OopsError):
        fail()
    assert store.read_table("table.parquet") == table


def test_a_url_that_names_no_store_says_what_does():
    """Bad input, not a traceback."""
    with pytest.raises(FolderError) as refused:
        open_folder("ftp://host/folder")
    assert refused.value.exit_code == 2
    assert "s3://bucket/folder" in refused.value.hint


def test_a_bucket_that_is_not_there_is_a_store_error(bucket):
    """With the store's own reason."""
    folder = open_folder(s3_url(bucket, "nobodys/run"))
    with pytest.raises(StoreError, match=r"spec\.json") as refused:
        folder.create("spec.json", b"x")
    assert refused.value.cause


def test_the_secret_of_a_url_is_not_in_an_error(bucket):
    """Errors are pasted into tickets."""
    folder = open_folder(s3_url(bucket, "nobodys/run"))
    with pytest.raises(StoreError) as refused:
        folder.write("spec.json", b"x")
    error = refused.value
    assert SECRET not in f"{error.what} {error.cause} {error.hint}"


def test_a_local_folder_holds_nothing_but_the_committed_files(tmp_path):
    """No temporary name is left by any of the ways to write."""
    folder = LocalFolder(tmp_path)
    folder.write("parts/a", b"x")
    folder.create("spec.json", b"x")
    folder.create("spec.json", b"y")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "parts", "spec.json"]


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "give a folder"),
        (errno.EACCES, "give a folder"),
        (errno.EIO, None),
    ],
)
def test_the_hint_fits_what_went_wrong(number, hint, tmp_path):
    """A full disk, one that may not be written, and another error."""

    class Unlucky(Disk):
        def write(self, file, data):
            raise OSError(number, "no luck")

    with pytest.raises(StoreError) as refused:
        LocalFolder(tmp_path, disk=Unlucky()).write("spec.json", b"x")
    error = refused.value
    assert (error.what, error.cause) == (f"cannot write spec.json in {tmp_path}", "no luck")
    assert (error.hint is None) if hint is None else error.hint.startswith(hint)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 6)


def run(source: ToySource, out: str, **arguments):
    recognizer = Noisy(source.texts, error_rate=0.4)
    return evaluate(recognizer, source, out=out, normalizer="none", max_batch_s=0.5, **arguments)


@pytest.fixture(scope="module")
def truth(source: ToySource, tmp_path_factory: pytest.TempPathFactory) -> str:
    return run(source, str(tmp_path_factory.mktemp("runs") / "truth")).scores_hash


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.soak), 2])
def test_a_run_in_an_object_store_gives_the_answers_of_a_local_one(source, truth, bucket, workers):
    """A URL alone is enough, also for worker processes; a finished run is found again and done no second time."""
    out = s3_url(bucket, f"runs/whole-{workers}")
    assert run(source, out, workers=workers).scores_hash == truth
    events = []
    assert run(source, out, observer=events.append).scores_hash == truth
    began = next(event for event in events if isinstance(event, RunBegan))
    assert began.num_segments_done == began.num_segments == 6
    assert score(out, normalizer="none").scores_hash == truth


def test_a_stopped_run_in_an_object_store_goes_on(source, truth, bucket):
    """What was committed before the stop counts after it."""
    out = s3_url(bucket, "runs/stopped")
    with pytest.raises(InterruptedRunError) as stopped:
        run(source, out, observer=StopAfter(2))
    events = []
    assert run(source, out, observer=events.append).scores_hash == truth
    began = next(event for event in events if isinstance(event, RunBegan))
    assert began.num_segments_done == stopped.value.num_done > 0


def test_a_run_in_an_object_store_can_be_thrown_away_and_merged(source, truth, bucket):
    """Every verb takes the same URL."""
    out = s3_url(bucket, "runs/fresh")
    run(source, out)
    assert run(source, out, fresh=True, auto_merge=True).scores_hash == truth
    with open_folder(out).open(layout.MERGED) as file:
        assert len(pq.read_table(file)) > 0


def test_the_secret_of_a_url_is_in_no_file_of_the_run(source, bucket):
    """Results are shared; keys are not."""
    out = s3_url(bucket, "runs/secret")
    run(source, out)
    folder = open_folder(out)
    names = [name for prefix in ("", layout.PARTS, layout.ATTEMPTS) for name in folder.names(prefix)]
    assert len(names) > 5
    assert [name for name in names if SECRET.encode() in folder.read(name)] == []
