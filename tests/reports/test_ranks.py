"""The errors of each rank: every utterance is of one rank, and the ranks add up to the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.cli.ranks import print_ranks
from earmark.recognizers.doubles import Failing, Noisy
from earmark.reports.ranks import errors_by_rank, write_ranks
from earmark.reports.summary import RankErrors
from earmark.scoring.speechbrain_summary import SpeechBrainSummary
from earmark.store import layout
from earmark.store.reader import windows
from earmark.store.run import RunStore
from earmark.verbs.evaluate import evaluate
from tests.toys import ToySource, toy_source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


def run_of_two(recognizer, source, out: Path, **chosen):
    """A run of two workers, its summary, and the rank of each utterance as its rows say it."""
    summary = evaluate(recognizer, source, out=out, normalizer="none", max_batch_s=1.0, workers=2, **chosen)
    store = RunStore.at(str(out))
    [rows] = windows(store.folder, store.progress(store.spec()).part_names, 12, 100)
    return store, summary, rows


def test_ranks_add_up_to_the_run_and_each_has_its_own_utterances(source, tmp_path):
    """Nothing is counted twice: the integers of all ranks are those of the summary; what else they are is not kept."""
    store, summary, rows = run_of_two(Noisy(source.texts, error_rate=0.4), source, tmp_path / "run")
    with pytest.raises(AssertionError, match="add up to"):
        write_ranks(store, (RankErrors(0, SpeechBrainSummary(num_scored_sents=1)),), summary)
    assert not store.folder.has(layout.RANKS)
    ranks = errors_by_rank(store, store.spec())
    assert sum((one.errors for one in ranks), SpeechBrainSummary()) == SpeechBrainSummary.of(summary.counts)
    assert {one.rank: one.errors.num_scored_sents for one in ranks} == {
        rank: rows["rank"].to_pylist().count(rank) for rank in set(rows["rank"].to_pylist())
    }
    write_ranks(store, ranks, summary)
    kept = json.loads(store.folder.read(layout.RANKS))
    assert kept["summary"] == SpeechBrainSummary.of(summary.counts).facts()
    assert {int(rank): facts for rank, facts in kept["ranks"].items()} == {
        one.rank: one.errors.facts() for one in ranks
    }


def test_a_failed_utterance_is_absent_from_its_rank(source, tmp_path):
    """As SpeechBrain says of a sentence without a hypothesis."""
    recognizer = Failing(source.texts, ids="utt-002,utt-009")
    store, summary, rows = run_of_two(recognizer, source, tmp_path / "run", batch_size=1)
    ranks = errors_by_rank(store, store.spec())
    added = sum((one.errors for one in ranks), SpeechBrainSummary())
    assert added == SpeechBrainSummary.of(summary.counts, 2)
    failed = [row["rank"] for row in rows.to_pylist() if row["error"] is not None]
    assert {one.rank: one.errors.num_absent_sents for one in ranks if one.errors.num_absent_sents} == {
        rank: failed.count(rank) for rank in set(failed)
    }


def test_a_long_utterance_in_pieces_is_of_one_rank(source, tmp_path):
    """That of its first piece, whoever did the others."""
    recognizer = Noisy(source.texts, error_rate=0.4)
    recognizer._max_audio_s = 0.3
    store, summary, rows = run_of_two(recognizer, source, tmp_path / "run", batch_size=1)
    assert len(rows) > 12
    added = sum((one.errors for one in errors_by_rank(store, store.spec())), SpeechBrainSummary())
    assert added == SpeechBrainSummary.of(summary.counts)


def test_the_table_has_a_row_for_each_rank_and_one_for_all(capsys):
    """Its rates are of the added counts, never the mean of rates; a rank without a word has none."""
    ranks = (
        RankErrors(
            0, SpeechBrainSummary(num_scored_tokens=10, num_scored_sents=2, substitutions=1, num_erraneous_sents=1)
        ),
        RankErrors(3, SpeechBrainSummary(num_scored_tokens=90, num_scored_sents=2)),
        RankErrors(4, SpeechBrainSummary(num_absent_sents=1)),
    )
    print_ranks(ranks)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["0", "10.00", "50.00", "2", "1", "0", "10", "1", "1", "0", "0"] in rows
    assert ["3", "0.00", "0.00", "2", "0", "0", "90", "0", "0", "0", "0"] in rows
    assert ["4", "n/a", "n/a", "0", "0", "1", "0", "0", "0", "0", "0"] in rows
    assert ["all", "1.00", "25.00", "4", "1", "1", "100", "1", "1", "0", "0"] in rows


def test_without_ranks_there_is_no_table(capsys):
    """Other engines say nothing of ranks."""
    print_ranks(())
    assert capsys.readouterr().out == ""
