"""The runtime environment that a user wants on Ray's workers: a JSON file in Ray's own words.

Knows JSON and what must not be in it. What the words mean is Ray's, which checks them.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from earmark.errors import UsageError, first_line, without_secret
from earmark.redaction import is_secret_name

_MAX_SIZE_BYTES = 1 << 20
_OF_A_PACKAGE = re.compile(r"#(?:egg|subdirectory|sha256)=[\w./-]+(?=\s|$)")
"""What pip's requirements may say behind a URL, which is no secret."""


def read_runtime_env(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What is in the file. Raises UsageError where it is no JSON object, or would show a secret to the cluster."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_SIZE_BYTES + 1)
        if len(data) > _MAX_SIZE_BYTES:
            raise UsageError(f"{file} is larger than a runtime environment", hint="--runtime-env FILE.json")
        found = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--runtime-env {file} cannot be read", cause=first_line(error)) from error
    if not isinstance(found, dict):
        raise UsageError(f"--runtime-env {file} holds no JSON object", hint='for example {"pip": ["earmark"]}')
    variables = found.get("env_vars", {})
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise UsageError(f"env_vars in {file} is no object of texts", hint='for example {"env_vars": {"LANG": "C"}}')
    _check(found, file)
    return found


def _check(environment: dict[str, Any], file: Path) -> None:
    """Raise UsageError for a secret, however deep: by the name of what it is for, or in a URL. It is not shown."""
    left: list[tuple[str, object]] = [("", environment)]
    while left:  # no recursion: a file may be deeper than Python's stack
        name, found = left.pop()
        if isinstance(found, dict):
            for key, value in found.items():
                if is_secret_name(key) or _has_secret(key):
                    raise _refused(key, file)
                left.append((key, value))
        elif isinstance(found, list):
            left.extend((name, one) for one in found)
        elif isinstance(found, str) and _has_secret(found):
            raise _refused(name, file)


def _has_secret(text: str) -> bool:
    plain = _OF_A_PACKAGE.sub("", text)
    return without_secret(plain) != plain


def _refused(name: str, file: Path) -> UsageError:
    return UsageError(
        f"{name} in {file} looks like a secret, or holds one",
        cause="Ray shows the runtime environment on its dashboard, to everybody who may see the cluster",
        hint="set it where the nodes start: a secret of Kubernetes, or the environment of ray start",
    )
