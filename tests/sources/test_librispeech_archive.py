from __future__ import annotations

import dataclasses
import hashlib
import io
import multiprocessing
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.errors import ArchiveError, FetchError, UnknownNameError, UsageError
from earmark.fetching import FetchOptions
from earmark.sources import librispeech_archive, open_source
from earmark.verbs.evaluate import evaluate
from tests.sources.loopback import serving

FILES = {
    "LibriSpeech/test-clean/12/34/12-34-0000.flac": b"flac 0",
    "LibriSpeech/test-clean/12/34/12-34-0001.flac": b"flac 1",
    "LibriSpeech/test-clean/12/34/12-34.trans.txt": b"12-34-0000 HELLO\n12-34-0001 THERE\n",
    "LibriSpeech/SPEAKERS.TXT": b"; a table\n",
}


def write_archive(path: Path, files: dict[str, bytes] = FILES) -> bytes:
    """An archive as openslr.org has it, from ``LibriSpeech/`` down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path.read_bytes()


@pytest.fixture
def options(tmp_path: Path) -> FetchOptions:
    return FetchOptions(cache=tmp_path / "cache", allow_private=True)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """openslr.org on loopback, with a small test-clean of which the digest is known."""
    data = write_archive(tmp_path / "www" / "12" / "test-clean.tar.gz")
    pinned = dataclasses.replace(librispeech_archive.SUBSETS["test-clean"], sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setitem(librispeech_archive.SUBSETS, "test-clean", pinned)
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path / "www") as (url, asked):
        monkeypatch.setenv("EARMARK_OPENSLR", url)
        yield asked


def texts(name: str, options: FetchOptions) -> list[tuple[str, str | None]]:
    source = open_source(f"librispeech:{name}", fetching=options)
    return [(u.id, u.reference) for u in source.utterances() if Path(source.root, u.audio.uri).is_file()]


def test_a_subset_by_name_is_fetched_once(mirror, options):
    """The archive is fetched and unpacked by the first call; others find it, also without a network."""
    assert texts("test-clean", options) == [("12-34-0000", "HELLO"), ("12-34-0001", "THERE")]
    assert texts("test-clean", options) == texts("test-clean", dataclasses.replace(options, offline=True))
    assert mirror == {"/12/test-clean.tar.gz": 1}


def test_the_unpacked_subset_needs_no_archive(mirror, options):
    """What is unpacked stays when the archive is thrown away to save space."""
    texts("test-clean", options)
    for path in (*options.folder.glob("blobs/*"), *options.folder.glob("named/*/*")):
        path.unlink()
    assert len(texts("test-clean", options)) == 2
    assert sum(mirror.values()) == 1


def test_name_folder_and_archive_are_the_same_data(mirror, options, tmp_path):
    """Wherever the subset comes from, it has one fingerprint."""
    with tarfile.open(tmp_path / "www" / "12" / "test-clean.tar.gz") as tar:
        tar.extractall(tmp_path / "here", filter="data")
    names = ("test-clean", "./www/12/test-clean.tar.gz", f"{tmp_path}/here/LibriSpeech/test-clean")
    sources = [open_source(f"librispeech:{name}", fetching=options) for name in names]
    assert len({source.fingerprint for source in sources}) == 1
    assert [source.name for source in sources] == list(names)


def test_neither_a_folder_nor_the_archive_of_one_name_shadows_the_other(mirror, options, tmp_path):
    """A subset's name that is also a folder here is refused, and the two names in the hint lead to one each."""
    chapter = tmp_path / "test-clean" / "1" / "2"
    chapter.mkdir(parents=True)
    (chapter / "1-2-0000.flac").touch()
    with pytest.raises(UsageError, match="could be two things") as caught:
        texts("test-clean", options)
    assert caught.value.hint == "librispeech:./test-clean is the folder; librispeech:openslr/test-clean the archive"
    assert texts("./test-clean", options) == [("1-2-0000", None)]
    assert not mirror
    assert texts("openslr/test-clean", options) == [("12-34-0000", "HELLO"), ("12-34-0001", "THERE")]


def test_other_bytes_than_the_published_ones_are_refused(mirror, options, tmp_path):
    """An archive that is not what it must be is tried twice, thrown away, and told."""
    write_archive(tmp_path / "www" / "12" / "test-clean.tar.gz", {**FILES, "LibriSpeech/BOOKS.TXT": b"more"})
    with pytest.raises(FetchError) as caught:
        texts("test-clean", options)
    assert caught.value.kind == "wrong"
    assert mirror["/12/test-clean.tar.gz"] == 2
    assert not (options.folder / "unpacked").exists()


def test_offline_says_what_would_have_been_fetched(mirror, options):
    """Without a network the archive's URL is named."""
    with pytest.raises(FetchError, match=r"12/test-clean\.tar\.gz") as caught:
        texts("test-clean", dataclasses.replace(options, offline=True))
    assert caught.value.kind == "offline"


def test_an_unknown_subset_lists_the_known_ones(options, tmp_path, monkeypatch):
    """All nine are listed, the near ones first."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="no LibriSpeech subset or folder 'tset-clean'") as caught:
        open_source("librispeech:tset-clean", fetching=options)
    assert caught.value.known == sorted(librispeech_archive.SUBSETS)
    assert "test-clean" in str(caught.value.hint)


def test_the_pinned_digests_are_whole(mirror):
    """Nine archives of two resources, each with a digest of its own."""
    subsets = librispeech_archive.SUBSETS
    assert {name: subset.resource for name, subset in subsets.items()} == {
        "dev-clean": 12, "dev-other": 12, "test-clean": 12, "test-other": 12, "train-clean-100": 12,
        "train-clean-360": 12, "train-other-500": 12, "dev-clean-2": 31, "train-clean-5": 31,
    }  # fmt: skip
    assert len({bytes.fromhex(subset.sha256) for subset in subsets.values() if len(subset.sha256) == 64}) == 9


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"README": b"x"}, "it has no SUBSET/SPEAKER/CHAPTER/*.trans.txt"),
        ({**FILES, **{name.replace("test-", "dev-"): data for name, data in FILES.items()}}, "dev-clean, test-clean"),
    ],
    ids=["none", "two"],
)
def test_an_archive_of_something_else_is_told(options, tmp_path, files, cause):
    """An archive without a subset, or with two, is named with what it holds."""
    write_archive(tmp_path / "other.tar.gz", files)
    with pytest.raises(UsageError, match="no archive of one LibriSpeech subset") as caught:
        open_source(f"librispeech:{tmp_path}/other.tar.gz", fetching=options)
    assert cause in str(caught.value.cause)


def test_an_archive_that_attacks_leaves_nothing(options, tmp_path):
    """A member that leads out is refused, and no folder appears."""
    write_archive(tmp_path / "evil.tar.gz", {**FILES, "../../outside": b"x"})
    with pytest.raises(ArchiveError) as caught:
        open_source(f"librispeech:{tmp_path}/evil.tar.gz", fetching=options)
    assert "leads out" in str(caught.value.cause)
    assert not list((options.folder / "unpacked").iterdir())
    assert not list(tmp_path.rglob("outside"))


def _open(name: str, options: FetchOptions) -> str:
    return open_source(f"librispeech:{name}", fetching=options).root


def test_several_processes_unpack_once(options, tmp_path):
    """Whoever comes second finds the whole folder, and breaks nothing of the first."""
    write_archive(tmp_path / "a.tar.gz")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        roots = pool.starmap(_open, [(f"{tmp_path}/a.tar.gz", options)] * 4, chunksize=1)
    assert len(set(roots)) == 1
    assert len(list((options.folder / "unpacked").iterdir())) == 1


def test_real_speech_from_an_archive_scores_as_from_its_folder(options, open_data, tmp_path, monkeypatch):
    """Real LibriSpeech files, packed as they are published: the same audio, the same texts, the same hash of scores."""
    monkeypatch.setenv("EARMARK_CACHE", str(options.folder))
    subset = min((open_data / "LibriSpeech").glob("*/"))
    with tarfile.open(tmp_path / "real.tar.gz", "w:gz", compresslevel=1) as tar:
        tar.add(subset, arcname=f"LibriSpeech/{subset.name}")
    folder, archive = (
        evaluate("noisy", f"librispeech:{place}", out=tmp_path / out)
        for out, place in (("folder", subset), ("archive", tmp_path / "real.tar.gz"))
    )
    assert folder.num_scored > 0
    assert folder.num_failed == 0
    assert archive.scores_hash == folder.scores_hash
