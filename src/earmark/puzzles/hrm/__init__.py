"""The Hierarchical Reasoning Model: its settings, its network, its checkpoints, and what solves puzzles with one."""
