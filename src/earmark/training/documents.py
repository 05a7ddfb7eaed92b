"""The document of a model in SpeechBrain's format that a recipe trains, and where the files of its parts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.errors import UsageError
from earmark.fetching import FetchOptions
from earmark.recognizers.model_files import ModelFiles, outright
from earmark.recognizers.speechbrain.allowed import check_allowed
from earmark.recognizers.speechbrain.document import all_wanted, read_document
from earmark.recognizers.speechbrain.parts import parts_of
from earmark.recognizers.speechbrain.pretrained import HYPERPARAMS
from earmark.training.recipe import ModelDocument, ReadRecipe


def model_document(read: ReadRecipe) -> ModelDocument:
    """That of the recipe itself, or the one that it names. Raises UsageError, also for what may not be built."""
    if read.document is not None:
        return read.document
    model = read.recipe.model
    path = read.beside(model.hyperparams) if model.hyperparams is not None else _in(model.pretrained)
    if not path.is_file():
        raise UsageError(f"there is no {path}", hint="model.hyperparams starts from the folder of the recipe")
    document = read_document(path, str(path))
    included = [name for name in document.files if name != path.name]
    if HYPERPARAMS in included:
        raise UsageError(f"{path} includes a {HYPERPARAMS}, which is its own name later", hint="rename that one")
    if not read.trust:
        check_allowed(all_wanted(document.tree), str(path))
    files = [*((name, path.parent / name) for name in included), (HYPERPARAMS, path)]
    folder = Path(model.pretrained) if model.pretrained is not None else path.parent
    return ModelDocument(str(path), folder, document.tree, tuple((name, one.read_bytes()) for name, one in files))


def part_files(
    wanted: Sequence[str], paths: Mapping[str, str], given: Mapping[str, str], folder: Path
) -> dict[str, Path]:
    """Where each of the parts ``wanted`` is on this machine; what is elsewhere is fetched.

    ``given`` are places that the recipe gives, ``paths`` those of the document, and others are in ``folder``. Raises
    what ``parts_of`` raises, and FetchError.
    """
    named = {name: path for name, path in paths.items() if name in wanted}
    found = parts_of(wanted, named, given=given, folder=folder, repository=None, place=str(folder))
    elsewhere = {name: outright(one) for name, one in found.elsewhere.items()}
    if not elsewhere:
        return {name: folder / file for name, file in found.own.items()}
    return {
        **{name: folder / file for name, file in found.own.items()},
        **ModelFiles(elsewhere, folders=(), fetching=FetchOptions()).paths(),
    }


def check_parts(given: Mapping[str, str], parts: Sequence[str], place: str) -> None:
    """Raise UsageError for a place of a part that there is not."""
    if unknown := given.keys() - set(parts):
        raise UsageError(f"{place} has no part {min(unknown)}", cause=f"its parts are {', '.join(parts)}")


def _in(folder: str | None) -> Path:
    return Path(folder or "") / HYPERPARAMS
