"""Newton and Schulz's iteration in NumPy's float64, and two polynomials for it."""

import numpy as np

JORDAN = (3.4445, -4.7750, 2.0315)
CONVERGING = (1.875, -1.25, 0.375)
"""The Taylor coefficients, of the classical iteration, which goes to 1."""


def by_numpy(matrix, coefficients, steps, eps):
    """The iteration of Jordan et al. 2024, as written: X <- a X + b (X X^T) X + c (X X^T)^2 X."""
    a, b, c = coefficients
    x = matrix / max(np.linalg.norm(matrix), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + b * gram @ x + c * gram @ gram @ x
    return x
