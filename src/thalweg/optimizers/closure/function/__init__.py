"""The function that is minimized: of one vector, within a box, counted."""
