"""How a number is kept in 32, 16, 8 or 4 bits, and how it becomes one to compute with."""
