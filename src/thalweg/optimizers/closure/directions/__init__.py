"""Where to go: directions that know no search."""
