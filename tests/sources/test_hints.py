"""Every name that a message proposes is typed as it stands, and leads to utterances."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.errors import EarmarkError, ManifestError, UsageError
from earmark.records import Utterance
from earmark.sources import open_source
from tests.sources.embedding import shard, write
from tests.sources.test_common_voice import row as cv_row
from tests.sources.test_common_voice import write_table
from tests.sources.test_embedded import write_saved
from tests.sources.test_notsofar import write_meeting
from tests.toys import write_wav

CUT = {
    "id": "c1", "start": 0.0, "duration": 1.0, "channel": 0, "type": "MonoCut",
    "supervisions": [{"id": "s1", "recording_id": "r1", "start": 0.0, "duration": 1.0, "text": "a"}],
    "recording": {
        "id": "r1", "sampling_rate": 16000, "duration": 1.0, "num_samples": 16000,
        "sources": [{"type": "file", "channels": [0], "source": "a.wav"}],
    },
}  # fmt: skip


def kaldi(tree: Path) -> None:
    write(tree, {"data/test/wav.scp": b"a a.wav\n", "data/test/text": b"a one\n"})


def librispeech(tree: Path) -> None:
    files = {"1/2/1-2-0000.flac": b"", "1/2/1-2.trans.txt": b"1-2-0000 ONE\n"}
    for subset in ("dev-clean", "test-clean"):
        write(tree / "LibriSpeech" / subset, files)


def common_voice(tree: Path) -> None:
    for split in ("train", "dev", "test"):
        write_table(tree / "cv-corpus" / "es", split, cv_row(1, "una"))


def lhotse(tree: Path) -> None:
    folder = tree / "manifests"
    folder.mkdir()
    (folder / "cuts_test.jsonl.gz").write_bytes(gzip.compress(json.dumps(CUT).encode() + b"\n"))
    (folder / "cuts_dev.jsonl").write_text(json.dumps(CUT) + "\n")
    pair = tree / "pair"
    pair.mkdir()
    (pair / "recordings.jsonl").write_text(json.dumps(CUT["recording"]) + "\n")
    (pair / "supervisions.jsonl").write_text(json.dumps(CUT["supervisions"][0]) + "\n")


def speechbrain(tree: Path) -> None:
    (tree / "sb.csv").write_text("ID,duration,wav,spk_id,wrd\na,1.0,$data_root/a.wav,s,one\n")
    (tree / "sb.json").write_text(json.dumps({"a": {"wav": "a.wav", "length": 1.0, "words": "one"}}, indent=2))


def notsofar(tree: Path) -> None:
    for subset, version in (("dev_set", "1_dev1"), ("train_set", "1_train")):
        write_meeting(tree / "bench" / subset / version / "MTG" / "MTG_30830")


def dasr(tree: Path) -> None:
    segment = {"session_id": "S1", "speaker": "P1", "start_time": "0.0", "end_time": "1.0", "words": "one"}
    files = {f"transcriptions/{split}/S1.json": json.dumps([segment]).encode() for split in ("dev", "train")}
    write(tree / "dasr" / "notsofar1", {**files, "audio/dev/S1_U01.CH1.wav": b""})


def parquet(tree: Path) -> None:
    write(
        tree / "shards",
        {"data/test-00000-of-00001.parquet": shard(0, 1), "data/dev-00000-of-00001.parquet": shard(1, 1)},
    )
    write(tree / "converted", {f"{one}/test/0000.parquet": shard(0, 1) for one in ("en", "es")})


def saved(tree: Path) -> None:
    (tree / "saved").mkdir()
    for split in ("dev", "test"):
        write_saved(tree / "saved" / split, ["data-00000-of-00001.arrow"])
    (tree / "saved" / "dataset_dict.json").write_text('{"splits": ["dev", "test"]}')


def plain(tree: Path) -> None:
    (tree / "my org" / "clips").mkdir(parents=True)
    write_wav(tree / "my org" / "clips" / "a.wav", 0.1)
    (tree / "org").mkdir()
    shutil.copytree(tree / "my org" / "clips", tree / "org" / "clips")


TREES: tuple[Callable[[Path], None], ...] = (
    kaldi, librispeech, common_voice, lhotse, speechbrain, notsofar, dasr, parquet, saved, plain,
)  # fmt: skip


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    for make in TREES:
        make(folder)
    return folder


@pytest.fixture
def tree(trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    here = tmp_path / "here"
    shutil.copytree(trees, here)
    monkeypatch.chdir(here)
    return here


def read(name: str) -> list[Utterance]:
    """All of it; some sources look only now."""
    return list(open_source(name, audio_root="." if name == "speechbrain:sb.csv" else None).utterances())


def proposed(typed: str) -> str:
    """The first name in the hint of the error that ``typed`` gives."""
    with pytest.raises(UsageError) as caught:
        read(typed)
    hint = str(caught.value.hint)
    found = re.match(r"(?:did you mean |name one: )?('[^']*'|[^ ;?]+)", hint)
    assert found is not None, hint
    return shlex.split(found[1])[0]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("data/test", "kaldi:data/test"),
        ("kaldi:data", "kaldi:data/test"),
        ("kaldi:data/tset", "kaldi:data/test"),
        ("LibriSpeech", "librispeech:LibriSpeech/test-clean"),
        ("./LibriSpeech/dev-clean", "librispeech:LibriSpeech/dev-clean"),
        ("librispeech:LibriSpeech", "librispeech:LibriSpeech/test-clean"),
        ("librispeech:LibriSpeech:test-claen", "librispeech:LibriSpeech/test-clean"),
        ("librispeech:LibriSpeech/test-claen", "librispeech:LibriSpeech/test-clean"),
        ("librispeech:LibriSpeach", "librispeech:LibriSpeech"),
        ("cv-corpus", "common-voice:cv-corpus/es:test"),
        ("cv-corpus/es", "common-voice:cv-corpus/es:test"),
        ("common-voice:cv-corpus", "common-voice:cv-corpus/es:test"),
        ("common-voice:cv-corpus:dev", "common-voice:cv-corpus/es:dev"),
        ("common-voice:cv-corpus/es", "common-voice:cv-corpus/es:test"),
        ("common-voice:cv-corpus/es:other", "common-voice:cv-corpus/es:test"),
        ("common-voice:cv-corpus/ess:dev", "common-voice:cv-corpus/es:dev"),
        ("manifests", "lhotse:manifests/cuts_test.jsonl.gz"),
        ("manifests/cuts_test.jsonl.gz", "lhotse:manifests/cuts_test.jsonl.gz"),
        ("manifests/cuts_dev.jsonl", "lhotse:manifests/cuts_dev.jsonl"),
        ("lhotse:manifests", "lhotse:manifests/cuts_test.jsonl.gz"),
        ("lhotse:manifests/cuts_tset.jsonl.gz", "lhotse:manifests/cuts_test.jsonl.gz"),
        ("pair", "lhotse:pair/supervisions.jsonl"),
        ("pair/recordings.jsonl", "lhotse:pair/recordings.jsonl"),
        ("pair/supervisions.jsonl", "lhotse:pair/supervisions.jsonl"),
        ("sb.json", "speechbrain:sb.json"),
        ("sb.csv", "speechbrain:sb.csv"),
        ("speechbrain:bs.json", "speechbrain:sb.json"),
        ("bench", "chime8_notsofar1:bench:1_dev1"),
        ("chime8_notsofar1:bench", "chime8_notsofar1:bench:1_dev1"),
        ("chime8_notsofar1:bnech:dev@sc", "chime8_notsofar1:bench:dev@sc"),
        ("dasr", "chime8_notsofar1:dasr:dev"),
        ("notsofar1:dasr", "chime8_notsofar1:dasr:dev"),
        ("shards", "parquet:shards:test"),
        ("parquet:shards", "parquet:shards:test"),
        ("parquet:shrads:dev", "parquet:shards:dev"),
        ("converted", "parquet:converted/en:test"),
        ("parquet:converted", "parquet:converted/en:test"),
        ("parquet:converted:test", "parquet:converted/en:test"),
        ("saved", "saved:saved:test"),
        ("saved:saved", "saved:saved:test"),
        ("saved/dev", "saved:saved/dev"),
        ("org/clips", "./org/clips"),
        ("folder:org/clisp", "folder:org/clips"),
        ("folder:my org/clisp", "folder:my org/clips"),
    ],
)
def test_a_proposed_name_works_as_it_is_typed(tree, typed, name):
    """From a bare tree, a slip, or a tree with several sets, to the name in full, to utterances."""
    found = proposed(typed)
    assert found == name
    if found.startswith("librispeech:LibriSpeech") and "/" not in found:
        found = proposed(found)  # it has two subsets
    assert read(found)


def test_a_bare_name_of_the_hub_gets_its_prefix(tree):
    """One that is nothing here: the error says what to type; a folder of that name is refused, with both names."""
    with pytest.raises(ManifestError) as caught:
        open_source("google/fleurs")
    assert caught.value.hint == "hf:google/fleurs is the hub's"
    (tree / "google" / "fleurs").mkdir(parents=True)
    with pytest.raises(UsageError, match="could be two things") as caught:
        open_source("google/fleurs")
    assert caught.value.hint == "./google/fleurs is the local one; hf:google/fleurs is the hub's"
    with pytest.raises(ManifestError) as caught:
        open_source("test-other")
    assert str(caught.value.hint).startswith("librispeech:test-other ")


def test_a_known_layout_can_be_read_as_plain_audio(tree):
    """Who means the audio files as they lie says so."""
    write_wav(tree / "data" / "test" / "a.wav", 0.1)
    with pytest.raises(UsageError, match="a Kaldi data folder") as caught:
        open_source("data/test")
    assert str(caught.value.hint).endswith("; folder:data/test reads it as a plain folder")
    assert [one.id for one in open_source("folder:data/test").utterances()] == ["a"]


def test_a_subset_that_is_also_a_folder_is_refused_with_both_names(tree):
    """Neither shadows the other: in a tree of LibriSpeech its subsets are folders, and names of archives."""
    (tree / "test-clean").symlink_to(tree / "LibriSpeech" / "test-clean")
    with pytest.raises(UsageError, match="could be two things") as caught:
        open_source("librispeech:test-clean")
    folder, archive = re.findall(r"librispeech:[\w./-]+", str(caught.value.hint))
    assert [one.reference for one in open_source(folder).utterances()] == ["ONE"]
    with pytest.raises(EarmarkError, match="openslr"):
        open_source(archive, fetching=offline())


def offline():
    from earmark.fetching import FetchOptions

    return FetchOptions(offline=True)
