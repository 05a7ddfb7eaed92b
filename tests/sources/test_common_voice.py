from __future__ import annotations

from pathlib import Path

import pytest

from earmark.errors import (
    DuplicateIdError,
    FolderError,
    ManifestError,
    MissingAudioError,
    MissingColumnError,
    UnknownNameError,
    UsageError,
)
from earmark.planning.index import index_source
from earmark.sources import open_source
from tests.toys import ToySource

COLUMNS = (
    "client_id", "path", "sentence_id", "sentence", "sentence_domain", "up_votes", "down_votes", "age", "gender",
    "accents", "variant", "locale", "segment",
)  # fmt: skip


def row(number: int, sentence: str, **changes: str) -> str:
    cells = {
        "client_id": "c" * 128, "path": f"common_voice_es_{number}.mp3", "sentence_id": "s" * 64, "sentence": sentence,
        "up_votes": "2", "down_votes": "0", "age": "twenties", "gender": "female_feminine", "accents": "Caribe",
        "locale": "es", **changes,
    }  # fmt: skip
    return "\t".join(cells.get(name, "") for name in COLUMNS) + "\n"


def write_table(language: Path, split: str, *rows: str) -> None:
    (language / "clips").mkdir(parents=True, exist_ok=True)
    (language / f"{split}.tsv").write_text("\t".join(COLUMNS) + "\n" + "".join(rows))


@pytest.fixture
def language(tmp_path: Path) -> Path:
    """Spanish, of a release with the usual folders."""
    folder = tmp_path / "cv-corpus-17.0-2024-03-15" / "es"
    write_table(folder, "test", row(1, 'Dijo "hola'), row(2, "¿Qué tal?", age="", locale=""))
    write_table(folder, "train", row(3, "Tercera."))
    for number in (1, 2, 3):
        (folder / "clips" / f"common_voice_es_{number}.mp3").touch()
    (folder / "reported.tsv").write_text("sentence\tsentence_id\tlocale\treason\n")
    return folder


def test_a_split_is_read_as_it_is_written(language):
    """Ids are the clips' names, a lone quotation mark is text, and every other column is kept."""
    source = open_source(f"common-voice:{language}:test")
    first, second = source.utterances()
    assert (first.id, first.audio.uri) == ("common_voice_es_1", "common_voice_es_1.mp3")
    assert (first.reference, first.language, first.speaker) == ('Dijo "hola', "es", "c" * 128)
    assert first.extra["accents"] == "Caribe"
    assert first.extra["up_votes"] == "2"
    assert (second.reference, second.language, second.extra["age"]) == ("¿Qué tal?", "es", None)
    assert Path(source.root, first.audio.uri).is_file()


def test_the_table_itself_can_be_named(language):
    """``es/test.tsv`` is the split ``test``."""
    named = open_source(f"common-voice:{language}/test.tsv")
    assert list(named.utterances()) == list(open_source(f"common-voice:{language}:test").utterances())


def test_another_split_is_other_data(language):
    """The split is part of the fingerprint."""
    prints = {open_source(f"common-voice:{language}:{split}").fingerprint for split in ("test", "train")}
    assert len(prints) == 2


def test_an_unknown_split_lists_the_known_ones(language):
    """Near names first; a split that this folder lacks lists what it has."""
    with pytest.raises(UnknownNameError) as caught:
        open_source(f"common-voice:{language}:tset")
    assert caught.value.near == ["test"]
    with pytest.raises(UsageError, match=r"no dev\.tsv") as missing:
        open_source(f"common-voice:{language}:dev")
    assert missing.value.cause == "train, test"
    with pytest.raises(UsageError, match="several splits") as unnamed:
        open_source(f"common-voice:{language}")
    assert unnamed.value.hint == f"common-voice:{language}:test"


def test_the_folder_above_names_the_language(language):
    """Who names the release, or the folder of releases, is told the language's folder."""
    for folder in (language.parent, language.parent.parent):
        with pytest.raises(UsageError, match="no Common Voice language") as caught:
            open_source(f"common-voice:{folder}:test")
        assert caught.value.hint == f"did you mean common-voice:{language}:test?"
    with pytest.raises(FolderError):
        open_source(f"common-voice:{language}x:test")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("c\tcommon_voice_es_9.mp3\tcut off\n", "3 cells, where the header has 13"),
        (row(9, "one\ttoo many"), "14 cells, where the header has 13"),
        (row(9, "no path", path=""), "no audio path"),
        (row(9, "a path out", path="../../secret.mp3"), "no name of a clip"),
    ],
)
def test_a_broken_row_is_told_with_its_line(language, line, problem):
    """Rows that no reader could take are refused, by file and line."""
    write_table(language, "test", row(1, "whole"), line, row(2, "whole"))
    source = open_source(f"common-voice:{language}:test")
    for read in (source.utterances, source.chunks):
        with pytest.raises(ManifestError, match=problem) as caught:
            list(read())
        assert str(caught.value).startswith(f"{language}/test.tsv:3:")


def test_the_table_by_column_is_that_by_row(language):
    """What planning reads is what a loop over the utterances sees."""
    write_table(language, "test", *(row(n, f"frase {n}", age="" if n % 2 else "thirties") for n in range(5000)))
    source = open_source(f"common-voice:{language}:test")
    by_row = ToySource(source.root, tuple(source.utterances()))
    assert index_source(source, missing_audio="skip").equals(index_source(by_row, missing_audio="skip"))


def test_a_table_without_sentences_names_its_columns(language):
    """A text column that is not there is an error that lists those that are."""
    (language / "test.tsv").write_text("client_id\tpath\nc\tcommon_voice_es_1.mp3\n")
    source = open_source(f"common-voice:{language}:test")
    with pytest.raises(MissingColumnError, match="no reference text") as caught:
        list(source.utterances())
    assert "client_id, path" in str(caught.value.cause)
    with pytest.raises(MissingColumnError, match="no column 'said'"):
        list(open_source(f"common-voice:{language}:train", text_column="said").utterances())
    assert next(iter(open_source(f"common-voice:{language}:test", text_column="none").utterances())).reference is None


def test_a_mistyped_text_column_is_not_answered_with_ids(language):
    """The hint names the column that holds sentences, and those that hold ids are refused."""
    header = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\n"
    (language / "test.tsv").write_text(f"{header}c\tcommon_voice_es_1.mp3\t3f\tHola.\t\n")
    with pytest.raises(MissingColumnError, match="no column 'nope'") as caught:
        list(open_source(f"common-voice:{language}:test", text_column="nope").utterances())
    assert caught.value.hint == "--text-column sentence; --text-column none if there is no such text"
    for column in ("sentence_id", "client_id"):
        with pytest.raises(UsageError, match=f"--text-column {column} does not hold") as refused:
            list(open_source(f"common-voice:{language}:test", text_column=column).utterances())
        assert "it holds the ids" in str(refused.value.cause)
        assert refused.value.hint == "--text-column sentence; none if there is no such text"


def test_missing_clips_follow_the_rule(language):
    """A clip that is not there refuses the run, or is left out and counted."""
    (language / "clips" / "common_voice_es_2.mp3").unlink()
    with pytest.raises(MissingAudioError) as caught:
        index_source(open_source(f"common-voice:{language}:test"))
    assert (caught.value.num_missing, caught.value.num_utterances) == (1, 2)
    table = index_source(open_source(f"common-voice:{language}:test"), missing_audio="skip")
    assert table["skip_reason"].null_count == 1


def test_one_clip_twice_is_refused(language):
    """Two rows of one clip would count it twice."""
    write_table(language, "test", row(1, "one"), row(1, "one"))
    with pytest.raises(DuplicateIdError, match="common_voice_es_1"):
        index_source(open_source(f"common-voice:{language}:test"))
