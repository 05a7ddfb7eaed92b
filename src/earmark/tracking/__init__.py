"""Trackers that a run is sent to: sinks beside the run, fed from its store and its events. None of them can fail it.

Knows the run's folder and what a tracker must do; does not know how a run works, nor how its numbers are made.
"""

from __future__ import annotations

from earmark.registry import Registry

TRACKERS = Registry("tracker", group="earmark.trackers")
TRACKERS.add("wandb", "earmark.tracking.wandb:WandbTracker", "Weights & Biases, its server or files", extra="wandb")
TRACKERS.add("mlflow", "earmark.tracking.mlflow:MlflowTracker", "MLflow, its server or a database", extra="mlflow")
