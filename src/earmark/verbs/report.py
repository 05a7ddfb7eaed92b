"""``report``: a run, or several beside each other, as a page that opens offline. Transcribes nothing."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.errors import FolderError, UsageError, without_secret
from earmark.reports.compare import Comparison
from earmark.reports.page.gathered import PageData, ScoredRun, gather
from earmark.reports.page.html import GENERATOR, page, page_folder, size_bytes
from earmark.reports.scores import NOT_DONE_RULE
from earmark.reports.settings import assumption, read_json, settings_of
from earmark.reports.summarize import summarize
from earmark.scoring import load_scorer
from earmark.store import layout
from earmark.store.folder import Folder, open_folder
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.compare import compare
from earmark.verbs.open_run import check_summary, open_run
from earmark.verbs.own_files import check_not_own
from earmark.verbs.page_audio import page_audio

LARGEST_FILE_BYTES = 25_000_000
"""A page that would be larger becomes a folder."""
MOST_ROWS = 1_000_000
"""Likewise one with as many utterances."""
_HEAD_BYTES = 4096  # a page says within them that it is a report


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: where to open it, how large all of it is, and what one should know of it."""

    path: str
    size_bytes: int
    num_utterances: int
    num_clips: int
    is_folder: bool
    notes: tuple[str, ...]


def report(
    *runs: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    audio: str = "worst:100",
    audio_root: str | None = None,
    title: str | None = None,
    intersect: bool = False,
) -> Report:
    """Write a page about the run in the first of the folders ``runs``, with the others beside it.

    ``out`` is a file, which is replaced in one step (``report.html`` in the run's folder), or a folder, where it ends
    in a slash; a page of more than 25 MB becomes a folder by itself. ``audio``: ``worst:N`` puts clips of the N
    utterances with the most errors into the page and links the others, ``all`` puts in all, ``link`` links all and
    ``none`` none. ``audio_root`` is where relative audio paths start (where the data lie). The other runs are scored
    with the normalizer and the scorer of the first; ``intersect`` leaves out of the comparison what some run lacks.

    Raises FolderError where there is no run, or a folder of others in the place of the page; UsageError for bad
    arguments, for a file of others in the place of the page and for runs that cannot be compared; StoreError.
    """
    if not runs:
        raise UsageError("no run is named", hint="earmark report runs/NAME")
    urls = [os.fspath(run) for run in runs]
    place = os.fspath(out) if out is not None else f"{urls[0].rstrip('/')}/{layout.REPORT}"
    check_not_own(urls, place)
    _check_place(place)
    comparison = compare(*urls, intersect=intersect) if len(urls) > 1 else None
    with ExitStack() as stack:
        scored = _scored(urls, comparison, stack)
        scorer = load_scorer(settings_of(scored[0].tables.folder).scorer)
        sound = page_audio(scored[0], audio, place, audio_root)
        notes = [*_notes(scored, comparison), *sound.notes]
        data = gather(
            scored[0],
            scorer,
            title=title or _title(scored),
            audio=sound.audio,
            others=scored[1:],
            comparison=comparison,
            notes=notes,
        )
    return _write(data, place, notes)


def _scored(urls: Sequence[str], comparison: Comparison | None, stack: ExitStack) -> list[ScoredRun]:
    """The runs, scored with the settings of the first. What must be scored anew is, into a folder that goes again."""
    opened = [open_run(url) for url in urls]
    for store, _ in opened:
        check_summary(store)
    used = settings_of(opened[0][0].folder)
    labels = comparison.labels if comparison else (_name(urls[0]),)
    found = []
    for label, (store, spec) in zip(labels, opened, strict=True):
        own = settings_of(store.folder)
        tables = store
        if (own.normalizer, own.scorer) != (used.normalizer, used.scorer) or not _is_whole(store):
            tables = RunStore.at(stack.enter_context(tempfile.TemporaryDirectory(prefix="earmark-")))
            summarize(store, spec, load_normalizer(used.normalizer), load_scorer(used.scorer), into=tables)
        found.append(ScoredRun(label, store, spec, tables))
    return found


def _is_whole(store: RunStore) -> bool:
    """Whether the run was scored when all of it was transcribed; else there may be more now."""
    if not (store.folder.has(layout.SCORES) and store.folder.has(layout.SUMMARY)):
        return False
    skipped = read_json(store.folder, layout.SUMMARY).get("skipped")
    return isinstance(skipped, dict) and NOT_DONE_RULE not in skipped


def _notes(scored: Sequence[ScoredRun], comparison: Comparison | None) -> Iterator[str]:
    """What a reader should know before the numbers."""
    first = scored[0]
    if settings_of(first.store.folder).is_assumed:
        yield assumption(first.label, first.summary["normalizer"]["name"])
    for run in scored:
        summary = run.summary
        left = summary.get("skipped", {}).get(NOT_DONE_RULE, 0)
        if left:
            done = summary["num_utterances"] - left
            yield (
                f"{run.label} is not finished: {done:,} of {summary['num_utterances']:,} utterances are transcribed, "
                "and the numbers are of those"
            )
        for part in summary.get("damaged_parts", ()):
            yield f"{run.label}: {part} is damaged, so its utterances count as not transcribed"
        if not summary.get("num_reference_words"):
            yield f"{run.label} has no reference text that was scored, so there are no rates"
    for label, settings in (comparison.scored_otherwise if comparison else {}).items():
        yield f"the summary of {label} is of {settings}, so its rate there is another number than here"


def _title(scored: Sequence[ScoredRun]) -> str:
    first = scored[0].spec
    models = " and ".join(dict.fromkeys(run.spec.recognizer.place or run.spec.recognizer.name for run in scored))
    data = re.sub(r"^.*/(?=[^/]+/[^/]+$)", "", first.data.name.rstrip("/"))  # the last two parts say enough
    return f"{models} on {data}"


def _name(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2] or url


def _check_place(place: str) -> None:
    """Raise UsageError for a place that is no file, and FolderError for a folder that holds somebody's own page."""
    if not place:
        raise UsageError("--out is empty", hint=f"--out {layout.REPORT}")
    if "://" not in place and not place.endswith("/") and Path(place).is_dir():
        raise UsageError(
            f"{place} is a folder", hint=f"--out {place}/{layout.REPORT}, or --out {place}/ for a page in files"
        )
    if place.endswith("/"):
        _check_folder(open_folder(place.rstrip("/") or "/"))
        return
    parent, name = _parts(place)
    if not _may_be_replaced(open_folder(parent), name):
        raise UsageError(f"{place} is there, and is no report", cause="it would be lost", hint="--out another name")


def _check_folder(folder: Folder) -> None:
    if not _may_be_replaced(folder, "index.html"):
        raise FolderError(folder.url, "its index.html is no report", hint="--out OTHER_FOLDER/")


def _may_be_replaced(folder: Folder, name: str) -> bool:
    """Whether nothing is there, or an empty file, or a page that was made before."""
    if not folder.has(name):
        return "://" in folder.url or not os.path.lexists(f"{folder.url}/{name}")  # a pipe, a device, a broken link
    with folder.open(name) as file:
        begins = bytes(file.read(_HEAD_BYTES))
    return not begins or f'name="generator" content="{GENERATOR} '.encode() in begins


def _parts(place: str) -> tuple[str, str]:
    """The folder of a file, and the file's name."""
    parent, slash, name = place.rpartition("/")
    return parent or slash or ".", name


def _write(data: PageData, place: str, notes: Sequence[str]) -> Report:
    is_large = size_bytes(data) > LARGEST_FILE_BYTES or data.head["num_rows"] >= MOST_ROWS
    is_folder = place.endswith("/") or is_large
    if is_folder:
        data = data if place.endswith("/") else _one_deeper(data)
        folder = open_folder(place.rstrip("/").removesuffix(".html") or "/")
        _check_folder(folder)
        size = sum(_copy(folder, name, pieces) for name, pieces in page_folder(data))
        path = f"{folder.url}/index.html"
    else:
        parent, name = _parts(place)
        size = _copy(open_folder(parent), name, page(data))
        path = without_secret(place)
    return Report(path, size, data.head["num_rows"], len(data.audio.clips), is_folder, tuple(notes))


def _one_deeper(data: PageData) -> PageData:
    """The page for a folder beside the file that its links were worked out for."""
    audio = data.head["audio"]
    links = {name: f"../{audio[name]}" for name in ("base", "top") if audio[name] is not None}
    return replace(data, head={**data.head, "audio": {**audio, **links}})


def _copy(folder: Folder, name: str, pieces: Iterable[bytes]) -> int:
    """Commit a file piece by piece and return its bytes."""
    size = 0
    with folder.replacing(name) as stream:
        for piece in pieces:
            size += len(piece)
            stream.write(piece)
    return size
