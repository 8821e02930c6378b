"""What it is compared with: other libraries' optimizers and solvers, and how each is called."""
