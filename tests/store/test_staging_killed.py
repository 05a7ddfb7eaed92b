"""Staging dies at its first operation on the disk, at its second, at its third, until it survives."""

from __future__ import annotations

import functools
import multiprocessing
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from earmark.audio.decode import decode
from earmark.store.disk import Disk
from earmark.verbs.stage import stage
from tests.store.test_killed_at_every_operation import KILLED, MOST_OPERATIONS, OPERATIONS
from tests.toys import ToySource, toy_source

# Its children are forks of a process without threads, so hundreds of them start in seconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def stage_and_die(source: ToySource, to: Path, fatal: int) -> None:
    """Stage, and end the process in the middle of the disk operation number ``fatal``, from 1."""
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
    stage(source, to)
    os._exit(0)


def files(folder: Path) -> dict[str, bytes]:
    """The table, what is said of the set, and the audio."""
    found = [folder / "utterances.parquet", folder / "staged.json", *folder.joinpath("audio").rglob("*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 2)


def test_a_set_killed_at_any_disk_operation_ends_like_one_that_never_was(source, tmp_path):
    """For every n: what is visible is whole, and the next start ends with the same bytes and nothing beside them."""
    stage(source, tmp_path / "truth")
    truth = files(tmp_path / "truth")
    for fatal in range(1, MOST_OPERATIONS):
        to = tmp_path / str(fatal)
        child = CONTEXT.Process(target=stage_and_die, args=(source, to, fatal))
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
