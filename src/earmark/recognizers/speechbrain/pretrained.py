"""What a pretrained folder holds: the kind of its interface, its parts, its backbone. Reads YAML and names only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from earmark.errors import UsageError
from earmark.fetching import resolve
from earmark.recognizers.speechbrain.allowed import PRETRAINER, canonical, check_allowed, is_backbone
from earmark.recognizers.speechbrain.document import Wanted, all_wanted, read_document
from earmark.recognizers.speechbrain.parts import Parts, files_named, parts_of
from earmark.records import SAMPLE_RATE_HZ
from earmark.spec import BatchingKind

HYPERPARAMS = "hyperparams.yaml"
BACKBONE = "backbone"
ROLES = ("asr", "lm", "normalizer", "tokenizer")
"""Parts that the user can take from elsewhere, called as in SpeechBrain's recipes."""

Interface = Literal["EncoderASR", "EncoderDecoderASR", "WhisperASR"]
# What each interface of SpeechBrain needs: modules, and other keys.
_NEEDS: dict[Interface, tuple[frozenset[str], frozenset[str]]] = {
    "WhisperASR": (frozenset({"whisper", "decoder"}), frozenset()),
    "EncoderASR": (frozenset({"encoder"}), frozenset({"tokenizer", "decoding_function"})),
    "EncoderDecoderASR": (frozenset({"encoder", "decoder"}), frozenset({"tokenizer"})),
}
_NAME = re.compile(r"\w[\w.-]*")
# Why these may not meet other lengths, and Whisper nobody, is said in docs/how-to/recognizers.md.
_BATCHING: dict[Interface, BatchingKind] = {
    "WhisperASR": "single",
    "EncoderASR": "equal_length",
    "EncoderDecoderASR": "equal_length",
}
# What takes a mean over all utterances of a batch if an argument (also told by its position) has a value.
_OVER_THE_BATCH: dict[str, tuple[str, int, object]] = {
    "speechbrain.processing.features.InputNormalization": ("norm_type", 2, "batch"),
    "speechbrain.nnet.normalization.BatchNorm1d": ("track_running_stats", 5, False),
    "speechbrain.nnet.normalization.BatchNorm2d": ("track_running_stats", 5, False),
    "torch.nn.BatchNorm1d": ("track_running_stats", 4, False),
}
_MAX_AUDIO_S: dict[Interface, float] = {"WhisperASR": 30.0, "EncoderASR": 120.0, "EncoderDecoderASR": 60.0}


@dataclass(frozen=True)
class Pretrained:
    """A model that was looked at, and whose files are there.

    ``folder`` is on this machine. ``tree`` is its document, which was read from ``documents``, files in the folder;
    ``loadables`` is what its files are loaded into. ``backbone`` is the place of the model of Transformers that it is
    made from: None without one, and for one in its own folder, ``backbone_folder``.
    """

    place: str
    folder: Path
    interface: Interface
    tree: Mapping[str, Any]
    documents: tuple[str, ...]
    loadables: Mapping[str, Any]
    parts: Parts
    backbone: str | None
    backbone_folder: Path | None

    @cached_property
    def batching(self) -> BatchingKind:
        """Measured: see the page about recognizers. What normalizes over a batch hears its neighbours in any."""
        is_alone = any(map(_is_over_the_batch, all_wanted(self.tree["modules"])))
        return "single" if is_alone else _BATCHING[self.interface]

    @property
    def max_audio_s(self) -> float:
        """Whisper's window; for the others no limit but memory, and what their positions were made for."""
        return _MAX_AUDIO_S[self.interface]


def read_pretrained(
    place: str,
    folder: Callable[[list[str]], Path],
    *,
    given: Mapping[str, str],
    repository: str | None,
    beams: int | None,
    trust: bool,
) -> Pretrained:
    """Look at the model whose name in messages is ``place``.

    ``folder`` gives its folder, and is told which files there must be beside its documents, as far as there are any.
    ``given`` are places of parts that the user gave. ``repository`` is the OWNER/NAME that it was taken from. ``beams``
    goes into its search. Raises UsageError and FolderError for what is no model for speech recognition, or not whole,
    and for one that wants to build what is not on the list, unless ``trust``.
    """
    document_path = folder([]) / HYPERPARAMS
    if not document_path.is_file():
        raise UsageError(
            f"{place} holds no model of SpeechBrain",
            cause=f"looked for {HYPERPARAMS}",
            hint="a folder with that file, or hf:OWNER/NAME",
        )
    document = read_document(document_path, place)
    tree = document.tree
    wanted = all_wanted(tree)
    if not trust:
        check_allowed(wanted, place)
    interface = _interface(tree, place)
    _check_usable(tree, place)
    if beams is not None:
        _widen(tree, interface, beams, place)
    loadables, paths = pretrainer_of(tree, place)
    _check_roles(given, loadables, place)
    here = folder(files_named([name for name in loadables if name not in given], paths, place))
    parts = parts_of(loadables, paths, given=given, folder=here, repository=repository, place=place)
    name, path = _backbone(wanted, here, given.get(BACKBONE), place)
    return Pretrained(place, here, interface, tree, document.files, loadables, parts, name, path)


def _is_over_the_batch(wanted: Wanted) -> bool:
    if (known := _OVER_THE_BATCH.get(canonical(wanted.name))) is None:
        return False
    name, position, value = known
    told = wanted.kwargs.get(name, wanted.args[position] if len(wanted.args) > position else None)
    return told is not None and told == value


def _interface(tree: Mapping[str, Any], place: str) -> Interface:
    modules = tree.get("modules")
    if not isinstance(modules, Mapping):
        raise UsageError(f"{place} is no model for speech recognition", cause=f"its {HYPERPARAMS} has no modules")
    for interface, (needed, keys) in _NEEDS.items():
        if needed <= modules.keys() and keys <= tree.keys():
            return interface
    raise UsageError(
        f"{place} is no model for speech recognition that is known here",
        cause=f"its modules are {', '.join(map(repr, modules))}; known: {', '.join(_NEEDS)}",
    )


def _check_usable(tree: Mapping[str, Any], place: str) -> None:
    rate = tree.get("sample_rate", SAMPLE_RATE_HZ)
    if rate != SAMPLE_RATE_HZ:
        raise UsageError(f"{place} wants audio at {rate!r} Hz", cause=f"every recognizer here gets {SAMPLE_RATE_HZ} Hz")
    search = tree.get("test_beam_search")
    if isinstance(search, Mapping) and search.get("kenlm_model_path") is not None:
        raise UsageError(
            f"{place} searches with a KenLM model, which is not supported",
            hint=f"take kenlm_model_path out of its {HYPERPARAMS}, and say so beside the result",
        )


def _search(tree: Mapping[str, Any], interface: Interface) -> Any:  # noqa: ANN401  # a mapping, or nothing
    if interface == "EncoderASR":
        search = tree["decoding_function"]
        is_told = isinstance(search, Wanted) and "beam_size" in search.kwargs
        return search.kwargs if is_told else tree.get("test_beam_search")
    decoder = tree["modules"]["decoder"]
    return decoder.kwargs if isinstance(decoder, Wanted) else None


def _widen(tree: Mapping[str, Any], interface: Interface, beams: int, place: str) -> None:
    search = _search(tree, interface)
    if not isinstance(search, dict) or "beam_size" not in search:
        raise UsageError(
            f"{place} takes no beams",
            cause=f"its search in {HYPERPARAMS} has no beam_size",
            hint="leave --set beams= out",
        )
    search["beam_size"] = beams


def beams_of(pretrained: Pretrained) -> int | None:
    """The width of its search, where its file says one."""
    search = _search(pretrained.tree, pretrained.interface)
    found = search.get("beam_size") if isinstance(search, Mapping) else None
    return found if isinstance(found, int) else None


def pretrainer_of(tree: Mapping[str, Any], place: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What is loaded from files, and the paths that the document gives."""
    pretrainer = tree.get("pretrainer")
    if not isinstance(pretrainer, Wanted) or canonical(pretrainer.name) != PRETRAINER or pretrainer.args:
        raise UsageError(f"{place} does not say which files it is loaded from", cause="it has no Pretrainer")
    told = pretrainer.kwargs
    loadables, paths, conditions = (told.get(name) or {} for name in ("loadables", "paths", "conditions"))
    if told.get("custom_hooks"):
        raise UsageError(f"{place} is loaded by functions of its own (custom_hooks), which is not supported")
    if not loadables or not all(isinstance(one, Mapping) for one in (loadables, paths, conditions)):
        raise UsageError(f"{place} does not say which files it is loaded from", cause="its Pretrainer has no loadables")
    if not all(isinstance(one, str) for one in paths.values()) or not all(map(_NAME.fullmatch, loadables)):
        raise UsageError(f"{place} has names or paths in its Pretrainer that are no words")
    return {name: one for name, one in loadables.items() if conditions.get(name, True)}, dict(paths)


def _check_roles(given: Mapping[str, str], loadables: Mapping[str, Any], place: str) -> None:
    for name in given:
        if name != BACKBONE and name not in loadables:
            raise UsageError(
                f"{place} has no {name} to be taken from elsewhere", cause=f"its parts are {', '.join(loadables)}"
            )


def _backbone(wanted: list[Wanted], folder: Path, given: str | None, place: str) -> tuple[str | None, Path | None]:
    """The place of the model of Transformers that this one is made from, and its folder where it is this one's own."""
    sources = sorted({str(one.kwargs["source"]) for one in wanted if is_backbone(one)})
    if not sources:
        if given is not None:
            raise UsageError(f"{place} is made from no model of Transformers", hint=f"leave --set {BACKBONE}= out")
        return None, None
    if given is not None:
        return given, None
    if len(sources) > 1:
        raise UsageError(f"{place} is made from several models of Transformers", cause=", ".join(map(repr, sources)))
    source = PurePosixPath(sources[0])
    if not source.is_absolute() and ".." not in source.parts and "\0" not in sources[0] and (folder / source).is_dir():
        return None, folder / source
    try:
        name = resolve(f"hf:{sources[0]}").name
    except UsageError as error:
        raise UsageError(
            f"{place} is made from {sources[0]!r}, which is no folder of its own and no name on the hub",
            hint=f"--set {BACKBONE}=PLACE",
        ) from error
    return name, None
