"""Functions of numbers that processors do not have, written down as additions and products."""
