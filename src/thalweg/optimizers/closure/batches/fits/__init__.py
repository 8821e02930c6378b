"""Many least squares at once: Levenberg and Marquardt's method on every row of a batch."""
