"""What formulas have for the words of torch, NumPy and Python, which cannot see into them."""

INSTEAD = {
    "abs": "abs(x)",
    "absolute": "abs(x)",
    "add": "a + b",
    "addcdiv": "x + a / b",
    "addcmul": "x + a * b",
    "clip": "clamp(x, low, high)",
    "div": "a / b",
    "divide": "a / b",
    "dot": "total(a * b)",
    "fmax": "maximum(a, b)",
    "fmin": "minimum(a, b)",
    "logical_and": "a & b",
    "logical_not": "~a",
    "logical_or": "a | b",
    "max": "maximum(a, b)",
    "mean": "total(x) / self.numel",
    "min": "minimum(a, b)",
    **dict.fromkeys(("mul", "multiply"), "a * b"),
    **dict.fromkeys(("neg", "negative"), "-x"),
    "norm": "sqrt(total_square(x))",
    "numel": "self.numel",
    "ones_like": "0 * x + 1",
    **dict.fromkeys(("pow", "power"), "x * x, sqrt(x) or power_of_element(x, p)"),
    "reciprocal": "1 / x",
    "rsqrt": "1 / sqrt(x)",
    "sgn": "sign(x)",
    **dict.fromkeys(("shape", "size"), "self.rows and self.columns"),
    "square": "x * x",
    **dict.fromkeys(("sub", "subtract"), "a - b"),
    "sum": "total(x)",
    "true_divide": "a / b",
    "vector_norm": "sqrt(total_square(x))",
    "vdot": "total(a * b)",
    "zeros_like": "0 * x",
    **dict.fromkeys(("item", "clone", "detach", "data", "contiguous", "copy", "cpu", "cuda", "to"), "x itself"),
    **dict.fromkeys(("float", "double", "half", "bfloat16", "numpy", "tolist", "real", "conj"), "x itself"),
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze", "unsqueeze", "expand"), "x itself"),
    **dict.fromkeys(("T", "mT", "t"), "transpose(x)"),
    **dict.fromkeys(("dim", "ndim", "ndimension"), "self.ndim"),
    "grad": "grad, the argument",
    "isnan": "x != x",
    "relu": "maximum(x, 0)",
    "randn_like": "noise(self, x), from thalweg.formula",
    "linalg_norm": "sqrt(total_square(x))",
}
"""What formulas have for what torch and NumPy call so."""

OF_TENSORS = {"device", "dtype", "is_cuda", "layout", "requires_grad", "is_leaf", "grad_fn", "element_size", "type"}
"""What tensors tell of themselves, and elements do not."""

CALLS = {
    **{word: f"{word}(a, b)" for word in ("maximum", "minimum", "atan2")},
    "clamp": "clamp(x, low, high)",
    "lerp": "lerp(start, end, weight)",
    "where": "where(condition, a, b)",
}

PYTHONS = {
    "__len__": ("len(x)", "self.numel"),
    "__getitem__": ("x[i]", "total(x), which sums over all elements, as a formula is of one"),
    "__round__": ("round(x)", "floor(x + 0.5)"),
    "__floordiv__": ("a // b", "floor(a / b)"),
    "__rfloordiv__": ("a // b", "floor(a / b)"),
    "__mod__": ("a % b", "a - b * floor(a / b)"),
    "__rmod__": ("a % b", "a - b * floor(a / b)"),
    "__matmul__": ("a @ b", "a * b, or a function of whole matrices of thalweg.formula"),
    "__rmatmul__": ("a @ b", "a * b, or a function of whole matrices of thalweg.formula"),
    "__pos__": ("+x", "x"),
    "__rshift__": ("a >> n", "floor(a / 2**n)"),
    "__rrshift__": ("n >> a", "floor(n / a), or what is meant"),
    "__rlshift__": ("n << a", "n * a, or what is meant"),
    "__divmod__": ("divmod(a, b)", "floor(a / b) and a - b * floor(a / b)"),
    "__rdivmod__": ("divmod(a, b)", "floor(a / b) and a - b * floor(a / b)"),
    "__setitem__": ("x[i] = a", "x = where(condition, a, x)"),
    "__delitem__": ("del x[i]", "where(condition, a, b) for what is to differ between elements"),
    "__call__": ("x(a)", "x * a"),
}
"""What Python says of numbers and arrays, and formulas otherwise."""

OPERATORS = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "truediv",
    "power": "pow",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
}
"""What NumPy makes of an operator whose left side is a number of its own."""
