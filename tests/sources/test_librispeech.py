from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from earmark.errors import FolderError, ManifestError, UsageError
from earmark.sources import open_source


@pytest.fixture
def subset(tmp_path: Path) -> Path:
    for speaker, chapter in (("12", "7"), ("2", "9")):
        folder = tmp_path / "test-clean" / speaker / chapter
        folder.mkdir(parents=True)
        for number in range(2):
            (folder / f"{speaker}-{chapter}-000{number}.flac").touch()
        lines = [f"{speaker}-{chapter}-000{number} TEXT {number}\n" for number in range(2)]
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    return tmp_path / "test-clean"


def test_utterances_come_sorted_with_speaker_and_language(subset):
    """Ids are LibriSpeech's own, in the order of their paths, each with its text and speaker."""
    utterances = list(open_source(f"librispeech:{subset}").utterances())
    assert [u.id for u in utterances] == ["12-7-0000", "12-7-0001", "2-9-0000", "2-9-0001"]
    assert (utterances[3].reference, utterances[3].speaker, utterances[3].language) == ("TEXT 1", "2", "en")


def test_what_lacks_its_other_half_is_still_counted(subset):
    """A line without audio and audio without a line are utterances both."""
    (subset / "12/7/12-7-0000.flac").unlink()
    (subset / "2/9/2-9.trans.txt").unlink()
    utterances = {u.id: u for u in open_source(f"librispeech:{subset}").utterances()}
    assert len(utterances) == 4
    assert utterances["12-7-0000"].audio.uri == "12/7/12-7-0000.flac"
    assert utterances["2-9-0000"].reference is None


def test_a_loss_of_audio_changes_the_fingerprint(subset):
    """The audio's presence is part of what the data are."""
    before = open_source(f"librispeech:{subset}").fingerprint
    (subset / "12/7/12-7-0000.flac").unlink()
    assert open_source(f"librispeech:{subset}").fingerprint != before


def test_the_folder_above_names_the_subsets(subset):
    """Who names the corpus instead of a subset is told a subset."""
    with pytest.raises(UsageError, match="no LibriSpeech subset") as caught:
        list(open_source(f"librispeech:{subset.parent}").utterances())
    assert caught.value.hint == f"did you mean librispeech:{subset}?"


@pytest.mark.parametrize("joint", [":", "/"])
def test_an_unknown_subset_is_answered_with_those_that_lie_there(subset, joint, monkeypatch):
    """All of them, and nothing else that lies there, however the subset was named."""
    shutil.copytree(subset, subset.parent / "mine")
    (subset.parent / "notes").mkdir()
    monkeypatch.chdir(subset.parent.parent)
    for folder in (str(subset.parent), subset.parent.name):
        with pytest.raises(FolderError) as caught:
            open_source(f"librispeech:{folder}{joint}nope")
        assert caught.value.cause == f"there is no such folder; the subsets in {folder} are mine, test-clean"
        assert caught.value.hint == f"did you mean librispeech:{folder}/test-clean?"


def test_an_archive_that_is_not_there_is_called_one(tmp_path):
    """And no folder."""
    with pytest.raises(FolderError) as caught:
        open_source(f"librispeech:{tmp_path}/nope.tar.gz")
    assert caught.value.cause == "there is no such archive"


@pytest.mark.parametrize("line", ["2-9-0000 AGAIN", "../../x TEXT"])
def test_a_broken_transcript_is_refused(subset, line):
    """A second text for one id, or an id with a slash, is an error with its line."""
    with (subset / "2/9/2-9.trans.txt").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ManifestError) as caught:
        list(open_source(f"librispeech:{subset}").utterances())
    assert caught.value.line == 3


def test_the_real_subset(open_data):
    """The 50 utterances of test-other are found, each with its text."""
    utterances = list(open_source(f"librispeech:{open_data}/LibriSpeech/test-other").utterances())
    assert len(utterances) == 50
    assert all(u.reference for u in utterances)
