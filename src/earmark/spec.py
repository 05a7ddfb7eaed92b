"""The identity of a run: all that can change an answer, and nothing else.

Two runs with one fingerprint give the same hypotheses, whatever the workers, the engine, the kills and the resumes.
Not in it: normalizer and scorer (changing them scores again), paths of the output, numbers of workers, versions of
libraries (recorded in each part). It knows no recognizer and no source: it holds what they declare of themselves.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from earmark.errors import UsageError

BatchingKind = Literal["any", "masked", "equal_length", "single"]
"""How a recognizer may be batched.

``any``: batches never change a text, so they are no part of the identity. ``masked``: mixed lengths, with the padding
masked. ``equal_length``: only equal sample counts together. ``single``: one utterance at a time.
"""

SegmenterName = Literal["energy", "vad", "none"]
"""How audio that is longer than the recognizer takes is cut.

``energy``: at its quietest places; all of it is transcribed. ``vad``: where a voice-activity detector hears no speech;
long silences are left out. ``none``: not at all, so that it fails.
"""

OptionValue = str | int | float | bool | None

_WORDS: Mapping[str, OptionValue] = {"true": True, "false": False, "none": None}

DEFAULT_MAX_BATCH_S = 240.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """Where one part of a model was taken from.

    ``role`` is what the part is to the model, ``name`` what was asked for, without secrets, ``kind`` local, hub, url or
    store, ``revision`` the commit of a hub or the ETag of a URL, where there is one. ``sha256`` is of the file, or of
    all paths and files of a folder.
    """

    role: str
    name: str
    kind: str
    revision: str | None
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognizerSpec:
    """What a recognizer declares of itself, before it is loaded.

    ``content_hash`` covers the model's files. ``options`` are the resolved decoding options. ``max_audio_s`` is the
    longest audio it takes in one piece; longer utterances are cut (None: any length). ``sources`` say where the files
    were taken from, and ``architecture`` is the class of the model, where it is known: both are recorded, and no
    identity, since the same bytes from elsewhere are the same model.
    """

    name: str
    version: str
    content_hash: str = ""
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    batching: BatchingKind = "masked"
    max_audio_s: float | None = None
    sources: tuple[ModelSource, ...] = field(default=(), compare=False)
    architecture: str | None = field(default=None, compare=False)

    @property
    def place(self) -> str | None:
        """Where the model is, as it was named, without secrets; of one behind a URL also its name there."""
        if (found := next((one.name for one in self.sources if one.role == "model"), None)) is not None:
            return found
        url, model = self.options.get("url"), self.options.get("model")
        return f"{model} at {url}" if url and model else None


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSpec:
    """Which utterances: a hash over what of them can change an answer, samples of their audio, and their number."""

    name: str
    fingerprint: str
    audio_sample: str
    num_utterances: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchingSpec:
    """The rule that cuts batches: at most ``max_batch_s`` of padded audio and ``max_batch_size`` utterances.

    An utterance of d seconds costs ``d * (1 + quadratic_per_s * d)`` seconds, and a batch its longest one's cost times
    its size, since attention grows with the square of the padded length. A rule that holds nothing raises UsageError.
    """

    max_batch_s: float = DEFAULT_MAX_BATCH_S
    max_batch_size: int | None = None
    quadratic_per_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.max_batch_s > 0:
            raise UsageError(f"a batch of at most {self.max_batch_s:g} s holds nothing", hint="--max-batch-seconds 240")
        if self.max_batch_size is not None and self.max_batch_size < 1:
            raise UsageError(
                f"a batch of at most {self.max_batch_size} utterances holds nothing", hint="--batch-size 8"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioSpec:
    """How audio becomes a waveform: the rate, the caps that a lying or hostile file runs into, and changes on purpose.

    Each change is None where there is none: ``speed`` plays so many times as fast, ``level_db`` makes louder by so
    much, ``normalization`` "peak" brings the largest sample to full scale.
    """

    sample_rate_hz: int = 16_000
    max_decoded_s: float = 14_400.0
    speed: float | None = None
    level_db: float | None = None
    normalization: Literal["peak"] | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the recognizer hears something else than what was recorded."""
        return (self.speed, self.level_db, self.normalization) != (None, None, None)


AS_RECORDED = AudioSpec()
"""Nothing is changed on purpose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationSpec:
    """What cuts long audio: the rule's version, a hash over the files of its model, and its parameters."""

    name: SegmenterName = "energy"
    version: str = "1"
    content_hash: str = ""
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was said of the model, the data and the scoring, by ``evaluate``'s names for it, without secrets.

    ``model`` and ``data`` are None where no command line can say them: a recognizer or a source that somebody made, or
    words with a secret, which are not kept whole. Every other field but ``options`` is a flag of that name, and its
    default what ``evaluate`` does without it; but ``normalizer`` and ``scorer`` are None where nobody knows them.
    """

    model: str | None = None
    data: str | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    trust: bool = False
    audio_root: str | None = None
    text_column: str | None = None
    channel: int | None = None
    language: str | None = None
    limit: str | None = None
    seed: int | None = None
    missing_audio: str = "error"
    normalizer: str | None = None
    scorer: str | None = None

    def after(self, earlier: Asked) -> Asked:
        """This; but where it has no name for the model, the data or a rule, what ``earlier`` said of it, if it did."""
        together = dict.fromkeys(("options", "trust"), "model")
        alone = ("model", "normalizer", "scorer")
        kept = {
            one.name: getattr(earlier, one.name)
            for one in dataclasses.fields(self)
            for name in [one.name if one.name in alone else together.get(one.name, "data")]
            if getattr(self, name) is None and getattr(earlier, name) is not None
        }
        return dataclasses.replace(self, **kept)


NOT_ASKED = Asked()
"""Nobody knows what was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """All that can change the answer of a run; and how it was ``asked`` for, which is recorded and no identity."""

    recognizer: RecognizerSpec
    data: DataSpec
    batching: BatchingSpec = field(default_factory=BatchingSpec)
    audio: AudioSpec = field(default_factory=AudioSpec)
    segmentation: SegmentationSpec = field(default_factory=SegmentationSpec)
    asked: Asked = field(default=NOT_ASKED, compare=False)
    format_version: int = 1

    def identity(self) -> dict[str, Any]:
        """The fields that count, flat, as ``{"recognizer.name": ...}``, without those that cannot change an answer."""
        fields = dataclasses.asdict(self)
        fields.pop("asked")
        fields["data"].pop("name")  # where the data were read from is not what they are
        fields["recognizer"].pop("sources")  # likewise; what they are is in the content hash
        fields["recognizer"].pop("architecture")
        if self.recognizer.batching in ("any", "single"):
            fields.pop("batching")
        if self.segmentation == SegmentationSpec() or self.recognizer.max_audio_s is None:
            fields.pop("segmentation")  # the default is older than the field; and what takes any length is never cut
        return _flat(fields)

    @property
    def max_piece_s(self) -> float | None:
        """The longest piece of a recording that the recognizer takes, in the recording's time: slower lasts longer.

        Faster is cut like unchanged, so that it differs in nothing else. None: any length.
        """
        longest_s = self.recognizer.max_audio_s
        return None if longest_s is None else longest_s * min(1.0, self.audio.speed or 1.0)

    def fingerprint(self) -> str:
        """Hex SHA-256 over the identity."""
        canonical = json.dumps(self.identity(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """The identity fields that differ, each as ``(here, there)``; of a model's files also which of them do."""
        here, there = self.identity(), other.identity()
        if self.recognizer.content_hash != other.recognizer.content_hash:
            here, there = here | _digests(self.recognizer), there | _digests(other.recognizer)
        if "segmentation.name" in {*here, *there}:  # the default is left out, and differs from something all the same
            here, there = _segmentation(self) | here, _segmentation(other) | there
        return {
            key: (here.get(key), there.get(key))
            for key in sorted({*here, *there})
            # Python takes 1 for True, and the fingerprint does not.
            if json.dumps(here.get(key)) != json.dumps(there.get(key))
        }

    def to_json(self) -> str:
        """Readable JSON with the fingerprint; the same spec gives the same bytes."""
        return (
            json.dumps(
                {**dataclasses.asdict(self), "fingerprint": self.fingerprint()},
                indent=2,
                sort_keys=True,
                ensure_ascii=False,
            )
            + "\n"
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The spec that ``to_json`` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        fields = json.loads(text)
        return cls(
            recognizer=RecognizerSpec(**{**fields["recognizer"], "sources": _sources(fields["recognizer"])}),
            data=DataSpec(**{name: fields["data"][name] for name in DataSpec.__slots__}),
            batching=BatchingSpec(**fields["batching"]),
            audio=AudioSpec(**fields["audio"]),
            segmentation=SegmentationSpec(**fields.get("segmentation", {})),
            asked=Asked(**{name: one for name, one in fields.get("asked", {}).items() if name in Asked.__slots__}),
            format_version=fields["format_version"],
        )


def option_value(text: str) -> OptionValue:
    """The value of a setting that somebody typed: a number, true, false, none, or else the text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _sources(recognizer: Mapping[str, Any]) -> tuple[ModelSource, ...]:
    """Of a spec that may be older than this field."""
    return tuple(ModelSource(**one) for one in recognizer.get("sources", ()))


def _digests(recognizer: RecognizerSpec) -> dict[str, Any]:
    return {f"recognizer.sources.{one.role}": one.sha256 for one in recognizer.sources}


def _segmentation(spec: RunSpec) -> dict[str, Any]:
    return _flat({"segmentation": dataclasses.asdict(spec.segmentation)})


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in fields.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        elif value is not None:  # an option that is not set is as one that is not there
            flat[prefix + key] = int(value) if isinstance(value, float) and value.is_integer() else value
    return flat
