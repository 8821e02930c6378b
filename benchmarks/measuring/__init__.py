"""How is it measured: time, bytes, instructions, evaluations, and whether chance could have done it."""
