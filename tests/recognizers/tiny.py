"""Where a test gets a tiny model of a kind: built once a session, for all its workers. Needs no torch until asked."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from filelock import FileLock

KINDS = (
    "wav2vec2 group",
    "wav2vec2 layer",
    "hubert layer",
    "wavlm layer",
    "parakeet ctc",
    "parakeet tdt",
    "parakeet rnnt",
    "whisper",
    "moonshine",
    "moonshine streaming",
    "canary",
)
INSTRUCTED_KINDS = ("granite speech", "qwen2 audio", "qwen3 asr", "cohere asr", "voxtral")
MORE_PACKAGES = {"granite speech": ("torchaudio",), "voxtral": ("mistral_common",)}
NEMO_KINDS = ("nemo ctc", "nemo rnnt", "nemo tdt", "nemo hybrid", "nemo canary")
SPEECHBRAIN_KINDS = ("speechbrain ctc", "speechbrain seq2seq", "speechbrain whisper")
CTRANSLATE2_KINDS = ("faster-whisper", "faster-whisper multilingual")
_folder: list[Path] = []


@pytest.fixture(scope="session", autouse=True)
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import this into a module that asks for models: it says where they go."""
    base = tmp_path_factory.getbasetemp()
    _folder[:] = [(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-models"]


def tiny_model(kind: str) -> Path:
    """The folder of the model of ``kind``, or its archive of NeMo; skips where what it is made with is missing."""
    if kind in NEMO_KINDS:
        return _tiny_archive(kind)
    for package in ("torch", "transformers", *MORE_PACKAGES.get(kind, ())):
        pytest.importorskip(package, reason=f"{package} is not installed, and {kind} needs it")
    from tests.recognizers.models import build

    if kind in CTRANSLATE2_KINDS:
        pytest.importorskip("faster_whisper", reason="not installed: pip install 'earmark[faster-whisper]'")
        source = tiny_model("whisper")

        def build(kind: str, folder: Path) -> Path:
            from tests.recognizers import ctranslate2_models

            return ctranslate2_models.build(kind, source, folder)

    if kind in INSTRUCTED_KINDS:
        from tests.recognizers.instructed_models import build
    if kind in SPEECHBRAIN_KINDS:
        pytest.importorskip("speechbrain", reason="speechbrain is not installed: pip install 'earmark[speechbrain]'")
        from tests.recognizers.speechbrain_models import build
    folder = _folder[0] / kind.replace(" ", "-")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").is_file():
            build(kind, folder)
            (folder / "whole").touch()
    return folder


def _tiny_archive(kind: str) -> Path:
    for package in ("torch", "nemo", "sentencepiece"):
        if importlib.util.find_spec(package) is None:  # to import NeMo takes seconds
            pytest.skip(f"{package} is not installed: pip install 'earmark[nemo]'")
    path = _folder[0] / f"{kind.replace(' ', '-')}.nemo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            from tests.recognizers.nemo_models import build

            build(kind.removeprefix("nemo "), path.with_suffix(".part")).rename(path)
    return path
