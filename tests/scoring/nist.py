"""NIST's own programs, where they are installed (Debian: ``apt-get install sctk``), as the oracle of what they count.

Called as ``sclite -s -i rm``: case counts, and the id is what the last brackets of a line hold. Words in texts must not
be what sclite gives a meaning to: ``{a / b}`` and ``@`` are alternatives, a line that begins with ``;;`` is a comment.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SCTK = shutil.which("sctk")
needs_sctk = pytest.mark.skipif(SCTK is None, reason="needs NIST's sctk: apt-get install sctk")

_FOUND = re.compile(r"^id: \(s_(\d+)\)\nScores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", re.MULTILINE)
_PATH = re.compile(r'<PATH id="\(s_(\d+)\)".*?>\n(.*)\n</PATH>')
_OPERATION = re.compile(r"(?:^|:)([CSDI]),")


def _sclite(folder: Path, references: Sequence[str], hypotheses: Sequence[str], report: str) -> str:
    for name, texts in (("ref", references), ("hyp", hypotheses)):
        (folder / name).write_text("".join(f"{text} (s_{number})\n" for number, text in enumerate(texts)))
    command = f"{SCTK} sclite -s -r ref trn -h hyp trn -i rm -o {report} stdout"
    return subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=True).stdout


def sclite_counts(folder: Path, references: Sequence[str], hypotheses: Sequence[str]) -> list[tuple[int, ...]]:
    """Hits, substitutions, deletions and insertions of each pair."""
    report = _sclite(folder, references, hypotheses, "pralign")
    found = {int(number): tuple(map(int, counts)) for number, *counts in _FOUND.findall(report)}
    return [found[number] for number in range(len(references))]


def sclite_operations(folder: Path, references: Sequence[str], hypotheses: Sequence[str]) -> list[str]:
    """The operations of each alignment, a letter each, as in our codes."""
    report = _sclite(folder, references, hypotheses, "sgml")
    found = {int(number): "".join(_OPERATION.findall(path)) for number, path in _PATH.findall(report)}
    return [found.get(number, "").replace("C", "=") for number in range(len(references))]


def nist_rover(
    folder: Path,
    cases: Sequence[Sequence[Sequence[str]]],
    sure: Sequence[Sequence[Sequence[float]]] | None = None,
    *,
    alpha: float = 1.0,
    null_confidence: float = 0.0,
) -> list[list[str]]:
    """What its rover votes; all cases have the same number of systems, and no system hears nothing.

    It parts the speech at pauses that all systems have, so here all words overlap, in their order.
    """
    names = [f"system-{number}.ctm" for number in range(len(cases[0]))]
    for system, name in enumerate(names):
        lines = [
            f"case-{k:04d} 1 {0.01 * place:.2f} 9.00 {word} {sure[k][system][place] if sure else 0.5:.2f}\n"
            for k, systems in enumerate(cases)
            for place, word in enumerate(systems[system])
        ]
        (folder / name).write_text("".join(lines))
    given = " ".join(f"-h {name} ctm" for name in names)
    command = f"{SCTK} rover {given} -o voted.ctm -m maxconf -a {alpha} -c {null_confidence} -s"
    subprocess.run(command.split(), cwd=folder, capture_output=True, check=True)
    voted: list[list[str]] = [[] for _ in cases]
    for line in (folder / "voted.ctm").read_text().splitlines():
        case, _, _, _, word, _ = line.split()
        voted[int(case.removeprefix("case-"))].append(word)
    return voted
