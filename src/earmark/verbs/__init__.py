"""One file a verb: what the command line and Python users call. Puts the floors below together, and adds no rules."""
