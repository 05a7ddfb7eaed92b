"""Where work runs. Knows processes, devices and hosts, and nothing about speech."""

from __future__ import annotations

from earmark.registry import Registry

ENGINES = Registry("engine", group="earmark.engines")
ENGINES.add("inline", "earmark.engines.inline:InlineEngine", "one worker, in this process")
ENGINES.add(
    "processes", "earmark.engines.processes:ProcessEngine", "one worker process a core or a device, on this machine"
)
