import dataclasses
import json
import shutil

import numpy as np
import pytest

import earmark
from earmark.errors import FolderError, GateFailedError, StoreError, UnknownNameError, UsageError
from earmark.planning import plan
from earmark.recognizers.doubles import Echo, Failing, Noisy
from earmark.reports import summarize
from earmark.reports.scores import NO_REFERENCE_RULE, NOT_DONE_RULE
from earmark.scoring.bootstrap import difference_interval
from earmark.scoring.significance import holm, sign_flip_p
from earmark.store import layout
from earmark.store.run import RunStore
from tests.toys import ToySource, toy_source, write_wav

NUM = 90


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    plain = toy_source(tmp_path_factory.mktemp("data"), durations_s=[0.2 + 0.01 * (n % 7) for n in range(NUM)])
    items = tuple(
        dataclasses.replace(item, speaker=f"s{n % 12}", extra={"accent": ["in", "us", None][n % 3], "room": n % 2})
        for n, item in enumerate(plain.items)
    )
    return ToySource(plain.root, items)


@pytest.fixture(scope="module")
def runs(source, tmp_path_factory):
    """Runs of the same data: two alike, a third as noisy, one much better."""
    folder = tmp_path_factory.mktemp("runs")
    models = {
        "a": Noisy(source.texts, error_rate=0.2, seed=0),
        "b": Noisy(source.texts, error_rate=0.2, seed=1),
        "good": Noisy(source.texts, error_rate=0.02, seed=2),
        "broken": Failing(source.texts, ids="utt-003,utt-010"),
    }
    for name, model in models.items():
        earmark.evaluate(model, source, out=str(folder / name))
    return {name: str(folder / name) for name in models}


def table(run):
    """The run's own scores: errors and words by id."""
    rows = RunStore.at(run).read_table("scores.parquet").to_pylist()
    return {
        row["id"]: (
            row["substitutions"] + row["deletions"] + row["insertions"],
            row["hits"] + row["substitutions"] + row["deletions"],
        )
        for row in rows
        if row["status"] == "scored"
    }


def test_two_alike_cannot_be_told_apart(runs):
    """The numbers are those of the runs' own scores, added up here."""
    comparison = earmark.compare(runs["a"], runs["b"])
    (pair,) = comparison.pairs
    a, b = table(runs["a"]), table(runs["b"])
    num_words = sum(words for _, words in a.values())
    errors_a, errors_b = (sum(errors for errors, _ in one.values()) for one in (a, b))
    assert (comparison.num_utterances, comparison.num_reference_words) == (NUM, num_words)
    assert (pair.wer_a, pair.wer_b) == (errors_a / num_words, errors_b / num_words)
    assert pair.delta_wer == (errors_b - errors_a) / num_words
    assert {one.id for one in pair.fixed} == {key for key in a if a[key][0] and not b[key][0]}
    assert {one.id for one in pair.broken} == {key for key in a if b[key][0] and not a[key][0]}
    assert pair.fixed[0].errors_a == max(one.errors_a for one in pair.fixed)
    assert pair.verdict == "undecided"
    assert pair.interval.unit == "speaker"
    assert comparison.left_out == {}


def test_a_much_better_run_is_told(runs):
    """By interval and by every test."""
    (pair,) = earmark.compare(runs["a"], runs["good"]).pairs
    assert pair.verdict == "better"
    assert pair.interval.high < 0
    assert max(pair.p, pair.mapsswe.p, pair.mcnemar_p) < 0.01
    assert pair.sentence.startswith("good is better than a: -")


def twin(run, folder):
    """A run of the same texts, in a folder of its own."""
    return str(shutil.copytree(run, folder / "twin"))


def imported(said, heard, folder):
    """Two runs of texts: what was said itself, and what was heard."""
    rows = [{"id": str(n), "text": text, "pred_text_a": text, "pred_text_b": heard[n]} for n, text in enumerate(said)]
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(folder / "texts.jsonl", out=folder / "runs")
    return [str(folder / "runs" / f"pred_text_{name}") for name in "ab"]


def test_a_run_beside_one_of_the_same_texts(runs, tmp_path):
    """No difference, p 1, nothing fixed or broken, and no second witness against a reference."""
    comparison = earmark.compare(runs["a"], twin(runs["a"], tmp_path))
    (pair,) = comparison.pairs
    assert (pair.delta_wer, pair.delta_cer, pair.p, pair.mcnemar_p, pair.mapsswe.p) == (0, 0, 1, 1, 1)
    assert (pair.fixed, pair.broken, pair.speech_factor) == ((), (), None)
    assert (pair.interval.low, pair.interval.high) == (0, 0)
    assert pair.is_same_text
    assert pair.sentence == "a and twin heard the same words in every utterance: there is nothing to tell apart"
    assert comparison.suspects is None
    assert json.loads(comparison.to_json())["suspect_references"] is None


def test_a_run_is_not_compared_with_itself(runs):
    """However its folder is written: a gate would pass for ever."""
    with pytest.raises(UsageError, match="given twice"):
        earmark.compare(runs["a"], runs["b"], f"{runs['a']}/../a/")


def test_few_changes_ask_for_more_speech_than_their_interval(tmp_path):
    """Three errors in a thousand utterances, all of B: the test would need twice as many."""
    texts = [f"word{n} here" for n in range(1000)]
    heard = ["other here", *texts[1:500], "other here", *texts[501:999], "other here"]
    (pair,) = earmark.compare(*imported(texts, heard, tmp_path)).pairs
    assert (pair.p, pair.speech_factor) == (0.25, 2.0)
    assert "(about 2.0x the speech would be needed)" in pair.sentence


def test_runs_that_were_scored_otherwise_are_said(runs, tmp_path):
    """Their own summaries have another number."""
    other = twin(runs["b"], tmp_path)
    earmark.score(other, normalizer="none", scorer="sclite")
    comparison = earmark.compare(runs["a"], other)
    assert comparison.scored_otherwise == {"twin": "none and sclite"}
    assert earmark.compare(runs["a"], runs["b"]).scored_otherwise == {}


def test_a_run_without_a_summary_was_not_scored_otherwise(runs, tmp_path):
    """An unfinished run has no numbers of its own, so there are none that could differ."""
    first, bare = twin(runs["a"], tmp_path / "first"), twin(runs["b"], tmp_path / "bare")
    earmark.score(first, normalizer="none")
    RunStore.at(bare).folder.remove("summary.json")
    assert earmark.compare(first, bare).scored_otherwise == {}


def test_swapping_the_runs_mirrors_the_comparison(runs):
    """Every number, to the last bit."""
    there = earmark.compare(runs["a"], runs["b"], slices=["accent"]).pairs[0]
    back = earmark.compare(runs["b"], runs["a"], slices=["accent"]).pairs[0]
    assert (there.wer_a, there.wer_b, there.delta_wer) == (back.wer_b, back.wer_a, -back.delta_wer)
    assert (there.interval.low, there.interval.high) == (-back.interval.high, -back.interval.low)
    assert (there.p, there.mapsswe.p, there.mcnemar_p) == (back.p, back.mapsswe.p, back.mcnemar_p)
    assert [one.id for one in there.fixed] == [one.id for one in back.broken]
    assert [one.errors_a for one in there.slices] == [one.errors_b for one in back.slices]
    assert [one.interval.low for one in there.slices] == [-one.interval.high for one in back.slices]


def test_the_interval_is_that_of_a_loop_over_speakers(runs, source):
    """Drawn here one by one, from the runs' own scores."""
    (pair,) = earmark.compare(runs["a"], runs["good"]).pairs
    a, b = table(runs["a"]), table(runs["good"])
    sums = np.zeros((12, 3))
    for item in source.items:
        sums[int(item.speaker[1:])] += (a[item.id][0], b[item.id][0], a[item.id][1])
    random = np.random.default_rng(1)
    drawn = sums[random.integers(0, 12, (20_000, 12))].sum(axis=1)
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / drawn[:, 2], [0.025, 0.975])
    assert (pair.interval.low, pair.interval.high) == pytest.approx((low, high), abs=0.06 * (high - low))
    assert pair.p == sign_flip_p((sums[:, 1] - sums[:, 0]).astype(int))


def test_a_slice_has_the_interval_of_its_utterances(runs, source):
    """As if the others were not there, with fewer replicates."""
    slices = earmark.compare(runs["a"], runs["b"], slices=["room"]).pairs[0].slices
    a, b = table(runs["a"]), table(runs["b"])
    for room, one in enumerate(slices):
        items = [item for item in source.items if item.extra["room"] == room]
        differences = np.array([b[item.id][0] - a[item.id][0] for item in items])
        words = np.array([a[item.id][1] for item in items])
        speakers = [item.speaker for item in items]
        assert one.interval == difference_interval(differences, words, speakers, num_replicates=1000)


@pytest.mark.parametrize("column", ["duration", "speaking_rate", "speaker", "language", "accent", "room"])
def test_slices_add_up_to_the_whole(runs, column):
    """Every utterance is in one slice of each column."""
    comparison = earmark.compare(runs["a"], runs["b"], slices=[column], replicates=100)
    (pair,) = comparison.pairs
    assert sum(one.num_utterances for one in pair.slices) == NUM
    assert sum(one.num_reference_words for one in pair.slices) == comparison.num_reference_words
    errors = [sum(one.errors_a for one in pair.slices), sum(one.errors_b for one in pair.slices)]
    assert [one / comparison.num_reference_words for one in errors] == [pair.wer_a, pair.wer_b]


def test_slices_are_named_after_their_values(runs):
    """Values in order, those without one last, small ones marked."""
    comparison = earmark.compare(runs["a"], runs["b"], slices=["accent", "room", "speaker"], replicates=100)
    found = [(one.column, one.value, one.num_utterances, one.is_small) for one in comparison.pairs[0].slices]
    assert found[:5] == [
        ("accent", "in", 30, False),
        ("accent", "us", 30, False),
        ("accent", "(none)", 30, False),
        ("room", "0", 45, False),
        ("room", "1", 45, False),
    ]
    assert found[5] == ("speaker", "s0", 8, True)


def test_bins_have_the_edges_of_the_field(tmp_path):
    """An edge belongs to the bin above it; where no duration is known there is no bin."""
    durations_s = [4.99, 5.0, 9.0, 10.0, 20.0, 31.0]
    wav = write_wav(tmp_path / "x.wav", 32)
    items = tuple(
        earmark.Utterance(f"u{n}", earmark.AudioRef(wav.name, start_s=0.0, duration_s=length), "a b c d e f g h i j")
        for n, length in enumerate(durations_s)
    )
    source = ToySource(str(tmp_path), items)
    earmark.evaluate(Echo(source.texts), source, out=str(tmp_path / "run"))
    run = str(tmp_path / "run")
    (pair,) = earmark.compare(run, twin(run, tmp_path), slices=["duration", "speaking_rate"]).pairs
    assert [(one.column, one.value, one.num_utterances) for one in pair.slices] == [
        ("duration", "0-5 s", 1),
        ("duration", "5-10 s", 2),
        ("duration", "10-20 s", 1),
        ("duration", "20+ s", 2),
        ("speaking_rate", "0-1 words/s", 2),
        ("speaking_rate", "1-2 words/s", 2),
        ("speaking_rate", "2-3 words/s", 2),
    ]


def test_small_windows_change_nothing(runs, monkeypatch):
    """Memory is bounded without touching the answer."""
    whole = earmark.compare(runs["a"], runs["b"], slices=["accent", "duration"])
    monkeypatch.setattr(summarize, "WINDOW", 7)
    assert earmark.compare(runs["a"], runs["b"], slices=["accent", "duration"]) == whole


def test_failed_utterances_are_left_out_and_counted(runs):
    """Two failed in one run; they count for neither."""
    comparison = earmark.compare(runs["a"], runs["broken"])
    assert comparison.num_utterances == NUM - 2
    assert comparison.left_out == {"failed in broken": 2}
    assert "utt-003" not in {one.id for one in comparison.pairs[0].fixed}


def test_a_run_that_was_never_scored_is_compared_by_what_was_typed(tmp_path):
    """A kill before the end leaves no summary; where nobody said it, that is said."""
    source = toy_source(tmp_path / "audio", 8)
    for name in ("killed", "whole"):
        earmark.evaluate(Noisy(source.texts), source, out=str(tmp_path / name), normalizer="whisper-en")
    folder, whole = tmp_path / "killed", str(tmp_path / "whole")
    (folder / layout.SUMMARY).unlink()
    comparison = earmark.compare(str(folder), whole)
    assert (comparison.normalizer.name, comparison.is_assumed, comparison.scored_otherwise) == ("whisper-en", False, {})
    assert earmark.report(folder, audio="none").notes == ()
    spec = json.loads((folder / layout.SPEC).read_text())
    del spec["asked"]["normalizer"]
    (folder / layout.SPEC).write_text(json.dumps(spec))
    comparison = earmark.compare(str(folder), whole)
    assert (comparison.normalizer.name, comparison.is_assumed) == ("basic", True)
    assert not earmark.compare(str(folder), whole, normalizer="none").is_assumed
    assert "does not say by which normalizer" in earmark.report(folder, audio="none").notes[0]


def test_several_runs_are_adjusted_by_holm(runs):
    """Each beside the first, over what all have scored; every test, in a gate as in the table."""
    comparison = earmark.compare(runs["a"], runs["b"], runs["good"], runs["broken"])
    assert comparison.num_utterances == NUM - 2
    b, good, perfect = comparison.pairs
    assert b.p_adjusted == b.p
    assert max(good.p, perfect.p) < b.p
    assert good.p_adjusted >= 2 * min(good.p, perfect.p)
    for raw, adjusted in (
        ([pair.mapsswe.p for pair in comparison.pairs], [pair.mapsswe_p_adjusted for pair in comparison.pairs]),
        ([pair.mcnemar_p for pair in comparison.pairs], [pair.mcnemar_p_adjusted for pair in comparison.pairs]),
    ):
        assert adjusted == holm(raw) != raw
    assert (b.values()["mapsswe_p"], b.values()["mcnemar_p"]) == (b.mapsswe_p_adjusted, b.mcnemar_p_adjusted)
    assert perfect.wer_b == 0
    assert [pair.a for pair in comparison.pairs] == ["a"] * 3
    unsure = dataclasses.replace(good, p_adjusted=0.06)
    assert (good.verdict, unsure.verdict) == ("better", "undecided")
    assert "p = 0.060" in unsure.sentence


def partial(source, keep, folder, **changes):
    """A run over some of the utterances, with other references if ``changes`` say so."""
    items = tuple(dataclasses.replace(item, **changes) for item in source.items if keep(int(item.id[-3:])))
    part = ToySource(source.root, items)
    earmark.evaluate(Echo(source.texts), part, out=str(folder))
    return str(folder)


def test_other_ids_are_refused_unless_intersected(runs, source, tmp_path):
    """With how many, and which is the first on each side."""
    few = partial(source, lambda n: n % 2 == 0, tmp_path / "few")
    other = partial(source, lambda n: n % 3 == 0, tmp_path / "other")
    with pytest.raises(UsageError) as caught:
        earmark.compare(few, other)
    assert str(caught.value) == (
        "few and other are not of the same utterances: "
        "30 only in few (first: 'utt-002'), 15 only in other (first: 'utt-003')"
    )
    assert caught.value.hint.startswith("--intersect")
    comparison = earmark.compare(few, other, runs["a"], intersect=True)
    assert comparison.num_utterances == 15
    assert comparison.left_out == {"not in all runs": NUM - 15}
    with pytest.raises(UsageError, match=r"45 only in a \(first: 'utt-001'\)"):
        earmark.compare(few, runs["a"])


def test_the_order_of_the_data_does_not_matter(runs, source, tmp_path):
    """Utterances belong together by id alone."""
    turned = ToySource(source.root, tuple(reversed(source.items)))
    earmark.evaluate(Noisy(source.texts, error_rate=0.2, seed=1), turned, out=str(tmp_path / "b"))
    assert earmark.compare(runs["a"], str(tmp_path / "b")).pairs == earmark.compare(runs["a"], runs["b"]).pairs


def test_nothing_in_common_is_nothing_to_compare(source, tmp_path):
    """Not even with --intersect."""
    even = partial(source, lambda n: n == 2, tmp_path / "even")
    odd = partial(source, lambda n: n == 3, tmp_path / "odd")
    with pytest.raises(UsageError, match="there is nothing to compare"):
        earmark.compare(even, odd, intersect=True)
    with pytest.raises(UsageError, match="not of the same utterances") as caught:
        earmark.compare(even, odd)
    assert caught.value.hint is None


def test_other_references_are_refused(runs, source, tmp_path):
    """Unless the normalizer makes them the same."""
    other = partial(source, lambda n: True, tmp_path / "other", reference="another text")
    with pytest.raises(UsageError, match="90 references differ between a and other, first: 'utt-000'"):
        earmark.compare(runs["a"], other)
    first = source.items[0]
    one = partial(source, lambda n: n == 0, tmp_path / "one")
    loud = partial(source, lambda n: n == 0, tmp_path / "loud", reference=first.reference.upper())
    assert earmark.compare(one, loud).pairs[0].interval is None
    with pytest.raises(UsageError, match="1 references differ"):
        earmark.compare(one, loud, normalizer="none")


def test_without_references_there_is_nothing_to_compare(source, tmp_path):
    """The reason is said."""
    mute = partial(source, lambda n: True, tmp_path / "mute", reference=None)
    with pytest.raises(UsageError) as caught:
        earmark.compare(mute, twin(mute, tmp_path))
    assert caught.value.cause == f"90 skipped in mute: {NO_REFERENCE_RULE}"


def test_the_first_runs_normalizer_is_taken_and_nothing_is_written(runs, source, tmp_path):
    """Old scores of another normalizer are never read, and the folders stay as they are."""
    for name in ("a", "b"):
        shutil.copytree(runs[name], tmp_path / name)
    run_a, run_b = str(tmp_path / "a"), str(tmp_path / "b")
    earmark.score(run_a, normalizer="none")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    comparison = earmark.compare(run_a, run_b)
    assert comparison.normalizer.name == "none"
    assert earmark.compare(run_b, run_a).normalizer.name == "basic"
    assert earmark.compare(run_b, run_a, normalizer="whisper-en").normalizer.name == "whisper-en"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    (tmp_path / "a" / "summary.json").unlink()
    (tmp_path / "b" / "scores.parquet").unlink()
    assert earmark.compare(run_a, run_b).pairs == earmark.compare(runs["a"], runs["b"]).pairs
    (tmp_path / "a" / "summary.json").write_text("[]")
    with pytest.raises(StoreError, match=r"summary\.json in .*/a is damaged"):
        earmark.compare(run_b, run_a)


def test_a_damaged_part_is_named(runs, source, tmp_path, monkeypatch):
    """Its utterances count as not transcribed, and the others are compared."""
    monkeypatch.setattr(plan, "_MOST_SHARD_S", (3.0, 3.0))
    earmark.evaluate(Echo(source.texts), source, out=str(tmp_path / "b"), max_batch_s=3.0)
    part = min((tmp_path / "b" / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:-9])
    comparison = earmark.compare(runs["a"], str(tmp_path / "b"))
    assert comparison.damaged_parts == (f"b: parts/{part.name}",)
    assert comparison.left_out == {f"skipped in b: {NOT_DONE_RULE}": NUM - comparison.num_utterances}
    assert 0 < comparison.num_utterances < NUM


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"slices": ["acent"]}, UnknownNameError, "no column to slice by 'acent'"),
        ({"normalizer": "basik"}, UnknownNameError, "no normalizer 'basik'"),
        ({"replicates": 0}, UsageError, "--replicates 0 is no number from 1"),
        ({"fail_if": "delta > 1"}, UsageError, "cannot understand the condition 'delta > 1'"),
    ],
)
def test_bad_arguments_are_bad_usage(runs, arguments, error, text):
    """Each with a sentence."""
    with pytest.raises(error) as caught:
        earmark.compare(runs["a"], runs["b"], **arguments)
    assert str(caught.value) == text
    assert caught.value.exit_code == 2


def test_a_folder_without_a_run_is_refused(runs, tmp_path):
    """Whichever of the two it is."""
    with pytest.raises(FolderError, match="cannot use"):
        earmark.compare(runs["a"], str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_a_gate_takes_a_round_number_for_what_it_is(tmp_path):
    """Seven errors in a hundred words are not more than 7 per cent."""
    said = ["a b c d e f g h i j"] * 10
    heard = [*said[:3], *(text.replace("a", "x") for text in said[3:])]
    sides = imported(said, heard, tmp_path)
    earmark.compare(*sides, fail_if="delta_wer > 7").check()
    with pytest.raises(GateFailedError):
        earmark.compare(*sides, fail_if="delta_wer >= 7").check()


def test_a_gate_fails_for_the_pairs_that_it_holds_for(runs, tmp_path):
    """The comparison comes back all the same; its check raises."""
    comparison = earmark.compare(
        runs["good"], twin(runs["good"], tmp_path), runs["a"], fail_if="delta_wer > 5 and p < 0.05"
    )
    assert [pair.b for pair in comparison.failed_pairs] == ["a"]
    with pytest.raises(GateFailedError) as caught:
        comparison.check()
    assert caught.value.values == {
        "delta_wer": pytest.approx(100 * comparison.pairs[1].delta_wer),
        "p": comparison.pairs[1].p_adjusted,
    }
    assert caught.value.exit_code == 4
    earmark.compare(runs["a"], runs["good"], fail_if="delta_wer > 5 and p < 0.05").check()
    earmark.compare(runs["a"], runs["good"]).check()


def test_the_json_holds_everything(runs):
    """And is JSON: no nan, no infinity."""
    comparison = earmark.compare(runs["a"], runs["good"], slices=["accent"], fail_if="p < 2")

    def refuse(text):
        raise AssertionError(text)

    facts = json.loads(comparison.to_json(), parse_constant=refuse)
    assert (facts["labels"], facts["num_utterances"], facts["is_gate_failed"]) == (["a", "good"], NUM, True)
    (pair,) = facts["pairs"]
    assert pair["sentence"] == comparison.pairs[0].sentence
    assert len(pair["fixed"]) == len(comparison.pairs[0].fixed)
    assert pair["slices"][0]["wer_a"] == comparison.pairs[0].slices[0].wer_a
    assert pair["verdict"] == "better"
