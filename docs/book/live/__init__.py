"""The toys on the pages of optimizers: each formula at work in the reader's browser."""
