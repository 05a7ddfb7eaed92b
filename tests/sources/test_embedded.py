"""Parquet files whose audio lies inside them."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.errors import FetchError, ManifestError, MissingColumnError, UnknownNameError, UsageError
from earmark.fetching import FetchOptions
from earmark.planning.identity import data_fingerprint
from earmark.planning.index import index_source
from earmark.sources import open_source
from earmark.sources.base import Source
from earmark.verbs.evaluate import evaluate
from tests.sources.embedding import AUDIO, clip, shard, write
from tests.toys import write_wav


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    test = {f"data/test-0000{number}-of-00002.parquet": shard(3 * number, 3) for number in range(2)}
    return write(tmp_path / "set", {**test, "data/train-00000-of-00001.parquet": shard(10, 2)})


def contents(source: Source) -> list[bytes]:
    return [Path(source.root, utterance.audio.uri).read_bytes() for utterance in source.utterances()]


def test_rows_of_all_shards_come_in_order_with_their_bytes(folder):
    """Six rows of two files: each with its text, its very bytes, and an id that says its place."""
    source = open_source(f"parquet:{folder}:test")
    utterances = list(source.utterances())
    assert [utterance.id for utterance in utterances] == [f"test/{number}" for number in range(6)]
    assert [utterance.reference for utterance in utterances] == [f"text {number}" for number in range(6)]
    assert contents(source) == [clip(number) for number in range(6)]
    assert all(utterance.audio.uri.endswith(".wav") for utterance in utterances)


def test_a_plain_parquet_file_with_audio_in_it_is_what_it_is(folder):
    """No prefix is needed, and the same bytes are one source, however they are named."""
    path = folder / "data/train-00000-of-00001.parquet"
    source = open_source(str(path))
    assert contents(source) == [clip(10), clip(11)]
    assert (
        source.fingerprint
        == open_source(f"parquet:{path}").fingerprint
        == open_source(f"parquet:{folder}:train").fingerprint
    )


def test_an_evaluation_of_embedded_audio_is_that_of_its_files(folder, tmp_path):
    """The whole way, with worker processes: the same texts as from plain files, nothing failed, and a run goes on."""
    source = open_source(f"parquet:{folder}:test")
    rows = []
    for utterance, content in zip(source.utterances(), contents(source), strict=True):
        path = tmp_path / "plain" / utterance.audio.uri
        write(tmp_path / "plain", {utterance.audio.uri: content})
        rows.append({"id": utterance.id, "audio": str(path.relative_to(tmp_path)), "text": utterance.reference})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    embedded = evaluate("noisy", f"parquet:{folder}:test", out=tmp_path / "a", engine="processes", workers=2)
    assert (embedded.num_scored, embedded.num_failed) == (6, 0)
    assert embedded.scores_hash == evaluate("noisy", tmp_path / "m.jsonl", out=tmp_path / "b").scores_hash
    assert embedded.scores_hash == evaluate("noisy", f"parquet:{folder}:test", out=tmp_path / "a").scores_hash


def test_the_identity_is_of_the_bytes_and_not_of_the_place(folder, tmp_path):
    """A copy elsewhere, with another cache, gives the same tables and the same identities."""
    here = open_source(f"parquet:{folder}:test")
    copied = write(
        tmp_path / "copy", {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}
    )
    there = open_source(f"parquet:{copied}:test", fetching=FetchOptions(cache=tmp_path / "other"))
    assert there.fingerprint == here.fingerprint
    assert there.root != here.root
    assert data_fingerprint(index_source(there)) == data_fingerprint(index_source(here))


def test_columns_are_found_and_the_others_kept(folder, tmp_path):
    """Text, language, speaker and an id of texts are known; scalars and short lists stay; bytes and arrays do not."""
    columns = {
        "id": ["x", "y"],
        "transcription": ["one", "two"],
        "raw_transcription": ["One.", "Two."],
        "lang": ["es", ""],
        "speaker_id": [7, 8],
        "start": [4.0, 5.0],
        "duration": [9999, 9999],
        "tags": [["a", "b"], []],
        "vector": pa.array([[[1.0]], [[2.0]]]),
        "blob": [b"1", b"2"],
        "facts": [{"a": 1}, None],
    }
    path = tmp_path / "one.parquet"
    path.write_bytes(shard(0, 2, columns=columns))
    first, second = open_source(str(path), language="de").utterances()
    assert (first.id, first.reference, first.language, first.speaker) == ("x", "one", "es", "7")
    assert (second.id, second.language) == ("y", "de")
    assert (first.audio.start_s, first.audio.duration_s) == (None, None)
    assert first.extra == {
        "raw_transcription": "One.", "start": 4.0, "duration": 9999, "tags": '["a", "b"]', "facts": '{"a": 1}',
    }  # fmt: skip
    assert next(iter(open_source(str(path), text_column="raw_transcription").utterances())).reference == "One."
    assert next(iter(open_source(str(path), text_column="none", channel=0).utterances())).audio.channel == 0
    with pytest.raises(MissingColumnError, match="no column 'nothing'"):
        list(open_source(str(path), text_column="nothing").utterances())


def test_a_number_is_no_id_as_several_speakers_read_one_sentence(tmp_path):
    """The ids of FLEURS are those of sentences: rows are told apart by their place, and the number is kept."""
    path = tmp_path / "test-00000-of-00001.parquet"
    path.write_bytes(shard(0, 2, columns={"id": [5, 5], "text": ["a", "a"]}))
    table = index_source(open_source(str(path)))
    assert table["id"].to_pylist() == ["test/0", "test/1"]
    assert table["extra"].to_pylist() == ['{"id": 5}'] * 2


def test_a_picture_is_no_audio(tmp_path):
    """A struct of the same fields that the metadata call an image is passed over."""
    image = pa.array([{"bytes": b"png", "path": None}], AUDIO)
    features = {"image": {"_type": "Image"}, "speech": {"_type": "Audio"}, "text": {"_type": "Value"}}
    path = tmp_path / "m.parquet"
    path.write_bytes(shard(0, 1, columns={"image": image, "text": ["a"]}, audio="speech", features=features))
    assert contents(open_source(str(path))) == [clip(0)]


def test_the_bytes_say_what_they_are(tmp_path):
    """A hostile path is no path, and the ending is that of the bytes."""
    cells = [
        {"bytes": clip(0, kind="FLAC"), "path": "../../../evil.wav"},
        {"bytes": b"whatever", "path": "a.b/c.Opus"},
        {"bytes": b"whatever", "path": "/etc/x.a/../b c"},
        {"bytes": None, "path": "/etc/passwd"},
        None,
    ]
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"audio": pa.array(cells, AUDIO), "text": list("abcde")}), path)
    source = open_source(str(path))
    names = [Path(utterance.audio.uri).name for utterance in source.utterances()]
    assert [Path(name).suffix for name in names] == [".flac", ".opus", ".audio", ".audio", ".audio"]
    assert all(name.startswith("00000-00000") for name in names)
    assert [path.suffix for path in sorted(Path(source.root).rglob("*-*"))] == [".flac", ".opus", ".audio"]
    with pytest.raises(UsageError, match="2 of 5 utterances"):
        index_source(source)
    assert index_source(source, missing_audio="skip")["skip_reason"].null_count == 3


def test_what_is_in_the_cache_is_not_written_again_unless_it_is_gone(folder, cache):
    """A second reading leaves the files alone; a file that somebody took away comes back."""
    source = open_source(f"parquet:{folder}:train")
    expected = contents(source)
    files = sorted((cache / "embedded").rglob("*.wav"))
    times = [path.stat().st_mtime_ns for path in files]
    assert contents(source) == expected
    assert [path.stat().st_mtime_ns for path in files] == times
    files[0].unlink()
    assert contents(pickle.loads(pickle.dumps(source))) == expected
    assert not list(cache.rglob(".tmp-*"))


def test_only_the_row_groups_that_are_asked_for_are_written(folder, cache):
    """The first row costs its row group."""
    list(islice(open_source(f"parquet:{folder}:test").utterances(), 1))
    assert len(list(cache.rglob("*.wav"))) == 2


def test_a_kill_while_audio_is_written_costs_nothing_but_time(folder, cache):
    """What a killed process left, whole files and a temporary one, is written over."""
    source = open_source(f"parquet:{folder}:train")
    expected = contents(source)
    (facts,) = cache.rglob("embedded/*/*.json")
    facts.write_text("[")
    next(iter(cache.rglob("*.wav"))).write_bytes(b"half")
    assert contents(source) == expected


def test_names_that_lead_to_no_data_are_told(folder, tmp_path):
    """A split that is not there, more than one, no Parquet, nothing at all, and an audio root."""
    with pytest.raises(UnknownNameError, match=r"no split of .* 'tests'") as unknown:
        open_source(f"parquet:{folder}:tests")
    assert unknown.value.known == ["test", "train"]
    assert unknown.value.hint == "did you mean test?"
    with pytest.raises(UsageError, match="more than one split"):
        open_source(f"parquet:{folder}")
    write_wav(tmp_path / "other" / "a.wav", 0.1)
    with pytest.raises(UsageError, match="no Parquet in"):
        open_source(f"parquet:{tmp_path}/other")
    with pytest.raises(UsageError, match="cannot use") as absent:
        open_source(f"parquet:{tmp_path}/sets")
    assert str(absent.value.hint).startswith("did you mean")
    with pytest.raises(UsageError, match="--audio-root does not fit"):
        open_source(f"parquet:{folder}:test", audio_root=str(tmp_path))


def test_broken_files_are_told_with_their_names(tmp_path):
    """No Parquet, no audio, no rows, a damaged page, and a cell of the wrong kind."""
    (tmp_path / "none.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ManifestError, match=r"none\.parquet.*cannot be read as Parquet"):
        list(open_source(f"parquet:{tmp_path}/none.parquet").utterances())
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "text.parquet")
    with pytest.raises(ManifestError, match="no column with the bytes of audio; the columns are text"):
        list(open_source(f"parquet:{tmp_path}/text.parquet").utterances())
    (tmp_path / "empty.parquet").write_bytes(shard(0, 0, columns={"text": pa.array([], pa.string())}))
    with pytest.raises(ManifestError, match="holds no utterance"):
        list(open_source(f"parquet:{tmp_path}/empty.parquet").utterances())
    (tmp_path / "kind.parquet").write_bytes(shard(0, 3, columns={"text": [["a"], ["b"], None]}))
    with pytest.raises(ManifestError, match=r"kind\.parquet:1: 'text' holds a list"):
        list(open_source(f"parquet:{tmp_path}/kind.parquet").utterances())
    content = bytearray(shard(0, 2))
    content[4:40] = bytes([255]) * 36
    (tmp_path / "damaged.parquet").write_bytes(content)
    with pytest.raises(ManifestError, match=r"damaged\.parquet.*cannot be read as Parquet"):
        list(open_source(f"parquet:{tmp_path}/damaged.parquet").utterances())


def test_a_cache_that_cannot_be_written_is_told(folder, tmp_path, monkeypatch):
    """What the disk refuses names the folder, and how to use another."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "file"))
    with pytest.raises(FetchError, match="cannot fetch") as refused:
        list(open_source(f"parquet:{folder}:test").utterances())
    assert "EARMARK_CACHE" in str(refused.value.hint)


MANY = """
import sys
from pathlib import Path
from earmark.sources import open_source
source = open_source(sys.argv[1])
print(sum(len(Path(source.root, u.audio.uri).read_bytes()) for u in source.utterances()))
"""


def test_many_processes_at_once_see_whole_files(folder):
    """Four that begin together read the same bytes."""
    command = [sys.executable, "-c", MANY, f"parquet:{folder}:test"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    sizes = {process.communicate(timeout=120)[0] for process in running}
    assert sizes == {f"{sum(len(clip(number)) for number in range(6))}\n"}


def write_saved(folder: Path, names: list[str]) -> Path:
    """As ``save_to_disk`` lays it out, without the package."""
    table = pq.read_table(io.BytesIO(shard(0, 3)))
    folder.mkdir()
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as out,
    ):
        out.write_table(table, max_chunksize=2)
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": name} for name in names], "_split": "test"})
    )
    return folder


def test_a_saved_data_set_is_read_without_the_package(tmp_path):
    """Its stream of record batches, by the names in its state."""
    source = open_source(f"saved:{write_saved(tmp_path / 'set', ['data-00000-of-00001.arrow'])}")
    assert [utterance.id for utterance in source.utterances()] == ["test/0", "test/1", "test/2"]
    assert contents(source) == [clip(0), clip(1), clip(2)]


def test_a_saved_data_set_that_is_broken_or_leads_out_is_refused(tmp_path):
    """A file elsewhere, no state, a stream that is cut."""
    with pytest.raises(UsageError, match="cannot use"):
        open_source(f"saved:{write_saved(tmp_path / 'evil', ['../x.arrow'])}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="cannot use") as none:
        open_source(f"saved:{tmp_path}/empty")
    assert "state.json" in str(none.value.cause)
    folder = write_saved(tmp_path / "cut", ["data-00000-of-00001.arrow"])
    (folder / "data-00000-of-00001.arrow").write_bytes((folder / "data-00000-of-00001.arrow").read_bytes()[:5000])
    with pytest.raises(ManifestError, match=r"\.arrow.*cannot be read as Arrow"):
        list(open_source(f"saved:{folder}").utterances())
