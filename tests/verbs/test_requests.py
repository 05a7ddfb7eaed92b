"""The two CSV files of a run with a job id."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from earmark import evaluate
from earmark.errors import UsageError
from earmark.recognizers.doubles import Echo
from earmark.verbs.requests import check_job_id, made_job_id

DEMO = Path(__file__).parents[2] / "src" / "earmark" / "demo"
REQUEST = ["num_samples", "wer", "rtfx", "total_time", "total_audio_length"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def run(tmp_path):
    heard = {"pause-the-music": "=pause, the\nmusic", "play-last-station": ""}
    folder = tmp_path / "run"
    return evaluate(Echo(heard), DEMO / "manifest.jsonl", out=folder, job_id="job-1"), folder


def test_a_row_for_each_worker(run):
    """Its numbers are those of the run, where one worker did all of it; WER is in per cent."""
    summary, folder = run
    [request] = rows(folder / "results_summaries" / "results_summary_job-1.csv")
    assert list(request) == REQUEST
    assert int(request["num_samples"]) == summary.num_utterances == 14
    assert float(request["wer"]) == pytest.approx(100 * summary.wer)
    assert float(request["total_audio_length"]) == pytest.approx(summary.audio_s)
    assert float(request["rtfx"]) == pytest.approx(float(request["total_audio_length"]) / float(request["total_time"]))


def test_a_row_for_each_utterance(run):
    """With what its worker did, both texts as they were said, and no cell that a spreadsheet runs."""
    _, folder = run
    found = rows(folder / "results" / "results_job-1.csv")
    assert len(found) == 14
    assert list(found[0]) == [*REQUEST, "transcriptions", "original_text", "dataset", "split"]
    texts = {row["original_text"]: row["transcriptions"] for row in found}
    assert texts["pause the music"] == "'=pause, the\nmusic"
    assert texts["play last station"] == ""
    assert {row["dataset"] for row in found} == {"manifest.jsonl"}
    assert len({row["wer"] for row in found}) == 1


def test_shares_write_them_when_the_last_one_ends(tmp_path):
    """Of all workers, under the job id that this one was given."""
    folder = tmp_path / "run"
    for shard in ("1/2", "2/2"):
        assert not list(folder.glob("results*"))
        evaluate(Echo(), DEMO / "manifest.jsonl", out=folder, max_batch_s=5.0, shard=shard, job_id="job-1")
    requests = rows(folder / "results_summaries" / "results_summary_job-1.csv")
    assert len(requests) == 2
    assert sum(int(request["num_samples"]) for request in requests) == 14
    assert len(rows(folder / "results" / "results_job-1.csv")) == 14


def test_without_a_job_id_there_are_no_such_files(tmp_path):
    """They are for those who ask."""
    evaluate(Echo(), DEMO / "manifest.jsonl", out=tmp_path / "run", limit=1)
    assert not list((tmp_path / "run").glob("results*"))


@pytest.mark.parametrize("job_id", ["", "../x", "a/b", ".hidden", "a\nb", "x" * 101])
def test_a_job_id_that_is_no_plain_name_is_refused(job_id):
    """It becomes the name of a file."""
    with pytest.raises(UsageError, match="plain name"):
        check_job_id(job_id)


@pytest.mark.parametrize("model", ["pocketsphinx", "hf:openai/whisper-tiny", "../x y", ""])
def test_a_job_id_that_is_made_is_a_plain_name(model):
    """Of the model and the time."""
    made = made_job_id(model)
    check_job_id(made)
    assert re.search(r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$", made)
