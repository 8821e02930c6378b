"""Which rule updates which parameters of a model."""
