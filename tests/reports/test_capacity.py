"""What workers did and cost: all attempts are paid for, killed ones by their work."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict

import pytest

from earmark.records import Receipt
from earmark.reports.capacity import WorkerTime, capacity, workers_at_work
from earmark.reports.prices import DevicePrice
from earmark.reports.speed import Attempt
from earmark.reports.usage import Cost

L4 = DevicePrice(device="L4", per_hour=3.6, currency="USD", as_of="2026-01-01", source="here")


def receipt(attempt: str, worker_s: float, audio_s: float = 100.0) -> Receipt:
    return Receipt(
        part="p", spec_fingerprint="f", batches=(0,), num_piece_rows=0, num_rows=1, num_failed=0, num_splits=0,
        audio_s=audio_s, compute_s=worker_s / 2, wait_s=0.0, worker_s=worker_s, rank=0, device="cuda", host="h",
        attempt=attempt, versions={},
    )  # fmt: skip


def worker(rank: int, worker_s: float, compute_s: float, device: str = "cuda") -> dict:
    return asdict(
        WorkerTime(rank=rank, host="h", device=device, num_parts=1, audio_s=1.0, worker_s=worker_s, compute_s=compute_s)
    )


def attempt(name: str, *, price: DevicePrice | None = L4, **facts: object) -> Attempt:
    usual = {
        "num_rows": 1,
        "engine_s": 20.0,
        "cold_start_s": 4.0,
        "workers": [worker(0, 16.0, 12.0), worker(1, 8.0, 4.0)],
    }
    return Attempt(
        attempt=name, started=name, wall_s=30.0, audio_s=100.0, engine="processes", num_workers=2,
        outcome="finished", device_price=asdict(price) if price else None, **{**usual, **facts},
    )  # fmt: skip


def test_shares_are_of_the_time_after_the_start():
    """Two workers for 16 s after 4 s of loading: 24 s of work, 12 s and 4 s of it in the recognizer."""
    found = capacity([receipt("a", 24.0)], [attempt("a")], None)
    assert found.cold_start_s == 4.0
    assert found.parallel_efficiency == 24.0 / 32.0
    assert [asdict(one) for one in found.devices] == [
        {"device": "cuda", "num_workers": 2, "busy_share": 0.5, "least_busy_share": 0.25}
    ]


def test_a_page_has_the_workers_of_the_attempt_that_the_shares_are_of():
    """With the same time after the start-up: what a later attempt did not do hides nothing."""
    kept = [attempt("a"), attempt("idle", num_rows=0, workers=[])]
    assert [(one["compute_s"], one["could_s"]) for one in workers_at_work(kept)] == [(12.0, 16.0), (4.0, 16.0)]
    assert workers_at_work([]) == []


def test_all_workers_of_all_attempts_are_paid_for():
    """From the start of the engine to its end; of an attempt that was killed only its work is known."""
    found = capacity(
        [receipt("a", 24.0), receipt("b", 5.0), receipt("killed", 7.0)], [attempt("a"), attempt("b")], None
    )
    assert found.paid_s == 2 * 2 * 20.0 + 7.0
    assert found.cost.amount == pytest.approx(87.0 * 3.6 / 3600)
    assert found.cost.currency == "USD"
    assert found.cost_per_audio_hour == pytest.approx(0.087 * 3600 / 300)


def test_an_attempt_without_a_price_is_named():
    """It is not in the sum, and the sum says so."""
    found = capacity([receipt("a", 1.0)], [attempt("a"), attempt("b", price=None)], None)
    assert found.cost.amount == pytest.approx(0.04)
    assert "1 of 2 attempts have no price" in found.cost.basis


def test_calls_are_added_in_one_currency_only():
    """One that the user did not name counts as the same."""
    receipts, kept = [receipt("a", 1.0)], [attempt("a")]
    assert capacity(receipts, kept, Cost(amount=1.0, currency=None, basis="b")).cost.amount == pytest.approx(1.04)
    other = capacity(receipts, kept, Cost(amount=1.0, currency="EUR", basis="b")).cost
    assert other.amount == pytest.approx(0.04)
    assert "without calls, in EUR" in other.basis
    alone = capacity(receipts, [attempt("a", price=None)], Cost(amount=1.0, currency="EUR", basis="b")).cost
    assert (alone.amount, alone.currency) == (1.0, "EUR")


def test_attempts_of_earlier_versions_say_nothing():
    """They kept no times of workers; nothing is made up."""
    old = attempt("a", price=None, engine_s=0.0, cold_start_s=None, workers=())
    found = capacity([receipt("a", 1.0)], [old], None)
    assert (found.cold_start_s, found.parallel_efficiency, found.devices, found.cost) == (None, None, (), None)
    assert capacity([], [old], None) is None


def test_only_workers_that_were_started_are_paid_for():
    """Of eight that were asked for three began: one that did nothing, one with the engine, and one 15 s after it."""
    late = {**worker(1, 5.0, 2.5), "begun_s": 15.0}
    started = attempt("a", num_started=3, workers=[worker(0, 16.0, 12.0), late])
    found = capacity([receipt("a", 21.0)], [dataclasses.replace(started, num_workers=8)], None)
    assert found.paid_s == 20.0 + 20.0 + 5.0
    assert found.parallel_efficiency == 21.0 / (16.0 + 16.0 + 5.0)
    assert [one.least_busy_share for one in found.devices] == [0.5]
    assert found.price_as_of == "2026-01-01"


def test_attempts_in_another_currency_are_left_out_and_named():
    """The latest price says which currency the sum is in."""
    yen = dataclasses.replace(L4, currency="JPY", per_hour=3600.0)
    found = capacity([receipt("a", 1.0)], [attempt("a"), attempt("b", price=yen)], None).cost
    assert (found.amount, found.currency) == (pytest.approx(40.0), "JPY")
    assert "without attempts in USD" in found.basis
