"""SciPy's functions on tensors: what users write is read here, and what they get is made."""
