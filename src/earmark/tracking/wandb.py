"""A run in Weights & Biases. Where it goes is said by that tool's own environment: WANDB_PROJECT, WANDB_MODE and more.

Nothing is sent that was not given here: neither the command line, nor the machine, its packages and its git repository,
nor what is printed. The tool never asks for a key on the terminal, where a progress bar is drawn.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earmark.errors import MissingExtraError
from earmark.tracking.base import Point, Result, RunCard
from earmark.tracking.sink import PATIENCE_S

_SHORTER = 0.8
"""Of our patience, what the tool itself gets: then it can still say what is wrong."""


class WandbTracker:
    """One run. ``patience_s`` is how long a call may take."""

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._wandb: Any = None
        self._run: Any = None

    def load(self) -> None:
        """See Tracker. Raises MissingExtraError."""
        # Set by whoever wants the tool's makers to hear of its errors; nothing is sent to anybody who was not named.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise MissingExtraError("tracker", "wandb", "wandb", error.name or "wandb") from error
        wandb.setup(settings=wandb.Settings(silent=True))  # silent, it never prompts
        self._wandb = wandb

    def begin(self, card: RunCard) -> str:
        """See Tracker. Raises what the tool raises: without a key, a server, or an answer."""
        shorter_s = self._patience_s * _SHORTER
        settings = self._wandb.Settings(
            silent=True,
            init_timeout=shorter_s,
            finish_timeout=shorter_s,
            finish_timeout_raises=True,
            login_timeout=shorter_s,
            console="off",
            disable_git=True,
            save_code=False,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        run_id = card.kept_id or secrets.token_hex(8)
        # "create_new": a run that the caller has open in this process stays the caller's.
        self._run = self._wandb.init(
            id=run_id,
            name=card.name,
            resume="allow",
            reinit="create_new",
            settings=settings,
            config=dict(card.identity),
        )
        return run_id

    @property
    def place(self) -> str | None:
        """See Tracker: the page, or the folder of a run that is kept for ``wandb sync``."""
        if self._run is None:
            return None
        return str(self._run.url or Path(self._run.dir).parent)

    def log(self, points: Sequence[Point]) -> None:
        """See Tracker. The server leaves out points whose step it has."""
        for point in points:
            self._run.log({**point.numbers, "_timestamp": point.unix_ms / 1000}, step=point.step)

    def finish(self, result: Result) -> None:
        """See Tracker. Raises TimeoutError where the server does not take everything in time."""
        self._run.config.update(dict(result.facts), allow_val_change=True)
        for table in result.tables:
            rows = [list(row) for row in table.rows]
            self._run.log({table.name: self._wandb.Table(columns=list(table.columns), data=rows)})
        self._run.summary.update(dict(result.numbers))
        self._run.finish(exit_code=0 if result.outcome == "finished" else 1)
