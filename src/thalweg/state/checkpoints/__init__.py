"""What is saved and loaded: checked whole before anything changes."""
