"""CMU PocketSphinx, with the US English model that its wheel brings: real recognition, offline, on any processor.

A decoder keeps its mean normalisation and noise estimate from one utterance to the next, so it is reset before each:
without that, texts depend on the order of the utterances. It takes raw 16-bit mono 16 kHz and checks nothing, which is
why audio is checked before it comes here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from earmark.errors import FolderError, RecognizerError, UsageError
from earmark.records import Hypothesis, Waveform
from earmark.spec import OptionValue, RecognizerSpec

_MAX_AUDIO_S = 120.0  # memory grows by some 20 MB for each minute in one piece
_FULL_SCALE = 32_768


class PocketSphinx:
    """PocketSphinx with a trigram language model, or with a JSGF ``grammar`` (the path of a file).

    ``hmm``, ``lm`` and ``dictionary`` are paths of another model's parts; by default the wheel's US English. The other
    options are the decoder's own: ``fwdflat`` and ``bestpath`` turn its second and third pass off, ``maxhmmpf`` and
    ``topn`` and ``ds`` trade accuracy for speed.
    """

    def __init__(
        self,
        *,
        grammar: str | None = None,
        hmm: str | None = None,
        lm: str | None = None,
        dictionary: str | None = None,
        fwdflat: bool = True,
        bestpath: bool = True,
        maxhmmpf: int = 30_000,
        topn: int = 4,
        ds: int = 1,
    ) -> None:
        if grammar and lm:
            raise UsageError("grammar and lm are two ways to say what can be heard", hint="give one of them")
        for option, value in (("maxhmmpf", maxhmmpf), ("topn", topn), ("ds", ds)):
            if value < 1:
                raise UsageError(f"pocketsphinx option {option} is at least 1, not {value}")
        self._files = {"grammar": grammar, "hmm": hmm, "lm": lm, "dictionary": dictionary}
        self._options: dict[str, OptionValue] = {
            "fwdflat": fwdflat,
            "bestpath": bestpath,
            "maxhmmpf": maxhmmpf,
            "topn": topn,
            "ds": ds,
        }
        self._decoder: Any = None

    @cached_property
    def spec(self) -> RecognizerSpec:
        """Its package's version, a hash over the model's files, and the options."""
        return RecognizerSpec(
            name="pocketsphinx",
            version=version("pocketsphinx"),
            content_hash=_content_hash(self._paths()),
            options={**self._options, "search": "grammar" if self._files["grammar"] else "n-gram"},
            batching="single",
            max_audio_s=_MAX_AUDIO_S,
        )

    def __enter__(self) -> Self:
        """Load the model, about half a second."""
        from pocketsphinx import Decoder

        paths = self._paths()
        search = {"jsgf": str(paths["grammar"]), "lm": None} if "grammar" in paths else {"lm": str(paths["lm"])}
        try:
            self._decoder = Decoder(
                hmm=str(paths["hmm"]), dict=str(paths["dictionary"]), loglevel="FATAL", **search, **self._options
            )
        except (RuntimeError, ValueError) as error:
            raise RecognizerError(
                "PocketSphinx cannot load its model",
                cause=str(error),
                hint="grammar, hmm, lm and dictionary name its files",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the model."""
        self._decoder = None

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One utterance after the other: a batch changes nothing."""
        return [self._transcribe(waveform) for waveform in batch]

    def _transcribe(self, waveform: Waveform) -> Hypothesis:
        scaled = np.rint(waveform.samples * _FULL_SCALE)
        pcm = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(pcm, full_utt=True)
        finally:
            self._decoder.end_utt()
        found = self._decoder.hyp()
        return Hypothesis(found.hypstr if found is not None else "")

    def _paths(self) -> dict[str, Path]:
        from pocketsphinx import get_model_path

        default = Path(get_model_path("en-us"))
        paths = {"hmm": default / "en-us", "dictionary": default / "cmudict-en-us.dict"}
        if not self._files["grammar"]:
            paths["lm"] = default / "en-us.lm.bin"
        paths.update({part: Path(path) for part, path in self._files.items() if path})
        return paths


def _content_hash(paths: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for part, path in sorted(paths.items()):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            try:
                content = hashlib.sha256(file.read_bytes()).hexdigest()
            except OSError as error:
                raise FolderError(str(file), error.strerror or str(error), hint=f"--set {part}=PATH") from error
            digest.update(f"{part}/{file.name if path.is_dir() else ''} {content}\n".encode())
    return digest.hexdigest()
