import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.reports.gate import NAMES, Gate

VALUES = dict.fromkeys(NAMES, 0.0) | {"delta_wer": 0.25, "p": 0.01, "fixed": 3, "low": float("nan")}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("delta_wer > 0.2 and p < 0.05", True),
        ("delta_wer > 0.2 and p < 0.005", False),
        ("delta_wer > 0.3 or fixed == 3", True),
        ("not delta_wer > 0.3", True),
        ("not (delta_wer > 0.2 or p > 1)", False),
        ("0 < p <= 0.01", True),
        ("0 < p < 0.01", False),
        ("-delta_wer < -.2", True),
        ("fixed != 3", False),
        ("broken >= fixed", False),
        (" 1 < 2\n", True),
        ("p < 0.05 and fixed > 5 or delta_wer > 0", True),
    ],
)
def test_a_condition_means_what_it_says(condition, holds):
    """With the precedence that everybody knows."""
    assert Gate.parse(condition).holds(VALUES) is holds


@pytest.mark.parametrize("condition", ["low < 0", "low > 0", "low != 0", "low == low"])
def test_a_comparison_with_no_number_is_false(condition):
    """Where there is no interval, nothing is said of it."""
    assert not Gate.parse(condition).holds(VALUES)


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "delta_wer",
        "0.2",
        "True",
        "p < True",
        "p < 'a'",
        "p < 1j",
        "wer > 2",
        "delta_wer > 0.2 and p",
        "p < 0.05,",
        "p in fixed",
        "p is p",
        "p + 1 > 2",
        "p ** 9 ** 9 > 1",
        "abs(p) > 1",
        "p.real > 1",
        "[p][0] > 1",
        "(lambda: p)() > 1",
        "__import__('os').system('true') > 0",
        "delta_wer > 0.2 &&",
        "p < 0.05 if fixed else p > 1",
        "(x := p) > 1",
        "p < \0",
        "p < 1" + " and p < 1" * 200,
        "p < " + "-" * 900 + "1" + "(",
        "(" * 900,
        "not " * 240 + "p",
    ],
)
def test_anything_else_is_bad_usage(condition):
    """With the names that there are, and an example."""
    with pytest.raises(UsageError) as caught:
        Gate.parse(condition)
    assert "known names: delta_wer, " in caught.value.cause
    assert caught.value.hint == "--fail-if 'delta_wer > 0.2 and p < 0.05'"


@given(st.text(alphabet="pfixed <>=!()0.1andornt-+*", max_size=30))
def test_no_text_does_anything_but_hold_or_be_refused(condition):
    """Whatever is typed, it is a condition or a UsageError."""
    try:
        gate = Gate.parse(condition)
    except UsageError:
        return
    assert gate.holds(VALUES) in (True, False)
    assert set(gate.names) <= set(NAMES)


def test_a_gate_knows_its_names():
    """In alphabetical order, each once."""
    assert Gate.parse("p < 1 and delta_wer > 0 and p > 0").names == ("delta_wer", "p")
