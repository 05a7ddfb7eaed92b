"""Progress of a recipe's training on stderr: a bar on a terminal, else a line now and then; and a line an epoch."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from earmark.cli.progress import lines_of
from earmark.cli.screen import has_colour, number_of, say
from earmark.verbs.training_events import (
    CheckpointDamaged,
    EpochEnded,
    RecipeBegan,
    RecipeEvent,
    RecipeObserver,
    StepMade,
    Tracked,
    Warned,
    no_recipe_observer,
)

_LINE_EVERY_S = 30.0


@contextlib.contextmanager
def recipe_observer(kind: str) -> Iterator[RecipeObserver]:
    """The observer that ``--progress`` names, for the length of the block."""
    if kind == "none":
        yield no_recipe_observer
    elif kind == "bar" or (kind == "auto" and sys.stderr.isatty()):
        with contextlib.closing(_Bar()) as bar:
            yield bar
    else:
        yield _Lines()


def _head(event: RecipeBegan) -> list[str]:
    dropped = "".join(f"; {number:,} left out: {rule}" for rule, number in event.dropped.items())
    if event.unit == "s":
        length = f"{number_of(event.num_train, 'utterance')}, {event.train_size / 60:,.1f} min"
    else:
        length = f"{number_of(event.num_train, 'text')}, {event.train_size:,.0f} tokens"
    before = "" if event.perplexity is None else f"; perplexity {event.perplexity:.2f} before"
    lines = [
        f"to     {event.out}",
        f"data   {length}; {event.num_valid:,} to try on{dropped}",
        f"model  {event.num_parameters:,} parameters{before}",
        f"work   {number_of(event.num_ranks, 'rank')}, {event.device}",
    ]
    if event.num_tests_learnt:
        learnt = f"{number_of(event.num_tests_learnt, 'test utterance', 'are')}"
        lines.append(f"warning: {learnt} also learnt from: what comes out says little of other speech")
    return [*lines, f"go on  after step {event.step:,}"] if event.step else lines


def _epoch(event: EpochEnded) -> str:
    rates = "" if event.wer is None or event.cer is None else f", WER {event.wer:.2%}, CER {event.cer:.2%}"
    rates += "" if event.perplexity is None else f", perplexity {event.perplexity:.2f}"
    best = ", the best so far" if event.is_best else ""
    told = f"epoch  {event.epoch} of {event.num_epochs}: loss {event.loss:.3f}{rates}{best}".replace("%", " %")
    told += "" if event.learning_rate is None else f", learning rate {event.learning_rate:.3g}"
    return f"{told} ({100 * event.padding_share:.1f} % padding, {100 * event.waiting_share:.1f} % waiting for data)"


def _step(event: StepMade) -> str:
    return f"step {event.step:,} in epoch {event.epoch}, loss {event.loss:.3f}"


def _told(event: RecipeEvent | Tracked | Warned) -> list[str]:
    """What to print of anything but a step."""
    if isinstance(event, Tracked | Warned):
        return lines_of(event)
    if isinstance(event, RecipeBegan):
        return _head(event)
    if isinstance(event, CheckpointDamaged):
        return [f"warning: {event.name} is not used: {event.problem}; an older one is"]
    return [_epoch(event)] if isinstance(event, EpochEnded) else []


class _Lines:
    """A line at the beginning, one an epoch, and one every half minute."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, event: RecipeEvent | Tracked | Warned) -> None:
        for line in _told(event):
            say(line)
        if isinstance(event, StepMade) and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            say(_step(event))


class _Bar:
    """A line that is drawn in place: how far it is says the number of the epoch."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn

        self._console = Console(stderr=True, no_color=not has_colour(sys.stderr))
        columns = (SpinnerColumn(), TextColumn("{task.fields[facts]}", markup=False))
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task("", total=None, facts="")

    def __call__(self, event: RecipeEvent | Tracked | Warned) -> None:
        for line in _told(event):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        if isinstance(event, StepMade):
            self._progress.update(self._task, facts=_step(event))
            self._progress.start()

    def close(self) -> None:
        """Take it off the screen."""
        self._progress.stop()
