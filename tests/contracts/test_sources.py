"""What every source must do, whatever it reads."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.fetching import FetchOptions
from earmark.sources import open_source
from earmark.verbs.stage import stage
from tests.sources.embedding import shard
from tests.sources.loopback import serving
from tests.toys import write_wav

if TYPE_CHECKING:
    from earmark.sources.base import Source

NAMES = ("a.wav", "b.flac", "c.wav")
TEXTS = ("one", "two", "three")


def write_audio(folder: Path) -> None:
    for name in NAMES:
        (folder / name).write_bytes(b"no audio at all")


def write_jsonl(folder: Path, texts: tuple[str, ...]) -> str:
    write_audio(folder)
    rows = [json.dumps({"audio": name, "text": text}) + "\n" for name, text in zip(NAMES, texts, strict=True)]
    (folder / "m.jsonl").write_text("".join(rows))
    return "m.jsonl"


def write_table(folder: Path, texts: tuple[str, ...], *, name: str, comma: str) -> str:
    write_audio(folder)
    rows = [("audio", "text"), *zip(NAMES, texts, strict=True)]
    (folder / name).write_text("".join(comma.join(row) + "\n" for row in rows))
    return name


def write_csv(folder: Path, texts: tuple[str, ...]) -> str:
    return write_table(folder, texts, name="m.csv", comma=",")


def write_tsv(folder: Path, texts: tuple[str, ...]) -> str:
    return write_table(folder, texts, name="m.tsv", comma="\t")


def write_parquet(folder: Path, texts: tuple[str, ...]) -> str:
    write_audio(folder)
    pq.write_table(pa.table({"audio": NAMES, "text": texts}), folder / "m.parquet")
    return "m.parquet"


def write_folder(folder: Path, texts: tuple[str, ...]) -> str:
    write_audio(folder)
    for name, text in zip(NAMES, texts, strict=True):
        (folder / name).with_suffix(".txt").write_text(text)
    return ""


def write_librispeech(folder: Path, texts: tuple[str, ...]) -> str:
    chapter = folder / "12" / "34"
    chapter.mkdir(parents=True)
    for number in range(3):
        (chapter / f"12-34-{number}.flac").write_bytes(b"no audio at all")
    (chapter / "12-34.trans.txt").write_text("".join(f"12-34-{n} {text}\n" for n, text in enumerate(texts)))
    return ""


def write_notsofar(folder: Path, texts: tuple[str, ...]) -> str:
    meeting = folder / "dev_set" / "240825.1_dev1" / "MTG" / "MTG_30830"
    (meeting / "sc_plaza_0").mkdir(parents=True)
    (meeting / "sc_plaza_0" / "ch0.wav").write_bytes(b"no audio at all")
    segments = [
        {"speaker_id": "Bert", "start_time": n, "end_time": n + 0.5, "text": text} for n, text in enumerate(texts)
    ]
    (meeting / "gt_transcription.json").write_text(json.dumps(segments))
    return ":dev"


def write_dasr(folder: Path, texts: tuple[str, ...]) -> str:
    for name in ("audio", "transcriptions"):
        (folder / "notsofar1" / name / "dev").mkdir(parents=True)
    (folder / "notsofar1" / "audio" / "dev" / "S1_U01.CH1.wav").write_bytes(b"no audio at all")
    segments = [
        {"session_id": "S1", "speaker": "P1", "start_time": f"{n}.25", "end_time": f"{n}.75", "words": text}
        for n, text in enumerate(texts)
    ]
    (folder / "notsofar1" / "transcriptions" / "dev" / "S1.json").write_text(json.dumps(segments))
    return ":dev"


def write_common_voice(folder: Path, texts: tuple[str, ...]) -> str:
    clips = folder / "es" / "clips"
    clips.mkdir(parents=True)
    write_audio(clips)
    rows = [
        ("client_id", "path", "sentence", "locale"),
        *(("c", *pair, "es") for pair in zip(NAMES, texts, strict=True)),
    ]
    (folder / "es" / "test.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return "es:test"


def write_kaldi(folder: Path, texts: tuple[str, ...]) -> str:
    write_audio(folder)
    (folder / "wav.scp").write_text("".join(f"u{n} {name}\n" for n, name in enumerate(NAMES)))
    (folder / "text").write_text("".join(f"u{n} {text}\n" for n, text in enumerate(texts)))
    return ""


def write_lhotse(folder: Path, texts: tuple[str, ...]) -> str:
    write_audio(folder)
    cuts = [
        {
            "id": f"cut-{n}", "start": 0.0, "duration": 1.0, "channel": 0, "type": "MonoCut",
            "supervisions": [{"id": f"s{n}", "recording_id": name, "start": 0.0, "duration": 1.0, "text": text}],
            "recording": {"id": name, "duration": 1.0, "sources": [{"type": "file", "channels": [0], "source": name}]},
        }
        for n, (name, text) in enumerate(zip(NAMES, texts, strict=True))
    ]  # fmt: skip
    with gzip.open(folder / "cuts.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(cut) + "\n" for cut in cuts)
    return "cuts.jsonl.gz"


def write_speechbrain(folder: Path, texts: tuple[str, ...]) -> str:
    write_audio(folder)
    rows = {
        f"u{n}": {"wav": name, "length": 1.0, "words": text}
        for n, (name, text) in enumerate(zip(NAMES, texts, strict=True))
    }
    (folder / "test.json").write_text(json.dumps(rows, indent=2))
    return "test.json"


def write_staged(folder: Path, texts: tuple[str, ...]) -> str:
    rows = []
    for number, text in enumerate(texts):
        write_wav(folder / "data" / f"{number}.wav", 0.1, seed=number)
        rows.append(json.dumps({"audio": f"{number}.wav", "text": text}) + "\n")
    (folder / "data" / "m.jsonl").write_text("".join(rows))
    stage(folder / "data" / "m.jsonl", folder / "set")
    return "set"


def write_embedded(folder: Path, texts: tuple[str, ...]) -> str:
    (folder / "m.parquet").write_bytes(shard(0, len(texts), columns={"text": texts}))
    return "m.parquet"


def write_shards(folder: Path, texts: tuple[str, ...]) -> str:
    (folder / "data").mkdir(parents=True)
    for number, text in enumerate(texts):
        content = shard(number, 1, columns={"text": [text]})
        (folder / "data" / f"test-{number:05d}-of-{len(texts):05d}.parquet").write_bytes(content)
    return ":test"


@dataclass(frozen=True)
class Case:
    """How to write the data of one kind, and to open them."""

    write: Callable[[Path, tuple[str, ...]], str]
    prefix: str = ""
    limit: str | None = None
    seed: int | None = None
    is_elsewhere: bool = False

    def source(self, folder: Path, texts: tuple[str, ...] = TEXTS) -> Source:
        folder.mkdir(exist_ok=True)
        return self.open(folder, self.write(folder, texts))

    def open(self, folder: Path, name: str) -> Source:
        """``name`` is what ``write`` gave; one that begins with a colon follows the folder's own."""
        path = f"{folder}{name}" if name.startswith(":") else str(folder / name)
        fetching = FetchOptions(cache=folder / "cache", allow_private=True)
        prefix = SERVER[0] if self.is_elsewhere else self.prefix
        return open_source(f"{prefix}{path}", limit=self.limit, seed=self.seed, fetching=fetching)


SERVER: list[str] = []
"""The URL of the disk, while the tests run."""


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A web server of the folders that tests write."""
    with serving(tmp_path_factory.getbasetemp(), at=str(tmp_path_factory.getbasetemp())) as (url, _):
        SERVER[:] = [url]
        yield


CASES = {
    "jsonl": Case(write_jsonl),
    "csv": Case(write_csv),
    "tsv": Case(write_tsv),
    "parquet": Case(write_parquet),
    "folder": Case(write_folder),
    "librispeech": Case(write_librispeech, prefix="librispeech:"),
    "limited": Case(write_jsonl, limit="2"),
    "sampled": Case(write_csv, limit="70%", seed=3),
    "notsofar": Case(write_notsofar, prefix="chime8_notsofar1:"),
    "notsofar of DASR": Case(write_dasr, prefix="notsofar1:"),
    "common voice": Case(write_common_voice, prefix="common-voice:"),
    "kaldi": Case(write_kaldi, prefix="kaldi:"),
    "lhotse": Case(write_lhotse, prefix="lhotse:"),
    "speechbrain": Case(write_speechbrain, prefix="speechbrain:"),
    "elsewhere": Case(write_jsonl, is_elsewhere=True),
    "limited, elsewhere": Case(write_csv, is_elsewhere=True, limit="2"),
    "staged": Case(write_staged),
    "embedded": Case(write_embedded),
    "shards": Case(write_shards, prefix="parquet:"),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_the_order_is_stable_and_ids_are_unique(case, tmp_path):
    """A second reading gives the same utterances in the same order, and no id comes twice."""
    source = case.source(tmp_path)
    utterances = list(source.utterances())
    assert utterances == list(source.utterances())
    assert len({u.id for u in utterances}) == len(utterances) >= 2


def test_references_are_what_was_written(case, tmp_path):
    """Each reference is one of the texts, in their order."""
    references = [u.reference for u in case.source(tmp_path).utterances()]
    assert references == [text for text in TEXTS if text in references]


def test_the_fingerprint_is_of_the_data_and_not_of_the_place(case, tmp_path):
    """A second instance, and a copy of the data in another folder, have the same fingerprint and utterances."""
    (tmp_path / "here").mkdir()
    name = case.write(tmp_path / "here", TEXTS)
    source = case.open(tmp_path / "here", name)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    copied = case.open(tmp_path / "there", name)
    assert case.source(tmp_path / "again").fingerprint == source.fingerprint == copied.fingerprint
    assert list(copied.utterances()) == list(source.utterances())
    assert copied.root != source.root


def test_another_text_is_another_fingerprint(case, tmp_path):
    """One changed word changes the identity."""
    changed = case.source(tmp_path / "changed", ("one", "two", "THREE"))
    assert changed.fingerprint != case.source(tmp_path / "plain").fingerprint


def test_the_root_finds_every_file(case, tmp_path):
    """A relative path starts from an absolute root, and the file is there."""
    source = case.source(tmp_path)
    assert Path(source.root).is_absolute()
    assert all(Path(source.root, u.audio.uri).is_file() for u in source.utterances())


def test_a_source_travels(case, tmp_path):
    """A pickled source yields the same utterances."""
    source = case.source(tmp_path)
    assert list(pickle.loads(pickle.dumps(source)).utterances()) == list(source.utterances())


def test_the_contract_is_met(case, tmp_path):
    """Name and fingerprint are what the contract says."""
    source = case.source(tmp_path)
    assert str(tmp_path) in source.name
    assert len(bytes.fromhex(source.fingerprint)) == 32
