"""How busy devices are while a run goes on, and how that is said."""

from __future__ import annotations

import pytest

from earmark.cli import progress
from earmark.records import Receipt
from earmark.verbs.busy import BusyDevices
from earmark.verbs.events import RunProgressed


def receipt(device: str, host: str = "one", *, compute_s: float, worker_s: float) -> Receipt:
    return Receipt(
        part="p", spec_fingerprint="f", batches=(), num_piece_rows=0, num_rows=1, num_failed=0, num_splits=0,
        audio_s=1.0, compute_s=compute_s, wait_s=0.0, worker_s=worker_s, rank=0, device=device, host=host, attempt="a",
        versions={},
    )  # fmt: skip


def test_each_device_has_the_share_of_its_workers_time():
    """All receipts of a device together; none is busier than always; a second machine names both."""
    busy = BusyDevices()
    busy.take(receipt("cuda:0", compute_s=3.0, worker_s=4.0))
    busy.take(receipt("cuda:0", compute_s=1.0, worker_s=4.0))
    busy.take(receipt("cuda:1", compute_s=2.1, worker_s=2.0))
    assert busy.shares() == {"cuda:0": pytest.approx(0.5), "cuda:1": 1.0}
    busy.take(receipt("cpu", "two", compute_s=0.0, worker_s=0.0))
    assert list(busy.shares()) == ["one cuda:0", "one cuda:1"]


def test_a_line_of_the_log_has_every_device(monkeypatch, capsys):
    """Behind the error rate so far, the speed and the time that is left."""
    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)
    event = RunProgressed(
        num_segments=10, num_segments_done=5, num_utterances_done=5, num_failed=0, remaining_audio_s=50.0, audio_s=50.0,
        elapsed_s=10.0, unix_ms=0, wer=0.25, busy={"cuda:0": 0.97, "cuda:1": 0.5},
    )  # fmt: skip
    with progress.observer_for("lines") as observer:
        observer(event)
    line = " 50%  5/10  WER this attempt 25.00 %  5.0 x real time (wall)  about 10 s left"
    assert capsys.readouterr().err == f"{line}  cuda:0 recognizing 97 %  cuda:1 recognizing 50 %\n"
