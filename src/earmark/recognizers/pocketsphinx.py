"""CMU PocketSphinx, with the US English model that its wheel brings: real recognition, offline, on any processor.

A decoder keeps its mean normalisation and noise estimate from one utterance to the next, so it is reset before each:
without that, texts depend on the order of the utterances. It takes raw 16-bit mono 16 kHz and checks nothing, which is
why audio is checked before it comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from earmark.errors import RecognizerError, UsageError
from earmark.fetching import FetchOptions
from earmark.fetching.values import digest_of
from earmark.recognizers.lattice import n_best, words_of
from earmark.recognizers.model_files import Digests, ModelFiles, by_role, content_hash
from earmark.recognizers.word_times import mean_confidence
from earmark.records import Hypothesis, Waveform
from earmark.spec import OptionValue, RecognizerSpec

_MAX_AUDIO_S = 120.0  # memory grows by some 20 MB for each minute in one piece
_FULL_SCALE = 32_768


class PocketSphinx:
    """PocketSphinx with a trigram language model, or with a JSGF ``grammar`` (a file).

    ``hmm`` (a folder), ``lm`` and ``dictionary`` are another model's parts; by default the wheel's US English. Each is
    whatever ``earmark.fetching`` can fetch, as ``fetching`` says: a path, ``hf:owner/name``, a URL. The other options
    are the decoder's own: ``fwdflat`` and ``bestpath`` turn its second and third pass off, ``maxhmmpf`` and ``topn``
    and ``ds`` trade accuracy for speed. With ``nbest`` above 1 the likeliest texts of the word lattice are kept too.

    Words and their times cost nothing, so they are always given; their posterior probabilities come from the third
    pass, and are left out without it.
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
        nbest: int = 1,
        fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    ) -> None:
        if grammar and lm:
            raise UsageError("grammar and lm are two ways to say what can be heard", hint="give one of them")
        for option, value in (("maxhmmpf", maxhmmpf), ("topn", topn), ("ds", ds), ("nbest", nbest)):
            if value < 1:
                raise UsageError(f"pocketsphinx option {option} is at least 1, not {value}")
        if nbest > 1 and not bestpath:
            raise UsageError("nbest and bestpath=false exclude each other", cause="both are about the word lattice")
        named = {"grammar": grammar, "hmm": hmm, "lm": lm, "dictionary": dictionary}
        self._has_grammar = bool(grammar)
        self._files = ModelFiles(
            {part: name for part, name in named.items() if name}, folders={"hmm"}, fetching=fetching
        )
        self._options: dict[str, OptionValue] = {
            "fwdflat": fwdflat,
            "bestpath": bestpath,
            "maxhmmpf": maxhmmpf,
            "topn": topn,
            "ds": ds,
        }
        self._nbest = nbest
        self._has_posteriors = bestpath
        self._decoder: Any = None

    @cached_property
    def spec(self) -> RecognizerSpec:
        """Its package's version, a hash over the model's files, and the options."""
        return RecognizerSpec(
            name="pocketsphinx",
            version=version("pocketsphinx"),
            content_hash=content_hash(by_role({**_digests_of(self._wheel_paths()), **self._files.digests()})),
            options=self._identity(),
            batching="single",
            max_audio_s=_MAX_AUDIO_S,
            sources=self._files.sources(),
        )

    def _identity(self) -> dict[str, OptionValue]:
        """What can change an answer. The n best change no text, so a run without them stays what it was."""
        asked: dict[str, OptionValue] = {"nbest": self._nbest} if self._nbest > 1 else {}
        return {**self._options, **asked, "search": "grammar" if self._has_grammar else "n-gram"}

    def __enter__(self) -> Self:
        """Load the model, about half a second."""
        from pocketsphinx import Decoder

        paths = {**self._wheel_paths(), **self._files.paths()}
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
        if found is None:
            return Hypothesis("", words=())
        words = words_of(found.hypstr, self._decoder.seg() or (), waveform.duration_s, is_sure=self._has_posteriors)
        return Hypothesis(
            found.hypstr,
            words=words,
            confidence=mean_confidence(words),
            alternatives=n_best(found.hypstr, self._decoder.nbest() or (), self._nbest) if self._nbest > 1 else (),
        )

    def _wheel_paths(self) -> dict[str, Path]:
        from pocketsphinx import get_model_path

        default = Path(get_model_path("en-us"))
        paths = {"hmm": default / "en-us", "dictionary": default / "cmudict-en-us.dict", "lm": default / "en-us.lm.bin"}
        if self._has_grammar:
            del paths["lm"]
        return {part: path for part, path in paths.items() if part not in self._files.roles}


def _digests_of(paths: dict[str, Path]) -> dict[str, Digests]:
    found: dict[str, Digests] = {}
    for part, path in paths.items():
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        found[part] = tuple((file.name if path.is_dir() else "", digest_of(file)[0]) for file in files)
    return found
