"""Evaluate speech recognition at any scale, with numbers that can be trusted.

::

    import earmark

    summary = earmark.evaluate("pocketsphinx", "manifest.jsonl", out="runs/first", normalizer="whisper-en")
    print(summary.wer, summary.wer_interval)

The names below are imported when they are first used, so that ``import earmark`` costs nothing.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earmark.errors import EarmarkError
    from earmark.recognizers import load_recognizer
    from earmark.recognizers.base import Recognizer
    from earmark.records import AudioRef, Hypothesis, Utterance, Waveform
    from earmark.reports.audit import Audit
    from earmark.reports.compare import Comparison
    from earmark.reports.data_check import DataCheck
    from earmark.reports.listing import Listing
    from earmark.reports.summary import RunSummary
    from earmark.sources import open_source
    from earmark.sources.base import Source
    from earmark.spec import RecognizerSpec
    from earmark.sweeps.speech_results import SpeechSweep
    from earmark.verbs.audit import audit
    from earmark.verbs.check import check
    from earmark.verbs.compare import compare
    from earmark.verbs.evaluate import evaluate
    from earmark.verbs.export import export
    from earmark.verbs.merge import merge
    from earmark.verbs.plot import plot
    from earmark.verbs.prepare_data import PreparedData, prepare_common_voice
    from earmark.verbs.report import Report, report
    from earmark.verbs.score import score
    from earmark.verbs.score_outputs import ScoredOutputs, score_files, score_texts
    from earmark.verbs.show import show
    from earmark.verbs.stage import StageSummary, stage
    from earmark.verbs.sweep import sweep
    from earmark.verbs.sweep_run import SweepSummary
    from earmark.verbs.sweep_speech import sweep_speech
    from earmark.verbs.track import track
    from earmark.verbs.train import train
    from earmark.verbs.train_sudoku import SudokuTraining, train_sudoku
    from earmark.verbs.training_events import Training

__version__ = "0.1.0"

_STARTED = time.monotonic()

_HOMES = {
    "Audit": "earmark.reports.audit",
    "AudioRef": "earmark.records",
    "Comparison": "earmark.reports.compare",
    "DataCheck": "earmark.reports.data_check",
    "EarmarkError": "earmark.errors",
    "Hypothesis": "earmark.records",
    "Listing": "earmark.reports.listing",
    "PreparedData": "earmark.verbs.prepare_data",
    "Recognizer": "earmark.recognizers.base",
    "RecognizerSpec": "earmark.spec",
    "Report": "earmark.verbs.report",
    "RunSummary": "earmark.reports.summary",
    "ScoredOutputs": "earmark.verbs.score_outputs",
    "Source": "earmark.sources.base",
    "SpeechSweep": "earmark.sweeps.speech_results",
    "StageSummary": "earmark.verbs.stage",
    "SudokuTraining": "earmark.verbs.train_sudoku",
    "SweepSummary": "earmark.verbs.sweep_run",
    "Training": "earmark.verbs.training_events",
    "Utterance": "earmark.records",
    "Waveform": "earmark.records",
    "audit": "earmark.verbs.audit",
    "check": "earmark.verbs.check",
    "compare": "earmark.verbs.compare",
    "evaluate": "earmark.verbs.evaluate",
    "export": "earmark.verbs.export",
    "load_recognizer": "earmark.recognizers",
    "merge": "earmark.verbs.merge",
    "open_source": "earmark.sources",
    "plot": "earmark.verbs.plot",
    "prepare_common_voice": "earmark.verbs.prepare_data",
    "report": "earmark.verbs.report",
    "score": "earmark.verbs.score",
    "score_files": "earmark.verbs.score_outputs",
    "score_texts": "earmark.verbs.score_outputs",
    "show": "earmark.verbs.show",
    "stage": "earmark.verbs.stage",
    "sweep": "earmark.verbs.sweep",
    "sweep_speech": "earmark.verbs.sweep_speech",
    "track": "earmark.verbs.track",
    "train": "earmark.verbs.train",
    "train_sudoku": "earmark.verbs.train_sudoku",
}

__all__ = [  # sorted as a person would, and a test compares it with the table above
    "AudioRef",
    "Audit",
    "Comparison",
    "DataCheck",
    "EarmarkError",
    "Hypothesis",
    "Listing",
    "PreparedData",
    "Recognizer",
    "RecognizerSpec",
    "Report",
    "RunSummary",
    "ScoredOutputs",
    "Source",
    "SpeechSweep",
    "StageSummary",
    "SudokuTraining",
    "SweepSummary",
    "Training",
    "Utterance",
    "Waveform",
    "audit",
    "check",
    "compare",
    "evaluate",
    "export",
    "load_recognizer",
    "merge",
    "open_source",
    "plot",
    "prepare_common_voice",
    "report",
    "score",
    "score_files",
    "score_texts",
    "show",
    "stage",
    "sweep",
    "sweep_speech",
    "track",
    "train",
    "train_sudoku",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module's attributes are of any type
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'earmark' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
