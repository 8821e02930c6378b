"""How numbers are kept between steps: formats, layouts, first values, checkpoints."""
