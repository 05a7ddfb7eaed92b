"""Progress on stderr: a bar on a terminal, and a line now and then elsewhere (logs are read, too)."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from earmark.cli.fetch_progress import FetchBar, FetchLines
from earmark.cli.screen import has_colour, number_of, say, visible
from earmark.errors import without_secret
from earmark.verbs.events import (
    AuditBegan,
    AuditEnded,
    CellBegan,
    DataIncomplete,
    Event,
    FileProgressed,
    MeasuringBegan,
    ModelLoading,
    Observer,
    RunBegan,
    RunProgressed,
    SegmentingProgressed,
    StageBegan,
    StopAsked,
    SweepBegan,
    SweepProgressed,
    Tracked,
    Warned,
)

if TYPE_CHECKING:
    from rich.progress import TaskID

_LINE_EVERY_S = 30.0
_MINUTES_FROM_S = 90


@contextlib.contextmanager
def observer_for(kind: str) -> Iterator[Observer]:
    """The observer that ``--progress`` names, for the length of the block."""
    if kind == "none":
        yield _on_stop
    elif kind == "bar" or (kind == "auto" and sys.stderr.isatty()):
        with contextlib.closing(_Bar()) as bar:
            yield bar
    else:
        yield _Lines()


def _head(event: RunBegan) -> list[str]:
    """What is about to happen, in a few lines."""
    lines = [
        f"run    {event.out}",
        f"data   {event.data}: {number_of(event.num_utterances, 'utterance')}, {length(event.audio_s)}",
        f"model  {_model(event)}",
        f"work   {event.num_workers} worker{'s' if event.num_workers > 1 else ''}, {event.engine}",
    ]
    if event.num_segments_done:
        left = event.num_segments - event.num_segments_done
        lines.append(f"reuse  {event.num_segments_done:,} of {event.num_segments:,} are done already; {left:,} to go")
    if event.num_references == 0:
        lines.append("warning: no utterance has a reference, so there will be no error rate")
        lines.append("         (a LibriSpeech tree is --data librispeech:FOLDER)")
    if event.num_changed_audio:
        lines.append(
            f"warning: of the sampled audio files {event.num_changed_audio} changed since this run began; what"
        )
        lines.append("         was transcribed before stays (--fresh does all again)")
    lines += [f"warning: {name} is damaged and will be done again" for name in event.damaged_parts]
    return lines


def _model(event: RunBegan) -> str:
    """Where the model is and of which class, as far as that is known, and what runs it."""
    software = f"{event.model} {event.model_version}"
    what = [event.model_place] if event.model_place else []
    what += [f"({event.model_architecture})"] if event.model_architecture else []
    return f"{' '.join(what)}, {software}" if what else software


def _staging_head(event: StageBegan) -> list[str]:
    """The same before audio is staged."""
    num_done, num_left = event.num_segments_done, event.num_segments - event.num_segments_done
    lines = [
        f"to     {event.target}, {event.audio_format}",
        f"data   {event.data}: {number_of(event.num_utterances, 'utterance')}, {length(event.audio_s)}",
    ]
    if num_left:
        lines.append(f"work   {event.num_workers} worker{'s' if event.num_workers > 1 else ''}, {event.engine}")
    if num_done:
        to_go = f"{num_left:,} to go" if num_left else "nothing to do"
        lines.append(f"reuse  {num_done:,} of {event.num_segments:,} are done already; {to_go}")
    if event.num_changed_audio:
        number = f"{event.num_changed_audio} of the {event.num_sampled_audio}"
        lines.append(f"warning: {number} sampled audio files changed since staging began; what")
        lines.append("         was staged before stays (--fresh does all again)")
    return lines + [f"warning: {name} is damaged and will be done again" for name in event.damaged_parts]


def _sweep_head(event: SweepBegan) -> list[str]:
    """The same before puzzles are solved."""
    num_cells = event.num_members * event.num_variants
    variants = number_of(event.num_variants, "variant")
    lines = [
        f"to     {event.out}",
        f"data   {event.data}: {number_of(event.num_items, 'puzzle')}",
        f"tasks  {number_of(event.num_members, 'checkpoint')} x {variants}, accept {event.accept}",
        f"work   {event.num_workers} worker{'s' if event.num_workers > 1 else ''}, {event.engine}",
    ]
    if event.num_pairs_done:
        num_pairs = num_cells * event.num_items
        lines.append(f"reuse  {event.num_pairs_done:,} answers of at most {num_pairs:,} are there already")
    return lines + [f"warning: {name} is damaged and will be done again" for name in event.damaged_parts]


def _sweep_facts(event: SweepProgressed) -> str:
    """What stands behind the bars of a sweep."""
    facts = [f"{event.num_items_accepted:,}/{event.num_items:,} accepted"] if event.num_items_accepted else []
    facts.append(f"{event.num_pairs:,} answers")
    return "  ".join([*facts, *([f"{event.num_failed_tasks} tasks failed"] if event.num_failed_tasks else [])])


def length(audio_s: float) -> str:
    """Hours, minutes or seconds of audio, in few characters."""
    hours, minutes = divmod(round(audio_s / 60), 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{audio_s / 60:.1f} min" if audio_s >= 60 else f"{audio_s:.1f} s"  # noqa: PLR2004  # of a minute


def lines_of(event: Event) -> list[str]:
    """What to print of anything but progress."""
    if isinstance(event, DataIncomplete | Warned):
        said = event.loss if isinstance(event, DataIncomplete) else event.sentence
        return [f"warning: {said}".replace("\n", "\n         ")]
    if isinstance(event, RunBegan | StageBegan | SweepBegan):
        return _head_of(event)
    if isinstance(event, AuditBegan | MeasuringBegan):
        return [_sample_line(event)]
    if isinstance(event, AuditEnded):
        return audit_lines(event.sentence, event.advice, is_invariant=event.is_invariant)
    return _stop_lines() if isinstance(event, StopAsked) else _tracked_lines(event)


def _head_of(event: RunBegan | StageBegan | SweepBegan) -> list[str]:
    if isinstance(event, RunBegan):
        return _head(event)
    return _staging_head(event) if isinstance(event, StageBegan) else _sweep_head(event)


def _tracked_lines(event: Event) -> list[str]:
    """Where a tracker has the run; or which run of a sweep is next."""
    if isinstance(event, CellBegan):
        return [f"cell   {event.place}: {event.name}"]
    if not isinstance(event, Tracked):
        return []
    return [f"track  {event.tracker}{f': {event.place}' if event.place else ''}"]


def _sample_line(event: AuditBegan | MeasuringBegan) -> str:
    """What is transcribed before the run itself."""
    if isinstance(event, AuditBegan):
        return f"audit  sample of {event.num_utterances:,}, batches drawn: {event.num_batches:,}"
    return f"batch  measuring which batches are fastest, once for this model: {length(event.audio_s)} of audio"


def audit_lines(sentence: str, advice: str | None, *, is_invariant: bool) -> list[str]:
    """The verdict of an audit as a note, or as a warning with what to do."""
    lines = [f"{'note' if is_invariant else 'warning'}: audit: {sentence}"]
    return lines + ([f"         {advice}"] if advice else [])


def _facts(event: RunProgressed) -> str:
    """WER of what this attempt did, speed, failures and the time that is left."""
    facts = []
    if event.wer is not None:
        facts.append(f"WER this attempt {event.wer:.2%}".replace("%", " %"))
    if event.elapsed_s > 0:
        facts.append(f"{event.audio_s / event.elapsed_s:.1f} x real time (wall)")
    if event.num_failed:
        facts.append(f"{event.num_failed:,} failed")
    if event.audio_s > 0 and event.remaining_audio_s > 0:
        left_s = event.remaining_audio_s * event.elapsed_s / event.audio_s
        facts.append(f"about {left_s / 60:.0f} min left" if left_s >= _MINUTES_FROM_S else f"about {left_s:.0f} s left")
    return "  ".join(facts)


def _stop_lines() -> list[str]:
    words = [word for word in sys.argv[1:] if word != "--fresh"]  # which would throw away what was saved
    return [
        "stopping: batches in hand are finished and kept; Ctrl-C again stops at once and loses what is not committed",
        f"resume with: {without_secret(shlex.join(['earmark', *words]))}",
    ]


def _on_stop(event: Event) -> None:
    """Say nothing, but that data are not whole, and what a Ctrl-C does and how to go on."""
    if isinstance(event, DataIncomplete | StopAsked):
        for line in lines_of(event):
            say(line)


class _Lines:
    """A line at the beginning, and then one every half minute, with a percentage."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._fetch = FetchLines()

    def __call__(self, event: Event) -> None:
        if isinstance(event, FileProgressed):
            self._fetch(event)
        for line in lines_of(event):
            say(line)
        if isinstance(event, ModelLoading):
            say(f"load   {event.model} ...")
        if isinstance(event, SegmentingProgressed) and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            say(f"cut    {event.num_done:,} of {number_of(event.num_utterances, 'long utterance')}")
        if isinstance(event, RunProgressed) and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            share = event.num_segments_done / max(1, event.num_segments)
            facts = "  ".join(
                [_facts(event), *(f"{name} recognizing {100 * part:.0f} %" for name, part in event.busy.items())]
            )
            say(f"{share:4.0%}  {event.num_segments_done:,}/{event.num_segments:,}  {facts}")
        if isinstance(event, SweepProgressed) and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            batches, tasks = (
                f"{event.num_batches_done:,}/{event.num_batches:,}",
                f"{event.num_tasks_done:,}/{event.num_tasks:,}",
            )
            say(f"batches {batches}  tasks {tasks}  {_sweep_facts(event)}")


class _Bar:
    """A bar that is drawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = Console(stderr=True, no_color=not has_colour(sys.stderr))
        columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.fields[facts]}", markup=False))
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task("", total=None, facts="")
        self._tasks: TaskID | None = None  # the second bar, of a sweep
        self._devices: dict[str, TaskID] = {}  # a bar for each
        self._fetch = FetchBar(self._console)

    def __call__(self, event: Event) -> None:
        if isinstance(event, FileProgressed):
            self._fetch(event)
        for line in lines_of(event):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        if isinstance(event, RunBegan | StageBegan):
            self._progress.update(self._task, total=event.num_segments, completed=event.num_segments_done, facts="")
            self._progress.start()
        elif isinstance(event, ModelLoading):
            facts = f"loading {visible(event.model)}, then the first batches ..."
            self._progress.update(self._task, facts=facts, refresh=True)  # it is seen, however soon the results come
        elif isinstance(event, SegmentingProgressed):
            facts = "long audio is cut into pieces"
            self._progress.update(self._task, total=event.num_utterances, completed=event.num_done, facts=facts)
            self._progress.start()
        elif isinstance(event, RunProgressed):
            self._progress.update(self._task, completed=event.num_segments_done, facts=_facts(event))
            self._show_devices(event)
        elif isinstance(event, SweepProgressed):
            self._show_sweep(event)

    def _show_devices(self, event: RunProgressed) -> None:
        """A bar for each device: the share of its workers' time, in per cent, that was spent in the recognizer."""
        for name, share in event.busy.items():
            if name not in self._devices:
                self._devices[name] = self._progress.add_task("", total=100, facts=f"% {visible(name)} recognizing")
            self._progress.update(self._devices[name], completed=round(100 * share))

    def _show_sweep(self, event: SweepProgressed) -> None:
        """A bar for batches of the data, and one for tasks."""
        if self._tasks is None:
            self._tasks = self._progress.add_task("", total=None, facts="")
            self._progress.start()
        facts = f"batches  {_sweep_facts(event)}"
        self._progress.update(self._task, total=event.num_batches, completed=event.num_batches_done, facts=facts)
        self._progress.update(self._tasks, total=event.num_tasks, completed=event.num_tasks_done, facts="tasks")

    def close(self) -> None:
        """Take the bars off the screen."""
        self._fetch.close()
        self._progress.stop()
