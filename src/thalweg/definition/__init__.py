"""What a class of optimizers is made of: options, groups, traits, and how it shows itself."""
