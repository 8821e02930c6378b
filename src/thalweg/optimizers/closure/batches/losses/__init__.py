"""Many losses at once: a line search on every row of a batch."""
