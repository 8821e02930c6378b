"""Which optimizer a function is the reference of: each says so itself, and nothing else lists them."""

REFERENCES = {}
"""Of rules for one element: by the optimizer's name, a function of a number and its gradients."""

OF_A_PARAMETER = {}
"""Of rules for a whole parameter: a function of lists of numbers and of gradients, and options to try it with."""


def of(name, tolerance=1e-12):
    """Mark the reference of a rule for one element, and say how near the rule must come to it, with the reason."""

    def mark(function):
        function.tolerance = tolerance
        REFERENCES[name] = function
        return function

    return mark


def of_a_parameter(name, *options):
    """Mark the reference of a rule for whole parameters."""

    def mark(function):
        OF_A_PARAMETER[name] = function, ({}, *options)
        return function

    return mark
