"""Which file each part of a pretrained model is, and where it comes from: its own folder, or another place.

SpeechBrain takes the first file of a name that lies where it collects, whoever left it there, and asks the hub for any
path that it does not find. Here each part has one place, which is recorded, and what could be two things is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from earmark.errors import FolderError, UsageError, without_secret
from earmark.fetching import resolve
from earmark.recognizers.model_files import LFS_POINTER, outright

EXTENSION = ".ckpt"
_HUB_PARTS = 3
"""owner, name, file."""


@dataclass(frozen=True, slots=True)
class Parts:
    """``own`` are files in the model's folder, by part; ``elsewhere`` the names of others, as fetching knows them."""

    own: Mapping[str, str]
    elsewhere: Mapping[str, str]


def files_named(loadables: Collection[str], paths: Mapping[str, str], place: str) -> list[str]:
    """The files of the model's folder that its parts may be. Raises UsageError for a path that leads nowhere."""
    return [_split(name, paths[name], place)[1] if name in paths else name + EXTENSION for name in loadables]


def parts_of(
    loadables: Collection[str],
    paths: Mapping[str, str],
    *,
    given: Mapping[str, str],
    folder: Path,
    repository: str | None,
    place: str,
) -> Parts:
    """Where each of the ``loadables`` is.

    ``given`` are the places that the user gave, which come first; ``paths`` are those that the model's file gives;
    others are ``NAME.ckpt`` in ``folder``. ``repository`` is the OWNER/NAME that the model itself was taken from, if it
    was. Raises UsageError for a path that leads nowhere, or to two things, FolderError for a file that is missing.
    """
    own = {name: name + EXTENSION for name in loadables if name not in given and name not in paths}
    elsewhere = {name: _file_at(name, given[name]) for name in loadables if name in given}
    foreign: dict[str, tuple[str, str]] = {}
    for name in loadables:
        if name in own or name in elsewhere:
            continue
        source, file = _split(name, paths[name], place)
        if source in ("", repository):
            own[name] = file
        else:
            foreign[name] = (source, file)
    names_all = len(foreign) + len(elsewhere) == len(loadables)
    if _is_copy(foreign, folder, place, is_possible=repository is None and names_all):
        own |= {name: file for name, (_, file) in foreign.items()}
    else:
        elsewhere |= {name: _said(*one) for name, one in foreign.items()}
    _check_own(own, folder, place)
    return Parts(own, elsewhere)


def _is_copy(foreign: Mapping[str, tuple[str, str]], folder: Path, place: str, *, is_possible: bool) -> bool:
    """Whether the model is a copy of the one repository that its file names throughout, with all its files here.

    That is a place of its own. Raises UsageError where only some lie here too: then the user must say.
    """
    here = {name for name, (_, file) in foreign.items() if (folder / file).is_file()}
    is_of_one = len({source for source, _ in foreign.values()}) == 1
    if not here or (is_possible and is_of_one and here == foreign.keys()):
        return bool(here)
    raise _two_things(place, min(here), *foreign[min(here)])


def _said(source: str, file: str) -> str:
    return f"{source}/{file}" if "://" in source else f"hf:{source}/{file}"


def _file_at(name: str, given: str) -> str:
    """The file of a part at the place that the user gave, which is a file, or a folder with ``NAME.ckpt``."""
    place = resolve(given, bare="hub")
    if place.kind == "local":
        return f"{place.locator}/{name}{EXTENSION}" if Path(place.locator).is_dir() else place.locator
    said = outright(given)
    last = place.file if place.kind == "hub" else PurePosixPath(place.locator).name
    if place.kind == "url" or PurePosixPath(last).suffix:
        return said
    return f"{said.rstrip('/')}/{name}{EXTENSION}"


def _split(name: str, path: str, place: str) -> tuple[str, str]:
    """A path of the model's file: the place ("" for its own folder), and the file there."""
    if "://" in path:
        source, _, file = path.rpartition("/")
        if resolve(path).kind in ("url", "store") and file:
            return source, file
    parts = PurePosixPath(path).parts
    if not path or "\0" in path or path.startswith(("/", "~")) or ".." in parts or "\\" in path or "://" in path:
        raise UsageError(
            f"{place} takes its {name} from {without_secret(path)!r}",
            cause="that is no path in its folder, and no place elsewhere",
            hint=f"--set {name}=PLACE, for one of asr, lm, normalizer and tokenizer",
        )
    if len(parts) == _HUB_PARTS and not path.startswith("./"):
        return "/".join(parts[:2]), parts[2]
    return "", PurePosixPath(path).as_posix()


def _two_things(place: str, name: str, source: str, file: str) -> UsageError:
    return UsageError(
        f"the {name} of {place} could be two things",
        cause=f"its file says {without_secret(f'{source}/{file}')}, and there is another {file} beside it",
        hint=f"--set {name}=PLACE says which",
    )


def _check_own(own: Mapping[str, str], folder: Path, place: str) -> None:
    for name, file in own.items():
        path = folder / file
        try:
            with path.open("rb") as opened:
                start = opened.read(len(LFS_POINTER))
        except OSError as error:
            raise FolderError(
                f"{place}/{file}", f"its {name} is missing: {error.strerror}", hint="fetch the model again"
            ) from error
        if start == LFS_POINTER:
            raise FolderError(
                f"{place}/{file}",
                "it is a Git LFS pointer, not the weights",
                hint="git lfs pull, in the folder of the model",
            )
