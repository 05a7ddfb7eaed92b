"""What is set for earmark is read by it, or it is said that nothing does."""

from __future__ import annotations

import pytest

from earmark.cli.twins import misread, twins
from earmark.diagnosis.variables import variable_findings

TWINS = {"EARMARK_WORKERS", "EARMARK_BATCH_SIZE"}


def test_a_variable_that_nothing_reads_is_told_with_the_near_ones():
    """With what to type in its place; its value is not shown."""
    [finding] = variable_findings({"EARMARK_WORKRES": "canary", "HOME": "/"}, TWINS, {})
    assert (finding.level, finding.mend) == ("warning", "export EARMARK_WORKERS=... in its place")
    assert "near: EARMARK_WORKERS" in finding.sentence
    [finding] = variable_findings({"EARMARK_QQQ": "canary"}, TWINS, {})
    assert finding.mend == "unset EARMARK_QQQ"
    assert "canary" not in f"{finding}"


def test_those_that_are_known_are_named():
    """Twins of flags, and those that have none."""
    there = {"EARMARK_WORKERS": "2", "EARMARK_API_KEY": "canary"}
    [finding] = variable_findings(there, TWINS, {})
    assert finding.level == "ok"
    assert finding.sentence == "set: EARMARK_API_KEY, EARMARK_WORKERS"
    assert variable_findings({}, TWINS, {})[0].level == "ok"


def test_a_value_that_cannot_be_read_is_a_problem():
    """Every command that has the flag would end by it."""
    [finding] = variable_findings({"EARMARK_WORKERS": "x"}, TWINS, {"EARMARK_WORKERS": "neither auto nor a number"})
    assert (finding.level, finding.mend) == ("problem", "unset EARMARK_WORKERS")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("EARMARK_BATCH_SIZE", "8", "many"),
        ("EARMARK_ENGINE", "ray", "spark"),
        ("EARMARK_FRESH", "true", "perhaps"),
        ("EARMARK_WORKERS", "auto", "0"),
        ("EARMARK_TRACK", "wandb mlflow", None),
    ],
)
def test_a_value_is_read_as_the_commands_read_it(name, good, bad):
    """By their own types and checks."""
    assert name in twins()
    assert misread({name: good}) == {}
    if bad is not None:
        assert list(misread({name: bad})) == [name]
