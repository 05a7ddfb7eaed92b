"""What ``earmark show`` and the exports take on a run of 100,000 utterances.

``python benchmarks/show.py``: whole processes with their children, the least of five, taking turns. ``earmark show``
must be done in 1 s of wall time. The run is imported from made-up texts of 3 to 34 words with 7 % of errors.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from _measure import Cost, machine, run

NUM_UTTERANCES = 100_000
NUM_TIMES = 5
SUBSTITUTED, DELETED = 0.05, 0.02
SEARCHES: tuple[list[str], ...] = ([], ["--grep", "word12"], ["--slice", "speaker=s7"], ["--flag", "loop"])
FORMATS = ("jsonl", "csv", "nemo", "trn", "pra", "dtl", "mistakes")


def make_manifest(path: Path) -> None:
    """References and hypotheses, the same ones each time."""
    rng = random.Random(0)
    words = [f"word{number}" for number in range(5_000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(NUM_UTTERANCES):
            said = rng.choices(words, k=rng.randrange(3, 35))
            heard = [
                word if rng.random() > SUBSTITUTED else rng.choice(words) for word in said if rng.random() > DELETED
            ]
            row = {
                "id": f"u-{number:06d}",
                "text": " ".join(said),
                "pred_text": " ".join(heard),
                "speaker": f"s{number % 251}",
                "duration": 0.4 * len(said),
            }
            file.write(json.dumps(row) + "\n")


def main() -> None:
    """Print the least seconds of each search, and of each format once."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        manifest, out = Path(folder) / "made.jsonl", Path(folder) / "run"
        make_manifest(manifest)
        run([sys.executable, "-m", "earmark", "score", str(manifest), "--out", str(out)])
        least: dict[str, Cost] = {}
        for _ in range(NUM_TIMES):
            for search in SEARCHES:
                cost = run([sys.executable, "-m", "earmark", "show", str(out), *search])
                name = " ".join(["show", *search])
                least[name] = min(least.get(name, cost), cost, key=lambda one: one.wall_s)
        for to in FORMATS:
            place = str(Path(folder) / to)
            least[f"export --to {to}"] = run(
                [sys.executable, "-m", "earmark", "export", str(out), "--to", to, "-o", place]
            )
    for name, cost in least.items():
        print(f"{name:<24} {cost.wall_s:6.2f} s wall, {cost.cpu_s:6.2f} s CPU, {cost.peak_mib:6.0f} MiB")


if __name__ == "__main__":
    main()
