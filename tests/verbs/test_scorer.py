"""The same flag in every verb: what counts the errors."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest

from earmark.cli.main import run as command
from earmark.errors import UnknownNameError
from earmark.recognizers.doubles import Echo, Failing
from earmark.scoring.identity import ScorerIdentity
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.store import layout
from earmark.verbs.compare import compare
from earmark.verbs.evaluate import evaluate
from earmark.verbs.score import score
from tests.toys import ToySource, toy_source

TEXTS = {"utt-000": "他们在北京大学学习中文", "utt-001": "今天天气很好", "utt-002": "去 new york 玩"}
HEARD = {**TEXTS, "utt-000": "他们在南京大学学中文"}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    plain = toy_source(tmp_path_factory.mktemp("data"), 3)
    return ToySource(plain.root, tuple(dataclasses.replace(one, reference=TEXTS[one.id]) for one in plain.items))


def test_a_run_is_scored_by_the_scorer_that_was_chosen(source, tmp_path):
    """Its name is in the summary, its tokens in the mistakes files, and scoring again keeps to it."""
    summary = evaluate(Echo(HEARD), source, out=str(tmp_path / "run"), normalizer="none", scorer="mixed")
    assert (summary.scorer.name, summary.wer) == ("mixed", 2 / 21)
    [mistakes] = (tmp_path / "run" / layout.MISTAKES).glob("*.parquet")
    [row] = pd.read_parquet(mistakes).to_dict("records")
    assert row["diff"] == "他 们 在 [北->南] 京 大 学 学 [-习-] 中 文"
    assert score(tmp_path / "run").scores_hash == summary.scores_hash
    words = score(tmp_path / "run", scorer="levenshtein")
    assert (words.wer, words.scorer, words.is_unsegmented) == (1 / 6, LEVENSHTEIN.identity, False)
    assert json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["scorer"]["name"] == "levenshtein"


def test_other_scorers_make_the_mistakes_anew(source, tmp_path):
    """A run that is done goes on with another scorer: its files are of that one."""
    for scorer in ("levenshtein", "mixed"):
        evaluate(Echo(HEARD), source, out=str(tmp_path / "run"), normalizer="none", scorer=scorer)
    found = pd.concat(map(pd.read_parquet, (tmp_path / "run" / layout.MISTAKES).glob("*.parquet")))
    assert found["sample_wer"].tolist() == [2 / 11]


def test_failed_words_are_the_scorers_tokens(source, tmp_path):
    """As deletions they weigh what they weigh when scored."""
    summary = evaluate(
        Failing(TEXTS, ids="utt-001"), source, out=str(tmp_path / "run"), normalizer="none", scorer="mixed"
    )
    assert summary.wer_failed_as_deletions == 6 / 21


def test_runs_are_compared_by_one_scorer(source, tmp_path):
    """That of the first run's summary, or the one that is named."""
    for name, texts in (("a", TEXTS), ("b", HEARD)):
        evaluate(Echo(texts), source, out=str(tmp_path / name), normalizer="none", scorer="mixed")
    runs = [str(tmp_path / name) for name in "ab"]
    assert compare(*runs).scorer.name == "mixed"
    assert compare(*runs).pairs[0].delta_wer == 2 / 21
    named = compare(*runs, scorer="levenshtein")
    assert (named.pairs[0].delta_wer, named.scorer) == (1 / 6, LEVENSHTEIN.identity)
    assert isinstance(named.scorer, ScorerIdentity)


def test_an_unknown_scorer_is_refused_before_anything_is_done(source, tmp_path):
    """In each verb, and nothing is made."""
    with pytest.raises(UnknownNameError):
        evaluate(Echo(), source, out=str(tmp_path / "run"), scorer="slite")
    assert not (tmp_path / "run").exists()


def test_scorers_are_listed(capsys):
    """By ls, with a line each."""
    assert command(["ls", "scorers"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("levenshtein", "sclite", "speechbrain", "open-asr", "mixed"))
