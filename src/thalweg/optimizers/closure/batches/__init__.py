"""Many small problems of one kind at once: every row of a batch is a problem of its own."""
