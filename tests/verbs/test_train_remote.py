"""A recipe whose speech lies in a bucket: fetched once, and then as good as on the disk."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from tests.training.speech_toys import write_toy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None,
    reason="speechbrain is not installed: pip install 'earmark[speechbrain]'",
)

SECRET = "hunter2hunter2"  # noqa: S105  # of a server that lives as long as the test


@pytest.fixture
def toy(tmp_path: Path) -> str:
    return str(write_toy(tmp_path / "toy"))


@pytest.fixture
def bucket(toy, tmp_path, monkeypatch):
    """The URL of the toy's manifest, and the server, which may be stopped; what is fetched goes into an own cache."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    query = f"?scheme=http&endpoint_override={host}%3A{port}&region=us-east-1&allow_bucket_creation=true"
    place = f"s3://key:{SECRET}@toys-of-a-training"
    filesystem, path = fs.FileSystem.from_uri(f"{place}/toy{query}")
    filesystem.create_dir(path)
    fs.copy_files(str(Path(toy).parent), path, destination_filesystem=filesystem)
    yield f"{place}/toy/data.jsonl{query}", moto
    moto.stop()


def test_speech_in_a_bucket_is_fetched_once(toy, bucket, tmp_path, monkeypatch):
    """The weights are those of the same files on the disk, the next training needs no network, no file has the key."""
    from earmark.verbs.train import train

    url, moto = bucket
    short = ["epochs=2"]
    local = train(toy, out=tmp_path / "local", device="cpu", overrides=short)
    for wav in Path(toy).parent.glob("*.wav"):
        wav.unlink()
    first = train(toy, out=tmp_path / "first", device="cpu", overrides=[*short, f"data.source={url}"])
    assert first.weights_hash == local.weights_hash
    moto.stop()
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    again = train(toy, out=tmp_path / "again", device="cpu", overrides=[*short, f"data.source={url}"])
    assert again.weights_hash == local.weights_hash
    told = [path for path in (tmp_path / "first").rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert told == []
