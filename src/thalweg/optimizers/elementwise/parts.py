"""Pieces that several formulas share."""


def l2(self, param, grad):
    """Add the gradient of `weight_decay / 2 * param**2`: decay that goes through the rest of the formula."""
    return grad + self.weight_decay * param if self.weight_decay else grad


def decay(self, param, grad):
    """Decay the weights: through the gradient, or by a share of each, apart from it (`decoupled_weight_decay`)."""
    if not self.decoupled_weight_decay:
        return param, l2(self, param, grad)
    return param * (1 - self.lr * self.weight_decay) if self.weight_decay else param, grad
