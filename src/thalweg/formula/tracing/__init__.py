"""From a rule to what kernels compute: called with symbols, written as LaTeX, cut into passes."""
