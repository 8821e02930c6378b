"""For humans: show a formula, compare optimizers; nothing here is imported by ``import thalweg``."""
