"""Names that are imported only when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from earmark import registry
from earmark.engines import ENGINES
from earmark.errors import MissingExtraError, UnknownNameError
from earmark.recognizers import RECOGNIZERS, load_recognizer
from earmark.registry import Registry, missing_packages

WriteModule = Callable[[str, str], None]


@pytest.fixture
def things() -> Registry:
    return Registry("thing", group="earmark.tests.things")


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteModule:
    """Writes a module that can be imported for the length of the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return write


def test_listing_imports_nothing(things, write_module):
    """A module is imported when its thing is asked for, and not before."""
    write_module("toy_module", "thing = 42")
    things.add("toy", "toy_module:thing", "a toy")
    assert things.entries()["toy"].summary == "a toy"
    assert "toy_module" not in sys.modules
    assert things.load("toy") == 42


def test_an_unknown_name_lists_the_known_and_the_near_ones(things):
    """With the kind of thing in the sentence."""
    things.add("conformer", "nowhere:thing", "a toy")
    with pytest.raises(UnknownNameError, match="no thing 'conformr'") as unknown:
        things.load("conformr")
    assert unknown.value.near == unknown.value.known == ["conformer"]


def test_a_missing_package_is_a_command_to_type(things, write_module):
    """The extra that brings it, and the package that could not be imported."""
    write_module("needy_module", "import package_that_nobody_has.part")
    things.add("needy", "needy_module:thing", "a toy", extra="big")
    with pytest.raises(MissingExtraError) as missing:
        things.load("needy")
    assert missing.value.hint == "pip install 'earmark[big]'"
    assert "package_that_nobody_has" in missing.value.cause


def test_a_defect_is_not_taken_for_a_missing_package(things, write_module):
    """An entry of the base, a module of ours that is not there, and an error in a module go up as they are."""
    write_module("needy_module", "import package_that_nobody_has")
    things.add("base", "needy_module:thing", "a toy")
    with pytest.raises(ModuleNotFoundError):
        things.load("base")
    things.add("moved", "earmark.no_such_module:thing", "a toy", extra="big")
    with pytest.raises(ModuleNotFoundError):
        things.load("moved")
    write_module("broken_module", "1 / 0")
    things.add("broken", "broken_module:thing", "a toy", extra="big")
    with pytest.raises(ZeroDivisionError):
        things.load("broken")


def test_other_packages_add_names_and_replace_none_of_ours(things, write_module, monkeypatch):
    """An entry point of the group is a name like the others."""
    write_module("their_module", "thing = 'theirs'")
    write_module("our_module", "thing = 'ours'")
    points = EntryPoints(
        EntryPoint(name, "their_module:thing", "earmark.tests.things") for name in ("extra-toy", "toy")
    )
    monkeypatch.setattr("earmark.registry._points_of_all_packages", lambda: points)
    things.add("toy", "our_module:thing", "a toy")
    assert things.load("extra-toy") == "theirs"
    assert things.entries()["extra-toy"].summary == "from their_module"
    assert things.load("toy") == "ours"


def test_installed_packages_are_asked_once_a_process(things, monkeypatch):
    """It opens a file of each, which every start of the program would pay for each registry."""
    asked = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda: asked.append(1) or EntryPoints())
    registry._points_of_all_packages.cache_clear()
    try:
        for known in (things, Registry("other thing", group="earmark.tests.others"), things):
            known.entries()
    finally:
        registry._points_of_all_packages.cache_clear()
    assert len(asked) == 1


@pytest.mark.parametrize("known", [RECOGNIZERS, ENGINES], ids=["recognizers", "engines"])
def test_every_listed_name_is_there_or_says_which_extra_brings_it(known):
    """No entry points nowhere, and each says in one line what it is."""
    for name, entry in known.entries().items():
        assert entry.summary
        try:
            assert callable(known.load(name))
        except MissingExtraError as missing:
            assert missing.extra == entry.extra  # noqa: PT017  # only one of two ways to pass


def test_a_recognizer_is_made_with_its_options():
    """By name; an option that it has not is refused with the near ones."""
    assert load_recognizer("noisy", {"error_rate": 0.5}).spec.options["error_rate"] == 0.5
    with pytest.raises(UnknownNameError, match="noisy") as unknown:
        load_recognizer("noisy", {"eror_rate": 0.5})
    assert unknown.value.near == ["error_rate"]


def test_what_an_extra_lacks_is_told_without_importing_it(monkeypatch):
    """From what is installed; an extra that is none says nothing."""
    wanted = [
        "numpy>=1",
        'pytest>=8; extra == "big"',
        "no-such-package[more]<2 ; extra == 'big'",
        'x; extra == "other"',
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: wanted)
    assert missing_packages("big") == ["no-such-package"]
    assert missing_packages("base") is None
