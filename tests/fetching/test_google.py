"""``gs:`` by the client of Google's stores that the product has, against a store on loopback."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from earmark.cli.main import run
from earmark.errors import FetchError
from earmark.fetching import FetchOptions, FetchProgress, fetch, fetch_folder
from earmark.fetching.cache import key_of
from earmark.fetching.names import resolve
from earmark.fetching.stores import store_fault
from earmark.sources import open_source
from earmark.store.folder import open_folder
from tests.fetching.google import Google, google
from tests.toys import write_wav

BODY = random.Random(3).randbytes(20_000_000)


@pytest.fixture(scope="module")
def store() -> Iterator[Google]:
    with google() as found:
        found.put("data", "large.bin", BODY)
        for number in range(5):
            found.put("data", f"set/deep/{number}.txt", b"%d" % number)
        yield found


def test_an_object_is_fetched_whole_and_in_one_stream(store: Google, options: FetchOptions):
    """It is of one version, and is asked for no more than once when nothing changed; its URL shows no user."""
    store.asked()
    found = fetch(store.url("data", "large.bin"), options=options)
    assert found.path.read_bytes() == BODY
    assert "anonymous" not in found.name
    media = [one for one in store.asked() if "alt=media" in one]
    assert not [one for one in media if "bytes=" in one], "no second stream for a second block"
    assert all("generation=" in one for one in media)
    assert fetch(store.url("data", "large.bin"), options=options) == found


def test_a_download_that_was_stopped_goes_on(store: Google, options: FetchOptions):
    """With a range of the same version."""
    name = store.url("data", "large.bin")

    def stop(_: FetchProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(name, options=FetchOptions(cache=options.cache, progress=stop))
    size_bytes = (options.folder / "partial" / key_of(resolve(name))).stat().st_size
    assert 0 < size_bytes < len(BODY)
    store.asked()
    assert fetch(name, options=options).path.read_bytes() == BODY
    assert any(one.endswith(f"bytes={size_bytes}-") for one in store.asked())


def test_a_prefix_is_a_folder(store: Google, options: FetchOptions):
    """All of its pages."""
    found = fetch_folder(store.url("data", "set"), options=options)
    assert sorted(path.read_bytes() for path in found.path.rglob("*.txt")) == [b"0", b"1", b"2", b"3", b"4"]


def test_the_variable_of_the_client_names_another_server(
    store: Google, options: FetchOptions, monkeypatch: pytest.MonkeyPatch
):
    """For a bucket that a process asked elsewhere, too."""
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError) as caught:
        fetch("gs://anonymous@data/set/deep/0.txt?retry_limit_seconds=0.1", options=options)
    assert caught.value.kind == "unreachable"
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", f"http://{store.endpoint}")
    found = fetch("gs://anonymous@data/set/deep/0.txt?retry_limit_seconds=0.1", options=options)
    assert found.path.read_bytes() == b"0"


@pytest.mark.parametrize(("bucket", "said"), [("data", "no such object"), ("none", "no bucket 'none'")])
def test_what_is_not_there_is_said(store: Google, options: FetchOptions, bucket: str, said: str):
    """A key, or the bucket; with no word of another store's variables."""
    with pytest.raises(FetchError, match="none") as caught:
        fetch(store.url(bucket, "none"), options=options)
    assert caught.value.kind == "missing"
    assert said in str(caught.value.cause)
    assert "AWS" not in str(caught.value.hint)


def test_no_key_is_not_taken_for_no_network():
    """The client calls both unavailable."""
    said = (
        "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of Could not create a OAuth2 "
        "access token to authenticate the request. The request was not sent"
    )
    fault = store_fault(OSError(said), "gs://data/x")
    assert fault.kind == "denied"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(fault.hint)


def test_a_results_folder_is_written_and_read(store: Google):
    """Small files and large ones, which go up in pieces."""
    folder = open_folder(store.url("data", "runs/one"))
    folder.write("a.json", b"{}")
    folder.write("large", BODY)
    assert folder.entries() == ["a.json", "large"]
    assert folder.read("large") == BODY
    assert folder.create("a.json", b"other") is False
    folder.remove("large")
    assert not folder.has("large")


def test_a_set_is_staged_there_and_read_again(
    store: Google, tmp_path: Path, options: FetchOptions, monkeypatch: pytest.MonkeyPatch
):
    """Its audio is the same, sample by sample; a second call has nothing to do."""
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", f"http://{store.endpoint}")
    monkeypatch.setenv("EARMARK_CACHE", str(options.folder))
    for name in ("a", "b"):
        write_wav(tmp_path / f"{name}.wav", 0.25)
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(f'{{"audio": "{name}.wav", "text": "x"}}\n' for name in ("a", "b")))
    for _ in range(2):
        assert run(["stage", str(manifest), "--to", "gs://anonymous@data/staged", "--engine", "inline"]) == 0
    assert len([one for one in store.asked() if "uploadType=resumable&name=staged%2Faudio" in one]) == 2
    source = open_source("gs://anonymous@data/staged", fetching=options)
    for one, name in zip(source.utterances(), ("a", "b"), strict=True):
        staged, _ = soundfile.read(Path(source.root, one.audio.uri), dtype="int16")
        original, _ = soundfile.read(tmp_path / f"{name}.wav", dtype="int16")
        assert (staged == original).all()
