"""Where compiled code is kept between two runs."""
