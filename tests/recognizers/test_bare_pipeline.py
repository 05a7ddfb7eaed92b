"""The call of the library's own pipeline that the guide shows gives the same text of a Whisper as ours."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import soundfile

from earmark.recognizers.transformers import Transformers
from earmark.records import Waveform
from tests.recognizers.tiny import tiny_model, tiny_models  # noqa: F401  # a fixture

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "recognizers.md"


def shown_call() -> str:
    """The Python block of the guide that calls the pipeline."""
    [block] = [
        one
        for one in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        if "pipeline(" in one
    ]
    return block


def test_the_pipeline_that_the_guide_shows_says_the_same(tmp_path, monkeypatch):
    """Told to transcribe, with one beam; and with a language where ours is told one."""
    folder = tiny_model("whisper")
    from tests.recognizers.models import demo_clips

    clip = demo_clips()[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-whisper").symlink_to(folder)
    soundfile.write("clip.wav", clip.samples, 16_000, subtype="FLOAT")
    for language in (None, "es"):
        block = shown_call()
        if language is not None:
            block = block.replace('"task": "transcribe"', f'"task": "transcribe", "language": "{language}"')
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(block, {})  # noqa: S102  # our own page
        with Transformers(model=str(folder), language=language) as recognizer:
            [ours] = recognizer.transcribe([Waveform(clip.id, clip.samples)])
        assert said.getvalue().strip() == ours.text
        assert ours.text or language
