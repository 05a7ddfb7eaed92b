"""The base must be whole; an extra may be whole, absent or half there, and only the last is a fault."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from earmark import registry
from earmark.diagnosis import packages
from earmark.diagnosis.packages import package_findings

REQUIRED = [
    "numpy>=1.26", "soxr>=0.5",
    "torch>=2.6; extra == 'models'", "transformers<6; extra == 'models'",
    "absent==1; extra == 'none'", "pytest; extra == 'dev'",
]  # fmt: skip


@pytest.fixture
def installed(monkeypatch):
    """What an installer would know, and the versions of what it installed."""
    known = {"earmark": "0.1", "numpy": "2", "soxr": "1", "torch": "2.13", "transformers": "5"}

    def version(name: str) -> str:
        if name not in known:
            raise PackageNotFoundError(name)
        return known[name]

    class Metadata:
        def get_all(self, name: str) -> list[str]:
            return ["models", "none", "dev"]

    monkeypatch.setattr("importlib.metadata.requires", lambda name: REQUIRED)
    monkeypatch.setattr("importlib.metadata.version", version)
    monkeypatch.setattr(packages, "requires", lambda name: REQUIRED)
    monkeypatch.setattr(packages, "version", version)
    monkeypatch.setattr(packages, "metadata", lambda name: Metadata())
    return known


def found() -> dict[str, tuple[str, str, str | None]]:
    return {one.name: (one.level, one.sentence, one.mend) for one in package_findings()}


def test_whole_and_absent_extras_are_fine(installed):
    """Versions are shown, and how to get what is not there; tools of development are nobody's business."""
    assert found()["extra models"] == ("ok", "torch 2.13, transformers 5", None)
    assert found()["extra none"] == ("ok", "not installed (pip install 'earmark[none]')", None)
    assert found()["packages"][1].endswith("numpy 2, soxr 1")
    assert "extra dev" not in found()


def test_half_an_extra_is_mended(installed):
    """With the command that installs the rest."""
    del installed["transformers"]
    assert found()["extra models"] == (
        "warning", "in part: missing are transformers", "pip install 'earmark[models]'",
    )  # fmt: skip
    assert registry.missing_packages("models") == ["transformers"]


def test_a_base_that_is_not_whole_is_a_problem(installed):
    """No run works without it."""
    del installed["soxr"]
    assert found()["packages"][:2] == ("problem", "missing: soxr")
