"""Why two numbers of the same outputs differ."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from earmark.cli.main import run as command
from earmark.errors import FolderError, UsageError
from earmark.recognizers.doubles import Echo, Failing, Noisy
from earmark.reports.explain import Explanation
from earmark.reports.find_number import PrintedNumber, Search, find_number
from earmark.reports.outputs import Output, RunOutputs
from earmark.reports.settings import Settings
from earmark.schema import SCORED
from earmark.verbs.evaluate import evaluate
from earmark.verbs.explain import explain
from earmark.verbs.score import score
from tests.toys import ToySource, toy_source

NUM = 24


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Some references are empty to English rules, others are in capitals."""
    plain = toy_source(tmp_path_factory.mktemp("data"), NUM)
    texts = {3: "um", 5: "THE White Paper", 8: "um uh", 9: "twenty one"}
    items = [dataclasses.replace(item, reference=texts.get(n, item.reference)) for n, item in enumerate(plain.items)]
    return ToySource(plain.root, tuple(items))


@pytest.fixture(scope="module")
def says(source):
    changed = {3: "yes", 5: "the whitepaper", 9: "21"}
    noisy = Noisy(source.texts, error_rate=0.2)
    heard = {item.id: noisy.text(type("W", (), {"utterance_id": item.id})) for item in source.items}
    return heard | {source.items[n].id: text for n, text in changed.items()}


@pytest.fixture(scope="module")
def runs(source, says, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    less = ToySource(source.root, source.items[:-2], name="less")
    evaluate(Echo(says), source, out=str(folder / "a"), normalizer="none", max_batch_s=1.0)
    evaluate(Echo(says), source, out=str(folder / "b"), normalizer="whisper-en", scorer="sclite")
    evaluate(Failing(says, ids="utt-000,utt-007"), source, out=str(folder / "failed"), normalizer="none")
    evaluate(Echo(says), less, out=str(folder / "less"), normalizer="none")
    evaluate(Echo({**says, "utt-001": "what"}), source, out=str(folder / "other"), normalizer="none")
    return folder


def changing(found):
    """The steps that change the number, by name."""
    before = [found.wer_a, *(step.wer for step in found.steps)]
    return [step.name for step, wer in zip(found.steps, before, strict=False) if step.wer != wer]


def test_a_normalizer_and_a_scorer_are_told_apart(runs):
    """From the one summary's number to the other's, and nothing but these two."""
    found = explain(runs / "a", runs / "b")
    assert isinstance(found, Explanation)
    assert (found.wer_a, found.wer_b) == (found.stated_a, found.stated_b)
    assert found.steps[-1].wer == found.wer_b
    assert "normalizer" in changing(found)
    assert set(changing(found)) <= {"normalizer", "scorer"}
    empty = next(step for step in found.steps if step.name == "empty references")
    assert "0 in" in empty.change
    assert "2 in" in empty.change


def test_failed_utterances_are_a_step(runs):
    """Back and forth, with their number."""
    found = explain(runs / "a", runs / "failed")
    assert changing(found) == ["not scored in B"]
    assert {step.name: step.num_utterances for step in found.steps}["not scored in B"] == 2
    assert changing(explain(runs / "failed", runs / "a")) == ["not scored in A"]


def test_ids_of_one_run_only_are_a_step(runs):
    """In A, or in B."""
    assert changing(explain(runs / "a", runs / "less")) == ["ids only in A"]
    found = explain(runs / "less", runs / "a")
    assert changing(found) == ["ids only in B"]
    assert found.steps[-1].wer == found.wer_b == found.stated_b


def test_other_hypotheses_are_counted(runs):
    """They are another matter than settings, and said so."""
    found = explain(runs / "a", runs / "other")
    assert (found.num_other_hypotheses, changing(found)) == (1, ["hypotheses"])


def test_the_same_run_twice_has_nothing_to_explain(runs):
    """One number at every step."""
    found = explain(runs / "a", runs / "a")
    assert changing(found) == []
    assert "same number" in found.sentence


def test_two_summaries_of_one_run_are_explained(runs, tmp_path):
    """A summary that was kept under another name says what it was made with."""
    run = shutil.copytree(runs / "a", tmp_path / "run")
    shutil.copy(run / "summary.json", run / "before.json")
    score(run, normalizer="basic")
    found = explain(run / "before.json", run)
    assert (found.reading_a.normalizer, found.reading_b.normalizer) == ("none", "basic")
    assert changing(found) == ["normalizer"]


def test_runs_of_other_data_are_refused(runs, source, says, tmp_path):
    """No id in common."""
    items = tuple(dataclasses.replace(item, id=f"x{item.id}") for item in source.items[:3])
    evaluate(Echo(), ToySource(source.root, items), out=str(tmp_path / "x"))
    with pytest.raises(UsageError, match="no utterance"):
        explain(runs / "a", tmp_path / "x")


def test_what_is_no_run_is_said(runs):
    """For either side, and for a summary."""
    for sides in ((runs, runs / "a"), (runs / "a", runs), (runs / "a" / "none.json", runs / "a")):
        with pytest.raises(FolderError):
            explain(*sides)


@pytest.mark.parametrize(
    ("reading", "arguments"),
    [({"normalizer": "whisper-en"}, {"normalizer": "whisper-en"}), ({"scorer": "sclite"}, {"scorer": "sclite"})],
)
def test_a_number_is_found_by_its_digits(runs, tmp_path, reading, arguments):
    """The number that another normalizer or scorer printed."""
    run = shutil.copytree(runs / "a", tmp_path / "run")
    printed = f"{100 * score(run, **arguments).wer:.4f}"
    found = explain(runs / "a", printed)
    assert isinstance(found, Search)
    own = found.reading
    settings = [
        dataclasses.replace(one.reading, normalizer=name)
        for one in found.fitting
        for name in (one.reading.normalizer, *one.same_normalizers)
    ]
    assert dataclasses.replace(own, **reading) in settings or found.wer == score(run).wer
    assert all(f"{100 * one.wer:.4f}" == printed for one in found.fitting)
    assert all(not one.steps or one.steps[-1].wer == one.wer for one in found.fitting)


def test_normalizers_that_do_the_same_are_found_together():
    """Once, with all their names, and each name counts as tried."""
    one = Output("u", SCORED, None, "Yes, it is", "yes it is", None, None)
    run = RunOutputs("texts", Settings("none"), (one,))
    search = find_number(run, PrintedNumber.parse("0"))
    [found] = search.fitting
    assert {"basic", "lower|strip-punct|squeeze"} <= {found.reading.normalizer, *found.same_normalizers}
    assert "lower" not in found.same_normalizers
    assert search.num_tried > 2 * (1 + len(found.same_normalizers))


def test_a_mean_of_rates_is_found(runs):
    """Of utterances, and of the run's batches."""
    search = explain(runs / "a", "0.00001")
    assert not search.fitting
    rows = {}
    for way in ("mean of utterances", "mean of batches"):
        rows[way] = rate_of(runs / "a", way)
        found = explain(runs / "a", f"{100 * rows[way]:.6f}")
        assert way in {one.reading.averaging for one in found.fitting}
    assert len(set(rows.values())) == 2


def rate_of(run, way):
    """By hand, from the tables of the run."""
    from earmark.store.run import RunStore

    store = RunStore.at(str(run))
    batch = dict(zip(*(store.read_table("plan.parquet")[name].to_pylist() for name in ("index", "batch")), strict=True))
    groups = {}
    for row in store.read_table("scores.parquet").to_pylist():
        group = groups.setdefault(batch[row["index"]] if way == "mean of batches" else row["index"], [0, 0])
        group[0] += row["substitutions"] + row["deletions"] + row["insertions"]
        group[1] += row["hits"] + row["substitutions"] + row["deletions"]
    rates = [errors / words for errors, words in groups.values()]
    return sum(rates) / len(rates)


def test_failures_as_deletions_and_empty_references_are_tried(runs):
    """The summary's other rate is found by its name, and so is one without the empty references."""
    facts = json.loads((runs / "failed" / "summary.json").read_text())
    found = explain(runs / "failed", f"{100 * facts['wer_failed_as_deletions']:.6f}")
    assert [one.reading.failed for one in found.fitting][:1] == ["deletions"]
    summary = json.loads((runs / "b" / "summary.json").read_text())
    assert summary["num_empty_references"] == 2
    errors = summary["substitutions"] + summary["deletions"] + summary["insertions"]
    without = (errors - 1) / summary["num_reference_words"]  # "yes" where nothing but "um" was said
    found = explain(runs / "b", f"{100 * without:.6f}")
    assert "left out" in {one.reading.empty_references for one in found.fitting}


def test_where_nothing_fits_the_nearest_are_named(runs):
    """And it says honestly that nothing does."""
    found = explain(runs / "a", 99.99)
    assert (found.fitting, len(found.nearest) > 0) == ((), True)
    assert "nothing" in found.sentence
    distances = [abs(100 * one.wer - 99.99) for one in found.nearest]
    assert distances == sorted(distances)


def test_no_change_that_does_nothing_is_named(runs):
    """Of several settings with one rate, only those that need every one of their changes."""
    found = explain(runs / "a", f"{100 * explain(runs / 'a', 1).wer:.6f}")
    assert found.fitting[0].steps == ()
    for one in [*found.fitting, *explain(runs / "a", 50).nearest]:
        changes = {(name, value) for name, value in dataclasses.asdict(one.reading).items()}
        assert len(one.steps) == len(changes - set(dataclasses.asdict(found.reading).items()))


@pytest.mark.parametrize(
    ("text", "value", "tolerance"),
    [
        ("7.08", 7.08, 0.005),
        ("7,1 %", 7.1, 0.05),
        ("7", 7.0, 0.5),
        ("0.99", 0.99, 0.005),
        ("0.071", 7.1, 0.05),
        ("0.0708", 7.08, 0.005),
        ("0.0708 %", 0.0708, 0.00005),
        ("0.07%", 0.07, 0.005),
    ],
)
def test_a_printed_number_is_read(text, value, tolerance):
    """Per cent, with either decimal sign; with more than two places below 1 a fraction."""
    number = PrintedNumber.parse(text)
    assert (number.value, number.tolerance) == (pytest.approx(value), pytest.approx(tolerance))
    assert number.fits(value / 100)
    assert not number.fits((value + 2.1 * tolerance) / 100)


@pytest.mark.parametrize("text", ["seven", "runs/a", "7.08.1", "", "-7", "1e3"])
def test_what_is_no_number_is_none(text):
    """Then it is a run's name."""
    assert PrintedNumber.parse(text) is None


def test_the_command_prints_a_table_or_json(runs, capsys):
    """Of two runs and of a number; other forms are refused."""
    assert command(["score", "--explain", str(runs / "a"), str(runs / "b")]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[:2] == [
        f"A {runs / 'a'}: normalizer none, scorer levenshtein",
        f"B {runs / 'b'}: normalizer whisper-en, scorer sclite",
    ]
    assert "none -> whisper-en" in said
    assert "0 in A, 2 in B" in said
    assert said.count(str(runs)) == 2
    assert not [idle for idle in ("ids only", "not scored", "references   those", "averaging") if idle in said]
    assert command(["score", "--explain", str(runs / "a"), "7.08", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["number"]["text"] == "7.08"
    assert command(["score", "--explain", str(runs / "a"), "7.08", "--format", "csv"]) == 2


def test_the_command_prints_the_dict_of_speechbrain(runs, tmp_path, capsys):
    """Failed utterances are its absent sentences."""
    run = shutil.copytree(runs / "failed", tmp_path / "run")
    assert command(["score", str(run), "--format", "speechbrain"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["num_absent_sents"], facts["num_ref_sents"], facts["num_scored_sents"]) == (2, NUM, NUM - 2)
    assert facts["WER"] == facts["error_rate"]


def test_forgiven_compounds_are_printed_and_kept(runs, tmp_path, capsys):
    """Their number, the words, and the column of the scores."""
    pytest.importorskip("kaldialign", reason="the scorer open-asr needs kaldialign")
    from earmark.store.run import RunStore

    run = shutil.copytree(runs / "a", tmp_path / "run")
    assert command(["score", str(run), "--normalizer", "basic", "--scorer", "open-asr"]) == 0
    said = capsys.readouterr()
    assert "1 compound counts as right though written apart on one side: 'white paper' as 'whitepaper'" in said.err
    assert "scorer open-asr@1+kaldialign-" in said.out
    rows = RunStore.at(str(run)).read_table("scores.parquet").to_pylist()
    found = {row["id"]: row["forgiven"] for row in rows if row["forgiven"]}
    assert found == {"utt-005": [{"reference": "white paper", "hypothesis": "whitepaper"}]}
    assert score(run).scorer.name == "open-asr"
