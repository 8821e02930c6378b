"""The architecture as tables: which parts of the package there are, their rooms, and what each may know of."""

MAY_IMPORT = {
    "uncompiled": set(),
    "annotations": set(),
    "described": set(),
    "warned": set(),
    "formula": {"annotations", "described"},
    "distributed": {"described", "formula"},
    "state": {"described", "formula", "distributed", "uncompiled"},
    "engine": {"described", "warned", "formula", "distributed", "state"},
    "hyper": {"annotations", "described"},
    "definition": {"described", "formula", "state", "hyper"},
    "optimizer": {"formula", "distributed", "state", "engine", "hyper", "definition", "uncompiled"},
    "beyond_gradients": {"described", "formula", "distributed", "state", "engine", "hyper", "optimizer"},
    "optimizers": {"formula", "hyper", "optimizer", "beyond_gradients"},
    "wrappers": {
        "definition",
        "described",
        "warned",
        "formula",
        "distributed",
        "state",
        "hyper",
        "optimizer",
        "optimizers",
    },
    "closure": {
        *("described", "warned", "formula", "distributed", "state", "engine", "hyper", "optimizer", "optimizers"),
    },
    "takeover": {"described", "optimizer", "optimizers"},
    "names": {"definition", "described", "optimizer", "optimizers", "wrappers", "closure"},
    "__init__": {"formula", "hyper", "names", "optimizer", "optimizers", "takeover", "beyond_gradients"},
    "tools": {
        *("__init__", "described", "formula", "state", "engine", "hyper", "names", "optimizer", "optimizers"),
        *("definition", "beyond_gradients", "distributed"),
    },
    "__main__": {"tools"},
}
"""Each part, and the other parts that it may know of. `described` says what was got, `annotations` what one stands for
that is text, `uncompiled` what torch.compile leaves alone, and `warned` where a warning points. A rule knows no state
and no engine; a closure method is none: it says itself what a saved run must be like, and multiplies vectors by the
engine's compiled rows. A wrapper is none either: it puts other numbers into parameters for a while, as `state` does."""

FORMULA_ROOMS = {
    "graph": set(),
    "matrices": set(),
    "rule": {"graph", "matrices"},
    "words": {"graph", "matrices"},
    "around": {"graph", "rule", "words"},
    "tracing": {"graph", "rule", "words", "around"},
    "__init__": {"matrices", "rule", "words"},
}
"""The same for the rooms of formulas: a word knows no rule, and a rule does not know what is put around it."""

STATE_ROOMS = {
    "layout": set(),
    "names": set(),
    "noted": set(),
    "interrupts": set(),
    "entries": set(),
    "averaged": {"interrupts", "layout"},
    "formats": {"layout"},
    "initial": {"formats"},
    "misfit": {"formats", "layout"},
    "memory": {"formats", "names"},
    "checkpoints": {"averaged", "entries", "formats", "initial", "interrupts", "layout", "misfit", "names", "noted"},
    "__init__": set(),
}
"""And for those of states: a format knows nothing of what is saved."""

ENGINE_ROOMS = {
    "commit": set(),
    "operands": set(),
    "closures": set(),
    "before_steps": set(),
    "on_disk": set(),
    "pieces": set(),
    "launches": {"commit", "operands", "pieces"},
    "llvm": {"operands", "on_disk", "pieces"},
    "known_objects": {"llvm"},
    "triton": {"commit", "on_disk", "pieces", "launches"},
    "matrices": {"commit", "pieces", "triton"},
    "decisions": {"operands", "llvm", "pieces", "triton"},
    "eager": {"commit", "operands", "decisions"},
    "javascript": {"decisions"},
    "sharded": {"commit", "before_steps", "known_objects", "pieces", "matrices", "decisions", "eager"},
    "totals": {"triton", "launches", "decisions", "eager", "sharded"},
    "plans": {
        *("commit", "operands", "pieces", "launches", "llvm", "triton", "matrices", "decisions", "eager", "sharded"),
        *("known_objects", "totals"),
    },
    "explain": {"operands", "triton", "matrices", "decisions", "sharded", "plans"},
    "__init__": {"closures", "before_steps", "decisions", "eager", "sharded", "totals", "plans", "explain"},
}
"""And for the rooms of the engine: a kernel knows no plan, and the reference knows no kernel."""

LLVM_ROOMS = {
    "language": set(),
    "machine_code": set(),
    "functions": {"language", "machine_code"},
    "kernels": {"language", "machine_code", "functions"},
    "looking": {"machine_code"},
    "closure_methods": {"language", "machine_code", "functions"},
    "__init__": set(),
}
"""Within them, for those of a CPU: whoever looks at tensors knows no kernel."""

TRITON_ROOMS = {
    "available": set(),
    "unbuilt": set(),
    "language": {"available"},
    "device": {"available"},
    "kernels": {"language", "device", "unbuilt"},
    "products": {"available"},
    "total": {"available", "language", "device"},
    "launching": {"available", "device", "kernels", "unbuilt"},
    "__init__": set(),
}
"""And for those of a GPU: a kernel knows no launch."""

CLOSURE_ROOMS = {
    "options": set(),
    "without_formula": set(),
    "made_of": set(),
    "function": set(),
    "search": set(),
    "run": {"function"},
    "directions": {"function"},
    "proposals": {"function", "search", "run", "directions"},
    "saving": {"function", "run", "directions", "proposals"},
    "optimizer": {"options", "without_formula", "made_of", "function", "search", "run", "proposals", "saving"},
    "methods": {"options", "function", "search", "run", "directions", "proposals", "saving", "optimizer"},
    "scipy_names": {"options", "function", "run", "proposals", "optimizer"},
    "batches": {"function", "run", "scipy_names"},
    "as_scipy": {"options", "function", "run", "directions", "optimizer", "methods", "scipy_names", "batches"},
    "__init__": {"optimizer", "methods", "as_scipy"},
}
"""And for those of closure methods: a direction knows no search, and a run knows neither."""

BATCHES_ROOMS = {
    "members": set(),
    "pieces": set(),
    "losses": set(),
    "fits": {"members", "pieces"},
    "compiled": {"members", "fits"},
    "saddles_of_fits": {"members", "losses", "fits"},
    "least_squares_rows": {"members", "pieces", "fits", "compiled", "saddles_of_fits"},
    "__init__": set(),
}
"""Within them, for those of batches: fits know nothing of the machine code that may take their place."""

TOOLS_ROOMS = {
    "colors": set(),
    "imported": set(),
    "mistyped": set(),
    "writing": set(),
    "splitting": set(),
    "range_test": {"colors", "writing"},
    "tasks": {"imported", "range_test"},
    "comparison": {"colors", "imported", "tasks"},
    "showing": {"comparison"},
    "commands": {"imported", "mistyped", "writing", "tasks", "comparison", "showing"},
    "__init__": set(),
}
"""And for those of tools: what is learned knows nothing of who is compared by it."""

HOUSES = {
    "formula": FORMULA_ROOMS,
    "state": STATE_ROOMS,
    "engine": ENGINE_ROOMS,
    "engine/llvm": LLVM_ROOMS,
    "engine/triton": TRITON_ROOMS,
    "optimizers/closure": CLOSURE_ROOMS,
    "optimizers/closure/batches": BATCHES_ROOMS,
    "tools": TOOLS_ROOMS,
}
