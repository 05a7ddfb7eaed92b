from __future__ import annotations

import subprocess
import sys

import pytest

from earmark.errors import FolderError, ManifestError, UnknownNameError, UsageError
from earmark.sources import SOURCES, open_source


def test_a_missing_manifest_suggests_its_neighbour(tmp_path):
    """A slip in the name is answered with the name that was meant."""
    (tmp_path / "manifest.jsonl").touch()
    with pytest.raises(ManifestError) as caught:
        open_source(str(tmp_path / "manifst.jsonl"))
    assert caught.value.hint == f"did you mean {tmp_path / 'manifest.jsonl'}?"
    with pytest.raises(ManifestError, match="no such file"):
        open_source(str(tmp_path / "absent" / "m.jsonl"))


@pytest.mark.parametrize("prefix", ["folder", "librispeech"])
def test_a_missing_folder_suggests_its_neighbour(tmp_path, prefix):
    """The same holds for folders behind a prefix."""
    (tmp_path / "test-clean").mkdir()
    with pytest.raises(FolderError) as caught:
        open_source(f"{prefix}:{tmp_path}/test-claen")
    assert caught.value.hint == f"did you mean {prefix}:{tmp_path / 'test-clean'}?"


def test_an_unknown_prefix_lists_the_known_ones():
    """A prefix that no source has is an unknown name."""
    with pytest.raises(UnknownNameError) as caught:
        open_source("librispech:x")
    assert caught.value.near == ["librispeech"]


def test_a_prefix_is_always_that_source(tmp_path, monkeypatch):
    """A file whose name begins like a prefix is opened where no source has that prefix, or as ./FILE."""
    monkeypatch.chdir(tmp_path)
    for name in ("librispeech:m.csv", "mine:m.csv"):
        (tmp_path / name).write_text("audio,text\na.wav,x\n")
    with pytest.raises(UnknownNameError):
        open_source("librispeech:m.csv")
    for name in ("./librispeech:m.csv", "mine:m.csv"):
        assert next(open_source(name).utterances()).id == "a"


@pytest.mark.parametrize("data", ["x" * 5000, "x" * 300 + ".csv", "kaldi:" + "x" * 300, "librispeech:./" + "x" * 300])
def test_a_name_that_no_file_can_have_is_told(data):
    """Where the system itself refuses to look."""
    with pytest.raises(UsageError):
        open_source(data)


def test_a_file_of_another_kind_is_refused(tmp_path):
    """A file whose ending says nothing is refused, with or without the prefix."""
    (tmp_path / "notes.txt").touch()
    for data in (f"{tmp_path}/notes.txt", f"manifest:{tmp_path}/notes.txt"):
        with pytest.raises(UsageError, match="cannot tell"):
            open_source(data)


def test_options_of_manifests_are_refused_for_folders(tmp_path):
    """A flag that would be ignored is an error."""
    for options in ({"text_column": "said"}, {"audio_root": "/x"}):
        with pytest.raises(UsageError, match="does not fit"):
            open_source(str(tmp_path), **options)


def test_every_registered_source_can_be_loaded():
    """The registry names things that exist."""
    assert all(callable(SOURCES.load(name)) for name in SOURCES.entries())


def test_the_registry_is_light():
    """Naming the sources imports neither numpy nor pyarrow."""
    code = "import sys, earmark.sources; sys.exit(any(name in sys.modules for name in ('numpy', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("s3:/bucket/x.csv", "write s3://bucket/x.csv"),
        ("https:/host/x.csv", "write https://host/x.csv"),
        ("Librispeech:test-clean", "did you mean librispeech:test-clean?"),
    ],
)
def test_a_misspelt_beginning_is_told(name: str, hint: str):
    """Two slashes that are missing, and a prefix in capitals."""
    with pytest.raises(UsageError) as caught:
        open_source(name)
    assert caught.value.hint == hint


def test_a_near_name_of_a_subset_is_no_other_folder(tmp_path, monkeypatch):
    """But a subset, or a folder that holds one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test-claens").mkdir()
    with pytest.raises(UsageError) as caught:
        open_source("librispeech:test-claen")
    assert caught.value.hint == "did you mean librispeech:test-clean?"
    chapter = tmp_path / "test-claens" / "1" / "2"
    chapter.mkdir(parents=True)
    (chapter / "1-2.trans.txt").touch()
    with pytest.raises(UsageError) as caught:
        open_source("librispeech:test-claen")
    assert caught.value.hint == "did you mean librispeech:test-claens?"


def test_tabs_in_a_csv_are_told(tmp_path):
    """As its one column would be all of them."""
    (tmp_path / "m.csv").write_text("audio\ttext\na.wav\thi\n")
    with pytest.raises(ManifestError, match="separated by tabs") as caught:
        list(open_source(str(tmp_path / "m.csv")).utterances())
    assert str(caught.value.hint).endswith("m.tsv")


def test_all_subsets_of_a_tree_are_named(tmp_path):
    """And one of them is proposed."""
    for subset in ("dev-clean", "test-clean", "test-other"):
        (tmp_path / subset / "1" / "2").mkdir(parents=True)
        (tmp_path / subset / "1" / "2" / "1-2.trans.txt").touch()
    with pytest.raises(UsageError, match=r"3 subsets \(dev-clean, test-clean, test-other\)"):
        open_source(str(tmp_path))
