"""Reading a run window by window gives what reading it at once gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.recognizers.doubles import Failing
from earmark.store.reader import READ_COLUMNS, windows, winning_rows
from earmark.store.run import RunStore
from earmark.verbs.evaluate import evaluate
from tests.toys import toy_source


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """A run of 20 utterances in many parts, two of them failed and tried twice."""
    folder: Path = tmp_path_factory.mktemp("run")
    source = toy_source(folder / "audio", 20)
    for retry in (False, True):
        recognizer = Failing(source.texts, ids="utt-003,utt-017")
        evaluate(recognizer, source, out=str(folder / "run"), max_batch_s=0.5, retry_failed=retry)
    return RunStore.at(str(folder / "run"))


@pytest.mark.parametrize("size", [1, 3, 7, 19, 20, 100])
def test_windows_are_the_slices_of_the_whole(store, size):
    """Whatever their size, and with the last one short."""
    parts = store.progress(store.spec()).part_names
    assert len(parts) > 5
    found = list(windows(store.folder, parts, 20, size))
    assert len(found) == -(-20 // size)
    for number, rows in enumerate(found):
        assert rows.equals(winning_rows(store.folder, parts, number * size, (number + 1) * size))


@pytest.mark.parametrize("size", [7, 100])
def test_more_columns_come_along(store, size):
    """Behind those that everybody reads."""
    more = ("words", "confidence", "decode_s")
    parts = store.progress(store.spec()).part_names
    for number, rows in enumerate(windows(store.folder, parts, 20, size, more)):
        assert rows.column_names == [*READ_COLUMNS, *more]
        assert rows.equals(winning_rows(store.folder, parts, number * size, (number + 1) * size, more))


def test_a_window_without_rows_is_empty(store):
    """A run that was stopped early is summarized as far as it is."""
    parts = store.progress(store.spec()).part_names
    assert [len(rows) for rows in windows(store.folder, parts[:0], 20, 8)] == [0, 0, 0]
