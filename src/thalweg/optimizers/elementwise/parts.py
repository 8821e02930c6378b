"""Pieces that several formulas share."""


def l2(self, param, grad):
    """Add the gradient of `weight_decay / 2 * param**2`: decay that goes through the rest of the formula."""
    return grad + self.weight_decay * param if self.weight_decay else grad
