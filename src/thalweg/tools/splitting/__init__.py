"""A model's parameters cut into groups: by rules, and by what follows from their names and shapes."""
