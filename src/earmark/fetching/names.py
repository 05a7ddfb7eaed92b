"""What a name means: a local path, the hub, a URL or an object store. Looks at the local disk, and at nothing else.

The rule against collisions: nothing shadows anything in silence. A name says itself what it is (``./``, ``hf:``,
``https:``), and one that does not, and could be two things, is refused.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from earmark.errors import UsageError, without_secret
from earmark.fetching.values import PlaceKind
from earmark.redaction import is_unclear

_LOCAL = ("./", "../", "/", "~")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_WORD = r"(?![.-])(?!.*(?:--|\.\.))[\w.-]{1,96}(?<![.-])"
_HUB_NAME = re.compile(rf"{_WORD}/{_WORD}", re.ASCII)
_HUB = re.compile(
    r"(?P<datasets>datasets/)?(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>refs/(?:pr|convert)/[^/]+|[^/]+))?(?:/(?P<file>.*))?",
    re.DOTALL,
)
_UNCLEAR = "/ in a password is written %2F, and @ in a path %40"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name leads.

    ``kind`` is one of the four, ``name`` the name without secrets, ``locator`` what it is known by in its kind: an
    absolute path, ``models/owner/name`` or ``datasets/owner/name``, a URL; it may hold a signature, so it is shown to
    nobody. Of the hub are the asked ``revision`` (None: its main line), and ``file``, a file or a folder in it ("" for
    all of it). ``user`` is the user part of a URL, as it was written.
    """

    kind: PlaceKind
    name: str
    locator: str = field(repr=False)
    revision: str | None = None
    file: str = ""
    user: str | None = field(default=None, repr=False, compare=False)

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, so that what it names can never change."""
        return self.revision is not None and is_commit(self.revision)

    def pinned_name(self, revision: str) -> str:
        """What to ask for on another machine to get the same of the hub."""
        return f"hf:{self.locator.removeprefix('models/')}@{revision}{'/' if self.file else ''}{self.file}"

    @property
    def file_name(self) -> str:
        """The last word of it, harmless as the name of a file."""
        last = (self.file or urlsplit(self.locator).path if self.kind != "local" else self.locator).rstrip("/")
        last = last.rpartition("/")[2]
        plain = unquote(last) if self.kind in ("url", "store") else last
        return re.sub(r"[^\w.-]", "_", plain).lstrip(".")[-100:] or "file"


def is_commit(revision: str) -> bool:
    """Whether it is a commit in full, 40 hex digits, and no branch or tag."""
    return _COMMIT.fullmatch(revision) is not None


def resolve(name: str, *, bare: Literal["hub"] | None = None) -> Place:
    """Say what ``name`` is.

    * ``./a``, ``../a``, ``/a`` and ``~/a`` are local.
    * ``hf:owner/name[@revision][/file]`` is a model on the hub, ``hf:datasets/owner/name...`` a data set.
    * ``https:``, ``http:``, ``s3:`` and ``gs:`` are URLs and object stores.
    * Anything else is bare. One that exists here is local; but ``a/b``, which is also the form of a hub name, is
      refused where it is a folder here, or where a model is meant (``bare="hub"``). One that does not exist is the
      hub's with ``bare="hub"`` and the form ``a/b``, and else an error with near names.

    A repository is a folder, so a bare ``a/b`` that is a file here can be nothing else.

    Raises UsageError.
    """
    if not name.strip() or "\0" in name:
        raise UsageError(f"{name!r} names nothing to fetch")
    if name.startswith(_LOCAL):
        return _local(name)
    if match := _SCHEME.match(name):
        return _of_scheme(name, match[1].lower())
    return _bare(name, is_hub=bare == "hub")


def _local(name: str) -> Place:
    # Of these two pathlib's kin raise on an unknown user, or follow links.
    return Place("local", name, os.path.abspath(os.path.expanduser(name)))  # noqa: PTH100, PTH111


def _bare(name: str, *, is_hub: bool) -> Place:
    has_hub_form = _HUB_NAME.fullmatch(name) is not None
    if os.path.lexists(name):  # pathlib's kin raises where a name is too long
        is_file = os.path.isfile(name)  # noqa: PTH113
        if has_hub_form and (is_hub or not is_file):
            raise UsageError(
                f"{name!r} could be two things",
                cause=f"it is a {'file' if is_file else 'folder'} here, and the form of a name on the hub",
                hint=f"./{name} is the local one; hf:{name} is the hub's",
            )
        return _local(name)
    if has_hub_form and is_hub:
        return _hub(name, name)
    raise UsageError(f"there is no {name!r} here", cause="it names no other place either", hint=_hint(name, Path(name)))


def _hint(name: str, path: Path) -> str:
    try:
        known = os.listdir(path.parent)  # noqa: PTH208  # only names are wanted
    except OSError:
        known = []
    near = difflib.get_close_matches(path.name, known, n=3, cutoff=0.6)
    local = f"did you mean {' or '.join(f'./{(path.parent / one).as_posix()}' for one in near)}? " if near else ""
    return (
        f"{local}hf:{name} is the hub's" if _HUB_NAME.fullmatch(name) else f"{local}./PATH, hf:OWNER/NAME, https:, s3:"
    )


def _of_scheme(name: str, scheme: str) -> Place:
    if scheme == "hf":
        return _hub(name, name[3:].removeprefix("//"))
    if scheme in ("https", "http"):
        return _url(name)
    if scheme in ("s3", "gs"):
        return _store(name)
    shown = without_secret(name)
    if os.path.lexists(name):
        raise UsageError(f"{shown!r} could be two things", cause="a file here, or a scheme", hint=f"./{shown} is local")
    raise UsageError(
        f"nothing is fetched from {scheme}:", cause=f"asked for {shown}", hint="./PATH, hf:OWNER/NAME, https:, s3:, gs:"
    )


def _hub(name: str, rest: str) -> Place:
    match = _HUB.fullmatch(rest)
    if match is None or not _HUB_NAME.fullmatch(match["repo"]):
        raise UsageError(f"{shown_name(name)!r} is no name on the hub", hint="hf:OWNER/NAME[@REVISION][/FILE]")
    file = (match["file"] or "").rstrip("/")
    if file and any(part in ("", ".", "..") for part in file.split("/")):
        raise UsageError(f"{name!r} names no file of a repository", cause="its path has an empty part or dots")
    kind = "datasets" if match["datasets"] else "models"
    return Place("hub", name, f"{kind}/{match['repo']}", match["revision"], file)


def _url(name: str) -> Place:
    parts = _split(name)
    if not parts.hostname:
        raise UsageError(f"{_shown(name)} names no server", hint="https://HOST/PATH")
    return _remote("url", parts._replace(fragment=""))


def _store(name: str) -> Place:
    parts = _split(name)
    if not parts.netloc.rpartition("@")[2]:
        raise UsageError(f"{_shown(name)} names no bucket", hint="s3://BUCKET/PATH or gs://BUCKET/PATH")
    if parts.fragment:
        raise UsageError(f"{_shown(name)} has a '#'", hint="a '#' in the name of an object is written %23")
    return _remote("store", parts)


def _remote(kind: PlaceKind, parts: SplitResult) -> Place:
    user, _, server = parts.netloc.rpartition("@")
    bare = parts._replace(netloc=server).geturl()
    return Place(kind, without_secret(bare), bare, user=user or None)


def shown_name(name: str) -> str:
    """A name that leads nowhere as a message may show it: with no query, and no user and password before an @."""
    before, mark, _ = without_secret(name).partition("?")
    return re.sub(r"[^/:@]+:[^/@]*@", "...@", before) + ("?..." if mark else "")


def _shown(name: str) -> str:
    """A name that is no URL, though it begins like one: what is behind ``https:`` alone may be a secret."""
    return repr(without_secret(name)) if "://" in name else f"'{name.partition(':')[0]}:...'"


def _split(name: str) -> SplitResult:
    try:
        parts = urlsplit(name)
        _ = parts.port
    except ValueError:  # whose words can hold a piece of a password
        parts = None
    if parts is None or is_unclear(parts):
        cause = "where its server begins and ends cannot be told"
        raise UsageError(f"'{name.partition(':')[0]}:...' is no URL", cause=cause, hint=_UNCLEAR)
    return parts
