"""Files of the Hugging Face hub: its own client says what there is and who asks, ``http`` brings the bytes.

Knows the client's endpoint and tokens (HF_ENDPOINT, HF_TOKEN and its other variables hold), and no cache of ours. The
hub states a digest for each file (SHA-256 of a large one, git's blob id of a small one), and both are checked here. Its
endpoint is the user's word, so its own address is not checked as that of a URL is; but those that it redirects to are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from earmark.errors import EarmarkError, FetchError, MissingExtraError, UsageError, first_line
from earmark.fetching import http
from earmark.fetching.arrival import Arrival, Wanted
from earmark.fetching.connection import Endpoint, check_proxy
from earmark.fetching.names import Place, is_commit, resolve
from earmark.fetching.values import FetchOptions

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 20


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
        found: object = _client(place).repo_info(**_repository(place), revision=place.revision, timeout=_TIMEOUT_S).sha
    if not isinstance(found, str) or not is_commit(found):
        raise FetchError("server", place.name, f"the hub names no commit for it: {found!r}")
    return found


def listing(place: Place) -> list[RepoFile]:
    """Every file of the repository at the place's commit, sorted by path. Raises FetchError and UsageError."""
    with _faults(place):
        info = _client(place).repo_info(
            **_repository(place), revision=place.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
        found = [RepoFile(one.rfilename, one.size, _sha256(one), one.blob_id) for one in info.siblings or ()]
    return sorted(found, key=lambda one: one.path)


def arrive(place: Place, partial: Path, options: FetchOptions) -> Arrival | None:
    """Bring a file of a commit to ``partial``, and go on with what is there. Raises FetchError and UsageError."""
    wanted = _stated(place)
    if wanted.size_bytes is not None and wanted.size_bytes > options.max_bytes:
        problem = f"it is {wanted.size_bytes:,} bytes, and no file is to be larger than {options.max_bytes:,}"
        raise FetchError("too_large", place.name, problem)
    must_be = Wanted(wanted.sha256, wanted.size_bytes)
    arrived = _brought(place, partial, options, must_be)
    if arrived is None:
        return None
    other = _blob_problem(partial, wanted.blob_id) if wanted.blob_id and not wanted.sha256 else None
    return Arrival(partial, place.revision, wanted=must_be, problem=other)


def _brought(place: Place, partial: Path, options: FetchOptions, wanted: Wanted) -> Arrival | None:
    """The file as it came. Only the endpoint gets the token: it redirects to a signed address for a large file."""
    with _faults(place):
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its __all__ lacks it

        url = hf_hub_url(**_repository(place), filename=place.file, revision=place.revision)
        endpoint = Endpoint(build_hf_headers(library_name="earmark").get("authorization"))
    found = resolve(url)
    there = dataclasses.replace(place, locator=found.locator, user=found.user)
    try:
        return http.arrive(there, partial, None, options, wanted, endpoint)
    except FetchError as error:
        if error.kind in ("denied", "missing"):
            with _faults(place):
                get_hf_file_metadata(url, timeout=_TIMEOUT_S)  # the client knows why: the terms, the token
        raise


def _blob_problem(path: Path, wanted: str) -> str | None:
    found = _git_blob_id(path)
    return None if found == wanted else f"its git blob id is {found}, and must be {wanted}"


def _stated(place: Place) -> RepoFile:
    """What the hub says of the file."""
    with _faults(place):
        found = _client(place).get_paths_info(**_repository(place), paths=[place.file], revision=place.revision)
    for one in found:
        if one.path == place.file and hasattr(one, "size"):
            return RepoFile(one.path, one.size, _sha256(one), one.blob_id)
    raise FetchError("missing", place.name, "there is no such file in the repository at this revision")


def _sha256(file: Any) -> str | None:  # noqa: ANN401  # two classes of the client's with the same fields
    found = file.lfs.sha256 if file.lfs is not None else None
    return found if isinstance(found, str) and len(found) == 64 else None  # noqa: PLR2004  # hex digits of SHA-256


def _git_blob_id(path: Path) -> str:
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _repository(place: Place) -> dict[str, Any]:
    kind, _, name = place.locator.partition("/")
    repo_type: Literal["dataset", "model"] = "dataset" if kind == "datasets" else "model"
    return {"repo_id": name, "repo_type": repo_type}


def _client(place: Place) -> Any:  # noqa: ANN401  # its type would be imported with it
    from huggingface_hub import HfApi

    check_proxy(_endpoint(), place)  # the client would raise what is no word of ours

    return HfApi(library_name="earmark")


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
        return _refused(error.response.status_code, place)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError | FileNotFoundError):
        return FetchError("broken", place.name, first_line(error), hint="the same command tries again")
    return FetchError("unreachable", place.name, _root(error), hint="is there a network?")


def _refused(status: int, place: Place) -> FetchError:
    """What to say of an answer for which the hub gives no reason of its own."""
    by_hand = f"or bring it here by hand, from {_page(place)} , and name the folder: ./FOLDER"
    if status == HTTPStatus.NOT_FOUND:
        problem = "the hub knows no such repository, revision or file"
        return FetchError("missing", place.name, problem, hint=f"see that the name is right, {by_hand}")
    problem = f"the hub answers {status}, and not with what was asked for"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = f"the hub is out of order at the moment: it answers {status}"
    return FetchError("server", place.name, problem, hint=f"type the same command again later, {by_hand}")


def _denied(place: Place, *, is_gated: bool) -> FetchError:
    from huggingface_hub import get_token

    token = "a token by HF_TOKEN or by `hf auth login`"  # noqa: S105  # how to give one
    if is_gated and get_token():
        problem = "its owner has not let in the account of the token that was given"
        hint = f"accept the terms with that account at {_page(place)} , wait until its owner lets it in, and try again"
        return FetchError("denied", place.name, problem, hint=hint)
    if is_gated:
        problem = "its owner lets in only those who accepted the terms"
        return FetchError("denied", place.name, problem, hint=f"accept them at {_page(place)} , then give {token}")
    problem = "there is no such repository, or it is private"
    hint = f"see at {_page(place)} that the name is right; for a private one give {token}"
    if not place.locator.startswith("datasets/"):
        hint += "; a data set is hf:datasets/OWNER/NAME"
    return FetchError("missing", place.name, problem, hint=hint)


def _page(place: Place) -> str:
    """The address of the repository for a browser."""
    return f"{_endpoint()}/{place.locator.removeprefix('models/')}"


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _root(error: BaseException) -> str:
    """What the first of a chain of errors says."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
