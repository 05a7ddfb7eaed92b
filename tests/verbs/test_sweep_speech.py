from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from earmark.errors import FolderError, RunMismatchError, UsageError
from earmark.store import layout
from earmark.verbs.compare import compare
from earmark.verbs.events import CellBegan, RunBegan, RunProgressed
from earmark.verbs.sweep_speech import sweep_speech
from tests.toys import toy_source, write_manifest

MEMBERS = tuple(f"noisy+set:texts=texts.jsonl+set:error_rate=0.3+set:seed={seed}" for seed in range(3))


class Interruption(BaseException):
    """As a kill: nothing catches it."""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A manifest of 40 noises with texts, and the texts for toys to say."""
    source = toy_source(tmp_path / "data", 40, durations_s=[0.1 + 0.001 * number for number in range(40)])
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"id": id_, "text": text}) + "\n" for id_, text in source.texts.items()))
    monkeypatch.chdir(tmp_path)
    return write_manifest(tmp_path / "data" / "manifest.jsonl", source)


def swept(data, out, members=MEMBERS, **asked):
    return sweep_speech(members, data, out=out, **{"engine": "inline", **asked})


def test_every_cell_is_a_run_and_they_come_to_numbers_together(data, tmp_path):
    """Three models that err apart: voted they err less, and nothing chosen from them is below the oracle."""
    sweep = swept(data, tmp_path / "out")
    one = sweep.together
    assert [cell.status for cell in sweep.cells] == ["done"] * 3
    assert one.num_utterances == 40
    rates = {rate.name: rate.errors for rate in one.combinations}
    best = min(cell.errors for cell in one.cells)
    assert {cell.name: cell.errors for cell in one.cells}[one.best] == best
    assert one.first == f"{MEMBERS[0]} plain"
    assert rates["rover"] < best
    assert one.oracle.rate.errors <= min(best, rates["mbr"])
    assert [gain.baseline for gain in (*one.against_best, *one.against_first)] == [one.best] * 2 + [one.first] * 2
    by_compare = compare(sweep.cells[0].run, sweep.cells[1].run)
    assert by_compare.pairs[0].wer_b == one.cells[1].wer


def test_the_oracle_is_the_best_of_each_utterance(data, tmp_path):
    """Counted from the runs' own scores, and so is the mean over choices of one cell."""
    sweep = swept(data, tmp_path / "out")
    errors = []
    for cell in sweep.cells:
        rows = pq.read_table(f"{cell.run}/{layout.SCORES}").to_pylist()
        errors.append([row["substitutions"] + row["deletions"] + row["insertions"] for row in rows])
    oracle = sweep.together.oracle
    assert oracle.rate.errors == sum(map(min, zip(*errors, strict=True)))
    num_words = sweep.together.num_reference_words
    assert oracle.expected_wer_of[0] == pytest.approx(sum(map(sum, errors)) / 3 / num_words)
    assert oracle.expected_wer_of[-1] == pytest.approx(oracle.rate.wer)
    assert oracle.against_best.delta_wer < 0


def test_the_files_keep_oracle_and_honest_numbers_apart(data, tmp_path):
    """A file of each says which it is, and the texts of the combinations are there."""
    sweep = swept(data, tmp_path / "out")
    honest, oracle = (json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("honest", "oracle"))
    assert (honest["oracle"], oracle["oracle"]) == (False, True)
    assert json.dumps(honest, indent=2, ensure_ascii=False) + "\n" == sweep.to_json()
    assert json.dumps(oracle, indent=2, ensure_ascii=False) + "\n" == sweep.oracle_json()
    assert "oracle" not in honest["together"]
    assert not {"cells", "together", "combinations"} & oracle.keys()
    assert {one["name"] for one in honest["together"]["combinations"]} == {"rover", "mbr"}
    assert oracle["rate"]["errors"] == sweep.together.oracle.rate.errors
    texts = pq.read_table(tmp_path / "out" / "combined.parquet").to_pylist()
    assert len(texts) == 40
    assert all(one["rover_confidence"] is None for one in texts)  # toys say nothing of how sure they are
    assert 0 < sum(one["mbr"] != one["reference"] for one in texts) < 40


def test_variants_multiply_and_a_variant_wins_over_its_member(data, tmp_path):
    """Members first; what a variant sets is set."""
    sweep = swept(data, tmp_path / "out", MEMBERS[:2], variants=["speed:0.9,1.0+set:error_rate=0.5"])
    assert [cell.variant for cell in sweep.cells] == ["speed:0.9", "speed:1.0+set:error_rate=0.5"] * 2
    spec = json.loads((tmp_path / "out" / "cells" / sweep.cells[1].run.rsplit("/")[-1] / "spec.json").read_text())
    assert (spec["recognizer"]["options"]["error_rate"], spec["audio"]["speed"]) == (0.5, None)


def test_again_it_does_nothing_and_says_the_same(data, tmp_path):
    """Word for word, but for speeds."""
    first = swept(data, tmp_path / "out")
    seen = []
    again = swept(data, tmp_path / "out", observer=seen.append)
    assert not [event for event in seen if isinstance(event, RunProgressed)]
    assert [event.place for event in seen if isinstance(event, CellBegan)] == ["1 of 3", "2 of 3", "3 of 3"]
    assert again.together == first.together


def test_killed_anywhere_it_goes_on_to_the_same_end(data, tmp_path):
    """In the middle of the second cell; the first is not done again."""
    whole = swept(data, tmp_path / "whole")
    began = []

    def kill(event):
        began.append(event) if isinstance(event, RunBegan) else None
        if isinstance(event, RunProgressed) and len(began) == 2:
            raise Interruption

    with pytest.raises(Interruption):
        swept(data, tmp_path / "out", observer=kill)
    assert not (tmp_path / "out" / "honest.json").exists()
    seen = []
    resumed = swept(data, tmp_path / "out", observer=seen.append)
    starts = [event for event in seen if isinstance(event, RunBegan)]
    assert starts[0].num_segments_done == 40
    assert resumed.together == whole.together
    assert [cell.scores_hash for cell in resumed.cells] == [cell.scores_hash for cell in whole.cells]


def test_more_variants_join_what_is_there(data, tmp_path):
    """A cell is a run of its own, so what was done stays done."""
    swept(data, tmp_path / "out", MEMBERS[:2])
    seen = []
    sweep = swept(data, tmp_path / "out", observer=seen.append)
    done = [event.num_segments_done for event in seen if isinstance(event, RunBegan)]
    assert done == [40, 40, 0]
    assert len(sweep.together.cells) == 3


def test_one_cell_that_fails_leaves_the_others_as_they_are(data, tmp_path):
    """A model that cannot be loaded is listed with its reason, and its utterances are nobody's errors."""
    sound = swept(data, tmp_path / "sound", MEMBERS[:2])
    grammar = tmp_path / "broken.gram"
    grammar.write_text("no grammar at all")
    sweep = swept(data, tmp_path / "out", [MEMBERS[0], f"pocketsphinx+set:grammar={grammar}", MEMBERS[1]])
    assert [cell.status for cell in sweep.cells] == ["done", "failed", "done"]
    assert "cannot load" in sweep.cells[1].error
    assert (sweep.cells[1].wer, sweep.num_failed_cells) == (None, 1)
    assert sweep.together == sound.together


def test_a_cell_in_which_everything_failed_has_failed(data, tmp_path):
    """Where all have, there is no rate at all, neither 0 nor 1; and the texts of an earlier sweep are gone."""
    swept(data, tmp_path / "out", MEMBERS[:2], limit=4)
    sweep = swept(data, tmp_path / "out", ["hungry+set:most_at_once=0"], limit=4)
    assert sweep.num_failed_cells == len(sweep.cells) == 1
    assert "errors.jsonl" in sweep.cells[0].error
    assert sweep.together is None
    honest, oracle = (json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("honest", "oracle"))
    assert (honest["together"], honest["cells"][0]["wer"], oracle["rate"]) == (None, None, None)
    assert not (tmp_path / "out" / "combined.parquet").exists()


def test_an_utterance_that_failed_somewhere_is_left_out_everywhere(data, tmp_path):
    """And counted, so that no cell gains by failing."""
    sweep = swept(data, tmp_path / "out", [*MEMBERS[:2], "failing+set:texts=texts.jsonl+set:ids=utt-003"])
    assert sweep.together.num_utterances == 39
    (reason,) = sweep.together.left_out
    assert "failed in failing" in reason
    assert sweep.cells[2].num_failed == 1


def test_everything_that_is_wrong_is_told_before_anything_begins(data, tmp_path):
    """All bad members at once, each once; no folder is made."""
    with pytest.raises(UsageError) as refused:
        swept(data, tmp_path / "out", [MEMBERS[0], "poketsphinx", "noisy+set:sead=1"], variants=["speed:0.9,1.0"])
    assert "2 of its members" in refused.value.what
    misspelled, unknown = refused.value.cause.split("; ")
    assert misspelled.startswith("poketsphinx: ")
    assert "sead" in unknown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("members", "variants"),
    [
        ([MEMBERS[0], MEMBERS[0]], []),
        ([MEMBERS[0], "noisy+set:seed=0+set:error_rate=0.3+set:texts=texts.jsonl"], []),
        ([MEMBERS[0]], ["speed:1.0,plain"]),
        ([MEMBERS[0]], ["set:seed=0,1"]),
    ],
)
def test_what_would_count_twice_is_refused_however_it_is_spelled(data, tmp_path, members, variants):
    """By what the cells do: the last one sets to 0 what is 0 already, and to 1."""
    if variants == ["set:seed=0,1"]:
        members = [*members, MEMBERS[1]]
    with pytest.raises(UsageError, match="cannot begin") as refused:
        swept(data, tmp_path / "out", members, variants=variants)
    assert "counted twice" in refused.value.cause


def test_members_may_be_one_word_with_commas(data, tmp_path):
    """As checkpoints are; a path that has a comma and exists stays whole."""
    sweep = swept(data, tmp_path / "out", [",".join(MEMBERS[:2])])
    assert [cell.checkpoint for cell in sweep.cells] == list(MEMBERS[:2])
    folder = tmp_path / "a,b"
    folder.mkdir()
    with pytest.raises(UsageError) as refused:
        swept(data, tmp_path / "other", [str(folder)])
    assert "a,b holds no model" in refused.value.cause


def test_other_data_are_refused_by_name(data, tmp_path):
    """The folder of a sweep stays that of its data."""
    swept(data, tmp_path / "out", MEMBERS[:2])
    with pytest.raises(RunMismatchError) as refused:
        swept(data, tmp_path / "out", MEMBERS[:2], limit=20)
    assert "data.fingerprint" in refused.value.fields


def test_a_sweep_needs_references(data, tmp_path):
    """Without any there is nothing to measure against, and it says so before the second model."""
    with pytest.raises(UsageError, match="has a reference"):
        swept(data, tmp_path / "out", MEMBERS[:2], text_column="none")


def test_ranks_are_those_of_torchrun(data, tmp_path):
    """Where it did not start this process there are none, and nothing is begun."""
    with pytest.raises(UsageError, match="torchrun did not start this process"):
        swept(data, tmp_path / "out", engine="torchrun")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "names",
    [["sweep.json", "honest.json"], ["spec.json", "cells/x/spec.json"], ["honest.json"], ["cells/mine.txt", "x"]],
)
def test_what_is_no_speech_sweep_is_left_alone(data, tmp_path, names):
    """A sweep over puzzles, a run, results alone: refused before the first cell."""
    for name in names:
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text("mine")
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(FolderError, match="out"):
        swept(data, tmp_path / "out", MEMBERS[:2])
    assert sorted((tmp_path / "out").rglob("*")) == before
    assert {(tmp_path / "out" / name).read_text() for name in names} == {"mine"}


def test_a_speech_sweep_with_files_of_its_user_goes_on(data, tmp_path):
    """Its cells show whose it is."""
    first = swept(data, tmp_path / "out", MEMBERS[:2])
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert swept(data, tmp_path / "out", MEMBERS[:2]).together == first.together
