"""``doctor``: what of this machine an evaluation depends on, each problem with the line that mends it.

Starts nothing, fetches nothing, and shows no secret. What may take long has a deadline, and is asked at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from earmark.diagnosis.cluster import cluster_finding
from earmark.diagnosis.codecs import codec_finding
from earmark.diagnosis.devices import Devices, device_findings
from earmark.diagnosis.finding import Finding
from earmark.diagnosis.gpus import has_amd_driver, may_use_amd_driver, newest_cuda, nvidia_gpus
from earmark.diagnosis.machine import (
    clock_finding,
    core_finding,
    cores,
    disk_finding,
    open_files_finding,
    shared_memory_finding,
    temporary_finding,
)
from earmark.diagnosis.packages import package_findings
from earmark.diagnosis.tokens import token_findings
from earmark.diagnosis.torch_build import torch_build
from earmark.diagnosis.variables import variable_findings
from earmark.engines.devices import visible_devices
from earmark.errors import UsageError
from earmark.fetching import FetchOptions
from earmark.reports.prices import OWN_LIST, read_prices

_RAY_ADDRESS = "RAY_ADDRESS"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, in the order in which it is told."""

    findings: tuple[Finding, ...]

    @property
    def is_fit(self) -> bool:
        """Whether everything that a plain run needs is fine, and what was asked about as well."""
        return all(finding.level != "problem" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {"schema_version": 1, "is_fit": self.is_fit, "findings": [asdict(one) for one in self.findings]}


def doctor(
    *, address: str | None = None, twins: Collection[str] = (), wrong: Mapping[str, str] | None = None
) -> Diagnosis:
    """Look at this machine; ``address`` is of a cluster that must answer (None: that of RAY_ADDRESS, if it is set).

    ``twins`` are the variables that stand for flags of the command line, and ``wrong`` says of those whose value cannot
    be read why; without ``twins`` no variable is looked at. Takes as long as torch takes to be imported, a minute at
    most.
    """
    looks: list[Callable[[], Iterable[Finding]]] = [
        package_findings,
        _machine,
        lambda: [codec_finding()],
        lambda: device_findings(_devices(), os.environ),
        lambda: _cluster(address),
        lambda: token_findings(os.environ, Path.home()),
        lambda: variable_findings(os.environ, twins, {**(wrong or {}), **_prices()}) if twins else [],
    ]
    with ThreadPoolExecutor(len(looks)) as threads:
        return Diagnosis(tuple(chain.from_iterable(threads.map(lambda look: list(look()), looks))))


def _machine() -> list[Finding]:
    return [
        core_finding(cores()),
        open_files_finding(),
        shared_memory_finding(),
        disk_finding("runs", Path("runs").absolute()),
        disk_finding("cache", FetchOptions().folder),
        temporary_finding(os.environ),
        clock_finding(),
    ]


def _prices() -> dict[str, str]:
    """What is wrong with the list of prices that a variable names, by its name."""
    try:
        if os.environ.get(OWN_LIST):
            read_prices()
    except UsageError as error:
        return {OWN_LIST: error.what}
    return {}


def _devices() -> Devices:
    return Devices(
        visible=visible_devices().ids,
        nvidia=nvidia_gpus(),
        newest_cuda=newest_cuda(),
        has_amd_driver=has_amd_driver(),
        may_use_amd_driver=may_use_amd_driver(),
        torch=torch_build(),
    )


def _cluster(address: str | None) -> list[Finding]:
    if address is not None:
        return [cluster_finding(address, asked_by="--address", level="problem")]
    if named := os.environ.get(_RAY_ADDRESS):
        return [cluster_finding(named, asked_by=_RAY_ADDRESS, level="warning")]
    return []
