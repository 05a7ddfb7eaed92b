from __future__ import annotations

import csv
import errno
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earmark
from earmark.cli.main import run
from earmark.errors import FolderError, MissingColumnError, StoreError, UsageError
from earmark.sources import open_source
from earmark.store.disk import Disk

HEADER = ("client_id", "path", "sentence", "up_votes", "locale")


def write_split(folder: Path, split: str, rows: list[tuple[str, str, float | None]], locale: str = "es") -> None:
    """Rows of clip, sentence and seconds; None: there is no such clip. The clips are real MP3."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(HEADER)]
    for number, (clip, sentence, seconds) in enumerate(rows):
        lines.append("\t".join((f"client{number % 2}", clip, sentence, "2", locale)))
        if seconds is not None:
            noise = np.random.default_rng(number).normal(scale=0.05, size=round(seconds * 48_000))
            soundfile.write(folder / "clips" / clip, noise, 48_000, format="MP3")
    (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def language(tmp_path: Path) -> Path:
    """A language's folder with a row for every reason to leave one out."""
    folder = tmp_path / "corpus" / "es"
    train = [
        ("es_1.mp3", "¿Dónde está el niño?", 1.0),
        ("es_2.mp3", "Dos palabras", 1.0),
        ("es_3.mp3", 'Dijo "hola, amigo" y se fue', 1.5),
        ("es_4.mp3", "No hay ningún clip", None),
        ("es_5.mp3", "Este clip es muy largo", 11.0),
        ("es_6.mp3", "Este clip no se puede leer", 1.0),
        ("es_7.mp3", "一 二 三", 1.0),
        ("es_1.mp3", "Otra frase del mismo clip", None),
    ]
    write_split(folder, "train", train)
    (folder / "clips" / "es_6.mp3").write_bytes(b"no audio")
    write_split(folder, "dev", [("es_8.mp3", "Un clip largo se queda", 11.0)])
    write_split(folder, "test", [("es_9.mp3", "Una frase de prueba", 1.0)])
    return folder


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def test_the_tables_are_those_of_the_recipe(language, tmp_path):
    """Columns, texts, absolute paths of clips, and durations from the MP3 headers."""
    made = earmark.prepare_common_voice(language, tmp_path / "tables")
    rows = rows_of(made.table("train"))
    assert list(rows[0]) == ["ID", "duration", "wav", "spk_id", "wrd"]
    assert [(row["ID"], row["spk_id"], row["wrd"]) for row in rows] == [
        ("es_1", "client0", "Donde esta el nino?"), ("es_3", "client0", 'Dijo "hola, amigo" y se fue'),
    ]  # fmt: skip
    assert rows[0]["wav"] == str(language / "clips" / "es_1.mp3")
    assert float(rows[1]["duration"]) == pytest.approx(1.5, abs=0.05)
    assert [row["ID"] for row in rows_of(made.table("dev"))] == ["es_8"]
    assert Path(made.table("dev")).name == "valid.csv"


@pytest.mark.parametrize("prefix", ["", "common-voice:"])
def test_a_table_names_its_language(language, tmp_path, prefix):
    """As a split does; a table that is not there is no folder."""
    made = earmark.prepare_common_voice(f"{prefix}{language}/test.tsv", tmp_path / "tables")
    assert made.splits["train"].num_rows == 8
    with pytest.raises(FolderError, match=r"nope\.tsv"):
        earmark.prepare_common_voice(f"{prefix}{language}/nope.tsv", tmp_path / "others")
    with pytest.raises(UsageError, match="--to names no folder"):
        earmark.prepare_common_voice(language, "")


def test_every_row_is_kept_or_left_out_for_a_reason(language, tmp_path):
    """They add up; the longest clips are left out of the training table only."""
    made = earmark.prepare_common_voice(language, tmp_path / "tables")
    train = made.splits["train"]
    assert dict(train.left_out) == {
        "doubled_clip": 1, "missing_audio": 1, "nothing_left": 1, "too_few_words": 1, "too_long": 1,
        "unreadable_audio": 1,
    }  # fmt: skip
    assert train.num_kept + sum(train.left_out.values()) == train.num_rows == 8
    assert dict(made.splits["dev"].left_out) == {}
    assert train.audio_s == pytest.approx(2.5, abs=0.1)


def test_accents_stay_where_they_are_asked_for(language, tmp_path):
    """And so does everything that is not ASCII."""
    made = earmark.prepare_common_voice(language, tmp_path / "tables", accented_letters=True, max_train_s=20)
    texts = {row["ID"]: row["wrd"] for row in rows_of(made.table("train"))}
    assert texts["es_1"] == "¿Dónde está el niño?"
    assert texts["es_7"] == "一 二 三"
    assert "es_5" in texts


def test_the_rules_are_those_of_the_language_that_a_row_names(language, tmp_path):
    """Else those of ``language``, else of the folder's name."""
    write_split(language, "test", [("fr_1.mp3", "J'ai vu L’eau d'ici", 1.0)], locale="fr")
    made = earmark.prepare_common_voice(language, tmp_path / "tables", accented_letters=True)
    assert rows_of(made.table("test"))[0]["wrd"] == "J' AI VU L' EAU D' ICI"
    table = (language / "test.tsv").read_text().replace("\tlocale", "\tlocal").replace("\tfr\n", "\t\n")
    (language / "test.tsv").write_text(table)
    made = earmark.prepare_common_voice(language, tmp_path / "es", accented_letters=True)
    assert rows_of(made.table("test"))[0]["wrd"] == "J'ai vu L’eau d'ici"
    made = earmark.prepare_common_voice(language, tmp_path / "de", accented_letters=True, language="de")
    assert rows_of(made.table("test"))[0]["wrd"] == "J AI VU L EAU D ICI"


def test_our_own_source_reads_the_tables(language, tmp_path):
    """As SpeechBrain would: the same ids, texts and clips."""
    made = earmark.prepare_common_voice(language, tmp_path / "tables")
    utterances = list(open_source(f"speechbrain:{made.table('train')}").utterances())
    assert [(one.id, one.reference) for one in utterances] == [
        (row["ID"], row["wrd"]) for row in rows_of(made.table("train"))
    ]
    assert all(Path(one.audio.uri).is_file() for one in utterances)


def test_a_second_call_does_nothing(language, tmp_path):
    """It gives the same answer, and touches no file; a table that was cut is made again."""
    first = earmark.prepare_common_voice(language, tmp_path / "tables")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "tables").glob("*.*v")}
    second = earmark.prepare_common_voice(f"common-voice:{language}", tmp_path / "tables")
    assert (first.is_new, second.is_new) == (True, False)
    assert second.splits == first.splits
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "tables").glob("*.*v")} == before
    whole = Path(first.table("test")).read_bytes()
    Path(first.table("test")).write_bytes(whole[:-5])
    assert earmark.prepare_common_voice(language, tmp_path / "tables").is_new
    assert Path(first.table("test")).read_bytes() == whole


def test_other_inputs_or_rules_are_refused(language, tmp_path):
    """What is there stays; the message names what differs."""
    first = earmark.prepare_common_voice(language, tmp_path / "tables")
    with pytest.raises(FolderError, match="cannot use") as caught:
        earmark.prepare_common_voice(language, tmp_path / "tables", accented_letters=True)
    assert "accented_letters" in str(caught.value.cause)
    with (language / "train.tsv").open("a") as file:
        file.write("c\tes_9.mp3\tuna frase más\t2\tes\n")
    with pytest.raises(FolderError) as caught:
        earmark.prepare_common_voice(language, tmp_path / "tables")
    assert "tables" in str(caught.value.cause)
    assert len(rows_of(first.table("train"))) == 2
    (tmp_path / "tables" / "prepared.json").write_text("[]")
    with pytest.raises(FolderError):
        earmark.prepare_common_voice(language, tmp_path / "tables")


def _prepare(language: str, to: str, start: object, answers: object) -> None:
    start.wait()
    answers.put(earmark.prepare_common_voice(language, to).is_new)


def test_of_many_processes_one_does_the_work(language, tmp_path):
    """The others wait, and find it done."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(3), context.Queue()
    arguments = (str(language), str(tmp_path / "tables"), start, answers)
    processes = [context.Process(target=_prepare, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    assert sorted(answers.get(timeout=60) for _ in processes) == [False, False, True]
    for process in processes:
        process.join()


class _Killed(BaseException):
    """Like a kill: nothing of ours may catch it."""


class _DyingDisk:
    """Makes the operations on the real disk die at the n-th one."""

    def __init__(self, monkeypatch) -> None:
        self.left = 0
        for name in ("make_folder", "open_new", "write", "sync", "replace", "sync_folder"):
            monkeypatch.setattr(Disk, name, self._dying(getattr(Disk, name)))

    def _dying(self, original):
        def operation(disk, *arguments):
            self.left -= 1
            if self.left == 0:
                raise _Killed
            return original(disk, *arguments)

        return operation

    def kills(self, moment: int, language: Path, target: Path) -> bool:
        """Whether a preparation dies that may do fewer than ``moment`` operations."""
        self.left = moment
        try:
            earmark.prepare_common_voice(language, target)
        except _Killed:
            return True
        return False


def test_a_kill_at_any_moment_leaves_nothing_torn(language, tmp_path, monkeypatch):
    """The process dies at the n-th operation on the disk, for every n: what stands is whole, and the next goes on."""
    truth = earmark.prepare_common_voice(language, tmp_path / "truth")
    expected = {name: (tmp_path / "truth" / name).read_bytes() for name in ("train.csv", "valid.csv", "test.csv")}
    disk = _DyingDisk(monkeypatch)
    moment = 1
    while disk.kills(moment, language, target := tmp_path / f"killed-{moment}"):
        standing = {path.name: path.read_bytes() for path in target.glob("*.csv")}
        assert standing.items() <= expected.items()
        assert standing == expected or not (target / "prepared.json").exists()
        disk.left = 0
        assert earmark.prepare_common_voice(language, target).splits == truth.splits
        assert {path.name: path.read_bytes() for path in target.glob("*.csv")} == expected
        moment += 1
    assert moment > 20


def test_a_full_disk_is_said_and_leaves_no_table(language, tmp_path, monkeypatch):
    """The temporary file goes, too."""

    def full(self, file, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Disk, "write", full)
    with pytest.raises(StoreError, match=r"train\.csv"):
        earmark.prepare_common_voice(language, tmp_path / "tables")
    assert [path for path in (tmp_path / "tables").iterdir() if "csv" in path.name or "prepared" in path.name] == []


def test_data_of_which_nothing_is_left_are_refused(tmp_path):
    """With what to type: the rules without accented letters keep only ASCII."""
    folder = tmp_path / "ar"
    for split in ("train", "dev", "test"):
        write_split(folder, split, [(f"ar_{split}.mp3", "مرحبا كيف الحال", 1.0)], locale="ar")
    with pytest.raises(UsageError, match="nothing is left") as caught:
        earmark.prepare_common_voice(folder, tmp_path / "tables")
    assert "--accented-letters" in str(caught.value.hint)
    assert not (tmp_path / "tables" / "prepared.json").exists()
    assert (
        earmark.prepare_common_voice(folder, tmp_path / "tables", accented_letters=True).splits["train"].num_kept == 1
    )


def test_what_is_no_language_folder_is_refused(language, tmp_path):
    """No folder, no such split, no sentences, and no local target."""
    with pytest.raises(FolderError):
        earmark.prepare_common_voice(tmp_path / "gone", tmp_path / "tables")
    with pytest.raises(UsageError, match="s3://bucket"):
        earmark.prepare_common_voice(language, "s3://bucket/tables")
    for seconds in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="max-train-seconds"):
            earmark.prepare_common_voice(language, tmp_path / "tables", max_train_s=seconds)
    (language / "dev.tsv").write_text("client_id\tpath\nc\tes_8.mp3\n")
    with pytest.raises(MissingColumnError):
        earmark.prepare_common_voice(language, tmp_path / "tables")
    (language / "dev.tsv").unlink()
    with pytest.raises(UsageError, match=r"no dev\.tsv") as missing:
        earmark.prepare_common_voice(language, tmp_path / "tables")
    assert missing.value.hint is None


def test_a_proposed_name_works_as_it_is_typed(language, tmp_path):
    """For the folder above, and for a slip: the hint's name is taken as it stands."""
    for typed in (language.parent, f"common-voice:{language}x"):
        with pytest.raises(UsageError) as caught:
            earmark.prepare_common_voice(typed, tmp_path / "tables")
        name = str(caught.value.hint).removeprefix("did you mean ").removesuffix("?")
        assert name.startswith("common-voice:")
        assert earmark.prepare_common_voice(name, tmp_path / "tables").splits["train"].num_kept


def test_the_command_says_what_it_made(language, tmp_path, capsys):
    """A line a table with what was left out and why; the second time that there is nothing to do."""
    words = ["prepare", str(language), "--to", str(tmp_path / "tables"), "--no-accented-letters"]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "train.csv: 2 of 8 rows" in said
    assert "left out: 1 longer than --max-train-seconds" in said
    assert run(words) == 0
    assert "nothing to do" in capsys.readouterr().err
    facts = json.loads((tmp_path / "tables" / "prepared.json").read_text())
    assert facts["rules"] == "speechbrain-1.1.0"
