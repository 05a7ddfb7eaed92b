"""Rows that cannot be read, and ids that come twice: how many, the first, and the lines of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.errors import DuplicateIdError, ManifestError
from earmark.planning.index import index_source
from earmark.sources import open_source
from earmark.sources.base import Source
from tests.sources.test_common_voice import row, write_table


@pytest.fixture
def language(tmp_path: Path) -> Path:
    """A table of which the rows on the lines 3 and 5 are broken, and those on 2 and 6 have one clip."""
    folder = tmp_path / "es"
    bad = row(3, "three").replace("common_voice", "../common_voice")
    write_table(folder, "test", row(1, "one"), "too\tfew\n", row(2, "two"), bad, row(1, "again"))
    return folder


class Told:
    """Keeps what is broken."""

    def __init__(self) -> None:
        self.lines: list[int | None] = []

    def begin(self) -> None:
        self.lines.clear()

    def row(self, error: ManifestError) -> None:
        self.lines.append(error.line)

    def rest(self, error: ManifestError) -> None:
        self.lines.append(None)


def test_every_broken_row_of_a_table_with_a_prefix_is_told(language, tmp_path):
    """Common Voice's and SpeechBrain's tables are read on behind a broken row, as plain manifests are."""
    told = Told()
    found = list(open_source(f"common-voice:{language}:test", broken=told).utterances())
    assert (told.lines, [one.reference for one in found]) == ([3, 5], ["one", "two", "again"])
    table = tmp_path / "t.csv"
    table.write_text("ID,duration,wav,wrd\na,1,a.wav,x\nb,1\nc,long,c.wav,y\nd,1,d.wav,z\n")
    told = Told()
    found = list(open_source(f"speechbrain:{table}", broken=told).utterances())
    assert (told.lines, [one.id for one in found]) == ([3, 4], ["a", "d"])


def test_a_broken_row_says_how_many_others_are(tmp_path):
    """The first one is the error; the lines of all are in the hint; one that is alone is not counted."""
    table = tmp_path / "t.tsv"
    table.write_text("path\tsentence\n" + "a.wav\tx\nbroken\n" * 8)
    with pytest.raises(ManifestError, match=rf"{table}:3:7: 1 cells") as caught:
        list(open_source(str(table)).utterances())
    assert caught.value.hint == (
        f"8 rows are broken (lines 3, 5, 7, 9, 11 and 3 more): earmark check {table} lists all that is broken"
    )
    table.write_text("path\tsentence\nbroken\n")
    with pytest.raises(ManifestError) as caught:
        list(open_source(str(table)).utterances())
    assert caught.value.hint == f"earmark check {table} lists all that is broken"


@pytest.mark.parametrize("limit", [None, "100"])
def test_an_id_that_comes_twice_is_told_with_its_lines(tmp_path, limit):
    """Of a manifest, a part of one, and a table of Common Voice."""
    table = tmp_path / "t.csv"
    table.write_text("id,audio,text\n" + "a,a.wav,x\nb,b.wav,y\n" + "a,c.wav,z\n" * 3)
    with pytest.raises(DuplicateIdError) as caught:
        index_source(open_source(str(table), limit=limit), missing_audio="skip")
    assert caught.value.what == f"3 duplicate ids in {table}, first: 'a' (lines 2, 4, 5 and 6)"
    write_table(tmp_path / "es", "test", row(1, "one"), row(2, "two"), row(1, "again"))
    clips: Source = open_source(f"common-voice:{tmp_path / 'es'}:test", limit=limit)
    with pytest.raises(DuplicateIdError, match=r"\(lines 2 and 4\)$"):
        index_source(clips, missing_audio="skip")
