"""The parts of a name of data that are a data set of the Hugging Face hub. It asks nobody whether there is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"hf:(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?:/(?P<config>[\w.-]+))?(?::(?P<split>[\w.-]+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class HubData:
    """``hf:OWNER/NAME@REVISION/CONFIG:SPLIT``; None for what the name does not say."""

    id: str
    revision: str | None
    config: str | None
    split: str | None

    @classmethod
    def of(cls, data: str) -> HubData | None:
        """The parts of a name of data; None for data from elsewhere."""
        found = _NAME.fullmatch(data)
        return None if found is None else cls(found["id"], found["revision"], found["config"], found["split"])
