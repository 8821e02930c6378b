"""What is put around a rule, whatever it says."""
