"""The page of an optimizer, derived from its class."""

from collections.abc import Callable, Iterator

import torch

import thalweg
from thalweg import Optimizer
from thalweg.beyond_gradients.with_loss import WithLoss
from thalweg.beyond_gradients.with_samples import WithSamples
from thalweg.optimizers.closure.optimizer import ClosureOptimizer

from .catalogue import catalogue as catalogue
from .catalogue import file_name as file_name
from .docstring import parts
from .engines import engines
from .formula import in_tex, source, typeset
from .live.section import section
from .markdown import code, table
from .options import default, options_table, own_options
from .others import TABLE, aliases, compared, differences, names_elsewhere
from .quality import quality
from .sizes import sizes_table, states
from .speed import speed

AROUND = (
    "Around the formula every optimizer has the same options, listed in "
    "[options of every optimizer](../reference/options.md)."
)


WITH_A_DOT = "A dot is a product of matrices; what stands side by side is multiplied element by element."


def page(cls: type[Optimizer], typeset: Callable[[type[Optimizer]], str] = typeset) -> str:
    """Write everything there is to know of an optimizer; `typeset` sets its formula."""
    return "\n\n".join(filter(None, _sections(cls, typeset))) + "\n"


def _sections(cls: type[Optimizer], typeset: Callable[[type[Optimizer]], str]) -> Iterator[str]:
    said = parts(cls)
    yield f"# {cls.__name__}"
    yield said.idea
    if other := aliases(cls.__name__):
        yield f"Also called {' and '.join(map(code, other))}."
    yield f"```python\n{example(cls)}\n```"
    if not issubclass(cls, ClosureOptimizer):
        yield f"## The formula\n\n{typeset(cls)}"
        yield from _formula_as_text(cls)
        yield section(cls)
    yield f"## Where it comes from\n\n{said.source}"
    yield f"## Options\n\n{options_table(cls, own_options(cls))}"
    if not issubclass(cls, ClosureOptimizer):
        yield AROUND
    title = "How to tune it" if cls is thalweg.AdamW else "Coming from AdamW"
    yield f"## {title}\n\n{coming_from_adamw(cls, said.tuning)}"
    if not issubclass(cls, ClosureOptimizer):
        yield f"## What it keeps\n\n{_kept(cls)}"
        yield f"## What runs it\n\n{engines(cls)}"
    yield from _measured(cls.__name__)
    yield from _elsewhere(cls.__name__)


def _formula_as_text(cls: type[Optimizer]) -> Iterator[str]:
    tex = in_tex(cls)
    products = f" {WITH_A_DOT}" if r"\cdot" in tex else ""
    yield f"This is the formula with the default options.{products} Its whole text is:\n\n{source(cls)}"
    yield f"The formula above in TeX:\n\n{tex}"


def _kept(cls: type[Optimizer]) -> str:
    kept = ", ".join(map(code, states(cls))) or "nothing from step to step"
    unit = (
        "The table counts bytes for each element of a large matrix. *Beside it* is what `rounding` keeps in a second "
        "tensor. Gradients are not counted. [Precision and memory](../precision.md) explains these options."
    )
    return f"States with the default options: {kept}.\n\n{unit}\n\n{sizes_table(cls)}"


def _measured(name: str) -> Iterator[str]:
    if found := [*filter(None, (speed(name), quality(name)))]:
        yield "## Measured"
        yield from found
        yield "[Benchmarks](../benchmarks.md) says how this was measured; [side by side](side-by-side.md) compares all."


def _elsewhere(name: str) -> Iterator[str]:
    if found := names_elsewhere(name):
        yield f"## Names in other libraries\n\n{found}\n\n`thalweg.create` makes this optimizer by any of these names."
    if any(row.ours == name for row in TABLE):
        yield f"## The same elsewhere\n\nA test compares it with:\n\n{compared(name)}"
    if found := differences(name):
        yield f"## Where others differ\n\n{found}\n\n[Where implementations disagree](../disagreements.md) has more."


def example(cls: type[Optimizer]) -> str:
    """Write a few lines that run, with the net and batches of a training loop."""
    required = "".join(f", {name}=0.1" for name, option in cls.options.items() if option.is_required)
    if torch.strided not in cls.layouts:
        return _for_sparse(cls.__name__)
    if issubclass(cls, ClosureOptimizer):
        return _for_closures(cls)
    libraries = "import torch\nimport thalweg as optim" if cls is thalweg.SophiaG else "import thalweg as optim"
    made = f"{libraries}\n\noptimizer = optim.{cls.__name__}({_parameters(cls)}{required})"
    loop = (
        "for input, target in batches:\n    optimizer.zero_grad()\n    criterion(net(input), target).backward()\n"
        "    optimizer.step()"
    )
    if issubclass(cls, WithLoss):
        return f"{made}\n{WITH_LOSS}"
    if issubclass(cls, WithSamples):
        return f"{made}\n{WITH_SAMPLES}"
    if hasattr(cls, "observe"):
        return f"{made}\n{_with_hessian(cls)}"
    if hasattr(cls, "eval"):
        return f"{made}\noptimizer.train()\n{loop}\noptimizer.eval()  # the averaged parameters, for validation"
    return f"{made}\n{loop}"


WITH_LOSS = (
    "for input, target in batches:\n    optimizer.zero_grad()\n    loss = criterion(net(input), target)\n"
    "    loss.backward()\n    optimizer.step(loss=loss)"
)
"""The loop of a rule that is told the loss."""

WITH_SAMPLES = (
    "for input, target in batches:\n\n    def closure():\n        optimizer.zero_grad()\n"
    "        loss = criterion(net(input), target)\n        loss.backward()\n        return loss\n\n"
    "    optimizer.step(closure)"
)
"""The loop of a rule that goes to points of its own."""


def _with_hessian(cls: type[Optimizer]) -> str:
    """Write the loop of a rule that takes in the Hessian's diagonal; where it may do without, now and then."""
    estimate, due = "optim.hutchinson(net.parameters(), loss)", ""
    if not getattr(cls, "needs_hessian", False):
        estimate, due = f"{estimate} if step % 10 == 0 else None", "step, "
    if cls is thalweg.SophiaG:
        # Its estimates are gradients of labels that the model draws.
        return (
            "for step, (input, target) in enumerate(batches):\n    optimizer.zero_grad()\n"
            "    if step % 10 == 0:\n        output = net(input)\n"
            "        sampled = torch.distributions.Categorical(logits=output).sample()\n"
            "        torch.nn.functional.cross_entropy(output, sampled).backward()\n"
            "        optimizer.update_hessian()\n        optimizer.zero_grad()\n"
            "    criterion(net(input), target).backward()\n    optimizer.step()"
        )
    pairs = f"for {due}(input, target) in enumerate(batches):" if due else "for input, target in batches:"
    return (
        f"{pairs}\n    optimizer.zero_grad()\n    loss = criterion(net(input), target)\n    hessian = {estimate}\n"
        "    loss.backward()\n    optimizer.step(hessian=hessian)"
    )


def _parameters(cls: type[Optimizer]) -> str:
    """Write which parameters of a net are given to it."""
    if "use_muon" in cls.options:
        return "net.named_parameters()"
    takes_vectors = cls.unfit(torch.zeros(8), {name: option.default for name, option in cls.options.items()}) is None
    return "net.parameters()" if takes_vectors else "[param for param in net.parameters() if param.ndim > 1]"


def _for_sparse(name: str) -> str:
    return (
        "import torch\nimport thalweg as optim\n\nwords = torch.nn.Embedding(1000, 8, sparse=True)\n"
        f"optimizer = optim.{name}(words.parameters())\nwords(torch.tensor([3, 7])).sum().backward()\noptimizer.step()"
    )


def _for_closures(cls: type[ClosureOptimizer]) -> str:
    lines = (
        ("return (net(inputs) - targets).flatten()  # the residuals",)
        if cls.takes_residuals
        else ("optimizer.zero_grad()", "loss = criterion(net(inputs), targets)", "loss.backward()", "return loss")
    )
    body = "".join(f"\n    {line}" for line in lines)
    return (
        f"import thalweg as optim\n\noptimizer = optim.{cls.__name__}(net.parameters())\n\n\ndef closure():{body}"
        "\n\n\noptimizer.step(closure)\nprint(optimizer.result)"
    )


def coming_from_adamw(cls: type[Optimizer], tuning: str) -> str:
    """Say how to tune it, and which defaults are other than AdamW's."""
    if issubclass(cls, ClosureOptimizer):
        more = "It evaluates the loss again and again, on all data: see [closure methods](../closure.md)."
        return f"{tuning}\n\n{more}"
    theirs = thalweg.AdamW.options
    rows = [
        (code(option.name), default(theirs[option.name]), default(option))
        for option in own_options(cls)
        if option.name in theirs and option.default != theirs[option.name].default
    ]
    differ = f"Defaults that are not AdamW's:\n\n{table(('option', 'AdamW', cls.__name__), rows)}" if rows else ""
    return "\n\n".join(filter(None, (tuning, differ))) or "Defaults are AdamW's."
