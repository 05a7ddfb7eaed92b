"""Files of the Hugging Face hub, by its own client: its endpoint, its tokens, its transfer. Knows no cache of ours.

The client checks the size of a file, and no digest; the hub states one for each file (SHA-256 of a large one, git's
blob id of a small one), and both are checked here. HF_ENDPOINT, HF_TOKEN and the client's other variables hold. Its
endpoint is the user's word, so its addresses are not checked as those of a URL are.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earmark.errors import EarmarkError, FetchError, MissingExtraError, UsageError, first_line
from earmark.fetching.arrival import Arrival, Wanted
from earmark.fetching.names import Place, is_commit
from earmark.fetching.values import FetchOptions, FetchProgress

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of a repository: its path there, its size, and its digest: SHA-256, or git's blob id where there is none.

    The path comes from whoever made the repository.
    """

    path: str
    size_bytes: int | None
    sha256: str | None
    blob_id: str | None


def commit_of(place: Place) -> str:
    """The commit, 40 hex digits, that the place's revision names now. Raises FetchError and UsageError."""
    with _faults(place):
        found: object = _client().repo_info(**_repository(place), revision=place.revision, timeout=_TIMEOUT_S).sha
    if not isinstance(found, str) or not is_commit(found):
        raise FetchError("server", place.name, f"the hub names no commit for it: {found!r}")
    return found


def listing(place: Place) -> list[RepoFile]:
    """Every file of the repository at the place's commit, sorted by path. Raises FetchError and UsageError."""
    with _faults(place):
        info = _client().repo_info(
            **_repository(place), revision=place.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
        found = [RepoFile(one.rfilename, one.size, _sha256(one), one.blob_id) for one in info.siblings or ()]
    return sorted(found, key=lambda one: one.path)


def arrive(place: Place, partial: Path, options: FetchOptions) -> Arrival:
    """Bring a file of a commit into the folder ``partial``, which is begun anew. Raises FetchError and UsageError."""
    wanted = _stated(place)
    if wanted.size_bytes is not None and wanted.size_bytes > options.max_bytes:
        problem = f"it is {wanted.size_bytes:,} bytes, and no file is to be larger than {options.max_bytes:,}"
        raise FetchError("too_large", place.name, problem)
    if partial.is_dir():
        shutil.rmtree(partial)  # the client cannot go on with what it left
    with _faults(place):
        from huggingface_hub import hf_hub_download

        path = hf_hub_download(
            **_repository(place),
            filename=place.file,
            revision=place.revision,
            local_dir=partial,
            tqdm_class=_bar(place, wanted.size_bytes, options),
        )
    found = Path(path)
    other = _blob_problem(found, wanted.blob_id) if wanted.blob_id and not wanted.sha256 else None
    return Arrival(found, place.revision, wanted=Wanted(wanted.sha256, wanted.size_bytes), problem=other)


def _blob_problem(path: Path, wanted: str) -> str | None:
    found = _git_blob_id(path)
    return None if found == wanted else f"its git blob id is {found}, and must be {wanted}"


def _stated(place: Place) -> RepoFile:
    """What the hub says of the file."""
    with _faults(place):
        found = _client().get_paths_info(**_repository(place), paths=[place.file], revision=place.revision)
    for one in found:
        if one.path == place.file and hasattr(one, "size"):
            return RepoFile(one.path, one.size, _sha256(one), one.blob_id)
    raise FetchError("missing", place.name, "there is no such file in the repository at this revision")


def _sha256(file: Any) -> str | None:  # noqa: ANN401  # two classes of the client's with the same fields
    found = file.lfs.sha256 if file.lfs is not None else None
    return found if isinstance(found, str) and len(found) == 64 else None  # noqa: PLR2004  # hex digits of SHA-256


def _git_blob_id(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _repository(place: Place) -> dict[str, Any]:
    kind, _, name = place.locator.partition("/")
    repo_type: Literal["dataset", "model"] = "dataset" if kind == "datasets" else "model"
    return {"repo_id": name, "repo_type": repo_type}


def _client() -> Any:  # noqa: ANN401  # its type would be imported with it
    from huggingface_hub import HfApi

    return HfApi(library_name="earmark")


def _bar(place: Place, total: int | None, options: FetchOptions) -> Any:  # noqa: ANN401  # a class of the client's kind
    """A progress bar for the client that draws nothing, and passes on how far it is."""
    from huggingface_hub.utils.tqdm import tqdm

    base: Any = tqdm

    class Bar(base):  # type: ignore[misc]  # the client's, whose types are not exported
        def __init__(self, *_: object, **named: Any) -> None:  # noqa: ANN401
            super().__init__(disable=True)
            self._done = int(named.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            options.tell(FetchProgress(place.name, self._done, total))
            return None

    return Bar


@contextlib.contextmanager
def _faults(place: Place) -> Iterator[None]:
    """Say in our words what the client raises. What the disk says passes through."""
    try:
        import huggingface_hub.errors as hub
    except ModuleNotFoundError as error:
        raise MissingExtraError("name", place.name, "hub", error.name or "huggingface_hub") from error
    transport: type[Exception] = hub.HfHubHTTPError.__mro__[1]  # of whichever HTTP library the client has now
    try:
        yield
    except (hub.HFValidationError, hub.EntryNotFoundError, transport, OSError) as error:
        is_of_disk = isinstance(error, OSError) and error.errno is not None
        if is_of_disk and not isinstance(error, ConnectionError | TimeoutError):
            raise
        raise _in_our_words(error, place) from None


def _in_our_words(error: Exception, place: Place) -> EarmarkError:
    import huggingface_hub.errors as hub

    if isinstance(error, hub.HFValidationError):
        return UsageError(f"{place.name} is no name on the hub", cause=first_line(error))
    if isinstance(error, hub.RepositoryNotFoundError):
        return _denied(place, is_gated=isinstance(error, hub.GatedRepoError))
    if isinstance(error, hub.RevisionNotFoundError | hub.RemoteEntryNotFoundError):
        what = "file in the repository at this" if isinstance(error, hub.RemoteEntryNotFoundError) else "branch, tag or"
        return FetchError("missing", place.name, f"there is no such {what} revision")
    if isinstance(error, hub.HfHubHTTPError):
        return FetchError("server", place.name, first_line(error))
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError | FileNotFoundError):
        return FetchError("broken", place.name, first_line(error), hint="the same command tries again")
    return FetchError("unreachable", place.name, _root(error), hint="is there a network?")


def _denied(place: Place, *, is_gated: bool) -> FetchError:
    _, _, name = place.locator.partition("/")
    page = f"{'datasets/' if place.locator.startswith('datasets/') else ''}{name}"
    token = "a token by HF_TOKEN or by `hf auth login`"  # noqa: S105  # how to give one
    if is_gated:
        problem = "its owner lets in only those who accepted the terms"
        return FetchError("denied", place.name, problem, hint=f"accept them at {_endpoint()}/{page}, then give {token}")
    problem = "there is no such repository, or it is private"
    hint = f"is the name right ({_endpoint()}/{page})? A private one wants {token}"
    if not place.locator.startswith("datasets/"):
        hint += "; a data set is hf:datasets/OWNER/NAME"
    return FetchError("missing", place.name, problem, hint=hint)


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _root(error: BaseException) -> str:
    """What the first of a chain of errors says."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
