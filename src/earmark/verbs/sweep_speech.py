"""``sweep --task asr``: models times variants of what they hear, each an ordinary run, and what they come to together.

Everything that can be checked is checked before the first model is loaded. A cell that fails leaves the others as they
are. Called again with the same arguments it does what is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark.errors import EarmarkError, EngineError, FetchError, FolderError, RecognizerError, UsageError
from earmark.reports.summary import RunSummary
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.scoring.scorer import Scorer
from earmark.spec import AudioSpec, OptionValue, RecognizerSpec
from earmark.store import layout
from earmark.store.folder import Folder, open_folder
from earmark.sweeps.cells import SWEEP
from earmark.sweeps.speech import HeardCell, together
from earmark.sweeps.speech_results import CellResult, SpeechSweep
from earmark.sweeps.speech_texts import COMBINERS, Combined
from earmark.sweeps.speech_variants import SpeechCell, member_of, variants_of
from earmark.text import load_normalizer
from earmark.text.base import Normalizer, NormalizerIdentity
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import CellBegan, Observer, nobody
from earmark.verbs.following import is_follower
from earmark.verbs.inputs import fetch_options, recognizer_of
from earmark.verbs.open_run import open_run

CELLS, HONEST, ORACLE, COMBINED = "cells", "honest.json", "oracle.json", "combined.parquet"
_OURS = frozenset({CELLS, HONEST, ORACLE, COMBINED})
_OF_OTHERS = frozenset({layout.SPEC, SWEEP})
_LEAST_CELLS = 2


def sweep_speech(
    checkpoints: Sequence[str],
    data: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    variants: Sequence[str] = (),
    normalizer: str = "basic",
    scorer: str = DEFAULT_SCORER,
    options: Mapping[str, OptionValue] | None = None,
    observer: Observer = nobody,
    **asked: Any,  # noqa: ANN401  # what ``evaluate`` takes
) -> SpeechSweep:
    """Transcribe ``data`` with every model in every variant, and combine what they heard.

    ``checkpoints`` are models, each maybe with settings (``pocketsphinx+set:fwdflat=false``), or several with commas
    between; ``variants`` are what ``sweeps.speech_variants`` reads. Each cell of the product is a run of ``evaluate``
    in ``out``/cells, with ``options`` (those of member and variant win over them) and ``asked``, which are arguments of
    ``evaluate``. ``out`` also gets ``honest.json``, ``oracle.json`` and ``combined.parquet``, the texts of the
    combinations.

    Under torchrun every rank calls this, rank 0 alone combines, and the others' numbers end with the cells.

    Returns the numbers. A cell whose model cannot be loaded or kept alive, or that failed in every utterance, does not
    raise: see ``SpeechSweep.num_failed_cells``.

    Raises FolderError before anything is begun where ``out`` holds anything else, and UsageError with every bad member
    and every two cells that are the same; else what ``evaluate`` raises.
    """
    follows = is_follower(asked.get("engine", "auto"))
    cells = _cells(checkpoints, variants)
    rules, counting = load_normalizer(normalizer), load_scorer(scorer)
    settings = [{**(options or {}), **cell.options} for cell in cells]
    if not follows:
        _check_folder(open_folder(os.fspath(out)))
        _check(cells, settings, asked, observer)
    folder = os.fspath(out).rstrip("/")
    runs = _Runs(data, folder, {**asked, "normalizer": normalizer, "scorer": scorer}, observer)
    results = [
        runs.done(cell, chosen, f"{number} of {len(cells)}")
        for number, (cell, chosen) in enumerate(zip(cells, settings, strict=True), 1)
    ]
    heard = [] if follows else [HeardCell(one.name, *open_run(one.run)) for one in results if one.status == "done"]
    sweep, texts = _together(folder, os.fspath(data), cells, results, heard, rules, counting)
    if not follows:
        _keep(folder, sweep, texts)
    return sweep


@dataclass(frozen=True)
class _Runs:
    """Makes the runs of cells, one after the other."""

    data: str | os.PathLike[str]
    out: str
    asked: Mapping[str, Any]
    observer: Observer

    def done(self, cell: SpeechCell, options: Mapping[str, OptionValue], place: str) -> CellResult:
        """Do what is left of a cell. Raises what ``evaluate`` raises, but for a model that cannot be used."""
        self.observer(CellBegan(name=cell.name, place=place))
        run = f"{self.out}/{CELLS}/{cell.folder}"
        asked = {**self.asked, "options": options, "audio": cell.variant.audio}
        try:
            summary = evaluate(cell.member.model, self.data, out=run, observer=self.observer, **asked)
        except (RecognizerError, EngineError, FetchError) as error:
            return _failed(cell, run, f"{error.what}: {error.cause}" if error.cause else error.what)
        if not summary.num_scored and not summary.num_failed:
            raise UsageError(
                f"no utterance of {self.data} has a reference",
                cause="a sweep is measured against references",
                hint="earmark eval transcribes without them",
            )
        if not summary.num_scored:
            return _failed(cell, run, f"every utterance failed: {run}/errors.jsonl")
        return _result(cell, run, summary)


def _together(
    out: str,
    data: str,
    cells: Sequence[SpeechCell],
    results: Sequence[CellResult],
    heard: Sequence[HeardCell],
    normalizer: Normalizer,
    scorer: Scorer,
) -> tuple[SpeechSweep, list[Combined]]:
    """All of it, with the texts of the combinations where there are two cells or more to combine."""
    numbers, texts = None, list[Combined]()
    if len(heard) >= _LEAST_CELLS:
        numbers, texts = together(heard, normalizer, scorer)
    sweep = SpeechSweep(
        out=out, data=data, checkpoints=tuple(dict.fromkeys(cell.member.name for cell in cells)),
        variants=tuple(dict.fromkeys(cell.variant.name for cell in cells)), cells=tuple(results),
        normalizer=NormalizerIdentity.of(normalizer), scorer=scorer.identity, together=numbers,
    )  # fmt: skip
    return sweep, texts


def _result(cell: SpeechCell, run: str, summary: RunSummary) -> CellResult:
    return CellResult(
        name=cell.name, checkpoint=cell.member.name, variant=cell.variant.name, run=run, status="done",
        wer=summary.wer, wer_interval=summary.wer_interval, num_utterances=summary.num_utterances,
        num_scored=summary.num_scored, num_failed=summary.num_failed, rtfx=summary.speed.worker,
        scores_hash=summary.scores_hash, spec_fingerprint=summary.spec_fingerprint,
    )  # fmt: skip


def _failed(cell: SpeechCell, run: str, error: str) -> CellResult:
    return CellResult(
        name=cell.name, checkpoint=cell.member.name, variant=cell.variant.name, run=run, status="failed", error=error
    )


def _cells(checkpoints: Sequence[str], variants: Sequence[str]) -> list[SpeechCell]:
    """The product, members first; commas part members, but not a path that exists. Raises UsageError."""
    if not checkpoints:
        raise UsageError("a sweep needs a model", hint="--checkpoint pocketsphinx --checkpoint hf:OWNER/NAME")
    spelled = [one for text in checkpoints for one in ([text] if os.path.exists(text) else text.split(","))]  # noqa: PTH110  # any text is fine
    members = [member_of(text.strip()) for text in spelled]
    return [SpeechCell(member=member, variant=variant) for member in members for variant in variants_of(variants)]


def _check_folder(folder: Folder) -> None:
    """Raise FolderError unless the folder holds a sweep over speech, or nothing. Results alone are somebody else's."""
    names = folder.entries()
    is_ours = CELLS in names and _OF_OTHERS.isdisjoint(names) and (_OURS.issuperset(names) or _has_cell(folder))
    if names and not is_ours:
        strange = [name for name in names if name not in _OURS] or names
        problem = f"it is no sweep over speech, and has other files in it ({', '.join(strange[:3])})"
        raise FolderError(folder.url, problem, hint="--out OTHER_FOLDER")


def _has_cell(folder: Folder) -> bool:
    cells = folder.folder(CELLS)
    return any(cells.has(f"{name}/{layout.SPEC}") for name in cells.entries())


def _check(
    cells: Sequence[SpeechCell],
    settings: Sequence[Mapping[str, OptionValue]],
    asked: Mapping[str, Any],
    observer: Observer,
) -> None:
    """Raise UsageError with all cells whose recognizer cannot be made, and with all that are another one again."""
    problems: list[str] = []
    seen: list[tuple[RecognizerSpec, AudioSpec, str]] = []
    for cell, options in zip(cells, settings, strict=True):
        try:
            spec = _spec(cell, options, asked, observer)
        except EarmarkError as error:
            problems.append(f"{cell.member.name}: {error.what}" + (f" ({error.cause})" if error.cause else ""))
            continue
        problems += [
            f"{cell.name} does what {name} does: it would be counted twice and say nothing new"
            for other, audio, name in seen
            if (other, audio) == (spec, cell.variant.audio)
        ][:1]
        seen.append((spec, cell.variant.audio, cell.name))
    if problems:
        told = list(dict.fromkeys(problems))  # a model has the same problem in every variant
        raise UsageError(
            f"the sweep cannot begin: {len(told)} of its members or cells cannot be used",
            cause="; ".join(told),
            hint="mend these or leave them out; nothing was begun",
        )


def _spec(
    cell: SpeechCell, options: Mapping[str, OptionValue], asked: Mapping[str, Any], observer: Observer
) -> RecognizerSpec:
    """What the cell's recognizer declares of itself; its files are fetched, and nothing is loaded."""
    fetching = fetch_options(observer, offline=bool(asked.get("offline")))
    chosen = {name: asked[name] for name in ("trust", "gpu_memory_limit") if name in asked}
    return recognizer_of(cell.member.model, options, fetching=fetching, **chosen).spec


def _keep(out: str, sweep: SpeechSweep, texts: Sequence[Combined]) -> None:
    """Write the numbers and the combined texts, each file whole or not at all. Raises StoreError."""
    folder = open_folder(out)
    if texts:
        table = pa.table(dict(_columns(texts)))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        folder.write(COMBINED, sink.getvalue().to_pybytes())
    else:
        folder.remove(COMBINED)
    folder.write(ORACLE, sweep.oracle_json().encode())
    folder.write(HONEST, sweep.to_json().encode())


def _columns(texts: Sequence[Combined]) -> Iterator[tuple[str, pa.Array]]:
    yield "id", pa.array([one.id for one in texts], pa.string())
    yield "reference", pa.array([one.reference for one in texts], pa.string())
    for combiner in COMBINERS:
        yield combiner.replace("-", "_"), pa.array([one.text(combiner) for one in texts], pa.string())
