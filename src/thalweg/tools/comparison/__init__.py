"""Optimizers beside each other: runs, tables, pictures, and a page."""
