"""The recognizer around a language model: its documents, and the files of its parts, from one place or several.

Builds the language model and the tokenizer alone; the rest is looked at, and copied.
"""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from earmark.errors import UsageError
from earmark.recognizers.speechbrain.building import Builder
from earmark.recognizers.speechbrain.document import Wanted
from earmark.recognizers.speechbrain.parts import files_named
from earmark.recognizers.speechbrain.pretrained import pretrainer_of
from earmark.recognizers.speechbrain.weights import check_complete, fill
from earmark.store.folder import LocalFolder
from earmark.training.documents import check_parts, model_document, part_files
from earmark.training.recipe import ReadRecipe

LM, TOKENIZER = "lm", "tokenizer"
"""What SpeechBrain's recipes call these parts."""
_OF_FUNCTION, _OF_DECODER = ("bos_id", "eos_id"), ("bos_index", "eos_index")


class LmParts:
    """The parts of a recognizer, of which ``lm`` is to be trained and ``tokenizer`` says of what texts consist."""

    def __init__(self, read: ReadRecipe) -> None:
        """Raises UsageError, FolderError, FetchError and RecognizerError for what is not there, or does not fit."""
        model = read.recipe.model
        self._document = document = model_document(read)
        self.place, self._trust, self._tree = document.place, read.trust, document.tree
        loadables, paths = pretrainer_of(document.tree, self.place)
        if missing := {LM, TOKENIZER} - loadables.keys():
            raise UsageError(f"the Pretrainer of {self.place} loads no {min(missing)}, which a language model needs")
        is_from_chance = model.hyperparams is not None and LM not in model.parts
        wanted = [name for name in loadables if name != LM or not is_from_chance]
        check_parts(model.parts, [*loadables], self.place)
        self._files = part_files(wanted, paths, model.parts, document.folder)
        self._saved_as = dict(zip(loadables, files_named(loadables, paths, self.place), strict=True))
        self.lm, self.tokenizer = self._built(loadables, read.recipe.seed)
        fill({TOKENIZER: self.tokenizer}, self._files, self.place)
        if not is_from_chance:
            check_complete({LM: self.lm}, fill({LM: self.lm}, self._files, self.place), self.place)

    def marks(self) -> tuple[int, int]:
        """The tokens with which texts begin and end, as the search has them. Raises UsageError for a search without."""
        modules = self._tree.get("modules")
        decoder = modules.get("decoder") if isinstance(modules, Mapping) else None
        for search, names in ((self._tree.get("decoding_function"), _OF_FUNCTION), (decoder, _OF_DECODER)):
            begin, end = (search.kwargs.get(name) for name in names) if isinstance(search, Wanted) else (None, None)
            if isinstance(begin, int) and isinstance(end, int):
                return begin, end
        raise UsageError(
            f"the search of {self.place} does not say with which tokens a text begins and ends",
            cause="looked for bos_id and eos_id of a decoding_function, bos_index and eos_index of a decoder",
        )

    def fixed_files(self) -> Iterator[tuple[str, bytes]]:
        """What stays as it is, the documents last: the name in a saved folder, and the bytes."""
        for name, path in sorted(self._files.items()):
            if name != LM:
                yield self._saved_as[name], path.read_bytes()
        yield from self._document.files

    def digest(self) -> str:
        """Hex SHA-256 over what stays as it is."""
        found = hashlib.sha256()
        for name, data in self.fixed_files():
            found.update(repr((name, hashlib.sha256(data).hexdigest())).encode())
        return found.hexdigest()

    def save(self, folder: LocalFolder, lm: bytes) -> None:
        """Write all parts, with these weights of the language model. Raises StoreError."""
        folder.write(self._saved_as[LM], lm)
        for name, data in self.fixed_files():  # last the documents: a folder with them is whole
            folder.write(name, data)

    def _built(self, loadables: Mapping[str, Any], seed: int) -> tuple[nn.Module, Any]:
        with torch.random.fork_rng(), tempfile.TemporaryDirectory() as cache, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SpeechBrain gives the dropout between layers where there is one layer
            torch.manual_seed(seed)
            build = Builder(self.place, backbone=None, cache=Path(cache), trust=self._trust)
            lm, tokenizer = build(loadables[LM]), build(loadables[TOKENIZER])
        if not isinstance(lm, nn.Module):
            raise UsageError(f"the lm of {self.place} is nothing that learns")
        return lm, tokenizer
