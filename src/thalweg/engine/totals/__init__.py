"""Numbers of all parameters: their common norm, what is measured, and what is learned from them."""
