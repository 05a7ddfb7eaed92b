"""URLs as rows of local data: never fetched, and none of their secrets on a screen or on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.cli.main import run
from earmark.planning.index import index_source
from earmark.sources import open_source
from tests.toys import write_wav

SECRETS = ("pa55word", "T0PSECRET")
URL = "https://user:pa55word@h.example/x.wav?X-Amz-Signature=T0PSECRET"
STORE_URL = "s3://AKIA:pa55word@bucket/x.wav?session=T0PSECRET"
ROWS = [
    {"id": "a", "audio": "a.wav", "text": "hi", "page": URL, "more": {"from": [URL]}},
    {"id": "b", "audio": URL, "text": "hi", "page": "x", "more": {}},
    {"id": "c", "audio": STORE_URL, "text": "hi", "page": None, "more": {}},
    {"id": URL, "audio": "a.wav", "text": "hi", "page": None, "more": {}},
]


def jsonl(folder: Path) -> str:
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(folder / "m.jsonl")


def delimited(folder: Path, mark: str, name: str) -> str:
    rows = [[row["id"], row["audio"], row["text"], row["page"] or ""] for row in ROWS]
    lines = [mark.join(cells) for cells in [["id", "audio", "text", "page"], *rows]]
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def parquet(folder: Path) -> str:
    rows = [{**row, "more": json.dumps(row["more"])} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), folder / "m.parquet")
    return str(folder / "m.parquet")


def kaldi(folder: Path) -> str:
    (folder / "wav.scp").write_text(f"a a.wav\nb {URL}\nc {STORE_URL}\n")
    (folder / "text").write_text("a hi\nb hi\nc hi\n")
    return f"kaldi:{folder}"


def speechbrain(folder: Path) -> str:
    (folder / "s.csv").write_text(f"ID,duration,wav,wrd\na,1,a.wav,hi\nb,1,{URL},hi\nc,1,{STORE_URL},hi\n")
    return f"speechbrain:{folder}/s.csv"


KINDS: dict[str, Callable[[Path], str]] = {
    "jsonl": jsonl,
    "csv": lambda folder: delimited(folder, ",", "m.csv"),
    "tsv": lambda folder: delimited(folder, "\t", "m.tsv"),
    "parquet": parquet,
    "kaldi": kaldi,
    "speechbrain": speechbrain,
}


@pytest.fixture(params=KINDS)
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The name of data of one kind, of which one audio file is here."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_wav(folder / "a.wav", 1.0)
    return KINDS[request.param](folder)


def files_within(folder: Path) -> Iterator[bytes]:
    """Each file's bytes, and those of the values of a Parquet file, which may be packed."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield repr((pq.read_table(path).to_pylist(), pq.read_schema(path).metadata)).encode()


def has_secret(said: bytes) -> bool:
    return any(secret.encode() in said for secret in SECRETS)


def test_no_output_and_no_file_has_a_secret(data: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Whether one looks at the data, evaluates on them or stages them."""
    out = tmp_path / "made"
    told = {}
    for name, words in {
        "check": ["check", data],
        "json": ["check", data, "--json"],
        "refused": ["eval", "echo", "--data", data, "--out", str(out / "refused")],
        "eval": ["eval", "echo", "--data", data, "--out", str(out / "run"), "--missing-audio", "fail"],
        "stage": ["stage", data, str(out / "staged"), "--missing-audio", "fail"],
    }.items():
        run(words)
        said = capfd.readouterr()
        told[name] = said.out + said.err
        assert not has_secret(told[name].encode()), name
    assert "a URL in a local manifest is not fetched" in told["refused"]
    assert "--audio-root https://h.example" in told["refused"]
    made = list(files_within(out))
    assert any(b"h.example/x.wav" in one for one in made)
    assert (out / "run" / "utterances.parquet").is_file()
    assert not any(map(has_secret, made))


def test_by_row_is_by_column(data: str):
    """Also of rows that have URLs; and a URL without a secret stays as it is."""
    source = open_source(data)
    table = index_source(source, missing_audio="fail")
    assert table["id"].to_pylist() == [one.id for one in source.utterances()]
    assert table["audio"].to_pylist() == [one.audio.uri for one in source.utterances()]
    extras = [json.dumps(dict(one.extra)) if one.extra else None for one in source.utterances()]
    assert table["extra"].to_pylist() == extras


def test_two_urls_that_differ_by_a_secret_are_two_utterances(tmp_path: Path):
    """Their ids are made of them, and say nothing of them."""
    rows = [{"audio": f"https://h.example/get?id={number}-T0PSECRET", "text": "hi"} for number in range(2)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second = (one.id for one in open_source(str(tmp_path / "m.jsonl")).utterances())
    assert first != second
    assert not has_secret(f"{first}{second}".encode())


def test_a_url_without_a_secret_is_recorded_as_it_is(tmp_path: Path):
    """As is all that is made of it."""
    (tmp_path / "m.jsonl").write_text(
        json.dumps({"audio": "https://h.example/a.wav", "start": 1.5, "duration": 2, "text": "x"})
    )
    (found,) = open_source(str(tmp_path / "m.jsonl")).utterances()
    assert (found.id, found.audio.uri) == ("https://h.example/a@1.5+2", "https://h.example/a.wav")


def test_a_broken_row_is_shown_without_its_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Though the excerpt around the place holds only a piece of the URL, and a cell is cut."""
    cut = "https://user:" + "x" * 20 + "T0PSECRET" + "x" * 60 + "pa55word@h.example/x.wav"
    (tmp_path / "m.jsonl").write_text(f'{{"audio": "a.wav", "text": "{cut}", oh}}\n')
    (tmp_path / "m.csv").write_text(f"audio,text,duration\na.wav,hi,{cut}\nb.wav,hi,{cut},4\n")
    for words in (
        ["check", f"{tmp_path}/m.jsonl"],
        ["check", f"{tmp_path}/m.csv"],
        ["check", f"{tmp_path}/m.csv", "--json"],
    ):
        assert run(words) != 0
        said = capfd.readouterr()
        assert not has_secret((said.out + said.err).encode()), said


@pytest.mark.parametrize(
    "name",
    [
        "hf:google/fleurs?token=hf_T0PSECRET",
        "hf:user:hf_T0PSECRET@a/b",
        "http//user:pa55word@h/x.csv?token=T0PSECRET",
        "https:/user:pa55word@h/x.csv?token=T0PSECRET",
        "s3:/AKIA:pa55word@bucket/x.csv",
        "user:pa55word@h/x.csv",
    ],
)
def test_a_name_that_leads_nowhere_is_shown_without_its_secret(name: str, capfd: pytest.CaptureFixture[str]):
    """Though it is no URL."""
    assert run(["check", name, "--offline"]) != 0
    said = capfd.readouterr()
    assert not has_secret((said.out + said.err).encode())
