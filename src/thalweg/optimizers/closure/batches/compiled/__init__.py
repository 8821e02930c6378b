"""A model of many fits as a formula, and its fits as machine code."""
