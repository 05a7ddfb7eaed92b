"""The result file of the Open ASR leaderboard: an object a line, in a file whose name says model, data and split.

Source: ``normalizer/eval_utils.py`` of https://github.com/huggingface/open_asr_leaderboard, which also reads the name:
so a slash of a model's or a data set's name becomes a hyphen. ``read_jsonl`` of ``named`` reads such a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from earmark.formats.exported_run import ExportedRun
from earmark.formats.hub_names import HubData

_NAME = re.compile(r"MODEL_(?P<model>.+)_DATASET_(?P<data>.+)_(?P<split>[^_]+)\.jsonl")
_UNFIT = re.compile(r"[^\w.-]+", re.ASCII)


def write_open_asr(run: ExportedRun) -> Iterator[bytes]:
    """Yield a line for each scored utterance, with texts as they are, and seconds of audio and of compute."""
    for number, one in enumerate(run.scored()):
        row = {
            "audio_filepath": one.audio or f"sample_{number}",
            "duration": one.duration_s if one.duration_s > 0 else None,
            "time": one.compute_s,
            "text": one.reference,
            "pred_text": one.hypothesis,
        }
        yield f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n".encode()


def open_asr_name(run: ExportedRun) -> str:
    """``MODEL_<model>_DATASET_<data>_<config>_<split>.jsonl``, as the leaderboard's scorer looks for it."""
    found = HubData.of(run.data)
    data = found.id if found else run.data.rpartition("/")[2]
    config, split = (found.config or "", found.split) if found else ("", None)
    model = run.model.removeprefix("hf:").partition("@")[0]
    slugs = [_slug(model) or "model", _slug(data) or "data", _slug(config), _slug(split or "test")]
    return "MODEL_{}_DATASET_{}_{}_{}.jsonl".format(*slugs)


def parse_open_asr_name(name: str) -> tuple[str, str, str] | None:
    """Model, data and split that the name of a result file says, with hyphens for slashes; None for another name."""
    found = _NAME.fullmatch(name)
    return None if found is None else (found["model"], found["data"].rstrip("_"), found["split"])


def _slug(name: str) -> str:
    """The name as part of a file's name."""
    return _UNFIT.sub("-", name).strip("-.")
