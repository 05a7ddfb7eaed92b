from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from earmark.errors import UsageError
from earmark.training import examples
from earmark.training.recipe import DataPart, DataRecipe

LETTERS = examples.Letters({"a": 1, "b": 2, " ": 3}, frames_per_s=50.0)


@pytest.fixture
def data(tmp_path):
    for name, length_s in (("short", 0.02), ("one", 1.0), ("long", 3.0)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(int(16_000 * length_s), 0.1), 16_000)
    rows = [
        ("right", "one", "ab ba"), ("short", "short", "a"), ("long", "long", "a"), ("silent", "one", ""),
        ("strange", "one", "abc"), ("much", "one", "a" * 30), ("tight", "one", "ab" * 25),
    ]  # fmt: skip
    lines = [{"id": key, "audio": f"{wav}.wav", "text": text, "part": key[0]} for key, wav, text in rows]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(tmp_path / "data.jsonl")


def recipe(data: str, **more: object) -> DataRecipe:
    return DataRecipe(source=data, min_s=0.1, max_s=2.0, **more)


def test_what_nobody_can_learn_from_is_left_out_by_a_named_rule(data):
    """50 frames hold 50 letters, and only 25 that are alike."""
    rules = recipe(data)
    found = examples.examples_of(examples.part_of(rules, rules.train), rules, LETTERS)
    assert found.ids == ("right", "tight")
    assert found.labels[0] == (1, 2, 3, 2, 1)
    assert found.dropped == {
        examples.NO_TEXT: 1, examples.TOO_SHORT: 1, examples.TOO_LONG: 1, examples.OTHER_LETTERS: 1,
        examples.TOO_MUCH_TEXT: 1,
    }  # fmt: skip


def test_what_is_only_tried_on_is_all_there(data):
    """An utterance that is hard counts."""
    rules = recipe(data)
    found = examples.examples_of(examples.part_of(rules, rules.train), rules, None)
    assert len(found) == 7


def test_a_part_is_what_its_columns_say(data):
    """And another choice is another set."""
    rules = recipe(data, train=DataPart(where={"part": ("s", "l")}))
    part = examples.part_of(rules, rules.train)
    assert [one.id for one in part.utterances()] == ["short", "long", "silent", "strange"]
    assert part.fingerprint != examples.part_of(rules, rules.test).fingerprint


def test_a_part_without_anything_says_what_was_looked_for(data):
    """And not that the file is empty."""
    rules = recipe(data, train=DataPart(where={"part": ("z",)}))
    with pytest.raises(UsageError, match=r"no utterance of .*data.jsonl is chosen") as caught:
        examples.examples_of(examples.part_of(rules, rules.train), rules, LETTERS)
    assert caught.value.cause == "none has part = z"


def test_nothing_is_learnt_from_and_tried_on(data):
    """Without a part to try on, ids decide; whatever else is in the data."""
    train, valid = examples.train_and_valid(recipe(data, valid_share=0.4))
    learnt, tried = ({one.id for one in part.utterances()} for part in (train, valid))
    assert not learnt & tried
    assert len(learnt | tried) == 7
    assert learnt
    assert tried


def test_audio_that_is_learnt_from_and_tested_with_is_counted(data):
    """By where it lies, whatever it is called: seven rows have three files, and two rows of one file are learnt."""
    rules = recipe(data, test=DataPart(where={"part": ("l", "m")}))
    learnt = examples.examples_of(examples.part_of(rules, rules.train), rules, LETTERS)
    assert examples.num_learnt(examples.part_of(rules, rules.train), learnt) == 5
    assert examples.num_learnt(examples.part_of(rules, rules.test), learnt) == 1


def test_data_of_which_nothing_is_left_are_refused(data):
    """With the rules."""
    rules = recipe(data, train=DataPart(where={"part": "m"}))
    with pytest.raises(UsageError, match="nothing is left of the 1 utterances") as caught:
        examples.examples_of(examples.part_of(rules, rules.train), rules, LETTERS)
    assert examples.TOO_MUCH_TEXT in caught.value.cause
