"""PocketSphinx as it is: what it hears, what it needs, and what it would do without its reset."""

from __future__ import annotations

import itertools
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from earmark.audio.decode import decode
from earmark.errors import FolderError, RecognizerError, UsageError
from earmark.recognizers.pocketsphinx import PocketSphinx
from earmark.records import Waveform
from tests.contracts.test_recognizers import check_memory

DEMO = Path(str(files("earmark") / "demo"))
GRAMMAR = str(DEMO / "commands.gram")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()][:3]


@pytest.fixture(scope="module")
def clips(rows: list[dict[str, Any]]) -> list[Waveform]:
    return [Waveform(row["id"], decode(str(DEMO / row["audio"]), max_decoded_s=60.0)) for row in rows]


class Unreset(PocketSphinx):
    """PocketSphinx as it comes: it carries what it has learnt of the channel on to the next utterance."""

    def __enter__(self):
        super().__enter__()
        self._decoder = _WithoutReset(self._decoder)
        return self


class _WithoutReset:
    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def reinit_feat(self) -> None:
        return


def test_it_hears_commands_with_a_grammar(rows, clips):
    """Most of them word for word, on clear synthetic speech, and each one a command."""
    with PocketSphinx(grammar=GRAMMAR) as recognizer:
        found = [one.text for one in recognizer.transcribe(clips)]
    assert [text == row["text"] for text, row in zip(found, rows, strict=True)].count(True) >= 2
    assert all(text.startswith("turn o") for text in found)


def test_words_lie_where_they_were_said(clips):
    """One after the other, inside the clip, surer with a grammar than chance; no confidence without the lattice."""
    with PocketSphinx(grammar=GRAMMAR) as recognizer:
        [found] = recognizer.transcribe(clips[:1])
    assert found.words is not None
    assert [word.text for word in found.words] == found.text.split()
    assert all(before.end_s == after.start_s for before, after in itertools.pairwise(found.words))
    assert 0 < found.words[0].start_s < found.words[-1].end_s < clips[0].duration_s
    assert found.confidence == pytest.approx(sum(word.confidence or 0 for word in found.words) / len(found.words))
    assert found.confidence > 0.5
    with PocketSphinx(grammar=GRAMMAR, bestpath=False) as recognizer:
        [unsure] = recognizer.transcribe(clips[:1])
    assert unsure.confidence is None
    assert all(word.confidence is None for word in unsure.words or ())


def test_n_best_change_no_text_and_are_another_run(clips):
    """They are of the identity only where they are asked for, so older runs stay what they were."""
    with PocketSphinx(grammar=GRAMMAR, nbest=3) as recognizer, PocketSphinx(grammar=GRAMMAR) as plain:
        found = recognizer.transcribe(clips)
        assert [one.text for one in found] == [one.text for one in plain.transcribe(clips)]
        assert recognizer.spec.options == {**plain.spec.options, "nbest": 3}
    assert max(len(one.alternatives) for one in found) > 1
    assert all(len(one.alternatives) <= 3 for one in found)
    with pytest.raises(UsageError, match="exclude each other"):
        PocketSphinx(nbest=2, bestpath=False)


def test_without_its_reset_the_contract_would_catch_it(clips):
    """The check of memory fails for the very fault that the reset is there for."""
    with pytest.raises(AssertionError), Unreset(fwdflat=False, maxhmmpf=1_000) as recognizer:
        check_memory(recognizer, clips)


def test_a_grammar_and_a_language_model_exclude_each_other():
    """They are two answers to one question."""
    with pytest.raises(UsageError, match="two ways"):
        PocketSphinx(grammar=GRAMMAR, lm="x")


def test_another_grammar_is_another_recognizer(tmp_path):
    """The files are part of the identity by their content, not by their name."""
    copy = tmp_path / "copy.gram"
    copy.write_text(Path(GRAMMAR).read_text())
    assert PocketSphinx(grammar=str(copy)).spec == PocketSphinx(grammar=GRAMMAR).spec
    copy.write_text(Path(GRAMMAR).read_text().replace("kitchen", "cellar"))
    assert PocketSphinx(grammar=str(copy)).spec != PocketSphinx(grammar=GRAMMAR).spec
    assert PocketSphinx(grammar=GRAMMAR).spec != PocketSphinx().spec


@pytest.mark.parametrize("part", ["grammar", "hmm", "lm", "dictionary"])
def test_a_file_that_is_not_there_is_bad_usage(tmp_path, part):
    """The hint names the option."""
    with pytest.raises(FolderError) as refused:
        _ = PocketSphinx(**{part: str(tmp_path / "no")}).spec
    assert refused.value.hint == f"--set {part}=PATH"


def test_a_model_that_does_not_load_says_which_files_it_tried(tmp_path):
    """A grammar that is none."""
    broken = tmp_path / "broken.gram"
    broken.write_text("this is no grammar")
    with pytest.raises(RecognizerError, match="cannot load") as refused, PocketSphinx(grammar=str(broken)):
        pytest.fail("it loaded")
    assert "grammar" in refused.value.hint
