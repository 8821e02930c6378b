"""What is decided for each parameter before a step: its formula, its engine, its kernels, or why it is refused."""
