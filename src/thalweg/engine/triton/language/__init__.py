"""How Triton is written: names, constants, dtypes, and functions that round each operation once."""
