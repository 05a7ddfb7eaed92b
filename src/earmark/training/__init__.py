"""Training. ``sudoku`` and its parts train a recursive solver on made puzzles."""
