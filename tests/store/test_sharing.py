"""Several drivers of one run: each share once, never beside the whole, and nobody begins while another ends."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from earmark.errors import RunLockedError, StoppedWaitingError
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.lock import Sharing, alone, locked
from tests.store.parts import memory_folder

PATIENCE_S = 60.0
HOLD = """
import sys
from pathlib import Path
from earmark.store.folder import LocalFolder
from earmark.store.lock import Sharing
with Sharing(LocalFolder(Path(sys.argv[1])), "1-of-2") as sharing:
    with sharing.beginning():
        pass
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "run")


@contextmanager
def begun(folder: LocalFolder, name: str) -> Iterator[Sharing]:
    with Sharing(folder, name) as sharing:
        with sharing.beginning():
            pass
        yield sharing


@contextmanager
def gate_held(folder: LocalFolder) -> Iterator[None]:
    """Somebody else begins or ends: another thread, since no thread waits for itself."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(folder, name=f"{layout.LOCK}-gate"):
            is_held.set()
            is_over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(PATIENCE_S)
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_share_is_had_once_and_beside_others(folder):
    """Two shares at a time, and the same one again when it is given back."""
    with begun(folder, "1-of-2"), begun(folder, "2-of-2"), pytest.raises(RunLockedError), begun(folder, "1-of-2"):
        pytest.fail("two have the same share")
    with begun(folder, "1-of-2"):
        pass


def test_a_share_of_another_number_of_drivers_is_refused_while_one_is_at_work(folder):
    """Both would do some of the same batches; when the one is done, the other may begin."""
    with Sharing(folder, "2-of-2") as sharing, sharing.beginning():
        pass
    with Sharing(folder, "2-of-2") as sharing:
        with sharing.beginning():
            pass
        with Sharing(folder, "1-of-3") as other, pytest.raises(RunLockedError), other.beginning():
            pytest.fail("it began")
    with Sharing(folder, "1-of-3") as other, other.beginning():
        pass


def test_a_dead_driver_s_share_is_free(folder):
    """While it lives it is named; killed, it keeps neither its share nor the whole run from anybody."""
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        for attempt in (lambda: begun(folder, "1-of-2"), lambda: alone(folder)):
            with pytest.raises(RunLockedError) as refused, attempt():
                pytest.fail("it is held")
            assert f"process {process.pid} on" in refused.value.holder
        process.kill()
        process.wait()
    with begun(folder, "1-of-2"):
        pass
    with alone(folder):
        pass


def test_the_whole_run_and_a_share_exclude_each_other(folder):
    """The one would do again what the other is doing; neither keeps the other out by a file that is left."""
    with begun(folder, "3-of-16"), pytest.raises(RunLockedError), alone(folder):
        pytest.fail("a share is at work")
    with alone(folder), pytest.raises(RunLockedError), begun(folder, "3-of-16"):
        pytest.fail("the whole run is at work")
    with begun(folder, "3-of-16"):
        pass


def test_the_one_that_ends_last_is_told_so(folder):
    """The first to end is not the last; within its end nobody takes the whole run."""
    with begun(folder, "1-of-2") as one, begun(folder, "2-of-2") as two:
        with one.ending() as is_last:
            assert not is_last
        with two.ending() as is_last:
            assert is_last
            with pytest.raises(RunLockedError), locked(folder):
                pytest.fail("the last one makes the summary")
        with alone(folder):
            pass


def test_nobody_begins_while_another_begins_or_ends(folder):
    """The second waits at the gate until the first has made what it needs, and says once whom it waits for."""
    order: queue.Queue[str] = queue.Queue()

    def second() -> None:
        with Sharing(folder, "2-of-2", on_wait=order.put) as sharing, sharing.beginning():
            order.put("second")

    thread = threading.Thread(target=second)
    with Sharing(folder, "1-of-2") as sharing:
        with sharing.beginning():
            thread.start()
            assert order.get(timeout=PATIENCE_S).startswith(f"process {os.getpid()} on ")
            assert order.empty()
            order.put("first")
        thread.join()
        assert [order.get_nowait(), order.get_nowait()] == ["first", "second"]
        assert order.empty()


def test_a_stop_is_heard_at_the_gate(folder):
    """Nobody need wait for another; a share that was stopped at its end is free again."""
    told: list[str] = []
    stopped = Sharing(folder, "2-of-2", stop=lambda: bool(told), on_wait=told.append)
    with stopped, stopped.beginning():
        pass
    for act in (stopped.beginning, stopped.ending):
        told.clear()
        with (
            gate_held(folder),
            stopped,
            pytest.raises(StoppedWaitingError, match=f"process {os.getpid()} on "),
            act(),
        ):
            pytest.fail("the gate is held")
        assert len(told) == 1
    with begun(folder, "2-of-2"):
        pass


def test_who_asks_to_stop_begins_where_nobody_is_in_the_way(folder):
    """The run itself says how far it is."""
    with Sharing(folder, "2-of-2", stop=lambda: True) as sharing, sharing.beginning():
        pass


def test_an_error_gives_the_share_back(folder):
    """It ends badly, and may begin again."""
    with pytest.raises(LookupError), begun(folder, "1-of-2"):
        raise LookupError
    with begun(folder, "1-of-2"):
        pass


def test_an_object_store_knows_no_others():
    """There is no lock there, so nobody is refused and nobody knows whether it is the last."""
    folder = memory_folder()
    with begun(folder, "1-of-2") as one, begun(folder, "1-of-2"), alone(folder):
        assert not one.sees_others
        with one.ending() as is_last:
            assert is_last
