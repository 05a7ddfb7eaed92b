"""Which of earmark's packages are installed, in which versions: of the base, of each extra. Imports none."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from earmark.diagnosis.finding import Finding, fine, problem, warning
from earmark.registry import missing_packages

_NOT_FOR_USERS = ("dev",)
_NUM_NAMED = 5


def package_findings() -> list[Finding]:
    """The base in one, and each extra in one of its own."""
    try:
        extras = metadata("earmark").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        said = "earmark itself is not installed, so what it needs is not known"
        return [warning("packages", said, "pip install earmark")]
    return [_base(), *(_extra(name) for name in sorted(extras) if name not in _NOT_FOR_USERS)]


def _base() -> Finding:
    wanted = [_name(line) for line in requires("earmark") or () if "extra ==" not in line]
    missing = [name for name in wanted if installed_version(name) is None]
    if missing:
        return problem("packages", f"missing: {', '.join(missing)}", "pip install --force-reinstall earmark")
    own = f"earmark {version('earmark')}, Python {platform.python_version()}"
    return fine("packages", f"{own}, {_versions(wanted)}")


def _extra(name: str) -> Finding:
    marker = re.compile(rf"extra\s*==\s*['\"]{re.escape(name)}['\"]")
    wanted = [_name(line) for line in requires("earmark") or () if marker.search(line)]
    missing = missing_packages(name) or []
    label, install = f"extra {name}", f"pip install 'earmark[{name}]'"
    if len(missing) == len(wanted):
        return fine(label, f"not installed ({install})")
    if missing:
        return warning(label, f"in part: missing are {', '.join(missing)}", install)
    return fine(label, _versions(wanted))


def _versions(names: list[str]) -> str:
    shown = [f"{name} {installed_version(name)}" for name in names[:_NUM_NAMED]]
    rest = len(names) - len(shown)
    return ", ".join([*shown, f"and {rest} more"] if rest > 0 else shown)


def installed_version(package: str) -> str | None:
    """The version of an installed package; None where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
