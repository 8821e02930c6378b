"""Optimizers that take in more than gradients at one point: another point, the Hessian, the loss."""
