"""The program dies at its first operation on the disk, at its second, at its third, until it survives."""

from __future__ import annotations

import functools
import multiprocessing
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from earmark.recognizers.doubles import Noisy
from earmark.store import layout
from earmark.store.disk import Disk
from earmark.verbs.evaluate import evaluate
from earmark.verbs.merge import merge
from tests.toys import ToySource, toy_source

OPERATIONS = ("make_folder", "open_new", "write", "sync", "replace", "link", "remove", "sync_folder")
KILLED = 9
MOST_OPERATIONS = 1_000
EVERY = pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.soak)])
"""Kills at the first operation and each eleventh after it; in the soak at all of them."""

# Its children are forks of a process without threads, so hundreds of them start in seconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def run(source: ToySource, out: Path, max_batch_s: float = 0.5) -> str:
    return evaluate(
        Noisy(source.texts, error_rate=0.4), source, out=str(out), normalizer="none", max_batch_s=max_batch_s
    ).scores_hash


def run_and_die(source: ToySource, out: Path, fatal: int) -> None:
    """Run, and end the process in the middle of the disk operation number ``fatal``, from 1."""
    count = 0

    def mortal(method):
        @functools.wraps(method)
        def wrapper(self, *arguments):
            nonlocal count
            count += 1
            if count == fatal:
                if method.__name__ == "write":  # a torn write: half of the bytes reach the disk
                    file, data = arguments
                    file.write(bytes(data)[: len(data) // 2])
                    file.flush()
                os._exit(KILLED)
            return method(self, *arguments)

        return wrapper

    for name in OPERATIONS:
        setattr(Disk, name, mortal(getattr(Disk, name)))
    run(source, out)
    os._exit(0)


def exit_code_of_run(source: ToySource, out: Path, fatal: int) -> int | None:
    child = CONTEXT.Process(target=run_and_die, args=(source, out, fatal))
    child.start()
    child.join()
    return child.exitcode


def mistakes(out: Path) -> pd.DataFrame:
    merge(str(out))
    table = pd.read_parquet(out / layout.MERGED)
    return table.sort_values("index").drop(columns=["source_file", "batch_id"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 6)


@pytest.fixture(scope="module")
def truth(source: ToySource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "truth"
    run(source, out)
    return out


def assert_same_results(out: Path, truth: Path) -> None:
    assert (out / layout.SCORES).read_bytes() == (truth / layout.SCORES).read_bytes()
    pd.testing.assert_frame_equal(mistakes(out), mistakes(truth))


@EVERY
def test_a_run_killed_at_any_disk_operation_ends_like_one_that_never_was(every, source, truth, tmp_path):
    """For every n: after a kill at operation n what is visible is whole, and the next start ends the same."""
    for fatal in range(1, MOST_OPERATIONS, every):
        out = tmp_path / str(fatal)
        code = exit_code_of_run(source, out, fatal)
        assert code in (0, KILLED)
        for path in out.rglob("[!.]*.parquet"):
            pq.read_table(path)  # what is visible is whole
        run(source, out)
        assert_same_results(out, truth)
        if code == 0:
            assert fatal > 50, "a run has far more operations than that: were they counted?"
            return
    pytest.fail("it never survived")


@EVERY
def test_a_run_killed_again_and_again_still_comes_to_its_end(every, source, truth, tmp_path):
    """One folder, killed at a later operation of each start, ends with the same bytes of scores."""
    out = tmp_path / "run"
    for fatal in range(13, MOST_OPERATIONS, every):
        if exit_code_of_run(source, out, fatal) == 0:
            break
    assert_same_results(out, truth)
