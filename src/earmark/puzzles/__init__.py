"""Sudoku: puzzles, their symmetries and rules, and the recursive solvers of them.

``grids``, ``rules`` and ``variants`` are arrays alone; ``generate`` makes puzzles and ``layout`` reads and writes the
files of the field; ``hrm`` holds the solver. It scores itself, and knows no speech.
"""
