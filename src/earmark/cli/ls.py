"""``earmark ls``: what can be named on the command line."""

from __future__ import annotations

from typing import Literal

_Kind = Literal["models", "recognizers", "normalizers", "scorers", "formats", "exports", "engines", "sources", "all"]


def ls_command(kind: _Kind = "all", /) -> int:
    """List the models, normalizers, scorers, formats, exports, engines and sources by name.

    Parameters
    ----------
    kind
        One of them, or all; recognizers are the models.
    """
    from earmark.engines import ENGINES
    from earmark.formats import FORMATS
    from earmark.formats.exports import EXPORTS
    from earmark.recognizers import RECOGNIZERS
    from earmark.scoring import SCORERS
    from earmark.sources import SOURCES
    from earmark.text import NORMALIZERS

    registries = {
        "models": RECOGNIZERS,
        "normalizers": NORMALIZERS,
        "scorers": SCORERS,
        "formats": FORMATS,
        "exports": EXPORTS,
        "engines": ENGINES,
        "sources": SOURCES,
    }
    kind = "models" if kind == "recognizers" else kind
    for name, registry in registries.items():
        if kind in (name, "all"):
            print(name)  # noqa: T201  # the result
            for entry in registry.entries().values():
                print(f"  {entry.name:<17} {entry.summary}{_needs(entry.extra)}")  # noqa: T201  # the result
        if name == "models" and kind in (name, "all"):
            print(f"  {'hf:OWNER/NAME':<17} any of them, from the hub{_needs('hub')}")  # noqa: T201  # the result
    return 0


def _needs(extra: str | None) -> str:
    """What has to be installed for it, and whether it is; nothing for what the base install has."""
    from earmark.registry import missing_packages

    if extra == "base":
        return " (installed)"
    if extra is None:
        return ""
    missing = missing_packages(extra)
    if missing is None:  # installed before there was such an extra
        return f" (needs the extra {extra})"
    return f" (needs: pip install 'earmark[{extra}]')" if missing else f" (extra {extra}: installed)"
