"""The command line: words to arguments, values to text. It holds no logic of its own."""
