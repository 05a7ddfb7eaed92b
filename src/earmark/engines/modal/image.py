"""The image of a container: the driver's own Python, the driver's own packages at its versions, and its own earmark.

Equal versions on both sides are what makes a value travel, and what makes the answers those of another engine. An
earmark that came from a package index is installed from there, at its version; any other (an editable install, a
checkout, a wheel of one's own) sends its source, so that the containers run the very code of the driver.
"""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import TYPE_CHECKING

import earmark
from earmark.engines.mounts import MODELS, mount_of

if TYPE_CHECKING:
    import modal

_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*(?:\[[\w, .-]*\])?)")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_NO_SOURCE = ["**/__pycache__/**", "**/*.pyc", "**/.*"]


def image_for(extra: str | None) -> modal.Image:
    """The image in which a recognizer of that extra runs; None: the base has all that it needs.

    The cache of fetched models is a Volume, so that each is fetched once.
    """
    import modal

    python = ".".join(platform.python_version_tuple()[:2])
    image = modal.Image.debian_slim(python_version=python).env({"EARMARK_CACHE": mount_of(MODELS)})
    if is_from_index():
        return image.uv_pip_install(f"earmark=={earmark.__version__}", *requirements(extra))
    image = image.uv_pip_install(*requirements(extra))
    return image.add_local_dir(Path(earmark.__file__).parent, "/root/earmark", ignore=_NO_SOURCE)


def requirements(extra: str | None) -> list[str]:
    """What earmark's base and the ``extra`` require, each at the version that is installed here, sorted.

    A package that is not here is left to the installer, as its own requirement says it. An extra that is none, such as
    the word for what the base has, requires nothing.
    """
    try:
        lines = distribution("earmark").requires or []
    except PackageNotFoundError:
        lines = []
    wanted = set()
    for line in lines:
        requirement, _, marker = line.partition(";")
        of_extra = _EXTRA.search(marker)
        if of_extra is None or of_extra[1] == extra:
            wanted.add(_pinned(requirement))
    return sorted(wanted)


def is_from_index() -> bool:
    """Whether this earmark was installed from a package index: the installer notes any other origin."""
    try:
        installed = distribution("earmark")
    except PackageNotFoundError:
        return False
    return installed.read_text("direct_url.json") is None and installed.version == earmark.__version__


def _pinned(requirement: str) -> str:
    """A requirement at the version that is here, without what names a build of it (``+cpu``)."""
    found = _NAME.match(requirement)
    if found is None:
        return requirement.strip()
    package = found[1].partition("[")[0]
    try:
        return f"{found[1]}=={version(package).partition('+')[0]}"
    except PackageNotFoundError:
        return requirement.strip()
