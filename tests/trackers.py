"""Toy trackers that behave in one known way each, and readers of what the real ones wrote."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earmark.tracking.base import Point, Result, RunCard

_BLOCK_BYTES, _HEADER_BYTES, _FILE_HEADER_BYTES = 32_768, 7, 7
_LAST_PIECES = (1, 4)


@dataclass
class ToyTracker:
    """Keeps what it is told. In the call ``bad`` it hangs until ``release`` is set, or raises ``error``."""

    bad: str = ""
    error: Exception | None = None
    calls: list[str] = field(default_factory=list)
    card: RunCard | None = None
    points: list[Point] = field(default_factory=list)
    result: Result | None = None
    place: str | None = "http://toy/run"
    is_in_it: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    has_left: threading.Event = field(default_factory=threading.Event)

    def called(self, name: str) -> None:
        self.calls.append(name)
        if name == self.bad:
            self.is_in_it.set()
            if self.error is not None:
                raise self.error
            self.release.wait()
            self.has_left.set()

    def load(self) -> None:
        self.called("load")

    def begin(self, card: RunCard) -> str:
        self.card = card
        self.called("begin")
        return card.kept_id or "toy-1"

    def log(self, points) -> None:
        self.called("log")
        self.points.extend(points)

    def finish(self, result: Result) -> None:
        self.called("finish")
        self.result = result


@dataclass
class Seen:
    """What a tracker has of a run, whatever the tracker."""

    config: dict[str, str]
    numbers: dict[str, float]
    history: dict[str, list[tuple[int, float]]]
    tables: dict[str, dict[str, Any]]
    is_finished: bool


def wandb_runs(folder: Path) -> list[Seen]:
    """The runs that were written without a server, one for each time that one was begun."""
    return [_of_records(path) for path in sorted(folder.glob("*/wandb/offline-run-*/run-*.wandb"))]


def _of_records(path: Path) -> Seen:
    config: dict[str, str] = {}
    numbers: dict[str, float] = {}
    history: dict[str, list[tuple[int, float]]] = {}
    code = None
    for record in _records(path):
        for update in [*record.run.config.update, *record.config.update]:
            config[update.key] = str(json.loads(update.value_json))
        for update in record.summary.update:
            if update.key and isinstance(value := json.loads(update.value_json), int | float):
                numbers[update.key] = value
        for item in record.history.item:
            if item.nested_key[:1] and item.nested_key[0].startswith("live/"):
                value = json.loads(item.value_json)
                history.setdefault(item.nested_key[0], []).append((record.history.step.num, value))
        code = record.exit.exit_code if record.HasField("exit") else code
    tables = {
        each.name.partition("_")[0]: json.loads(each.read_text())
        for each in path.parent.glob("files/media/table/*.table.json")
    }
    return Seen(config, numbers, history, tables, is_finished=code == 0)


def _records(path: Path) -> Iterator[Any]:
    """The protobuf records of a transaction log, which has LevelDB's form: pieces in blocks, with a header each."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = path.read_bytes(), _FILE_HEADER_BYTES, b""
    while place + _HEADER_BYTES <= len(data):
        left = _BLOCK_BYTES - place % _BLOCK_BYTES
        _, length, kind = struct.unpack("<IHB", data[place : place + _HEADER_BYTES])
        if left < _HEADER_BYTES or kind == 0:
            place += left
            continue
        place += _HEADER_BYTES
        whole += data[place : place + length]
        place += length
        if kind in _LAST_PIECES:
            record = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def mlflow_run(uri: str, run_id: str) -> Seen:
    """A run of a database or a server."""
    from mlflow import MlflowClient
    from mlflow.artifacts import load_dict

    client = MlflowClient(uri)
    run = client.get_run(run_id)
    history = {
        key: [(one.step, one.value) for one in client.get_metric_history(run_id, key)] for key in run.data.metrics
    }
    tables = {
        Path(one.path).stem.partition("_")[0]: load_dict(f"{run.info.artifact_uri}/{one.path}")
        for one in client.list_artifacts(run_id, "earmark")
    }
    return Seen(
        {**run.data.params, **run.data.tags},
        run.data.metrics,
        history,
        tables,
        is_finished=run.info.status == "FINISHED",
    )
