"""The reference: a formula, calculated by torch."""
