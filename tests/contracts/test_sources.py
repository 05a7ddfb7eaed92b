"""What every source must do, whatever it reads."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.sources import open_source

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


@dataclass(frozen=True)
class Case:
    """How to write the data of one kind, and to open them."""

    write: Callable[[Path, tuple[str, ...]], str]
    prefix: str = ""
    limit: str | None = None
    seed: int | None = None

    def source(self, folder: Path, texts: tuple[str, ...] = TEXTS) -> Source:
        folder.mkdir(exist_ok=True)
        return self.open(folder, self.write(folder, texts))

    def open(self, folder: Path, name: str) -> Source:
        return open_source(f"{self.prefix}{folder / name}", limit=self.limit, seed=self.seed)


CASES = {
    "jsonl": Case(write_jsonl),
    "csv": Case(write_csv),
    "tsv": Case(write_tsv),
    "parquet": Case(write_parquet),
    "folder": Case(write_folder),
    "librispeech": Case(write_librispeech, prefix="librispeech:"),
    "limited": Case(write_jsonl, limit="2"),
    "sampled": Case(write_csv, limit="70%", seed=3),
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
    source = case.source(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    copied = case.open(
        tmp_path / "there", Path(source.name.removeprefix(case.prefix)).name if source.name.count(".") else ""
    )
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
