"""SOAP's steps, made orthogonal."""

from __future__ import annotations

from typing import Annotated

from ...formula import COEFFICIENTS, maximum, orthogonalize, sqrt
from ...hyper import Threes, Whole
from .soap import SOAP

__all__ = ["SOAPMuon"]


class SOAPMuon(SOAP):
    """SOAP's steps with their singular values brought near 1: what Adam has left uneven in its bases is made even.

    Vyas et al. 2025, "Improving SOAP using iterative whitening and Muon", SOAP-Muon.
    https://github.com/nikhilvyas/SOAP_MUON
    The iteration is Muon's, as are `ns_coefficients` and `ns_steps`; updates have the size of AdamW's. Vectors, and all
    options but these and `normalize_grads`, are as for SOAP.
    Tune: SOAP's lr and weight_decay, and betas[1] 0.9.
    """

    ns_coefficients: Annotated[object, Threes(tuple(COEFFICIENTS))] = (3.4445, -4.7750, 2.0315)
    ns_steps: Annotated[int, Whole(0, 99)] = 5

    def normalized(self, step):
        """Make the step of a matrix orthogonal."""
        if not self.is_matrix:
            return step
        made = orthogonalize(step, self.ns_coefficients, self.ns_steps, 1e-7)
        return 0.2 * sqrt(maximum(self.rows, self.columns)) * made

    def rate(self):
        """Give the learning rate: an orthogonal step is as large, whatever its means were corrected by."""
        return self.lr if self.is_matrix else super().rate()
