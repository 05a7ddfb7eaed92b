"""What is written for NIST's tools is what NIST's own programs write, and is read by them."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

import earmark
from earmark.errors import ManifestError, UsageError
from earmark.formats import read_transcript
from earmark.formats.exported_run import ExportedRun
from earmark.formats.pra import speaker_of, write_pra
from earmark.formats.transcript import Wanted
from earmark.records import ScoredUtterance
from tests.scoring.nist import SCTK, needs_sctk

IDS = ("zed_long_speaker-{}", "ann_{}", "1089-134686-{:04d}", "b-{}", "one_more-speaker_{}")


def pairs(number: int, seed: int) -> list[tuple[str, str]]:
    """Texts with many ties, empty ones too; one speaker never says anything."""
    chance = random.Random(seed)
    words = ["a", "B", "the", "night", "Zug", "zig", "o'clock", "[noise]", "extraordinarily"]

    def text() -> str:
        return " ".join(chance.choices(words, k=chance.randrange(9)))

    return [("" if place % len(IDS) == 3 else text(), text()) for place in range(number)]


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Path:
    """A run of such pairs, as sclite counts them."""
    folder = tmp_path_factory.mktemp("scored")
    rows = [
        {"id": IDS[place % len(IDS)].format(place), "text": said, "pred_text": heard}
        for place, (said, heard) in enumerate(pairs(200, seed=5))
    ]
    manifest = folder / "a_system.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(manifest, out=folder / "run", scorer="sclite", normalizer="none")
    for to, name in (("trn", "a_system"), ("trn-ref", "ref"), ("pra", "pra"), ("dtl", "dtl"), ("sys", "sys")):
        earmark.export(folder / "run", to, folder / "ours" / name)
    return folder


@needs_sctk
@pytest.mark.parametrize(("report", "name"), [("sum", "sys"), ("dtl", "dtl"), ("pralign", "pra")])
def test_the_reports_are_those_of_sclite_to_the_byte(scored, tmp_path, report, name):
    """From the very files that are exported for it; every id, count, percentage and confusion."""
    ours = scored / "ours"
    command = f"{SCTK} sclite -s -r ref trn -h a_system trn -i rm -o {report} -O {tmp_path}"
    subprocess.run(command.split(), cwd=ours, capture_output=True, check=True)
    assert (ours / name).read_text() == (tmp_path / f"a_system.{name}").read_text()


def test_an_exported_trn_scores_as_the_run(scored):
    """With the same rules, and the same utterances."""
    found = earmark.score_files(
        scored / "ours" / "ref", scored / "ours" / "a_system", format_name="trn", scorer="sclite", normalizer="none"
    )
    [summary] = found.summaries.values()
    facts = json.loads((scored / "run" / "summary.json").read_text())
    assert (summary.wer, summary.counts.words.substitutions) == (facts["wer"], facts["substitutions"])


def test_alignments_are_read_back_as_both_texts(scored, tmp_path):
    """Also where a word is made of asterisks; by speaker, so in another order."""
    path = tmp_path / "x.pra"
    path.write_bytes((scored / "ours" / "pra").read_bytes())
    read = read_transcript(str(path), Wanted("both"))
    found = dict(zip(read.rows["id"].to_pylist(), read.rows["reference"].to_pylist(), strict=True))
    [heard] = read.hypotheses.values()
    texts = {
        name: (found[name], text) for name, text in zip(read.rows["id"].to_pylist(), heard.to_pylist(), strict=True)
    }
    assert texts == {IDS[place % len(IDS)].format(place): pair for place, pair in enumerate(pairs(200, seed=5))}
    [summary] = earmark.score_files(path, scorer="sclite", normalizer="none").summaries.values()
    assert summary.wer == json.loads((scored / "run" / "summary.json").read_text())["wer"]


def one(**facts) -> ScoredUtterance:
    return ScoredUtterance(**{"id": "s-1", "status": "scored", "hits": 1, "substitutions": 0, "deletions": 0,
                              "insertions": 0, **facts})  # fmt: skip


def test_a_word_of_asterisks_is_told_from_nothing(tmp_path):
    """The letters below say which it is."""
    operations = (("=", "***", "***"), ("I", "", "***"), ("D", "**", ""))
    run = ExportedRun([one()], operations=lambda _: operations)
    path = tmp_path / "x.pra"
    path.write_bytes(b"".join(write_pra(run)))
    read = read_transcript(str(path), Wanted("both"))
    assert read.rows["reference"].to_pylist() == ["*** **"]
    assert [column.to_pylist() for column in read.hypotheses.values()] == [["*** ***"]]


def test_alignments_in_capitals_are_read_without_regard_for_case(tmp_path):
    """As sclite writes them where case does not count."""
    path = tmp_path / "x.pra"
    text = "id: (s-1)\nScores: (#C #S #D #I) 1 1 0 0\nAttributes: \nREF:  a CAT \nHYP:  a CAP \nEval:   S   \n\n"
    path.write_text(text)
    read = read_transcript(str(path), Wanted("both"))
    assert read.rows["reference"].to_pylist() == ["a cat"]
    path.write_text(text.replace("CAP", "CAP x"))
    with pytest.raises(ManifestError, match="2 and 3 columns"):
        read_transcript(str(path), Wanted("both"))


def test_a_forgiven_compound_is_refused():
    """Or else sclite would count errors where there are none."""
    run = ExportedRun([one()], operations=lambda _: [("J", "now here", "nowhere")])
    with pytest.raises(UsageError, match="compound"):
        list(write_pra(run))


def test_who_speaks_is_known_or_stands_in_the_id():
    """Before the first hyphen, else before the first underscore, else it is the id."""
    names = ("1089-134_6-1", "a_b_c", "abc")
    assert [speaker_of(one(id=name)) for name in names] == ["1089", "a", "abc"]
    assert speaker_of(one(speaker="ann")) == "ann"
