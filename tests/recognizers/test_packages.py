"""Whether what a recognizer needs is installed, and known to work."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from earmark.errors import MissingExtraError, UsageError
from earmark.recognizers import packages

INSTALLED = {"library": "3.10.1rc1", "torch": "2.13.0"}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these were the packages here."""

    def version(package: str) -> str:
        if package not in INSTALLED:
            raise PackageNotFoundError(package)
        return INSTALLED[package]

    monkeypatch.setattr(packages, "version", version)


@pytest.mark.parametrize(("oldest", "before"), [((3, 10), None), ((3, 9), (4, 0)), ((2, 99), (3, 11))])
def test_a_version_that_is_known_to_work_is_told(oldest, before):
    """Its numbers are compared as numbers."""
    found = packages.installed_version(("library", "torch"), extra="it", oldest=oldest, before=before)
    assert found == "3.10.1rc1"


@pytest.mark.parametrize(
    ("oldest", "before", "wanted"),
    [((3, 11), None, "3.11 or newer"), ((3, 0), (3, 10), "3.0 or newer, and older than 3.10")],
)
def test_another_version_is_refused_with_those_that_work(oldest, before, wanted):
    """And with the line that installs one."""
    with pytest.raises(UsageError, match=r"library 3\.10\.1rc1 is not known to work") as refused:
        packages.installed_version(("library",), extra="it", oldest=oldest, before=before)
    assert refused.value.cause == f"this needs {wanted}"
    assert refused.value.hint == "pip install --upgrade 'earmark[it]'"


def test_a_package_that_is_missing_is_told_by_its_name():
    """Also where the library itself is there, and where a module is missed only as it is imported."""
    with pytest.raises(MissingExtraError) as missing:
        packages.installed_version(("library", "beside"), extra="it", oldest=(1, 0))
    assert (missing.value.extra, missing.value.cause) == ("it", "the package 'beside' cannot be imported")
    with pytest.raises(MissingExtraError, match="'it' is not installed") as missing, packages.packages_of("it"):
        import a_package_that_nobody_has  # noqa: F401  # type: ignore[import-not-found]
    assert "a_package_that_nobody_has" in str(missing.value.cause)
