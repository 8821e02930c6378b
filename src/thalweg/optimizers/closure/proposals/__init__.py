"""Where to go next: along a line, or within a radius."""
