"""Where work runs. Knows processes, devices and hosts, and nothing about speech."""

from __future__ import annotations

from earmark.registry import Registry

ENGINES = Registry("engine", group="earmark.engines")
ENGINES.add("inline", "earmark.engines.inline:InlineEngine", "one worker, in this process")
ENGINES.add(
    "processes", "earmark.engines.processes:ProcessEngine", "one worker process a core or a device, on this machine"
)
ENGINES.add("torchrun", "earmark.engines.torchrun:TorchrunEngine", "the ranks that torchrun started", extra="torchrun")
ENGINES.add("ray", "earmark.engines.ray:RayEngine", "the nodes of a Ray cluster, joining and leaving", extra="ray")
ENGINES.add("modal", "earmark.engines.modal:ModalEngine", "containers in Modal's cloud", extra="modal")
