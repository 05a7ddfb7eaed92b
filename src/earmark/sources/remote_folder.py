"""A folder elsewhere (an object store, a web server, a data set on the hub), and which file there a row means.

It fetches nothing. A row is followed only to the server or bucket of the folder, and never out of the folder by its
path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlsplit

from earmark.errors import UsageError, without_secret
from earmark.fetching import resolve
from earmark.sources.naming import is_remote


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder elsewhere: ``begin`` + path + ``end`` is what ``fetch`` takes. Both may hold secrets."""

    begin: str
    end: str = ""

    @classmethod
    def named(cls, name: str) -> Self:
        """The folder called ``name``. Raises UsageError for what is no URL."""
        name = as_data_set(name)
        resolve(name)
        if name.lower().startswith("hf:"):
            return cls(name.rstrip("/") + "/")
        parts = urlsplit(name)
        # A store's query says which server and region; that of a web page may be a signature for it alone.
        end = f"?{parts.query}" if parts.query and not parts.scheme.lower().startswith("http") else ""
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/", end)

    @property
    def shown(self) -> str:
        """Its name without secrets."""
        return without_secret(self.begin)

    @property
    def server(self) -> tuple[str, str]:
        """Scheme, and host or bucket."""
        parts = urlsplit(self.begin)
        return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()

    def file(self, uri: str) -> str:
        """The name of the file that ``uri`` in a row means. Raises UsageError where it leads out of here."""
        if ".." in uri.split("/") or "\0" in uri:
            raise UsageError(f"{uri!r} leads out of {self.shown}")
        if is_remote(uri):
            resolve(uri)
            if RemoteFolder(uri).server != self.server or self.begin.lower().startswith("hf:"):
                cause = f"only what lies where the data lie is fetched: {self.shown}"
                raise UsageError(f"{without_secret(uri)} is somewhere else", cause=cause, hint="--audio-root URL")
            return self._in_store(uri) if self.server[0] in ("s3", "gs") else uri + self.end
        if uri.startswith("/"):
            hint = "--audio-root FOLDER, where the files are on this machine"
            raise UsageError(f"{uri} is a path of another machine: the data are in {self.shown}", hint=hint)
        return self.begin + (uri if self.begin.lower().startswith("hf:") else quote(uri)) + self.end

    def _in_store(self, uri: str) -> str:
        """The object that a whole URL in a row means, asked for where and as whom the user said.

        The query of such a URL names the server that gets signed requests, so a row has none.
        """
        row, ours = urlsplit(uri), urlsplit(self.begin)
        if row.query or "@" in row.netloc:
            raise UsageError(
                f"{without_secret(uri)} says more than a bucket and a path",
                cause="only the name of the data or --audio-root says which server is asked, and as whom",
            )
        return f"{ours.scheme}://{ours.netloc}{row.path}{self.end}"


def as_data_set(name: str) -> str:
    """A name on the hub as that of a data set, which is what data are; another name as it is."""
    if not name.lower().startswith("hf:") or name[3:].removeprefix("//").startswith("datasets/"):
        return name
    return f"hf:datasets/{name[3:].removeprefix('//')}"
