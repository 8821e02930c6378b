"""One run: the loop, what counts as a minimum, and why it stopped."""
