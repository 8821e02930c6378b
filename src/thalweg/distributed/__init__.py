"""Who has what: which elements of a tensor each process has, and how sums over all of them are taken."""
