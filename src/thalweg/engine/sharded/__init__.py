"""Steps of parameters of which each process has a part."""
