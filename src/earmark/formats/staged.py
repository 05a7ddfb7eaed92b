"""The layout of a staged set: the names of its files, and the facts in its ``staged.json``. It reads no file.

::

    DIR/staged.json                       what was staged, how, and whether all of it is there
    DIR/utterances.parquet                one row an utterance: schema.STAGED
    DIR/audio/00012/00012345.flac         named by the utterance's place in the data, so that no id becomes a path
    DIR/parts/                            what each worker committed
    DIR/errors.jsonl                      the utterances that failed or were left out, each with its reason
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

FACTS = "staged.json"
TABLE = "utterances.parquet"
ERRORS = "errors.jsonl"
AUDIO = "audio"
_PER_FOLDER = 1000
_NOT_THERE = "not-staged"
_CHANGED = re.compile(r"(?P<path>.+)\.(?P<here>[0-9]{1,18})-of-(?P<there>[0-9]{1,18})-bytes")


def audio_folder(index: int) -> str:
    """The folder of the utterance at ``index``: a thousand utterances share one."""
    return f"{AUDIO}/{index // _PER_FOLDER:05d}"


def audio_name(index: int, suffix: str) -> str:
    """The file of the utterance at ``index``, relative to the staged set; ``suffix`` begins with a dot."""
    return f"{audio_folder(index)}/{index:08d}{suffix}"


def is_audio_name(path: str | None, index: int) -> bool:
    """Whether ``path`` is what the file of the utterance at ``index`` is called."""
    return path in (audio_name(index, ".wav"), audio_name(index, ".flac"))


def missing_name(index: int, error_kind: str) -> str:
    """A path that stands for an utterance that failed: no such file, and its name says why."""
    return f"{_NOT_THERE}/{index:08d}.{error_kind}"


def failure_in(path: str) -> str | None:
    """Of a path that ``missing_name`` made, alone or below a folder, why there is no file; None of any other."""
    folder, _, name = path.rpartition("/")
    return name.partition(".")[2] or None if folder.rpartition("/")[2] == _NOT_THERE else None


def changed_name(path: str, size_bytes: int, staged_bytes: int) -> str:
    """A path that stands for a file that has not the size it was staged with: no such file; it says both sizes."""
    return f"{path}.{size_bytes}-of-{staged_bytes}-bytes"


def change_in(path: str) -> str | None:
    """Of a path that ``changed_name`` made, alone or below a folder, what is wrong; None of any other."""
    found = _CHANGED.fullmatch(path)
    if found is None:
        return None
    here, there = int(found["here"]), int(found["there"])
    name = found["path"].rpartition("/")[2]
    return f"{name} is not the file that was staged ({here:,} bytes, the table says {there:,})"


def is_inside(path: str) -> bool:
    """Whether a path in a table stays in the staged set: a table from elsewhere may say anything."""
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and not {"", ".", ".."} & set(parts) and not set(path) & {"\\", "\0"}


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedIdentity:
    """All that can change the audio of a staged set: the utterances, samples of their audio, and how it is kept."""

    data_fingerprint: str
    audio_sample: str
    num_utterances: int
    missing_audio: str
    audio_format: str
    sample_rate_hz: int
    max_decoded_s: float
    format_version: int = 1

    def fingerprint(self) -> str:
        """Hex SHA-256 over the fields."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """The fields that differ, each as ``(here, there)``."""
        here, there = dataclasses.asdict(self), dataclasses.asdict(other)
        return {name: (here[name], there[name]) for name in here if here[name] != there[name]}


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedCounts:
    """What became of the utterances: staged, failed and skipped are all of them. ``codings`` counts files by coding."""

    num_utterances: int
    num_staged: int
    num_failed: int
    num_skipped: int
    num_exact: int
    num_clipped_files: int
    audio_s: float
    size_bytes: int
    codings: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedFacts:
    """What ``staged.json`` says. ``counts`` and ``table_sha256`` are None until all is done and the table written.

    ``is_being_verified`` says that a verification found damage, and did not live to see it mended.
    """

    identity: StagedIdentity
    source: str
    source_fingerprint: str
    counts: StagedCounts | None = None
    table_sha256: str | None = None
    is_being_verified: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether every utterance was staged, has failed or was skipped, and the table says so."""
        return self.counts is not None and self.table_sha256 is not None

    def to_json(self) -> str:
        """Readable JSON; the same facts give the same bytes."""
        fields = {"is_complete": self.is_complete, **dataclasses.asdict(self)}
        return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The facts that ``to_json`` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        fields = json.loads(text)
        counts, digest = fields["counts"], fields["table_sha256"]
        if digest is not None and not re.fullmatch("[0-9a-f]{64}", digest):  # it becomes the name of a folder
            raise ValueError(f"{digest!r} is no SHA-256")
        return cls(
            identity=StagedIdentity(**fields["identity"]),
            source=fields["source"],
            source_fingerprint=fields["source_fingerprint"],
            counts=StagedCounts(**counts) if counts is not None else None,
            table_sha256=digest,
            is_being_verified=bool(fields.get("is_being_verified")),
            versions=fields["versions"],
        )
