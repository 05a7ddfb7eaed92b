"""Which tokens are present, and where. Never what they are: no part of one, nor its length, leaves this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from earmark.diagnosis.finding import Finding, fine, warning


@dataclass(frozen=True, slots=True)
class _Token:
    """The variables that belong together, the file that may stand for them (under the home folder), and for what."""

    service: str
    variables: tuple[str, ...]
    file: str | None = None


_TOKENS = (
    _Token("Hugging Face", ("HF_TOKEN",), ".cache/huggingface/token"),
    _Token("W&B", ("WANDB_API_KEY",)),
    _Token("MLflow", ("MLFLOW_TRACKING_TOKEN",)),
    _Token("Modal", ("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"), ".modal.toml"),
    _Token("S3", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ".aws/credentials"),
    _Token("Google Cloud", ("GOOGLE_APPLICATION_CREDENTIALS",), ".config/gcloud/application_default_credentials.json"),
    _Token("speech API", ("EARMARK_API_KEY",)),
    _Token("OpenAI", ("OPENAI_API_KEY",)),
)


def token_findings(environment: Mapping[str, str], home: Path) -> list[Finding]:
    """Of each service, whether its token is there. An absent one is no fault; half of a pair, or an odd one, is."""
    return [_finding(token, environment, home) for token in _TOKENS]


def _finding(token: _Token, environment: Mapping[str, str], home: Path) -> Finding:
    name = f"token, {token.service}"
    there = [one for one in token.variables if environment.get(one)]
    missing = [one for one in token.variables if one not in there]
    for one in there:
        if environment[one] != environment[one].strip() or environment[one][0] in "'\"":
            said = f"{one} begins or ends with white space or a quote, which is hardly meant"
            return warning(name, said, f"export {one}=... without it")
    if there and missing:
        said = f"{' and '.join(there)} is set, and {' and '.join(missing)} is not"
        return warning(name, said, f"export {missing[0]}=...")
    if there:
        return fine(name, f"present ({', '.join(there)})")
    if token.file is not None and (home / token.file).is_file():
        return fine(name, f"present (~/{token.file})")
    return fine(name, f"absent ({', '.join(token.variables)})")
