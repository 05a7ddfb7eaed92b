"""``earmark score``: flags to arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from earmark.cli.breakdown import columns_from
from earmark.cli.results import damage_notes
from earmark.cli.screen import say
from earmark.cli.systems import print_systems
from earmark.errors import EXIT_FAILED, UsageError

_INPUT = Group("Input", sort_key=1)
_SCORING = Group("Scoring", sort_key=2)
_OUTPUT = Group("Output", sort_key=3)

_FILE_ENDINGS = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", ".trn", ".stm", ".ctm", ".txt")

_Form = Literal["table", "json", "jsonl", "csv", "md", "speechbrain"]


def score_command(
    run: Annotated[str | None, Parameter(group=_INPUT)] = None,
    /,
    *,
    reference: Annotated[str | None, Parameter(name=["--reference", "-r"], group=_INPUT)] = None,
    hypothesis: Annotated[list[str] | None, Parameter(name=["--hypothesis", "-h"], group=_INPUT, negative="")] = None,
    from_: Annotated[str | None, Parameter(name="--from", group=_INPUT)] = None,
    id_column: Annotated[str | None, Parameter(group=_INPUT)] = None,
    text_column: Annotated[str | None, Parameter(group=_INPUT)] = None,
    hyp_column: Annotated[list[str] | None, Parameter(group=_INPUT, negative="")] = None,
    missing_hyp: Annotated[Literal["error", "delete", "skip"], Parameter(group=_INPUT)] = "error",
    normalizer: Annotated[str | None, Parameter(group=_SCORING)] = None,
    scorer: Annotated[str | None, Parameter(group=_SCORING)] = None,
    slices: Annotated[str, Parameter(group=_SCORING, show_default=False)] = "",
    confusions: Annotated[int, Parameter(group=_SCORING, show_default=False)] = 0,
    explain: Annotated[tuple[str, str] | None, Parameter(group=_SCORING, negative="")] = None,
    out: Annotated[str | None, Parameter(name=["--out", "-o"], group=_OUTPUT)] = None,
    format: Annotated[_Form, Parameter(group=_OUTPUT)] = "table",  # noqa: A002  # the flag's name
) -> int:
    """Score a run again, or the outputs of any recognizer; transcribes nothing.

    Parameters
    ----------
    run
        The run's folder; or a file with references and hypotheses.
    reference
        A file of references: earmark ls formats.
    hypothesis
        A file of hypotheses; may be repeated.
    from_
        The format of the files: earmark ls formats (told by ending and content).
    id_column
        Column of the ids; none: rows are matched by number.
    text_column
        Column of the reference text; by name where it is not given.
    hyp_column
        Column of a system's hypotheses; may be repeated.
    missing_hyp
        Refuse, count an empty hypothesis, or leave the utterance out.
    normalizer
        Done to both texts first: earmark ls normalizers (the run's own; basic).
    scorer
        How errors are counted: earmark ls scorers (the run's own; levenshtein).
    slices
        Columns to divide by: duration,speaking_rate,speaker,language,COLUMN.
    confusions
        Show so many of the most frequent errors of each kind.
    explain
        Why two runs, or a run and a rate in per cent such as 7.08, differ; scores nothing.
    out
        The run's folder (nothing is kept); of several systems, one in it for each.
    format
        Of the result, on stdout.
    """
    chosen: dict[str, Any] = {"slices": columns_from(slices), "num_confusions": confusions}
    for_files = {"format_name": from_, "id_column": id_column, "text_column": text_column, "hyp_columns": hyp_column}
    for_files |= {"out": out, "missing_hyp": None if missing_hyp == "error" else missing_hyp}
    if explain is not None:
        scoring = {"normalizer": normalizer, "scorer": scorer, "slices": slices, "confusions": confusions}
        _check_alone(run, {"reference": reference, "hypothesis": hypothesis, **scoring, **for_files})
        return _explain(*explain, format)
    chosen |= {name: value for name, value in for_files.items() if value is not None}
    _check(run, reference, hypothesis, for_files=chosen.keys() & for_files.keys())
    if run is not None and not _is_file(run):
        return _score_run(run, {"normalizer": normalizer, "scorer": scorer, **chosen}, format)
    from earmark.verbs.score_outputs import score_files

    rules = {"normalizer": normalizer, "scorer": scorer}
    chosen |= {name: value for name, value in rules.items() if value is not None}
    scored = score_files(run or reference or "", *(hypothesis or ()), **chosen)
    print_systems(list(scored.summaries.values()), scored.notes, format, scored.suspects)
    return 0


def _score_run(run: str, chosen: dict[str, Any], form: str) -> int:
    from earmark.verbs.score import how_to_mend, score, settings_before

    before = settings_before(run)
    summary = score(run, **chosen)
    print_systems([summary], [], form)
    now = (summary.normalizer.name, summary.scorer.name)
    if before is not None and now != before and not summary.num_damaged_parts:
        say(
            f"note: {run} was scored with {' and '.join(before)}; from now on {' and '.join(now)} is what it is scored "
            "and compared with unless another is named"
        )
    if summary.num_damaged_parts:
        for note in damage_notes(summary) if form != "table" else ():
            say(note)
        say(f"      {how_to_mend(run)}; until then an earlier summary stays as it was")
        return EXIT_FAILED
    return 0


def _check_alone(run: str | None, others: Mapping[str, object]) -> None:
    """Raise UsageError where anything but --format goes with --explain."""
    given = [*([run] if run is not None else []), *(_flag(name) for name, value in others.items() if value)]
    if given:
        raise UsageError(
            f"--explain scores nothing, so {given[0]} has no meaning beside it",
            hint="earmark score --explain A B; only --format goes with it",
        )


def _flag(name: str) -> str:
    """The flag of an argument."""
    return {"format_name": "--from", "hyp_columns": "--hyp-column"}.get(name, f"--{name.replace('_', '-')}")


def _explain(a: str, b: str, form: str) -> int:
    from earmark.cli.explain import print_explanation
    from earmark.verbs.explain import explain

    if form not in ("table", "json"):
        raise UsageError(f"an explanation cannot be printed as {form}", hint="--format table or json")
    print_explanation(explain(a, b), form)
    return 0


def _check(run: str | None, reference: str | None, hypothesis: list[str] | None, *, for_files: Iterable[str]) -> None:
    """Raise UsageError unless it is clear what to score."""
    if run is None and reference is None:
        raise UsageError(
            "nothing is said to score" if not hypothesis else "-h is one side of a score",
            hint="earmark score RUN, earmark score FILE, or earmark score -r REFERENCES -h HYPOTHESES",
        )
    if run is not None and (reference is not None or hypothesis):
        raise UsageError(f"{run} and the files of -r and -h are two things to score", hint="give one of them")
    if reference is not None and not hypothesis:
        raise UsageError("-r is one side of a score", hint=f"earmark score -r {reference} -h HYPOTHESES")
    if run is not None and not _is_file(run) and for_files:
        flag = min(map(_flag, for_files))
        raise UsageError(f"{flag} is for files, and {run} is a run's folder", hint=f"earmark score {run}")


def _is_file(name: str) -> bool:
    """Whether it is a file, or would be one if it were there."""
    path = Path(name)
    return path.is_file() or ("://" not in name and not path.exists() and path.suffix.lower() in _FILE_ENDINGS)
