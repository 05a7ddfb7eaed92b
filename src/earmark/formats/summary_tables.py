"""A run's numbers as one row of a table for a paper or a page: Markdown, and LaTeX with booktabs.

A rate without a reference is ``n/a``, as everywhere. Where utterances failed or are not transcribed yet, further
columns say so. They are for people, and are not read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from earmark.formats.exported_run import ExportedRun

_HEADS = ("model", "data", "utterances", "words", "WER %", "95 % interval", "sub", "del", "ins", "CER %", "SER %")
_NUM_TEXTS = 2
_IN_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL_IN_LATEX = re.compile(r"[\\&%$#_{}~^]")
_SPECIAL_IN_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|])")


def write_markdown(run: ExportedRun) -> Iterator[bytes]:
    """Yield a table with a head and one row."""
    columns = _columns(run)
    rules = ["---"] * _NUM_TEXTS + ["---:"] * (len(columns) - _NUM_TEXTS)
    texts, numbers = list(columns.values())[:_NUM_TEXTS], list(columns.values())[_NUM_TEXTS:]
    cells = [*(_SPECIAL_IN_MARKDOWN.sub(r"\\\1", " ".join(text.split())) for text in texts), *numbers]
    for row in (columns, rules, cells):
        yield f"| {' | '.join(row)} |\n".encode()
    yield f"\n{_method(run)}\n".encode()


def write_latex(run: ExportedRun) -> Iterator[bytes]:
    """Yield a tabular with a head and one row; the package booktabs has its rules."""
    columns = _columns(run)
    kinds = "l" * _NUM_TEXTS + "r" * (len(columns) - _NUM_TEXTS)
    rows = [" & ".join(map(_latex, row)) + r" \\" for row in (columns, columns.values())]
    lines = [f"% {_method(run)}", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", rows[0], r"\midrule", rows[1]]
    yield "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""]).encode()


def _columns(run: ExportedRun) -> dict[str, str]:
    """The cells by their heads."""
    facts = run.summary
    interval = facts.get("wer_interval")
    numbers = [f"{facts.get(name) or 0:,}" for name in ("num_scored", "num_reference_words")]
    kinds = [f"{facts.get(name) or 0:,}" for name in ("substitutions", "deletions", "insertions")]
    between = f"[{_per_cent(interval['low'])}, {_per_cent(interval['high'])}]" if interval else "-"
    wer, cer, ser = (_per_cent(facts.get(name)) for name in ("wer", "cer", "ser"))
    cells = [run.model, run.data, *numbers, wer, between, *kinds, cer, ser]
    return {**dict(zip(_HEADS, cells, strict=True)), **_missing(facts)}


def _missing(facts: Mapping[str, Any]) -> dict[str, str]:
    """What the rates are not of: an utterance that failed must not make a model look better."""
    found = {}
    if failed := facts.get("num_failed"):
        found = {"failed": f"{failed:,}", "WER %, failed as del": _per_cent(facts.get("wer_failed_as_deletions"))}
    if left := facts.get("num_not_done"):
        found["not transcribed yet"] = f"{left:,} of {facts['num_utterances']:,}"
    return found


def _method(run: ExportedRun) -> str:
    """By which rules: without them a number cannot be compared with another."""
    named = []
    for role in ("normalizer", "scorer"):
        identity = run.summary.get(role) or {}
        named.append(f"{role} {identity.get('name', 'unknown')}@{identity.get('version', '?')}")
    return ", ".join(named)


def _per_cent(rate: float | None) -> str:
    return "n/a" if rate is None else f"{100 * rate:.2f}"


def _latex(text: str) -> str:
    return _SPECIAL_IN_LATEX.sub(lambda found: _IN_LATEX.get(found[0], f"\\{found[0]}"), text)
