"""``earmark eval``: flags to arguments."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from earmark import _STARTED
from earmark.cli.data_flags import ERRORS, MODEL, NO_DATA_FLAGS, OUTPUT, SCORING, DataFlag, DataFlags
from earmark.cli.flags import at_most, check_allowance
from earmark.cli.model_flags import NO_MODEL_FLAGS, ModelFlags
from earmark.cli.progress import observer_for
from earmark.cli.results import print_summary
from earmark.cli.worker_flags import NO_WORKER_FLAGS, WorkerFlags


def eval_command(
    model: Annotated[str, Parameter(group=MODEL)],
    /,
    *,
    data: DataFlag,
    flags: DataFlags = NO_DATA_FLAGS,
    model_flags: ModelFlags = NO_MODEL_FLAGS,
    audit: Annotated[int | None, Parameter(group=MODEL)] = None,
    worker_flags: WorkerFlags = NO_WORKER_FLAGS,
    normalizer: Annotated[str, Parameter(group=SCORING)] = "basic",
    scorer: Annotated[str, Parameter(group=SCORING)] = "levenshtein",
    out: Annotated[str | None, Parameter(name=["--out", "-o"], group=OUTPUT)] = None,
    fresh: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    auto_merge: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    cleanup: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    format: Annotated[Literal["table", "json"], Parameter(group=OUTPUT)] = "table",  # noqa: A002  # the flag's name
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
    max_errors: Annotated[str, Parameter(group=ERRORS)] = "0",
    retry_failed: Annotated[bool, Parameter(group=ERRORS, negative="")] = False,
) -> int:
    """Transcribe data with a model, score it, and keep everything.

    Parameters
    ----------
    model
        Its name (earmark ls models), or its place: ./FOLDER, hf:OWNER/NAME.
    audit
        First see on N utterances whether batches change texts.
    normalizer
        Done to both texts first: earmark ls normalizers.
    scorer
        How errors are counted: earmark ls scorers.
    out
        The run's folder (one under runs/, by identity).
    fresh
        Throw away what the folder holds; begin again.
    auto_merge
        Merge the mistakes files when done.
    cleanup
        Remove the merged files once the output is safe.
    format
        Of the result, on stdout.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    max_errors
        Exit with 3 if more fail: N, or N%.
    retry_failed
        Do failed utterances again.
    """
    from earmark.verbs.evaluate import evaluate

    check_allowance(max_errors)

    with observer_for(progress) as observer:
        summary = evaluate(
            model,
            data,
            **flags.arguments(),
            **model_flags.arguments(),
            **worker_flags.arguments(),
            out=out,
            normalizer=normalizer,
            scorer=scorer,
            audit=audit,
            retry_failed=retry_failed,
            fresh=fresh,
            auto_merge=auto_merge,
            cleanup=cleanup,
            observer=observer,
            began=_STARTED,
        )
    print_summary(summary, format)
    at_most(max_errors, summary)
    return 0
