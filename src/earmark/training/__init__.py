"""Training. ``sudoku`` and its parts train a recursive solver; ``fit`` and its parts a recipe of speech recognition."""
