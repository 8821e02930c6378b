"""A formula's kernel: what is computed before its passes, the passes, and what they leave to be added up."""
