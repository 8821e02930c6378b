"""Which learning rate to train with: rates are tried on copies, and what was there stays as it was."""
