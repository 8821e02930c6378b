"""One launch: its table, and the options in it."""
