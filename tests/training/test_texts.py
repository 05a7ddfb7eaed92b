from __future__ import annotations

import json

import pytest

from earmark.errors import ManifestError, UsageError
from earmark.training.recipe import DataPart, DataRecipe
from earmark.training.texts import texts_of


def cut(text: str) -> tuple[tuple[int, ...], str]:
    known = {"a": 1, "b": 2, " ": 3}
    return tuple(known[one] for one in text if one in known), next((one for one in text if one not in known), "")


def lines(tmp_path, text: str, name: str = "texts.txt") -> DataPart:
    (tmp_path / name).write_bytes(text.encode())
    return DataPart(text=str(tmp_path / name))


def recipe(train: DataPart, valid: DataPart | None = None, **more) -> DataRecipe:
    return DataRecipe(train=train, valid=valid, test=DataPart(source="speech.jsonl"), **more)


def test_a_text_is_a_line(tmp_path):
    """Whatever ends it; empty ones are left out, and counted."""
    found = texts_of(recipe(lines(tmp_path, "\ufeffab\r\n\n b a \n"), lines(tmp_path, "a\n", "valid.txt")), cut)
    assert (found.train.ids, found.train.tokens) == (("line 1", "line 3"), ((1, 2), (2, 3, 1)))
    assert found.train.dropped == {"no text": 1}
    assert found.train.sizes.tolist() == [3, 4]
    assert (found.valid.tokens, found.valid.dropped) == (((1,),), {})


def test_transcripts_need_no_audio(tmp_path):
    """Normalized as the recipe says, under the ids of their utterances."""
    rows = [{"id": f"utt-{number}", "audio": "gone.wav", "text": text} for number, text in enumerate(["AB", "b"])]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    part = DataPart(source=str(tmp_path / "data.jsonl"))
    found = texts_of(recipe(part, part, normalizer="basic"), cut)
    assert (found.train.ids, found.train.tokens) == (("utt-0", "utt-1"), ((1, 2), (2,)))


def test_a_share_is_held_out_by_the_number_of_the_line(tmp_path):
    """The same lines each time, and none in both."""
    data = recipe(lines(tmp_path, "a\n" * 100), valid_share=0.2)
    found = texts_of(data, cut)
    assert len(found.train) + len(found.valid) == 100
    assert 10 < len(found.valid) < 30
    assert not {*found.train.ids} & {*found.valid.ids}
    assert texts_of(data, cut) == found


def test_another_text_is_another_training(tmp_path):
    """Where it lies is not."""
    here = texts_of(recipe(lines(tmp_path, "a\nb\n"), lines(tmp_path, "a\n", "valid.txt")), cut)
    there = texts_of(recipe(lines(tmp_path, "a\nb\n", "other.txt"), lines(tmp_path, "b\n", "valid.txt")), cut)
    assert here.train.fingerprint == there.train.fingerprint
    assert here.valid.fingerprint != there.valid.fingerprint


def test_a_letter_that_is_no_label_is_named_with_its_line(tmp_path):
    """And how many texts have such."""
    with pytest.raises(ManifestError, match="'é' in the text is no label of the tokenizer, and 1 more") as caught:
        texts_of(recipe(lines(tmp_path, "a\nabé\nb\nß\n"), lines(tmp_path, "a\n", "valid.txt")), cut)
    assert caught.value.line == 2


def test_a_transcript_with_such_a_letter_is_named_by_its_id(tmp_path):
    """A table has no lines to tell."""
    row = {"id": "utt-7", "audio": "gone.wav", "text": "x"}
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    part = DataPart(source=str(tmp_path / "data.jsonl"))
    with pytest.raises(ManifestError, match="'x' in the text of 'utt-7' is no label"):
        texts_of(recipe(part, part), cut)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_texts_is_refused(tmp_path, text):
    """Whether it is empty, or only its lines are."""
    with pytest.raises(UsageError, match="nothing is left of"):
        texts_of(recipe(lines(tmp_path, text), lines(tmp_path, "a\n", "valid.txt")), cut)


def test_too_few_texts_to_hold_one_out(tmp_path):
    """What to type is told."""
    with pytest.raises(UsageError, match="none of the 1 texts") as caught:
        texts_of(recipe(lines(tmp_path, "a\n"), valid_share=0.001), cut)
    assert "data.valid_share" in caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path):
    """Because it is not there, or is no text."""
    with pytest.raises(UsageError, match="cannot be read"):
        texts_of(recipe(DataPart(text=str(tmp_path / "gone.txt"))), cut)
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(ManifestError, match="no text in UTF-8"):
        texts_of(recipe(DataPart(text=str(tmp_path / "latin.txt"))), cut)
