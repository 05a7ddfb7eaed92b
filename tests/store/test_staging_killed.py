"""Staging dies at its first operation on the disk, at its second, at its third, until it survives."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from earmark.audio.decode import decode
from earmark.planning import in_order
from earmark.planning.guided import ShardSize
from earmark.store import group
from earmark.store.disk import Disk
from earmark.verbs.stage import stage
from tests.store.test_killed_at_every_operation import EVERY, KILLED, MOST_OPERATIONS, OPERATIONS
from tests.toys import ToySource, toy_source

# Its children are forks of a process without threads, so hundreds of them start in seconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def work_and_die(work: Callable[[ToySource, Path], object], source: ToySource, to: Path, fatal: int) -> None:
    """Do some staging, and end the process in the middle of the disk operation number ``fatal``, from 1.

    Each file is synced by the thread that does it in large groups.
    """
    numbers = itertools.count(1)

    def mortal(method):
        @functools.wraps(method)
        def wrapper(self, *arguments):
            if next(numbers) == fatal:
                if method.__name__ == "write":  # a torn write: half of the bytes reach the disk
                    file, data = arguments
                    file.write(bytes(data)[: len(data) // 2])
                    file.flush()
                os._exit(KILLED)
            return method(self, *arguments)

        return wrapper

    group._SYNCED_TOGETHER = 1
    for name in OPERATIONS:
        setattr(Disk, name, mortal(getattr(Disk, name)))
    work(source, to)
    os._exit(0)


def stage_in_parts(source: ToySource, to: Path, *, verify: bool = False) -> None:
    """Stage with a part for each utterance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_order, "_SIZE", ShardSize(least_s=1.0, most_s=60.0, most_rows=1))
        stage(source, to, verify=verify)


def verify_in_parts(source: ToySource, to: Path) -> None:
    """The same, and verify."""
    stage_in_parts(source, to, verify=True)


def files(folder: Path) -> dict[str, bytes]:
    """The table, what is said of the set, and the audio."""
    found = [folder / "utterances.parquet", folder / "staged.json", *folder.joinpath("audio").rglob("*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 2)


@EVERY
def test_a_set_killed_at_any_disk_operation_ends_like_one_that_never_was(every, source, tmp_path):
    """For every n: what is visible is whole, and the next start ends with the same bytes and nothing beside them."""
    stage(source, tmp_path / "truth")
    truth = files(tmp_path / "truth")
    for fatal in range(1, MOST_OPERATIONS, every):
        to = tmp_path / str(fatal)
        child = CONTEXT.Process(target=work_and_die, args=(stage, source, to, fatal))
        child.start()
        child.join()
        assert child.exitcode in (0, KILLED)
        for path in to.rglob("[!.]*.parquet"):
            pq.read_table(path)
        for path in to.rglob("[!.]*.flac"):
            decode(str(path), max_decoded_s=60)
        stage(source, to)
        assert files(to) == truth, fatal
        if child.exitcode == 0:
            assert fatal > 30, "staging has more operations than that: were they counted?"
            return
    pytest.fail("it never survived")


@EVERY
def test_a_verification_killed_at_any_disk_operation_hides_no_damage(every, source, tmp_path):
    """For every n: the next start, which is not told to verify, ends with the true bytes, or is the first to change."""
    truth = tmp_path / "truth"
    stage_in_parts(source, truth)
    assert len(list(truth.glob("parts/*.parquet"))) == len(source.items)
    expected = files(truth)
    damaged = tmp_path / "damaged"
    shutil.copytree(truth, damaged)
    for path in damaged.rglob("*.wav"):
        path.write_bytes(b"harm" + path.read_bytes()[4:])
    harm = files(damaged)
    num_begun = 0
    for fatal in range(1, MOST_OPERATIONS, every):
        to = tmp_path / str(fatal)
        shutil.copytree(damaged, to)
        child = CONTEXT.Process(target=work_and_die, args=(verify_in_parts, source, to, fatal))
        child.start()
        child.join()
        assert child.exitcode in (0, KILLED)
        if files(to) != harm:  # else it was killed before it could write what it had found
            num_begun += 1
            stage_in_parts(source, to)
            assert files(to) == expected, fatal
        shutil.rmtree(to)
        if child.exitcode == 0:
            least = 10 * len(source.items)
            assert num_begun * every > least, "verification has more operations than that: were they counted?"
            return
    pytest.fail("it never survived")
