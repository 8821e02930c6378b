"""An optimizer, shown: its formula and kernel, what its options mean, and what others call it."""
