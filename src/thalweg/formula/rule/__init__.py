"""What a rule is: its arguments and states, and what it may ask of its parameter."""
