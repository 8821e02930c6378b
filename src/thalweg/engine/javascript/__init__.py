"""JavaScript of a formula, for pages that show it at work: in float32 with the CPU kernel's bits."""
