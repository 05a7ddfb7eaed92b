"""A run in MLflow. Where it goes is said by that tool's own environment: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME.

Only its client is used, never its global run, so a run that the caller has open in this process stays the caller's. The
fields of the spec, which never change, are parameters; what may change, such as the normalizer, is in tags, which can.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from earmark.errors import MissingExtraError, without_secret
from earmark.tracking.base import Outcome, Point, Result, RunCard, Table, Value
from earmark.tracking.sink import PATIENCE_S

_STATUS: Mapping[Outcome, str] = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
_LONGEST = 5000
"""Of a tag's or a parameter's text; the tool refuses more than that of some kinds."""
_MOST_AT_ONCE = 100
"""Parameters or tags in one request; of numbers it takes ten times as many."""
_FOLDER = "earmark"
_FORBIDDEN = re.compile(r"[^\w.\-:/ ]", re.ASCII)
_T = TypeVar("_T")


class MlflowTracker:
    """One run. ``patience_s`` is how long a call may take."""

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._client: Any = None
        self._run_id = ""
        self._experiment_id = ""

    def load(self) -> None:
        """See Tracker. A database is opened, and made where there is none. Raises MissingExtraError."""
        # Its usage is reported to its makers by default; nothing is sent to anybody who was not named.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Where it would write there are results, and a progress bar.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        # By default it tries a dead server for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(max(1, round(self._patience_s))))
        try:
            from mlflow import MlflowClient
            from mlflow.tracking import get_tracking_uri

            self._client = MlflowClient()
            if not get_tracking_uri().startswith(("http:", "https:")):
                self._client.get_experiment("0")
        except ModuleNotFoundError as error:
            raise MissingExtraError("tracker", "mlflow", "mlflow", error.name or "mlflow") from error

    def begin(self, card: RunCard) -> str:
        """See Tracker. Raises MlflowException where the server is dead or refuses."""
        run = self._found(card.kept_id) if card.kept_id else None
        if run is None:
            run = self._client.create_run(self._experiment(), run_name=card.name)
            self._put(run.info.run_id, params=card.identity, tags={})
        else:
            self._client.update_run(run.info.run_id, status="RUNNING")
        self._run_id, self._experiment_id = run.info.run_id, run.info.experiment_id
        return self._run_id

    @property
    def place(self) -> str | None:
        """See Tracker: the page of a server. A database has none."""
        from mlflow.tracking import get_tracking_uri

        uri = get_tracking_uri()
        if not uri.startswith(("http:", "https:")):
            return None
        return f"{without_secret(uri.rstrip('/'))}/#/experiments/{self._experiment_id}/runs/{self._run_id}"

    def log(self, points: Sequence[Point]) -> None:
        """See Tracker. A number that is there already, of the same time and step, counts once."""
        from mlflow.entities import Metric

        metrics = [
            Metric(key, number, point.unix_ms, point.step) for point in points for key, number in point.numbers.items()
        ]
        for some in _pieces(metrics):
            self._client.log_batch(self._run_id, metrics=some)

    def finish(self, result: Result) -> None:
        """See Tracker."""
        from mlflow.entities import Metric

        now_ms = round(time.time() * 1000)
        there = self._client.get_run(self._run_id).data.metrics
        changed = {key: number for key, number in result.numbers.items() if there.get(key) != number}
        for some in _pieces([Metric(key, number, now_ms, 0) for key, number in changed.items()]):
            self._client.log_batch(self._run_id, metrics=some)
        self._put(self._run_id, params={}, tags=result.facts)
        for table in result.tables:
            self._client.log_dict(self._run_id, _as_object(table), f"{_FOLDER}/{table.name}.json")
        self._client.set_terminated(self._run_id, status=_STATUS[result.outcome])

    def _found(self, run_id: str) -> Any:  # noqa: ANN401  # the package is imported late
        """The run of an id that was kept; None on a server that has no such run, or only its remains."""
        from mlflow.exceptions import MlflowException

        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def _experiment(self) -> str:
        """The id of the experiment that the environment names; its own default where none is named."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
        if name is None:
            return os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _put(self, run_id: str, *, params: Mapping[str, Value], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        for some in _pieces([Param(*pair) for pair in _allowed(params)]):
            self._client.log_batch(run_id, params=some)
        for some in _pieces([RunTag(*pair) for pair in _allowed(tags)]):
            self._client.log_batch(run_id, tags=some)


def _allowed(facts: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """Names of the characters that the tool takes, and texts that are not too long for it; no empty ones."""
    for key, value in facts.items():
        if text := str(value)[:_LONGEST]:
            yield _FORBIDDEN.sub("_", key), text


def _pieces(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[start : start + _MOST_AT_ONCE] for start in range(0, len(values), _MOST_AT_ONCE))


def _as_object(table: Table) -> dict[str, Any]:
    """The form in which the tool itself keeps tables."""
    return {"columns": list(table.columns), "data": [list(row) for row in table.rows]}
