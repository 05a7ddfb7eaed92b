"""``earmark eval``: flags to arguments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from earmark import _STARTED
from earmark.cli.data_flags import ERRORS, MODEL, NO_DATA_FLAGS, OUTPUT, SCORING, WORKERS, DataFlag, DataFlags
from earmark.cli.flags import at_most, check_allowance, is_over
from earmark.cli.forms import Form
from earmark.cli.model_flags import NO_MODEL_FLAGS, ModelFlags
from earmark.cli.progress import observer_for
from earmark.cli.ranks import print_ranks
from earmark.cli.share import ShareWatch, print_share
from earmark.cli.systems import print_systems
from earmark.cli.track_flags import NO_TRACK_FLAGS, TrackFlags
from earmark.cli.worker_flags import NO_WORKER_FLAGS, WorkerFlags
from earmark.errors import EXIT_TOO_MANY_FAILURES


def eval_command(
    model: Annotated[str, Parameter(group=MODEL)],
    /,
    *,
    data: DataFlag,
    flags: DataFlags = NO_DATA_FLAGS,
    model_flags: ModelFlags = NO_MODEL_FLAGS,
    audit: Annotated[int | None, Parameter(group=MODEL)] = None,
    worker_flags: WorkerFlags = NO_WORKER_FLAGS,
    shard: Annotated[str | None, Parameter(group=WORKERS)] = None,
    job_id: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    budget: Annotated[float | None, Parameter(group=WORKERS)] = None,
    dry_run: Annotated[bool, Parameter(group=WORKERS, negative="")] = False,
    normalizer: Annotated[str, Parameter(group=SCORING)] = "basic",
    scorer: Annotated[str, Parameter(group=SCORING)] = "levenshtein",
    out: Annotated[str | None, Parameter(name=["--out", "-o"], group=OUTPUT)] = None,
    fresh: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    auto_merge: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    cleanup: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    format: Annotated[Form, Parameter(group=OUTPUT)] = "table",  # noqa: A002  # the flag's name
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
    max_errors: Annotated[str, Parameter(group=ERRORS)] = "0",
    retry_failed: Annotated[bool, Parameter(group=ERRORS, negative="")] = False,
    track_flags: TrackFlags = NO_TRACK_FLAGS,
) -> int:
    """Transcribe data with a model, score it, and keep everything.

    Parameters
    ----------
    model
        Its name (earmark ls models), or its place: ./FOLDER, hf:OWNER/NAME.
    audit
        First see on N utterances whether batches change texts.
    shard
        I/N: do the I-th of N shares, beside others in the same folder.
    job_id
        Also write CSV files of what each worker did, named so.
    budget
        Stop at this sum, all attempts of the run together.
    dry_run
        Print shards, memory, minutes and money; start nothing.
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
    from earmark.verbs.following import is_follower

    check_allowance(max_errors)

    follows = is_follower(worker_flags.engine)
    asked: dict[str, Any] = {
        **flags.arguments(),
        **model_flags.arguments(),
        **worker_flags.arguments(),
        **track_flags.arguments(),
        "out": out,
        "budget": budget,
        "shard": shard,
        "job_id": job_id,
        "normalizer": normalizer,
        "scorer": scorer,
        "audit": audit,
        "retry_failed": retry_failed,
        "fresh": fresh,
        "auto_merge": auto_merge,
        "cleanup": cleanup,
    }
    if dry_run:
        return 0 if follows else _dry_run(model, data, asked, format, progress)
    with observer_for("none" if follows else progress) as observer:
        watch = ShareWatch(observer)
        summary = evaluate(model, data, **asked, observer=watch, began=_STARTED)
    if follows:
        return EXIT_TOO_MANY_FAILURES if is_over(max_errors, summary) else 0
    if watch.ended is not None:
        print_share(watch.ended)
        return 0
    print_systems([summary], [], format)
    if format == "table":
        print_ranks(summary.ranks)
    at_most(max_errors, summary)
    return 0


def _dry_run(model: str, data: str, asked: dict[str, Any], form: str, progress: str) -> int:
    from earmark.cli.forecast import print_forecast
    from earmark.verbs.arguments import Arguments
    from earmark.verbs.forecast import forecast

    with observer_for(progress) as observer:
        found = forecast(Arguments(model=model, data=data, **asked, observer=observer))
    print_forecast(found, form)
    return 0
