"""What the package ``datasets`` reads and writes, against what is read here. Left out where it is not installed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.errors import UsageError
from earmark.sources import open_source
from tests.sources.embedding import shard, write
from tests.sources.test_embedded import contents
from tests.toys import write_wav

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="the package datasets is not installed"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {f"data/test-0000{number}-of-00002.parquet": shard(3 * number, 3) for number in range(2)}
    return write(tmp_path / "set", files)


DATASETS = """
import json, sys, hashlib
import datasets
found = datasets.load_dataset("parquet", data_files=json.loads(sys.argv[1]), split="train", cache_dir=sys.argv[2])
found = found.cast_column("audio", datasets.Audio(decode=False))
for row in found:
    print(json.dumps([row["sentence"], hashlib.sha256(row["audio"]["bytes"]).hexdigest()]))
"""


def test_rows_and_bytes_are_those_of_datasets(folder, tmp_path):
    """The package that writes such files reads the same rows, in the same order, with the same bytes."""
    files = [str(path) for path in sorted((folder / "data").glob("test-*"))]
    done = subprocess.run(
        [sys.executable, "-c", DATASETS, json.dumps(files), str(tmp_path / "hf")],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    source = open_source(f"parquet:{folder}:test")
    ours = [
        [utterance.reference, hashlib.sha256(content).hexdigest()]
        for utterance, content in zip(source.utterances(), contents(source), strict=True)
    ]
    assert [json.loads(line) for line in done.stdout.splitlines()] == ours


SAVED = """
import sys
import datasets
audio = [{"bytes": open(path, "rb").read(), "path": path} for path in sys.argv[2:]]
found = datasets.Dataset.from_dict({"audio": audio, "text": [str(n) for n in range(len(audio))]})
found = found.cast_column("audio", datasets.Audio(decode=False))
found.save_to_disk(sys.argv[1] + "/one", num_shards=2)
datasets.DatasetDict({"test": found, "dev": found.select([1])}).save_to_disk(sys.argv[1] + "/two")
"""


def test_what_datasets_saves_to_disk_is_read(tmp_path):
    """A data set in two shards, and a dictionary of splits."""
    paths = [str(write_wav(tmp_path / f"{number}.wav", 0.1 + number / 10, seed=number)) for number in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", SAVED, str(tmp_path), *paths],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = [Path(path).read_bytes() for path in paths]
    assert contents(open_source(f"saved:{tmp_path}/one")) == expected
    assert contents(open_source(f"saved:{tmp_path}/two:test")) == expected
    assert contents(open_source(f"saved:{tmp_path}/two:dev")) == expected[1:2]
    with pytest.raises(UsageError, match="more than one split") as which:
        open_source(f"saved:{tmp_path}/two")
    assert which.value.cause == "known: dev, test"


WRITTEN = """
import sys
import datasets
audio = [{"bytes": open(path, "rb").read(), "path": path} for path in sys.argv[2:]]
found = datasets.Dataset.from_dict({"audio": audio, "text": [str(n) for n in range(len(audio))]})
found.cast_column("audio", datasets.Audio(decode=False)).to_parquet(sys.argv[1])
"""


def test_what_datasets_writes_is_read(tmp_path):
    """Its own file, with its own metadata."""
    paths = [str(write_wav(tmp_path / f"{number}.wav", 0.1 + number / 10, seed=number)) for number in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", WRITTEN, str(tmp_path / "m.parquet"), *paths],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    source = open_source(str(tmp_path / "m.parquet"))
    assert contents(source) == [Path(path).read_bytes() for path in paths]
    assert [utterance.reference for utterance in source.utterances()] == ["0", "1", "2"]
