"""The runtime environment that a user wants on Ray's workers: a JSON file in Ray's own words.

Knows JSON and what must not be in it. What the words mean is Ray's, which checks them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from earmark.errors import UsageError, first_line, without_secret
from earmark.redaction import is_secret_name

_MAX_SIZE_BYTES = 1 << 20


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
    _check_variables(found.get("env_vars", {}), file)
    return found


def _check_variables(variables: object, file: Path) -> None:
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise UsageError(f"env_vars in {file} is no object of texts", hint='for example {"env_vars": {"LANG": "C"}}')
    for name, value in variables.items():
        if is_secret_name(name) or without_secret(value) != value:
            raise UsageError(
                f"the variable {name} in {file} looks like a secret",
                cause="Ray shows the runtime environment on its dashboard, to everybody who may see the cluster",
                hint="set it where the nodes start: a secret of Kubernetes, or the environment of ray start",
            )
