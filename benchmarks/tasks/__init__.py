"""What is stepped and trained."""
