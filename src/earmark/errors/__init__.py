"""Every error that earmark raises on purpose, and the exit code that each one means.

Knows nothing but sentences: what went wrong, why, and what to type next. An error carries its facts as attributes,
so that a caller can act on them without reading the message.

::

    EarmarkError                      exit 1
    ├── UsageError                    exit 2   bad usage, configuration or input
    │   ├── UnknownNameError                   a name that no registry holds (the near ones are listed)
    │   ├── MissingExtraError                  a backend whose packages are not installed
    │   ├── ManifestError                      a manifest that cannot be read, with file, line and column
    │   ├── MissingColumnError                 a table without the column that is needed
    │   ├── DuplicateIdError                   one id for two utterances
    │   ├── MissingAudioError                  audio files that are not where the data say
    │   ├── RunMismatchError                   the output folder holds another run
    │   ├── StagedMismatchError                the target folder holds another staged set
    │   ├── RunLockedError                     another process works in the output folder
    │   ├── BudgetSpentError                   earlier attempts of the run cost the whole budget
    │   ├── CheckpointError                    a puzzle solver's checkpoint that is damaged, or of another model
    │   ├── ArchiveError                       an archive that is damaged, or that attacks who unpacks it
    │   └── FolderError                        a folder cannot be used
    ├── AudioError                    one utterance's audio cannot be used; becomes a failed row
    ├── RecognizerError               a recognizer cannot be loaded or breaks its contract
    │   ├── RecognizerGoneError                no batch can succeed any more; the run ends, and can go on
    │   └── OutOfMemoryError                   a batch does not fit; the worker splits it
    ├── StoreError                    results cannot be written or read (a full disk, a damaged part)
    │   └── DamagedPartError                   a part was read whole, and is not as it was written
    ├── FetchError                    a file cannot be brought to this machine whole, or is not what it must be
    ├── EngineError                   workers cannot be started or kept alive
    │   └── LostRankError                      a rank of a training lost another one
    ├── TooManyFailuresError          exit 3   finished, with more failed utterances than allowed
    ├── TooManyFailedTasksError       exit 3   a sweep finished, with more failed tasks than allowed
    ├── GateFailedError               exit 4   a comparison is what ``--fail-if`` forbids
    ├── AuditFailedError              exit 4   an audit did not find that batches leave every text as it is
    └── InterruptedRunError           exit 130 stopped by the user; carries the line that resumes
        ├── BudgetReachedError        exit 5   stopped at the sum of ``--budget``
        ├── StoppedSweepError                  stopped in the middle of a sweep over puzzles
        ├── StoppedTrainingError               stopped in the middle of a training
        └── StoppedWaitingError                stopped before another share of the run had begun or ended
"""

from __future__ import annotations

from earmark.errors.base import (
    EXIT_BUDGET_REACHED,
    EXIT_FAILED,
    EXIT_GATE_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TOO_MANY_FAILURES,
    EXIT_USAGE,
    EarmarkError,
    first_line,
    lines_listed,
    sentence_of,
)
from earmark.errors.money import money, sum_as_said
from earmark.errors.usage import (
    ArchiveError,
    BudgetSpentError,
    CheckpointError,
    DuplicateIdError,
    FolderError,
    ManifestError,
    MissingAudioError,
    MissingColumnError,
    MissingExtraError,
    RunLockedError,
    RunMismatchError,
    StagedMismatchError,
    UnknownNameError,
    UsageError,
)
from earmark.errors.work import (
    AudioError,
    AuditFailedError,
    BudgetReachedError,
    DamagedPartError,
    EngineError,
    FetchError,
    GateFailedError,
    InterruptedRunError,
    LostRankError,
    OutOfMemoryError,
    RecognizerError,
    RecognizerGoneError,
    StoppedSweepError,
    StoppedTrainingError,
    StoppedWaitingError,
    StoreError,
    TooManyFailedTasksError,
    TooManyFailuresError,
)
from earmark.redaction import without_secret

__all__ = [
    "EXIT_BUDGET_REACHED",
    "EXIT_FAILED",
    "EXIT_GATE_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_TOO_MANY_FAILURES",
    "EXIT_USAGE",
    "ArchiveError",
    "AudioError",
    "AuditFailedError",
    "BudgetReachedError",
    "BudgetSpentError",
    "CheckpointError",
    "DamagedPartError",
    "DuplicateIdError",
    "EarmarkError",
    "EngineError",
    "FetchError",
    "FolderError",
    "GateFailedError",
    "InterruptedRunError",
    "LostRankError",
    "ManifestError",
    "MissingAudioError",
    "MissingColumnError",
    "MissingExtraError",
    "OutOfMemoryError",
    "RecognizerError",
    "RecognizerGoneError",
    "RunLockedError",
    "RunMismatchError",
    "StagedMismatchError",
    "StoppedSweepError",
    "StoppedTrainingError",
    "StoppedWaitingError",
    "StoreError",
    "TooManyFailedTasksError",
    "TooManyFailuresError",
    "UnknownNameError",
    "UsageError",
    "first_line",
    "lines_listed",
    "money",
    "sentence_of",
    "sum_as_said",
    "without_secret",
]
