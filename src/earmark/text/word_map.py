"""A user's own words, read from a TOML file: what each is replaced with. It knows nothing of other rules.

::

    [words]
    "gonna" = "going to"
    "all right" = "alright"
    "ehm" = ""
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from earmark.errors import FolderError, UsageError
from earmark.text.base import hash_rules

_EXAMPLE = '[words] on a line of its own, then "gonna" = "going to"'


class WordMap:
    """Replaces whole words and phrases as the text writes them, the longest first, in one pass.

    It carries its words, so that a worker elsewhere needs no file.
    """

    version = "1"

    def __init__(self, name: str, words: Mapping[str, str]) -> None:
        self.name = name
        self._words = dict(words)
        longest_first = sorted(self._words, key=lambda word: (-len(word), word))
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the words, whatever the file is called."""
        return hash_rules({"step": "words", "version": self.version, "words": self._words})

    def __call__(self, text: str) -> str:
        """``text`` with its words replaced."""
        return self._pattern.sub(lambda match: self._words[match[0]], text)


def read_word_map(path: str) -> dict[str, str]:
    """The table ``[words]`` of the TOML file ``path``. Raises FolderError or UsageError, which say what to do."""
    try:
        content = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise FolderError(path, error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot use the word map {path}", cause="it is not UTF-8", hint="save it as UTF-8") from error
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"cannot use the word map {path}", cause=str(error), hint=_EXAMPLE) from error
    return _check_words(path, table)


def _check_words(path: str, table: Mapping[str, object]) -> dict[str, str]:
    words = table.get("words")
    if not isinstance(words, dict) or not words or table.keys() != {"words"}:
        found = ", ".join(table) or "nothing"
        problem = f"it must hold the table [words] with at least one word, and nothing else; it holds {found}"
        raise UsageError(f"cannot use the word map {path}", cause=problem, hint=_EXAMPLE)
    for word, replacement in words.items():
        if not word.strip() or not isinstance(replacement, str):
            problem = f"{word!r} = {replacement!r} is not a word and what is written for it"
            raise UsageError(f"cannot use the word map {path}", cause=problem, hint=_EXAMPLE)
    return words
