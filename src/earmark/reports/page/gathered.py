"""All that a page says of a run, and of others beside it: one JSON object, and the texts in chunks of rows.

Reads a run's tables and writes none. Memory grows with the numbers of the run and the packed texts, not with the texts.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark.reports.capacity import workers_at_work
from earmark.reports.compare import Comparison
from earmark.reports.confusions import ConfusionTally
from earmark.reports.guards import MEANINGS
from earmark.reports.heard import words_of
from earmark.reports.page.charts import category_columns, charts, number_columns
from earmark.reports.page.columns import STATUSES, Columns, ColumnsTally, Numbers
from earmark.reports.page.provenance import command, facts
from earmark.reports.page.texts import other_chunk, shown, text_chunk
from earmark.reports.settings import read_json
from earmark.reports.speed import Attempt, attempts
from earmark.schema import SCORED
from earmark.scoring.bootstrap import MIN_UNITS
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW, windows
from earmark.store.run import RunStore

CHUNK_ROWS = 20_000
NUM_CONFUSIONS = 200
_GZIP_LEVEL = 4  # a tenth larger than at 6, in half the time
_ERRORS = ("substitutions", "deletions", "insertions")
_OF_WORDS = ("hits", "substitutions", "deletions")
_OTHER = ("id", "status", "hypothesis", "hypothesis_normalized", "alignment", "reference_normalized", "hits", *_ERRORS)


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run, and the folder that its scores and its summary are read from: its own, or one beside it."""

    label: str
    store: RunStore
    spec: RunSpec
    tables: RunStore

    @property
    def summary(self) -> dict[str, Any]:
        """What is in summary.json, without an interval of so few that none is made of them any more."""
        summary = dict(read_json(self.tables.folder, layout.SUMMARY))
        interval = summary.get("wer_interval")
        if isinstance(interval, Mapping) and interval.get("num_units", MIN_UNITS) < MIN_UNITS:
            summary["wer_interval"] = None
        return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAudio:
    """How a page finds audio. ``base`` leads from the page to where relative names start, ``top`` to the root.

    Both are relative URLs that end in a slash; None where nothing is linked. ``clips`` are MP3 files by row, and
    ``unheard`` says of rows whose audio was looked for why there is no clip.
    """

    base: str | None = None
    top: str | None = None
    clips: Mapping[int, bytes] = field(default_factory=dict)
    unheard: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageData:
    """``head`` is what a page needs first; ``chunks`` are gzipped JSON objects of ``CHUNK_ROWS`` rows each."""

    head: dict[str, Any]
    chunks: tuple[bytes, ...]
    audio: PageAudio


def gather(
    run: ScoredRun,
    scorer: Scorer,
    *,
    title: str,
    audio: PageAudio,
    others: Sequence[ScoredRun] = (),
    comparison: Comparison | None = None,
    notes: Sequence[str] = (),
) -> PageData:
    """Read the run, and the ``others`` that ``comparison`` is of. Raises StoreError."""
    done = run.store.progress(run.spec)
    rows = _Rows(run, others, scorer, audio, done.part_names, comparison)
    chunks = tuple(rows.chunks())
    columns = rows.columns.found()
    kept = attempts(run.store)
    head = {
        "title": title,
        "label": run.label,
        "summary": _finite(run.summary),
        "notes": list(notes),
        "provenance": [list(one) for one in facts(run.store.url, run.spec, run.summary, done.receipts, kept)],
        "command": command(run.store.url, run.spec, run.summary),
        "progress": [
            [number, unix_ms, numbers.get("live/wer"), numbers.get("live/rtfx_wall")]
            for attempt in kept[-1:]
            for number, unix_ms, numbers in attempt.progress
        ],
        "progress_from_ms": _began_unix_ms(kept[-1]) if kept else None,
        "workers": workers_at_work(kept),
        "confusions": rows.confusions.most(NUM_CONFUSIONS).facts(),
        "flags": [{"name": name, "meaning": meaning} for name, meaning in MEANINGS.items()],
        "charts": charts(columns),
        "num_rows": len(columns.status),
        "chunk_rows": CHUNK_ROWS,
        "num_chunks": len(chunks),
        "columns": _column_facts(columns),
        "audio": {
            "base": audio.base,
            "top": audio.top,
            "unheard": {str(row): why for row, why in audio.unheard.items()},
        },
        "clips": sorted(audio.clips),
        "words": _word_times(run, audio),
        "others": rows.others(),
        "comparison": _comparison_facts(comparison, rows.suspects) if comparison else None,
    }
    return PageData(head, chunks, audio)


def _began_unix_ms(attempt: Attempt) -> int | None:
    """When the attempt began, in milliseconds since 1970; None where its name says no time."""
    try:
        began = datetime.strptime(attempt.started, "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return None
    return round(1000 * began.timestamp())


def packed(value: object) -> bytes:
    """JSON, gzipped; the same value gives the same bytes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return gzip.compress(text.encode("utf-8", "replace"), _GZIP_LEVEL, mtime=0)


class _Rows:
    """Goes through the rows of a run once."""

    def __init__(
        self,
        run: ScoredRun,
        others: Sequence[ScoredRun],
        scorer: Scorer,
        audio: PageAudio,
        parts: Sequence[str],
        comparison: Comparison | None,
    ) -> None:
        self.columns = ColumnsTally()
        self.confusions = ConfusionTally()
        self.suspects: list[int] = []
        self._run, self._scorer, self._audio = run, scorer, audio
        self._heard = _audio_facts(run, parts)
        self._others = [(other.label, other.summary, _beside(run, other)) for other in others]
        listed = comparison.suspects.listed if comparison and comparison.suspects else ()
        self._suspect_ids = {one.id for one in listed}

    def chunks(self) -> list[bytes]:
        """The packed texts, and as a side effect everything else."""
        names = ["audio", "start_s", "duration_s"]
        audio = self._run.store.read_table(layout.UTTERANCES, names) if self._audio.base is not None else None
        found, start = [], 0
        for scores in self._run.tables.batches(layout.SCORES, CHUNK_ROWS):
            if not len(scores):
                continue
            stop = start + len(scores)
            self.columns.add(scores, *(values[start:stop] for values in self._heard))
            self.confusions.add(scores.filter(pc.equal(scores["status"], SCORED)), self._scorer.tokens)
            shared = self._with_references(scores, start)
            chunk = text_chunk(shared, self._scorer.tokens)
            self.suspects += [start + row for row, name in enumerate(chunk["ids"]) if name in self._suspect_ids]
            chunk["others"] = self._other_chunks(shared, start)
            if audio is not None:
                chunk["audio"] = _audio_chunk(audio.slice(start, len(scores)))
            found.append(packed(chunk))
            start = stop
        return found

    def others(self) -> list[dict[str, Any]]:
        """The numbers of the other runs, row for row; status -1 where a run has no such utterance."""
        return [
            {
                "label": label,
                "summary": _finite(summary),
                "status": pc.fill_null(pc.index_in(table["status"], value_set=pa.array(STATUSES)), -1).to_pylist(),
                **{name: pc.fill_null(table[name], 0).to_pylist() for name in _ERRORS},
                "words": sum(pc.fill_null(table[name], 0).to_numpy() for name in _OF_WORDS).tolist(),
            }
            for label, summary, table in self._others
        ]

    def _with_references(self, scores: pa.Table, start: int) -> pa.Table:
        """The rows, also with the normalized reference of what only another run has: the page aligns that run by it."""
        name = "reference_normalized"
        beside = [table[name].slice(start, len(scores)).combine_chunks() for _, _, table in self._others]
        found = pc.coalesce(scores[name].combine_chunks(), *beside)
        return scores.set_column(scores.schema.get_field_index(name), name, found)

    def _other_chunks(self, scores: pa.Table, start: int) -> list[dict[str, Any]]:
        if not self._others:
            return []
        tokens = self._scorer.tokens
        references = [shown(text, tokens) for text in scores["reference_normalized"].to_pylist()]
        return [other_chunk(table.slice(start, len(scores)), references, tokens) for _, _, table in self._others]


def _beside(run: ScoredRun, other: ScoredRun) -> pa.Table:
    """The rows of another run in the order of the first one's; nulls where it has none of that id."""
    ids = run.tables.read_table(layout.SCORES, ["id"])["id"]
    rows = other.tables.read_table(layout.SCORES, list(_OTHER))
    return rows.take(pc.index_in(ids, value_set=rows["id"].combine_chunks()).combine_chunks())


def _audio_facts(run: ScoredRun, parts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Seconds and level of what was decoded of each utterance, shape ``(num_utterances,)``; nan where unknown."""
    number = run.spec.data.num_utterances
    decoded_s, energy = np.zeros(number), np.zeros(number)
    for rows in windows(run.store.folder, parts, number, WINDOW):
        owner, audio_s = rows["index"].to_numpy(), rows["audio_s"].to_numpy()
        decoded_s += np.bincount(owner, audio_s, number)
        energy += np.bincount(owner, 10 ** (rows["level_dbfs"].to_numpy() / 10) * audio_s, number)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10(energy / decoded_s)
    return np.where(decoded_s > 0, decoded_s, np.nan), np.where(np.isfinite(level), level, np.nan)


def _word_times(run: ScoredRun, audio: PageAudio) -> dict[str, list[list[Any]]]:
    """The words of each clip by row: text, start and end in seconds of the clip; of those whose times are known."""
    found = words_of(run.store, run.spec, audio.clips.keys())
    return {
        str(row): [[word.text, round(word.start_s, 2), round(word.end_s, 2)] for word in words]
        for row, words in found.items()
    }


def _audio_chunk(audio: pa.Table) -> dict[str, Any]:
    """The names of the files; of pieces of files also where they start and how long they are, by row."""
    starts = enumerate(zip(audio["start_s"].to_pylist(), audio["duration_s"].to_pylist(), strict=True))
    pieces = {str(row): [start, duration] for row, (start, duration) in starts if start is not None}
    return {"names": audio["audio"].to_pylist(), "pieces": pieces}


def _column_facts(columns: Columns) -> dict[str, Any]:
    ours = ("speaking rate", "words")  # the page works these out itself
    return {
        "counts": {name: values.tolist() for name, values in columns.counts.items()},
        "status": columns.status.tolist(),
        "flags": columns.flags.tolist(),
        "numbers": [
            {"name": name, "unit": unit, "values": [None if value != value else value for value in values.tolist()]}  # noqa: PLR0124  # nan
            for name, (values, unit) in number_columns(columns).items()
            if name not in ours
        ],
        "categories": [
            {"name": name, "names": list(one.names), "codes": one.codes.tolist()}
            for name, one in category_columns(columns).items()
        ],
        "constants": dict(columns.constants),
        "left_out": list(columns.left_out),
    }


def _comparison_facts(comparison: Comparison, suspects: Sequence[int]) -> dict[str, Any]:
    """What of a comparison is not in the rows already."""
    unread = ("fixed", "broken")  # the page counts them by row
    pairs = [{name: value for name, value in pair.facts().items() if name not in unread} for pair in comparison.pairs]
    return {
        "num_utterances": comparison.num_utterances,
        "num_reference_words": comparison.num_reference_words,
        "left_out": comparison.left_out,
        "pairs": _finite(pairs),
        "suspects": list(suspects),
        "num_agreed": comparison.suspects.num_agreed if comparison.suspects else None,
    }


def _finite(value: Any) -> Any:  # noqa: ANN401  # whatever JSON holds
    """The value with null for every number that JSON cannot hold."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
