"""``earmark eval``: flags to arguments."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Group, Parameter

from earmark import _STARTED
from earmark.cli.flags import at_most, check_allowance, number_of_workers, options_from
from earmark.cli.progress import observer_for
from earmark.cli.results import print_summary

_INPUT = Group("Input", sort_key=1)
_MODEL = Group("Model and batches", sort_key=2)
_WORKERS = Group("Workers", sort_key=3)
_SCORING = Group("Scoring", sort_key=4)
_OUTPUT = Group("Output", sort_key=5)
_ERRORS = Group("Errors", sort_key=6)


def eval_command(
    model: Annotated[str, Parameter(group=_MODEL)],
    /,
    *,
    data: Annotated[str, Parameter(name=["--data", "-d"], group=_INPUT)],
    audio_root: Annotated[str | None, Parameter(group=_INPUT)] = None,
    text_column: Annotated[str | None, Parameter(group=_INPUT)] = None,
    channel: Annotated[int | None, Parameter(group=_INPUT)] = None,
    language: Annotated[str | None, Parameter(group=_INPUT)] = None,
    limit: Annotated[str | None, Parameter(group=_INPUT)] = None,
    seed: Annotated[int | None, Parameter(group=_INPUT)] = None,
    offline: Annotated[bool, Parameter(group=_INPUT, negative="")] = False,
    set_: Annotated[list[str] | None, Parameter(name="--set", group=_MODEL, negative="")] = None,
    batch_size: Annotated[int | None, Parameter(group=_MODEL)] = None,
    max_batch_seconds: Annotated[float, Parameter(group=_MODEL)] = 240.0,
    audit: Annotated[int | None, Parameter(group=_MODEL)] = None,
    workers: Annotated[str, Parameter(group=_WORKERS)] = "auto",
    engine: Annotated[Literal["auto", "inline", "processes"], Parameter(group=_WORKERS)] = "auto",
    normalizer: Annotated[str, Parameter(group=_SCORING)] = "basic",
    scorer: Annotated[str, Parameter(group=_SCORING)] = "levenshtein",
    out: Annotated[str | None, Parameter(name=["--out", "-o"], group=_OUTPUT)] = None,
    fresh: Annotated[bool, Parameter(group=_OUTPUT, negative="")] = False,
    auto_merge: Annotated[bool, Parameter(group=_OUTPUT, negative="")] = False,
    cleanup: Annotated[bool, Parameter(group=_OUTPUT, negative="")] = False,
    format: Annotated[Literal["table", "json"], Parameter(group=_OUTPUT)] = "table",  # noqa: A002  # the flag's name
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=_OUTPUT)] = "auto",
    missing_audio: Annotated[Literal["error", "fail", "skip"], Parameter(group=_ERRORS)] = "error",
    max_errors: Annotated[str, Parameter(group=_ERRORS)] = "0",
    retry_failed: Annotated[bool, Parameter(group=_ERRORS, negative="")] = False,
) -> int:
    """Transcribe data with a model, score it, and keep everything.

    Parameters
    ----------
    model
        Its name (earmark ls models), or its place: ./FOLDER, hf:OWNER/NAME.
    data
        Manifest or its URL, folder of audio, or PREFIX:PATH: earmark ls sources.
    audio_root
        Where relative audio paths start (manifest's folder).
    text_column
        Column of the reference text; none: there is none.
    channel
        Take this channel, from 0 (the mean of all).
    language
        Of the utterances that do not say.
    limit
        The first N utterances, or N%; with --seed at random.
    seed
        Of the random sample.
    offline
        Fetch nothing: what is not here must be in the cache.
    set_
        KEY=VALUE, a decoding option; may be repeated.
    batch_size
        Utterances in a batch, at most.
    max_batch_seconds
        Padded audio in a batch, at most.
    audit
        First see on N utterances whether batches change texts.
    workers
        Processes; auto: one a core.
    engine
        Where they run; auto: processes, so that a crash costs little.
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
    missing_audio
        Refuse to begin, fail the utterance, or leave it out.
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
            out=out,
            normalizer=normalizer,
            scorer=scorer,
            options=options_from(set_ or []),
            engine="processes" if engine == "auto" else engine,
            workers=number_of_workers(workers, engine),
            audio_root=audio_root,
            text_column=text_column,
            channel=channel,
            language=language,
            limit=limit,
            seed=seed,
            missing_audio=missing_audio,
            max_batch_s=max_batch_seconds,
            batch_size=batch_size,
            offline=offline,
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
