"""``compare``: two or more runs of the same speech beside each other. Transcribes nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from earmark.errors import UsageError
from earmark.reports.compare import Comparison, compare_pairs
from earmark.reports.gate import Gate
from earmark.reports.pairing import RunRows, match, read_run
from earmark.reports.settings import read_json, settings_of
from earmark.reports.slices import DURATION, SliceLabels
from earmark.reports.suspects import suspects
from earmark.scoring import load_scorer
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.text.base import Normalizer, NormalizerIdentity
from earmark.verbs.open_run import check_summary, open_run


def compare(
    a: str,
    b: str,
    /,
    *others: str,
    normalizer: str | None = None,
    scorer: str | None = None,
    slices: Sequence[str] = (DURATION,),
    replicates: int = 10_000,
    intersect: bool = False,
    fail_if: str | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare the runs in the folders ``b`` and ``others`` with the one in ``a``, utterance by utterance.

    All are scored anew with ``normalizer`` and ``scorer``, by default those of ``a`` (of its summary, or else what was
    typed to begin it); what the folders hold stays as it is. ``slices`` are columns to divide by: ``duration``,
    ``speaking_rate``, ``speaker``, ``language`` or any column of the data. ``replicates`` are drawn for each interval,
    from ``seed`` (for a slice 1,000 at most). With ``intersect`` the utterances that some run does not have are left
    out; else they are refused. ``fail_if`` is a condition such as ``"delta_wer > 0.2 and p < 0.05"``, which
    ``Comparison.check`` looks at.

    Raises FolderError where there is no run, UsageError for different ids or references, for a condition that cannot be
    understood and where nothing can be compared, UnknownNameError for a normalizer or a slice, and StoreError
    (of a damaged summary too).
    """
    if fail_if is not None:
        Gate.parse(fail_if)
    if replicates < 1:
        raise UsageError(f"--replicates {replicates} is no number from 1")
    urls = (a, b, *others)
    stores, specs = zip(*(open_run(url) for url in urls), strict=True)
    _check_different(urls)
    for store in stores:
        check_summary(store)
    used = settings_of(stores[0].folder)
    rules, counting = load_normalizer(normalizer or used.normalizer), load_scorer(scorer or used.scorer)
    labels = _labels(urls)
    slice_labels = SliceLabels(slices)
    runs = _read(stores, specs, labels, rules, counting, slice_labels)
    matched = match(runs, slice_labels, intersect=intersect)
    pairs = compare_pairs(matched, labels, num_replicates=replicates, seed=seed)
    # The same recognizer again is no second witness against a reference.
    is_one_system = all(spec.recognizer == specs[0].recognizer for spec in specs)
    return Comparison(
        runs=urls,
        labels=labels,
        num_utterances=len(matched.rows[0]),
        num_reference_words=sum(matched.rows[0]["reference_words"].to_pylist()),
        left_out=matched.left_out,
        damaged_parts=tuple(f"{run.label}: {part}" for run in runs for part in run.damaged_parts),
        scored_otherwise=_scored_otherwise(stores, labels, (rules.name, counting.identity.name)),
        normalizer=NormalizerIdentity.of(rules),
        scorer=counting.identity,
        pairs=pairs,
        suspects=None if is_one_system else suspects(matched.rows, stores[0], specs[0], rules),
        fail_if=fail_if,
        is_assumed=normalizer is None and used.is_assumed,
    )


def _read(
    stores: Sequence[RunStore],
    specs: Sequence[RunSpec],
    labels: Sequence[str],
    rules: Normalizer,
    scorer: Scorer,
    slice_labels: SliceLabels,
) -> list[RunRows]:
    """Score all runs, and name the slices of the first one's utterances."""
    return [
        read_run(store, spec, label, rules, None if number else slice_labels, scorer)
        for number, (store, spec, label) in enumerate(zip(stores, specs, labels, strict=True))
    ]


def _scored_otherwise(stores: Sequence[RunStore], labels: Sequence[str], here: tuple[str, str]) -> dict[str, str]:
    """The runs whose own numbers are of another normalizer or scorer, and of which; one without a summary has none."""
    found = {}
    for store, label in zip(stores, labels, strict=True):
        if not read_json(store.folder, layout.SUMMARY):
            continue
        used = settings_of(store.folder)
        if (used.normalizer, used.scorer) != here:
            found[label] = f"{used.normalizer} and {used.scorer}"
    return found


def _check_different(urls: Sequence[str]) -> None:
    """Raise UsageError where a run would be compared with itself."""
    seen: set[str] = set()
    for url in urls:
        place = url.rstrip("/") if "://" in url else str(Path(url).resolve())
        if place in seen:
            raise UsageError(
                f"{url} is given twice",
                cause="a run is no better or worse than itself",
                hint="name another, or only one",
            )
        seen.add(place)


def _labels(urls: Sequence[str]) -> tuple[str, ...]:
    """The last part of each path, where they differ; else the paths."""
    names = tuple(PurePosixPath(url.rstrip("/")).name or url for url in urls)
    return names if len(set(names)) == len(names) else tuple(urls)
