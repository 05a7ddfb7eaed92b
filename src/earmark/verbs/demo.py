"""``demo``: the main job on bundled clips of synthetic speech, offline, up to the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

from earmark.errors import FolderError
from earmark.recognizers import load_recognizer
from earmark.reports.summary import RunSummary
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import Observer, nobody
from earmark.verbs.report import report

_DEMO_DATA = "earmark/demo/manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's summary, the word alignments of its mistakes, the worst first, and where its page is."""

    summary: RunSummary
    diffs: tuple[str, ...]
    page: str


def demo(*, out: str = "runs/demo", observer: Observer = nobody) -> Demo:
    """Recognize spoken commands with PocketSphinx and their grammar, always anew, into ``out``.

    Raises FolderError if ``out`` holds anything but a demo, and what ``evaluate`` raises.
    """
    with as_file(files("earmark") / "demo") as folder:
        recognizer = load_recognizer("pocketsphinx", {"grammar": str(folder / "commands.gram")})
        found = RunStore.at(out).spec()
        if found is not None and not found.data.name.endswith(_DEMO_DATA):
            raise FolderError(out, "it holds a run that is no demo", hint="earmark demo --out OTHER_FOLDER")
        summary = evaluate(
            recognizer, str(folder / "manifest.jsonl"), out=out, fresh=True, auto_merge=True, observer=observer
        )
        page = report(out, audio="all", audio_root=str(folder), title="The demo: spoken commands, by PocketSphinx")
    mistakes = RunStore.at(out).read_table(layout.MERGED, ["diff", "sample_wer"])
    diffs = mistakes.sort_by([("sample_wer", "descending")])["diff"].to_pylist()
    return Demo(summary, tuple(diffs), page.path)
