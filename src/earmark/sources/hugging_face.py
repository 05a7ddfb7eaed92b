"""Any data set of the Hugging Face hub that holds its audio in Parquet: ``OWNER/NAME[@REVISION][/CONFIG][:SPLIT]``.

It knows names and lists of files; the rows are read by ``embedded``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from earmark.errors import FetchError, UsageError
from earmark.fetching import FetchOptions, fetch, list_files
from earmark.fetching.names import shown_name
from earmark.sources.embedded import EmbeddedSource, Shard
from earmark.sources.hub_layout import SUFFIX, Layout, layout
from earmark.sources.hub_snapshot import LARGEST_README, README

if TYPE_CHECKING:
    from earmark.fetching.hub import RepoFile
    from earmark.sources.options import SourceOptions

CONVERTED = "refs/convert/parquet"
"""The branch on which the hub keeps its own Parquet of data sets that have another format."""

_FILES_LISTED = 5
_NAME = re.compile(
    r"(?://)?(?:datasets/)?(?P<repo>[^/@:]+/[^/@:]+)(?:@(?P<revision>refs/(?:pr|convert)/[^/:]+|[^/:]+))?"
    r"(?:/(?P<config>[^:]+))?(?::(?P<split>[^:/]+))?"
)


@dataclass(frozen=True, slots=True)
class HubName:
    """The parts of a name; None where it does not say one."""

    repo: str
    revision: str | None
    config: str | None
    split: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name, without ``hf:``. Raises UsageError."""
        match = _NAME.fullmatch(text)
        if match is None:
            hint = "hf:OWNER/NAME[@REVISION][/CONFIGURATION][:SPLIT]"
            raise UsageError(f"{shown_name(f'hf:{text}')} names no data set", hint=hint)
        return cls(match["repo"], match["revision"], match["config"], match["split"])

    def place(self, revision: str | None) -> str:
        """What ``fetching`` calls the repository at a revision."""
        return f"hf:datasets/{self.repo}" + (f"@{revision}" if revision else "")


def open_hub(path: str, options: SourceOptions) -> EmbeddedSource:
    """Open a split of a data set at the commit that its revision names now. Its shards are fetched as they are read.

    Where the repository holds no Parquet and no revision was asked for, it is the hub's own conversion, at its commit.
    Raises UnknownNameError for another configuration or split, with the known ones; UsageError and FetchError.
    """
    name = HubName.parse(path)
    try:
        listing = list_files(name.place(name.revision), options=options.fetching)
    except FetchError as error:
        raise by_hand(error, name, None, ()) from error
    commit, files = listing.commit, {file.path: file for file in listing.files}
    if name.config is not None and name.config.lower().endswith(SUFFIX):
        return _one_file(name, commit, files, options)
    found = layout(files, _readme(name, commit, files, options.fetching))
    if not found.configs:
        commit, files = _converted(name, options.fetching)
        found = layout(path for path in files if "/partial-" not in path)
    return _open(name, commit, files, found, options)


def _open(
    name: HubName, commit: str, files: dict[str, RepoFile], found: Layout, options: SourceOptions
) -> EmbeddedSource:
    config, split, paths = found.chosen(f"hf:{name.repo}", name.config, name.split)
    where = f"hf:{name.repo}@{commit}" + (f"/{config}" if len(found.configs) > 1 or name.config else "")
    shards = _shards(name, commit, [files[path] for path in paths])
    return EmbeddedSource(f"{where}:{split}", shards, split, options)


def _one_file(name: HubName, commit: str, files: dict[str, RepoFile], options: SourceOptions) -> EmbeddedSource:
    file = files.get(name.config or "")
    shown = f"hf:{name.repo}@{commit}/{name.config}"
    if file is None:
        raise FetchError("missing", shown, "there is no such file in the repository at this revision")
    split = next(iter(next(iter(layout([file.path]).configs.values()))))
    return EmbeddedSource(shown, _shards(name, commit, [file]), split, options)


@dataclass(frozen=True)
class HubShard(Shard):
    """A shard that knows what it is a part of, for whoever has to bring it here without a network."""

    data: HubName = HubName("", None, None, None)
    commit: str = ""
    files: tuple[RepoFile, ...] = ()

    def path(self, options: FetchOptions) -> Path:
        """Bring it here. Raises FetchError, which lists all shards of the split where there is no network."""
        try:
            return super().path(options)
        except FetchError as error:
            raise by_hand(error, self.data, self.commit, self.files) from error


def _shards(name: HubName, commit: str, files: list[RepoFile]) -> list[HubShard]:
    return [
        HubShard(
            f"{name.place(commit)}/{file.path}", _identity(name, commit, file), file.sha256, file.size_bytes,
            data=name, commit=commit, files=tuple(files),
        )
        for file in files
    ]  # fmt: skip


def _identity(name: HubName, commit: str, file: RepoFile) -> str:
    fallback = f"{name.repo} {commit} {file.path} {file.blob_id}"
    return file.sha256 or hashlib.sha256(fallback.encode()).hexdigest()


def by_hand(error: FetchError, name: HubName, commit: str | None, files: Sequence[RepoFile]) -> FetchError:
    """The error, of a missing network, with all that is to be brought here and how; another one as it is."""
    if error.kind not in ("offline", "unreachable"):
        return error
    folder = name.repo.rpartition("/")[2]
    rest = (f"/{name.config}" if name.config else "") + (f":{name.split}" if name.split else "")
    revision = commit or name.revision
    at = f" --revision {shlex.quote(revision)}" if revision else ""
    some = f" --include {README} --include {shlex.quote(_pattern(files))}" if files else ""
    hint = (
        "with a network, there or here:\n"
        f"hf download {name.repo} --repo-type dataset{at}{some} --local-dir {folder}\n"
        f"and then --data {shlex.quote(f'parquet:{folder}{rest}')}"
    )
    cause = f"{error.cause}\nwanted of the data set {name.repo} at {revision or 'its main line'}: {_wanted(files)}"
    return FetchError(error.kind, f"hf:{name.repo}{rest}", cause, hint=hint)


def _pattern(files: Sequence[RepoFile]) -> str:
    paths = [file.path for file in files]
    beginning = os.path.commonprefix(paths)  # noqa: RUF071  # of the names, too
    return beginning if len(paths) == 1 else f"{beginning}*"


def _wanted(files: Sequence[RepoFile]) -> str:
    if not files:
        return f"{README} and Parquet files, of which only the hub knows names and sizes"
    listed = [f"{file.path} ({file.size_bytes or 0:,} bytes)" for file in files[:_FILES_LISTED]]
    more = len(files) - len(listed)
    total = sum(file.size_bytes or 0 for file in files)
    rest = f"\nand {more:,} more, {total:,} bytes in all" if more else ""
    return "".join(f"\n{one}" for one in listed) + rest


def _readme(name: HubName, commit: str, files: dict[str, RepoFile], options: FetchOptions) -> str | None:
    file = files.get(README)
    if file is None or (file.size_bytes or 0) > LARGEST_README:
        return None
    fetched = fetch(f"{name.place(commit)}/{README}", options=options)
    return fetched.path.read_text(encoding="utf-8", errors="replace")


def _converted(name: HubName, options: FetchOptions) -> tuple[str, dict[str, RepoFile]]:
    """What the hub itself made of it. Raises UsageError where it made nothing, or a revision was asked for."""
    problem = "its files at this revision hold no Parquet"
    try:
        listing = list_files(name.place(CONVERTED), options=options)
    except FetchError as error:
        if error.kind != "missing":
            raise
        raise UsageError(
            f"hf:{name.repo} cannot be read", cause=f"{problem}, and the hub has converted none", hint=_other_ways()
        ) from error
    if name.revision is not None:
        rest = (f"/{name.config}" if name.config else "") + (f":{name.split}" if name.split else "")
        hint = f"the hub has converted its main line: hf:{name.repo}@{listing.commit}{rest}"
        raise UsageError(f"hf:{name.repo}@{name.revision} cannot be read", cause=problem, hint=hint)
    return listing.commit, {file.path: file for file in listing.files if file.path.endswith(SUFFIX)}


def _other_ways() -> str:
    return "download it, and give its folder or a manifest; a manifest in it is hf:OWNER/NAME/FILE.csv"
