"""``score_files`` and ``score_texts``: the numbers of transcripts that somebody else made, here or in files.

They are imported as runs, one a system, and summarized as every run is. No text is changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from earmark.errors import UsageError
from earmark.formats import read_transcript
from earmark.formats.matching import MissingHyp, Outputs, both_in_one, matched
from earmark.formats.transcript import Role, Row, Transcript, Wanted, gather
from earmark.reports.summary import RunSummary, summarize
from earmark.reports.suspects import Suspects, suspects_in_scores
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.text.base import Normalizer
from earmark.verbs.imported import keep

PathLike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class ScoredOutputs:
    """A summary for each system, by name, in the order of the files and their columns.

    ``notes`` are sentences on what was done to bring references and hypotheses together. ``suspects`` are the
    references that all systems contradict; None of one system.
    """

    summaries: dict[str, RunSummary]
    notes: tuple[str, ...]
    suspects: Suspects | None = None


def score_files(
    reference: PathLike,
    *hypotheses: PathLike,
    out: PathLike | None = None,
    normalizer: str = "basic",
    scorer: str = DEFAULT_SCORER,
    slices: Sequence[str] = (),
    num_confusions: int = 0,
    format_name: str | None = None,
    id_column: str | None = None,
    text_column: str | None = None,
    hyp_columns: Sequence[str] = (),
    missing_hyp: MissingHyp = "error",
) -> ScoredOutputs:
    """Score the outputs of recognizers that ran elsewhere.

    ``reference`` is a file of references, and each of ``hypotheses`` one of hypotheses; or the first alone has both.
    Formats are told by ending and content; ``format_name`` is one of ``earmark ls formats``, for all files. The columns
    of tables are found by name unless ``id_column``, ``text_column`` and ``hyp_columns`` say which they are; with the
    id column ``"none"`` rows are matched by their number.

    With ``out`` the runs are kept: one system in that folder, several in a folder of their own inside it; an import of
    the same hypotheses again changes nothing there. Without it nothing is kept.

    Raises ManifestError for a file that cannot be read, UsageError where the texts do not match, RunMismatchError where
    a folder holds another run, UnknownNameError, StoreError.
    """
    rules, counting = load_normalizer(normalizer), load_scorer(scorer)
    if missing_hyp not in get_args(MissingHyp):
        raise UsageError(f"--missing-hyp {missing_hyp} is none of {', '.join(get_args(MissingHyp))}")
    columns = (id_column, text_column, tuple(hyp_columns))
    paths = [os.fspath(path) for path in (reference, *hypotheses)]
    with _folder(out) as folder:
        kept, notes = _keep(_outputs(paths, columns, format_name, missing_hyp), folder)
        scored = _summaries(kept, rules, counting, slices, num_confusions, is_kept=out is not None)
        suspects = suspects_in_scores([store for store, _ in kept.values()]) if len(kept) > 1 else None
    return ScoredOutputs(scored, notes, suspects)


def _outputs(
    paths: Sequence[str],
    columns: tuple[str | None, str | None, tuple[str, ...]],
    format_name: str | None,
    missing: MissingHyp,
) -> Outputs:
    """Read the files: one with both sides, or the references and then hypotheses."""

    def read(path: str, role: Role) -> Transcript:
        return read_transcript(path, Wanted(role, *columns), format_name=format_name)

    first, *others = paths
    if not others:
        return both_in_one(read(first, "both"), missing)
    return matched(read(first, "reference"), [read(path, "hypothesis") for path in others], missing)


@contextlib.contextmanager
def _folder(out: PathLike | None) -> Iterator[str]:
    """The folder to keep the runs in, or one that goes when the block ends."""
    if out is not None:
        yield os.fspath(out)
        return
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        yield folder


def score_texts(
    references: Sequence[str | None],
    hypotheses: Sequence[str],
    ids: Sequence[str] | None = None,
    *,
    normalizer: str = "basic",
    scorer: str = DEFAULT_SCORER,
) -> RunSummary:
    """Score pairs of texts that are in memory; nothing is kept.

    A pair whose reference is None (or NaN, or no text) is left out, by the rule "no reference". No pairs at all give
    counts of 0 and rates of None. ``ids`` are the numbers of the pairs, from 1, where they are not given.

    Raises UsageError for unequal lengths, duplicate ids and a hypothesis that is no text, UnknownNameError.
    """
    _check_pairs(references, hypotheses, ids)
    rows = (
        Row(number, key, _text(reference), hypotheses=(hypothesis,))
        for number, (key, reference, hypothesis) in enumerate(
            zip(ids or map(str, range(1, len(references) + 1)), references, hypotheses, strict=True), start=1
        )
    )
    outputs = both_in_one(gather("pairs", rows, ("texts",), may_be_empty=True), "error")
    rules, counting = load_normalizer(normalizer), load_scorer(scorer)
    with _folder(None) as folder:
        kept, _ = _keep(outputs, folder)
        return _summaries(kept, rules, counting, (), 0, is_kept=False)["texts"]


def _check_pairs(references: Sequence[object], hypotheses: Sequence[object], ids: Sequence[str] | None) -> None:
    lengths = {"references": len(references), "hypotheses": len(hypotheses)}
    lengths |= {"ids": len(ids)} if ids is not None else {}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{number:,} {name}" for name, number in lengths.items())
        raise UsageError(f"{told}: they must come in pairs", hint="one hypothesis for each reference, in their order")
    for number, text in enumerate(hypotheses):
        if not isinstance(text, str):
            name = ids[number] if ids is not None else number
            raise UsageError(f"hypothesis {name} is {text!r:.40}, and no text", hint="an empty text is silence")


def _text(reference: object) -> str | None:
    return reference if isinstance(reference, str) else None


def _keep(outputs: Outputs, folder: str) -> tuple[dict[str, tuple[RunStore, RunSpec]], tuple[str, ...]]:
    """Import every system. What was read is not needed any more when this returns, and can be large."""
    kept = {}
    names = _folder_names(list(outputs.hypotheses))
    for system, name in names.items():
        store = RunStore.at(f"{folder.rstrip('/')}/{name}" if len(names) > 1 else folder)
        with store.locked():
            kept[system] = store, keep(store, outputs, system)
    return kept, outputs.notes


def _summaries(
    kept: Mapping[str, tuple[RunStore, RunSpec]],
    normalizer: Normalizer,
    scorer: Scorer,
    slices: Sequence[str],
    num_confusions: int,
    *,
    is_kept: bool,
) -> dict[str, RunSummary]:
    found = {}
    for system, (store, spec) in kept.items():
        with store.locked():
            summary = summarize(store, spec, normalizer, scorer, slices=slices, num_confusions=num_confusions)
        found[system] = summary if is_kept else dataclasses.replace(summary, run="")
    return found


def _folder_names(systems: Sequence[str]) -> dict[str, str]:
    """A name for each system that is safe in a path, and that no two share."""
    plain = {system: re.sub(r"[^\w.+-]+", "-", system).strip("-.") or "system" for system in systems}
    counts = Counter(name.lower() for name in plain.values())
    return {
        system: name if counts[name.lower()] == 1 else f"{name}-{number}"
        for number, (system, name) in enumerate(plain.items(), start=1)
    }
