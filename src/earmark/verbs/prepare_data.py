"""``prepare_common_voice``: tables that SpeechBrain trains on, from a language of Common Voice, made once.

Knows which rows are left out and why. However many processes call it at once, one does the work and the others wait for
it; a kill at any moment leaves whole tables or none, and never one that is taken for finished.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Literal

from earmark.audio.probe import probe
from earmark.errors import AudioError, FolderError, UsageError
from earmark.records import Utterance
from earmark.sources.common_voice import CommonVoiceSource
from earmark.sources.naming import without_split
from earmark.sources.options import SourceOptions
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from earmark.text.common_voice import RULES, is_too_short, prepared_sentence
from earmark.verbs.in_order import in_order, num_threads

PREPARED = "prepared.json"
"""Written last: where it stands, the tables are whole and of the inputs and rules that it names."""
SCHEMA_VERSION = 1
DEFAULT_MAX_TRAIN_S = 10.0
"""The recipes' ``avoid_if_longer_than``: what is longer is mostly a microphone that was left open."""

TABLES = {"train": "train.csv", "dev": "valid.csv", "test": "test.csv"}
COLUMNS = ("ID", "duration", "wav", "spk_id", "wrd")
_PREFIX = "common-voice:"
_CHARACTERS_AT_ONCE = 1 << 20
_CLIPS_AT_ONCE = 32

Reason = Literal["too_few_words", "nothing_left", "missing_audio", "unreadable_audio", "too_long", "doubled_clip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSplit:
    """One table: how many of the rows it has, their seconds, and how many were left out for which reason."""

    table: str
    num_rows: int
    num_kept: int
    audio_s: float
    size_bytes: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PreparedData:
    """What stands in the folder ``to``. ``is_new`` says whether this call made it, or found it made.

    ``splits`` are by Common Voice's names: train, dev, test. ``rules`` names what was done to the sentences.
    """

    to: str
    is_new: bool
    rules: str
    accented_letters: bool
    max_train_s: float
    splits: Mapping[str, PreparedSplit]

    def table(self, split: str) -> str:
        """The path of the table of a split."""
        return str(Path(self.to, self.splits[split].table))


def prepare_common_voice(
    data: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    language: str | None = None,
    accented_letters: bool = False,
    max_train_s: float = DEFAULT_MAX_TRAIN_S,
) -> PreparedData:
    """Make ``train.csv``, ``valid.csv`` and ``test.csv`` in the folder ``to`` from a language of Common Voice.

    ``data`` is the language's folder, with ``train.tsv``, ``dev.tsv``, ``test.tsv`` and ``clips/``, or one of its
    tables or splits (``FOLDER/train.tsv``, ``common-voice:FOLDER:train``), which means all three. The rules are those
    of the language that a row names, else of ``language``, else of the folder's name. Rows are left out that have fewer
    than three words (Chinese, Japanese: two characters), no clip, or a clip that cannot be read; in the training table
    also those longer than ``max_train_s`` seconds.

    A second call with the same inputs and options does nothing; neither do those that come while the first one works:
    they wait. So every rank of a training may call it. Raises FolderError where ``to`` holds what was made otherwise,
    UsageError (and its kinds) for data that are no such folder or of which nothing is left, StoreError.
    """
    if not max_train_s > 0:
        raise UsageError(f"--max-train-seconds {max_train_s:g} leaves nothing to train on", hint="10 is the recipes'")
    target = LocalFolder(Path(_local(os.fspath(to))))
    sources = _sources(os.fspath(data), SourceOptions(language=language))
    identity = {
        "schema_version": SCHEMA_VERSION,
        "rules": RULES,
        "accented_letters": accented_letters,
        "max_train_s": float(max_train_s),
        "clips": sources["train"].root,
        "tables": {split: source.fingerprint for split, source in sources.items()},
    }
    is_new, splits = _prepared(target, sources, identity)
    return PreparedData(target.url, is_new, RULES, accented_letters, float(max_train_s), splits)


def _sources(data: str, options: SourceOptions) -> dict[str, CommonVoiceSource]:
    """The three tables of a language, called by its folder, or as another verb would call one of its splits."""
    folder, _ = without_split(data.removeprefix(_PREFIX))
    if folder.endswith(".tsv") and Path(folder).is_file():  # a table of the language, as other verbs take it
        folder = str(Path(folder).parent)
    missing = [f"{split}.tsv" for split in TABLES if not Path(folder, f"{split}.tsv").is_file()]
    if missing and len(missing) < len(TABLES):
        cause = "tables to train on are made of all three: train, dev and test"
        raise UsageError(f"no {' and no '.join(missing)} in {folder}", cause=cause)
    return {split: CommonVoiceSource(f"{folder}:{split}", options) for split in TABLES}


def _prepared(
    target: LocalFolder, sources: Mapping[str, CommonVoiceSource], identity: Mapping[str, Any]
) -> tuple[bool, dict[str, PreparedSplit]]:
    """Make the tables, or find them made: whether they are new, and what they are."""
    rules = {name: identity[name] for name in ("accented_letters", "max_train_s")}
    with locked(target, waits=True):
        if kept := _kept(target, identity):
            return False, kept
        splits = {split: _write(target, split, source, **rules) for split, source in sources.items()}
        facts = {**identity, "splits": {split: asdict(one) for split, one in splits.items()}}
        target.write(PREPARED, (json.dumps(facts, indent=2) + "\n").encode())
    return True, splits


def _local(to: str) -> str:
    if not to.strip():
        raise UsageError("--to names no folder", cause="it is empty, which would be the working folder", hint=_OWN)
    if "://" in to:
        raise UsageError(f"--to {to} is no local folder", cause="SpeechBrain reads its tables from a disk")
    return to


def _kept(target: LocalFolder, identity: Mapping[str, Any]) -> dict[str, PreparedSplit] | None:
    """What stands there of the same inputs and rules; None where nothing whole does. Raises FolderError for another."""
    try:
        facts = json.loads(target.read(PREPARED))
        there = {name: facts[name] for name in identity}
        splits = {split: PreparedSplit(**facts["splits"][split]) for split in TABLES}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(target.url, f"its {PREPARED} is not one of this version", hint=_OTHER) from error
    differing = [name for name, value in identity.items() if there[name] != value]
    if differing:
        problem = f"what was prepared there differs in {', '.join(differing)}"
        raise FolderError(target.url, problem, hint=_OTHER)
    is_whole = all(_size(target, one.table) == one.size_bytes for one in splits.values())
    return splits if is_whole else None


_OWN = "--to A_FOLDER_OF_ITS_OWN"
_OTHER = "--to OTHER_FOLDER keeps both; remove the folder to make it anew"


def _size(target: LocalFolder, name: str) -> int:
    path = target.path / name
    return path.stat().st_size if path.is_file() else -1


def _write(
    target: LocalFolder, split: str, source: CommonVoiceSource, *, accented_letters: bool, max_train_s: float
) -> PreparedSplit:
    """Commit the table of one split. Raises UsageError where no row is left."""
    max_s = max_train_s if split == "train" else None
    row_of = partial(_row, source.root, accented_letters=accented_letters, max_s=max_s)
    left_out: Counter[str] = Counter()
    with target.replacing(TABLES[split]) as stream:
        table = _Table(stream)
        for row in _without_doubles(in_order(row_of, source.utterances(), num_threads(), at_once=_CLIPS_AT_ONCE)):
            if isinstance(row, str):
                left_out[row] += 1
            else:
                table.add(row)
        table.flush()
        if not table.num_rows:
            raise _nothing_left(source, left_out)
    return PreparedSplit(
        table=TABLES[split],
        num_rows=table.num_rows + left_out.total(),
        num_kept=table.num_rows,
        audio_s=table.audio_s,
        size_bytes=table.size_bytes,
        left_out=dict(sorted(left_out.items())),
    )


Row = tuple[str, float, str, str, str]


def _row(root: str, utterance: Utterance, *, accented_letters: bool, max_s: float | None) -> Row | Reason:
    """The row of an utterance, or why it has none."""
    language = utterance.language or ""
    sentence = utterance.reference or ""
    words = prepared_sentence(sentence, language, accented_letters=accented_letters)
    if not words and sentence.strip():
        return "nothing_left"
    if is_too_short(words, language):
        return "too_few_words"
    path = os.path.join(root, utterance.audio.uri)  # noqa: PTH118  # as in planning.index
    try:
        duration_s = probe(path).duration_s
    except AudioError as error:
        return "missing_audio" if error.kind == "missing" else "unreadable_audio"
    if max_s is not None and duration_s > max_s:
        return "too_long"
    return PurePath(utterance.audio.uri).stem, duration_s, path, utterance.speaker or "", words


def _without_doubles(rows: Iterator[Row | Reason]) -> Iterator[Row | Reason]:
    """SpeechBrain refuses a table in which an id stands twice."""
    seen: set[str] = set()
    for row in rows:
        if isinstance(row, str):
            yield row
        elif row[0] in seen:
            yield "doubled_clip"
        else:
            seen.add(row[0])
            yield row


class _Table:
    """Rows of CSV on their way to a stream, about a MiB at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(COLUMNS)
        self.num_rows, self.audio_s, self.size_bytes = 0, 0.0, 0

    def add(self, row: Row) -> None:
        self._writer.writerow(row)
        self.num_rows += 1
        self.audio_s += row[1]
        if self._text.tell() > _CHARACTERS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        data = self._text.getvalue().encode("utf-8")
        self._stream.write(data)
        self.size_bytes += len(data)
        self._text.seek(0)
        self._text.truncate()


def _nothing_left(source: CommonVoiceSource, left_out: Counter[str]) -> UsageError:
    num_rows = left_out.total()
    reasons = ", ".join(f"{number:,} {reason.replace('_', ' ')}" for reason, number in left_out.most_common())
    is_stripped = left_out["nothing_left"] * 2 > num_rows
    return UsageError(
        f"nothing is left of the {num_rows:,} rows of {source.name}",
        cause=reasons or "the table has no rows",
        hint="--accented-letters: without it only ASCII is kept" if is_stripped else None,
    )
