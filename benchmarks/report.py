"""The report of a run: how large it is, how long it takes to make, and how soon a browser shows, searches and sorts it.

    python benchmarks/report.py [--utterances 2620 --utterances 100000] [--beside PAGE.html ...]

The runs are made up: the pairs of benchmarks/score.py with 40 speakers, durations and a column of numbers. ``earmark
report`` is a process of its own, without audio. The page is opened from the disk in headless Chromium, with the network
off. What it takes until it can be used is what the page says of itself (``data-ready``, from the start of its script);
a search is one that most rows fit, and a sort is of all rows, the slowest of four. Both are the times of what the input
fields call, the drawing of the list and its layout included. ``--beside`` opens other pages, which say their own times
in ``data-t`` of their body, as JSON with ``decode``, ``render``, ``search`` and ``sort`` in ms. Rounds alternate; the
medians are printed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from _measure import machine, middle, run
from score import Speech
from score_million import as_written
from tests.browser.chromium import Browser, executable

AT_ONCE = 1000
TIMED = """(async () => {
  const query = document.getElementById("query"), sort = document.getElementById("sort");
  const timed = (act) => {
    const began = performance.now();
    act();
    document.body.getBoundingClientRect();
    return performance.now() - began;
  };
  const search = await new Promise((good) => {
    const seen = new MutationObserver(() => { seen.disconnect(); good(performance.now() - began - 200 * (BIG)); });
    seen.observe(document.getElementById("count"), { childList: true });
    const began = performance.now();
    query.value = "the"; query.dispatchEvent(new Event("input"));
  });
  query.value = ""; query.dispatchEvent(new Event("input"));
  await new Promise((good) => setTimeout(good, 1000));
  const order = (name) => timed(() => { sort.value = name; sort.dispatchEvent(new Event("change")); });
  const times = [];
  for (const name of ["wer", "duration", "errors", "id"]) times.push(order(name));
  return { ready: Number(document.documentElement.dataset.ready), search, sort: Math.max(...times),
    nodes: document.querySelectorAll("*").length };
})()"""


def write_pairs(path: Path, num_pairs: int) -> None:
    """Write a manifest with references, hypotheses, speakers and durations."""
    speech, chance = Speech(seed=3), random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, num_pairs, AT_ONCE):
            pairs = zip(*speech.pairs(min(AT_ONCE, num_pairs - start)), strict=True)
            for number, (reference, hypothesis) in enumerate(pairs, start=start):
                speaker = chance.randrange(40)
                row: dict[str, Any] = {"id": f"{1000 + speaker}-{number // 40:04d}-{number:06d}"}
                row |= {"text": as_written(reference, chance), "pred_text": hypothesis, "speaker": f"{1000 + speaker}"}
                row |= {"duration": round(len(reference.split()) / 2.7 + chance.random(), 2)}
                row |= {"snr": round(chance.gauss(20, 6), 1)}
                file.write(json.dumps(row) + "\n")


def made(folder: Path, num_pairs: int) -> Path:
    """A page of a run of so many utterances; says what it cost."""
    source, scored, page = folder / f"{num_pairs}.jsonl", folder / f"run-{num_pairs}", folder / f"{num_pairs}.html"
    write_pairs(source, num_pairs)
    run([sys.executable, "-m", "earmark", "score", str(source), "--out", str(scored)])
    command = [sys.executable, "-m", "earmark", "report", str(scored), "--audio", "none", "--out", str(page)]
    cost = run(command)
    size = page.stat().st_size
    print(
        f"{num_pairs:9,} utterances  {size / 1e6:6.2f} MB = {size / num_pairs:4.0f} B each  "
        f"made in {cost.wall_s:5.1f} s ({cost.cpu_s:.1f} CPU s), peak {cost.peak_mib:.0f} MiB",
        flush=True,
    )
    return page


def ours(browser: Browser, page: Path, num_rows: int) -> dict[str, float]:
    """Open the page and use it: milliseconds by what was done."""
    view = browser.page()
    view.open(page.absolute().as_uri())
    view.wait("document.documentElement.dataset.ready", 120)
    found: dict[str, float] = view.evaluate(TIMED.replace("BIG", "1" if num_rows > 20_000 else "0.3"))  # noqa: PLR2004
    view.call("Page.close")
    return found


def theirs(browser: Browser, page: Path) -> dict[str, float]:
    """Open another page, and read what it says of its own times."""
    view = browser.page()
    view.open(page.absolute().as_uri())
    said = json.loads(view.wait("document.body.dataset.t", 240))
    view.call("Page.close")
    return {"ready": said["decode"] + said["render"], "search": said["search"], "sort": said["sort"]}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, action="append", help="of a run (2620 and 100000)")
    parser.add_argument("--beside", type=Path, action="append", default=[], help="another page to open in turn")
    parser.add_argument("--rounds", type=int, default=3, help="times that each page is opened (3)")
    given = parser.parse_args()
    path = executable()
    if path is None:
        sys.exit("no Chromium on this machine")
    print(machine())
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        pages = {number: made(Path(folder), number) for number in given.utterances or (2620, 100_000)}
        browser = Browser(path, Path(profile))
        try:
            times: dict[str, list[dict[str, float]]] = {}
            for _ in range(given.rounds):
                for number, page in pages.items():
                    times.setdefault(f"{number:,} utterances", []).append(ours(browser, page, number))
                for page in given.beside:
                    times.setdefault(page.name, []).append(theirs(browser, page))
        finally:
            browser.close()
    for name, found in times.items():
        middles = {what: middle([one[what] for one in found]) for what in found[0]}
        print(
            f"{name:22}",
            "  ".join(f"{what} {value:.0f}" + ("" if what == "nodes" else " ms") for what, value in middles.items()),
        )


if __name__ == "__main__":
    main()
