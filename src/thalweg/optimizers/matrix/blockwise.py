"""Rules for matrices that are cut before anything is multiplied."""

from __future__ import annotations

from dataclasses import replace

from ..routing.whole_model import WholeModel


class Blockwise(WholeModel):
    """A rule for which each of its `blocks` of rows is a matrix of its own, with rows and columns of its own."""

    @classmethod
    def sides(cls, shape, options):
        """Cut the rows."""
        whole = super().sides(shape, options)
        if whole is None or options["use_muon"] is False or options["blocks"] == 1:
            return whole
        return replace(whole, blocks=(options["blocks"], 1))
