"""A SpeechBrain hparams YAML as a whole recipe: read as plain values, and taken apart into recipe and model.

Nothing of it runs while it is read. What an evaluation needs of it becomes the document in the model's folder, with
what was included and set already in it, and without the places of data.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from earmark.errors import ManifestError, UsageError
from earmark.recognizers.speechbrain.allowed import PRETRAINER, canonical, check_allowed
from earmark.recognizers.speechbrain.document import Document, Wanted, all_wanted, read_document
from earmark.recognizers.speechbrain.overriding import override_of
from earmark.recognizers.speechbrain.pretrained import HYPERPARAMS, pretrainer_of
from earmark.recognizers.speechbrain.writing import written
from earmark.records import SAMPLE_RATE_HZ
from earmark.training import hparams_keys as keys
from earmark.training.hparams_rules import batching_of, is_schedule, optimizer_of, whisper_of
from earmark.training.recipe import ModelDocument, ReadRecipe, Recipe, read_recipe, recipe_path
from earmark.training.recipe_values import made_of

_KNOWN = (
    *keys.SAID, *keys.OF_A_WHISPER, *keys.SECTIONS, *keys.OPTIMIZER, "lr_annealing", *keys.BATCHES, *keys.CHECKED,
    *keys.OF_THE_MODEL,
)  # fmt: skip
_LM, _TOKENIZER = "lm", "tokenizer"
_GREEDY = Wanted("name", "speechbrain.decoders.ctc_greedy_decode", 0, "", [], {"blank_id": 0})


def read_any_recipe(name: str, overrides: Sequence[str] = (), *, trust: bool = False) -> ReadRecipe:
    """As ``read_recipe``, of a TOML file or of a SpeechBrain YAML. Raises UsageError."""
    path = recipe_path(name)
    if path.suffix in (".yaml", ".yml"):
        return read_hparams(path, overrides, trust=trust)
    return read_recipe(name, overrides, trust=trust)


def read_hparams(path: Path, overrides: Sequence[str] = (), *, trust: bool = False) -> ReadRecipe:
    """The recipe in the YAML file at ``path``, with ``KEY=VALUE`` or ``KEY.KEY=VALUE`` set over it.

    Raises UsageError with the line: for what would build or run what is not on the list, unless ``trust``; for a key
    that is not known and that no other one refers to; and for a system of a kind that is not trained.
    """
    if not path.is_file():
        raise UsageError(f"the recipe {path} cannot be read", cause="there is no such file")
    document = read_document(path, str(path.parent), [override_of(one) for one in overrides])
    hparams = Hparams(path, document, overrides)
    if not trust:
        wanted = all_wanted([document.tree, document.hidden])
        check_allowed([one for one in wanted if canonical(one.name) not in keys.NOT_BUILT], str(path))
    not_read = hparams.check_known()
    model = hparams.fill()
    return ReadRecipe(
        made_of(Recipe, hparams), path, path.read_text(encoding="utf-8"), tuple(overrides), trust, model,
        {name: (path.parent / name).read_text(encoding="utf-8") for name in document.files if name != path.name},
        not_read,
    )  # fmt: skip


class Hparams:
    """The values of a YAML by the names of a recipe. ``tree`` is the recipe's, ``name`` what messages call the file."""

    def __init__(self, path: Path, document: Document, overrides: Sequence[str]) -> None:
        self.name = str(path)
        self.tree: dict[str, Any] = {}
        self._path, self._document, self._values = path, document, document.tree
        self._set = {one.partition("=")[0].strip() for one in overrides}
        self._said: dict[tuple[str, ...], str] = {}

    def wrong(self, keys: Sequence[str], problem: str, *, hint: str | None = None) -> UsageError:
        """The error about a recipe's value, by the name and with the line that it has in the YAML."""
        return self._wrong(self._said.get(tuple(keys), ".".join(keys)), problem, hint=hint)

    def _wrong(self, name: str, problem: str, *, hint: str | None = None) -> UsageError:
        if name in self._set:
            return UsageError(f"--set {name}: {problem}", hint=hint)
        said = f"{name}: {problem}" if name else problem
        return ManifestError(self.name, said, line=self._document.lines.get(name), hint=hint)

    def check_known(self) -> tuple[str, ...]:
        """The keys that are left alone. Raises UsageError for those that are not known, all of them."""
        known = {*_KNOWN, *keys.NOT_READ}
        known |= {name for name, one in self._values.items() if is_schedule(name, one)}
        lost = [name for name in self._values if name not in known and name not in self._document.referred]
        if not lost:
            left = keys.NOT_READ - self._document.referred
            return tuple(name for name in self._values if name in left)
        first, *others = [self._unknown(name) for name in lost]
        more = [f"{lost[number + 1]}{self._line(lost[number + 1])}: {said}" for number, said in enumerate(others)]
        problem = "there is no such key, and no other one refers to it"
        raise self._wrong(lost[0], problem, hint="; ".join([first, *more]))

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, sorted({*_KNOWN, *keys.NOT_READ}), n=3, cutoff=0.6)
        return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(set(_KNOWN)))}"

    def _line(self, name: str) -> str:
        line = self._document.lines.get(name)
        return f" (line {line})" if line is not None else ""

    def fill(self) -> ModelDocument | None:
        """Fill ``tree``; the model's document, but of a Whisper, which has none."""
        self._check_fixed()
        modules = self._values.get("modules")
        if not isinstance(modules, Mapping):
            raise self._wrong("modules", "a recipe has modules, by name", hint=_hint())
        loadables, paths = self._loadables(modules)
        kind = self.tree["kind"] = self._kind(modules, loadables)
        self.tree |= {name: _copied(self._values[name]) for name in keys.SECTIONS if self._values.get(name) is not None}
        self._put_said(kind)
        self._name_as_here()
        self._take(optimizer_of(self._values, self._wrong))
        self._take(batching_of(self._values, kind, self.tree.get("data"), self._wrong))
        if kind == "whisper":
            self._take(whisper_of(modules["whisper"], self._wrong))
            return None
        return self._model(modules, loadables, paths, kind)

    def _put_said(self, kind: keys.Kind) -> None:
        """The keys that hold one value each."""
        for name, place in {**keys.SAID, **(keys.OF_A_WHISPER if kind == "whisper" else {})}.items():
            if name in self._values:
                if place[-1] == "source" and isinstance(self._values[name], list):
                    raise self._wrong(name, "it is a list, and one source is taken", hint=f"--set {name}=FILE")
                self._put(name, place, self._values[name])

    def _name_as_here(self) -> None:
        """A precision and a normalizer that SpeechBrain calls otherwise."""
        if (precision := self.tree.get("precision")) is not None:
            if str(precision) not in keys.PRECISIONS:
                hint = "--set precision=bf16, whose range needs no scaling of the loss; or fp32"
                raise self._wrong("precision", f"{precision!r} is none of {', '.join(keys.PRECISIONS)}", hint=hint)
            self.tree["precision"] = keys.PRECISIONS[str(precision)]
        if self._values.get("normalized_transcripts"):
            for section in ("data", "evaluation"):
                said = self.tree.get(section)
                if not (isinstance(said, dict) and "normalizer" in said):  # what is said itself comes first
                    self._put("normalized_transcripts", (section, "normalizer"), keys.NORMALIZED)

    def _put(self, name: str, place: tuple[str, ...], value: object) -> None:
        """A value of the YAML at its place in the recipe."""
        inner = self.tree
        for key in place[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise self._wrong(key, "it is a section")
        self._said[place] = name.split(maxsplit=1)[0]
        inner[place[-1]] = _copied(value)

    def _take(self, found: Mapping[str, tuple[tuple[str, ...], object]]) -> None:
        for name, (place, value) in found.items():
            self._put(name, place, value)

    def _check_fixed(self) -> None:
        fixed = {"sample_rate": SAMPLE_RATE_HZ, "blank_index": 0, "test_only": False, "auto_mix_prec": False}
        for name, only in fixed.items():
            if self._values.get(name, only) != only:
                raise self._wrong(
                    name, f"{self._values[name]!r} is not {only}, which it always is here", hint=f"--set {name}={only}"
                )

    def _loadables(self, modules: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """The parts that are saved, and the places of those that are trained on. Without a Pretrainer: all modules."""
        if "pretrainer" in self._values:
            return pretrainer_of(self._values, self.name)
        own = {name: one for name, one in modules.items() if isinstance(one, Wanted)}
        return own | ({_TOKENIZER: self._values[_TOKENIZER]} if _TOKENIZER in self._values else {}), {}

    def _kind(self, modules: Mapping[str, Any], loadables: Mapping[str, Any]) -> keys.Kind:
        """What is trained. Raises UsageError for a system that nothing here trains, with what was looked for."""
        whisper = modules.get("whisper")
        tokenizer = self._values.get(_TOKENIZER, loadables.get(_TOKENIZER))
        is_letters = isinstance(tokenizer, Wanted) and tokenizer.name.rpartition(".")[2] == "CTCTextEncoder"
        kinds: dict[keys.Kind, bool] = {
            "whisper": isinstance(whisper, Wanted) and canonical(whisper.name) == keys.WHISPER,
            "lm": _LM in loadables,
            "ctc": "encoder" in modules and "decoder" not in modules and is_letters,
        }
        asked = self._values.get("kind")
        found = [kind for kind, is_one in kinds.items() if is_one and asked in (None, kind)]
        if found:
            return found[0]
        error = self._wrong("modules", "they are of no system that is trained here", hint=_hint())
        error.cause = (
            f"they are {', '.join(map(repr, modules))}; looked for encoder without decoder, with a CTCTextEncoder as "
            f"tokenizer (CTC), for whisper, a {keys.WHISPER}, and for lm among the loadables of the pretrainer"
        )
        raise error

    def _model(
        self, modules: Mapping[str, Any], loadables: Mapping[str, Any], paths: Mapping[str, str], kind: keys.Kind
    ) -> ModelDocument:
        if kind == "ctc" and "labels" not in self._values and _TOKENIZER not in paths:
            hint = 'labels: "abc", with each letter once; or pretrainer.paths.tokenizer, the place of a trained one'
            raise self._wrong("labels", "a CTC system is told its letters", hint=hint)
        self.tree.setdefault("model", {}).update(hyperparams=self._path.name, parts=dict(paths))
        tree: dict[str, Any] = {name: self._values[name] for name in keys.OF_THE_MODEL if name in self._values}
        if kind == "ctc":
            tree.setdefault("decoding_function", _GREEDY)
        if _TOKENIZER in loadables:
            tree.setdefault(_TOKENIZER, loadables[_TOKENIZER])
        pretrainer = Wanted("new", PRETRAINER, 0, self._path.name, [], {"loadables": dict(loadables)})
        tree = {**tree, "modules": modules, "pretrainer": pretrainer}
        data = f"# Made by earmark from {self._path.name}.\n{written(tree)}".encode()
        return ModelDocument(self.name, self._path.parent, tree, ((HYPERPARAMS, data),))


def _copied(value: Any) -> Any:  # noqa: ANN401  # plain values
    """Sections of its own, to be filled; a tuple is a list, as in a recipe."""
    if isinstance(value, Mapping):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, (list, tuple)) else value


def _hint() -> str:
    return "one that is trained: earmark train digits_ctc_hparams --set data.source=DATA --out NEW_FOLDER"
