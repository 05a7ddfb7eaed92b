"""``score_files`` and ``score_texts``: the numbers of transcripts that somebody else made, here or in files.

They are imported as runs, one a system, and summarized as every run is. No text is changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import pyarrow.compute as pc

from earmark.errors import UsageError
from earmark.formats import FORMATS, read_transcript
from earmark.formats.matching import MissingHyp, Outputs, both_in_one, matched
from earmark.formats.sniff import check_file, formats_of
from earmark.formats.transcript import Role, Row, Transcript, Wanted, gather
from earmark.reports.confusions import check_number
from earmark.reports.slices import SliceLabels
from earmark.reports.summarize import summarize
from earmark.reports.summary import RunSummary
from earmark.reports.suspects import Suspects, suspects_in_scores
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.text.base import Normalizer
from earmark.verbs.imported import Import, check_folder, keep
from earmark.verbs.out_folder import check_out

PathLike = str | os.PathLike[str]

_LONGEST_NAME_BYTES = 200  # file systems take 255, and a number may follow


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
    check_number(num_confusions)
    rules, counting = load_normalizer(normalizer), load_scorer(scorer)
    if missing_hyp not in get_args(MissingHyp):
        raise UsageError(f"--missing-hyp {missing_hyp} is none of {', '.join(get_args(MissingHyp))}")
    columns = (id_column, text_column, tuple(hyp_columns))
    paths = [os.fspath(path) for path in (reference, *hypotheses)]
    with _folder(out) as folder:
        outputs = _outputs(paths, columns, format_name, missing_hyp)
        _check_slices(slices, outputs)
        if out is not None:
            check_out(folder, len(outputs.hypotheses))
        kept, notes = _keep(outputs, folder)
        del outputs  # it is not needed any more, and can be large
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
    names, notes = _formats(paths, format_name)

    def read(number: int, role: Role) -> Transcript:
        return read_transcript(paths[number], Wanted(role, *columns), format_name=names[number])

    if len(paths) == 1:
        outputs = both_in_one(read(0, "both"), missing)
    else:
        # A file that is on both sides has to have two texts: else it would be scored against itself.
        roles: list[Role] = ["both" if Path(paths[0]).samefile(path) else "hypothesis" for path in paths[1:]]
        files = [read(number, role) for number, role in enumerate(roles, start=1)]
        outputs = matched(read(0, "reference"), files, missing)
    return dataclasses.replace(outputs, notes=(*notes, *outputs.notes))


def _formats(paths: Sequence[str], given: str | None) -> tuple[list[str], tuple[str, ...]]:
    """The format of each file, and notes on those that were guessed."""
    if given is not None:
        FORMATS.load(given)
    for path in paths:
        check_file(path)
    return formats_of(paths) if given is None else ([given] * len(paths), ())


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

    Raises UsageError for unequal lengths, duplicate ids, an id or a hypothesis that is no text and one that no file can
    hold, UnknownNameError.
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
    for role, texts in (("references", references), ("hypotheses", hypotheses), ("ids", ids)):
        if isinstance(texts, str):
            raise UsageError(
                f"the {role} are one text, and a list of texts is expected", hint="[text] is a list of one"
            )
    lengths = {"references": len(references), "hypotheses": len(hypotheses)}
    lengths |= {"ids": len(ids)} if ids is not None else {}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{number:,} {name}" for name, number in lengths.items())
        raise UsageError(f"{told}: they must come in pairs", hint="one hypothesis for each reference, in their order")
    for number, text in enumerate(hypotheses):
        if not isinstance(text, str):
            name = ids[number] if ids is not None else number
            raise UsageError(f"hypothesis {name} is {text!r:.40}, and no text", hint="an empty text is silence")
    _check_texts("reference", map(_text, references))
    _check_texts("hypothesis", hypotheses)
    _check_texts("id", () if ids is None else ids)


def _check_texts(role: str, texts: Iterable[object]) -> None:
    """Raise UsageError for an id that is no text, and for a text that no file can hold."""
    for number, text in enumerate(texts):
        if role == "id" and not isinstance(text, str):
            raise UsageError(f"id {number} is {text!r:.40}, and no text", hint="ids=[str(one) for one in ids]")
        try:
            str(text or "").encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError(f"{role} {number} holds half of a surrogate pair, which is no character") from error


def _text(reference: object) -> str | None:
    return reference if isinstance(reference, str) else None


def _check_slices(slices: Sequence[str], outputs: Outputs) -> None:
    """Raise UsageError for a column that no summary could be divided by, before anything is written."""
    if "id" in slices:
        raise UsageError("an id is of one utterance, so there is nothing to divide by it", hint="--slices speaker")
    labels = SliceLabels(slices)
    if labels.needs_extra:
        texts = pc.unique(outputs.rows["extra"]).to_pylist()
        labels.check({name for text in texts if text for name in json.loads(text)})


def _keep(outputs: Outputs, folder: str) -> tuple[dict[str, tuple[RunStore, RunSpec]], tuple[str, ...]]:
    """Import every system; where one cannot be, none is."""
    names = _folder_names(list(outputs.hypotheses))
    imports = {}
    for system, name in names.items():
        store = RunStore.at(f"{folder.rstrip('/')}/{name}" if len(names) > 1 else folder)
        imports[system] = store, Import.of(outputs, system)
        check_folder(*imports[system])
    kept = {}
    for system, (store, given) in imports.items():
        with store.locked():
            kept[system] = store, keep(store, given)
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
    """A name for each system that is safe in a path, and that no two share, also where case and accents are one."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for system in systems:
        plain = re.sub(r"[^\w.+-]+", "-", system).encode()[:_LONGEST_NAME_BYTES].decode("utf-8", "ignore")
        name = plain = plain.strip("-.") or "system"
        numbers = itertools.count(2)
        while _folded(name) in taken:
            name = f"{plain}-{next(numbers)}"
        taken.add(_folded(name))
        names[system] = name
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
