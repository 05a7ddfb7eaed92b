"""NeMo's manifest with what was heard: an object a line, for its data explorer and its scripts.

Source: NeMo's documentation, https://github.com/NVIDIA-NeMo/Speech. ``read_jsonl`` of ``named`` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from earmark.formats.exported_run import ExportedRun
from earmark.records import ScoredUtterance


def write_nemo(run: ExportedRun) -> Iterator[bytes]:
    """Yield a line for each utterance with a hypothesis: texts as they are; what there is not has no key."""
    for one in run.heard():
        yield f"{json.dumps(_row(one), ensure_ascii=False, allow_nan=False)}\n".encode()


def _row(one: ScoredUtterance) -> dict[str, Any]:
    facts = {
        "id": one.id,
        "audio_filepath": one.audio or None,
        "offset": one.start_s,
        "duration": one.duration_s if one.duration_s > 0 else None,
        "text": one.reference,
        "pred_text": one.hypothesis,
        "speaker": one.speaker,
        "lang": one.language,
    }
    return {name: value for name, value in facts.items() if value is not None}
