"""Which launches make a step, found once, and looked at anew before each step."""
