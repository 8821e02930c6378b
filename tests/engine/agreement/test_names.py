"""A user may call options, states and locals as kernels call their own: no two names ever meet."""

import re

import llvmlite.binding
import pytest
import torch

from thalweg import Optimizer
from thalweg.engine.decisions.choice import choose
from thalweg.engine.decisions.gradients import Ready
from thalweg.engine.llvm.kernels import render as llvm
from thalweg.engine.triton.kernels import render as triton
from thalweg.formula import Scalar, Unsigned, sqrt, total
from thalweg.formula.graph.ops import ROWS, WORDS
from thalweg.formula.tracing.passes import passes
from thalweg.hyper import NonNegative

ROLES = ("option", "state", "number", "local")
"""What a user names."""

LIKELY = ("row", "rows", "next", "done", "slots", "i", "first", "length", "chunk", "r", "betas_0", "class_", "number_0")
MADE = ("x_at", "x_word", "term_0", "columns_0", "total_0", "new_my_state", "my_state_at", "μ")
"""Names that are made of others, and one that LLVM has no letters for."""


def called(names):
    """Define an optimizer whose things have these names."""
    option, state, number, local = (names.get(role, f"my_{role}") for role in ROLES)
    text = f"""
class Named(Optimizer):
    {option}: NonNegative = 0.25

    def update(self, param, grad, {state}: Unsigned, {number}: Scalar):
        {local} = {state} + grad * grad
        my_size = total({local})
        {number} = {number} + self.{option} + 0 * my_size
        return param - {number} * grad / (1 + sqrt({local})), {local}, {number}
"""
    space = {"Optimizer": Optimizer, "NonNegative": NonNegative, "Unsigned": Unsigned, "Scalar": Scalar}
    space |= {"sqrt": sqrt, "total": total}
    exec(text, space)
    return space["Named"]


def texts(cls, **options):
    """Write the kernels of an optimizer in both languages."""
    param = torch.zeros(64, 128)
    optimizer = cls([param], **options)
    choice = choose(optimizer, [Ready(optimizer.param_groups[0], param, param, 0, type(optimizer))])[0]
    for item in passes(choice.program):
        yield llvm.render(item, dict(choice.dtypes)), triton.render(item, dict(choice.dtypes))


@pytest.fixture(scope="module")
def own_names():
    """Collect what kernels of every sort call things, as far as a user can."""
    found = {*LIKELY, *MADE}
    for options in ({}, {"state_dtype": "8bit"}, {"state_dtype": "4bit"}):
        for one, other in texts(called({}), **options):
            found |= {*re.findall(r"[%@]([a-z_]+)", one), *re.findall(r"[a-z]\w*", other)}
    return sorted(name for name in found if is_free(name))


def is_free(name):
    """Tell if a user may call anything so."""
    try:
        for role in ROLES:
            called({role: name})
    except (TypeError, SyntaxError):
        return False  # refused when the class is defined, or no name in Python
    return not name.startswith("my_") and name not in WORDS


@pytest.mark.parametrize(("options", "step"), [({}, 1), ({"state_dtype": "8bit"}, 4)], ids=["plain", "8bit"])
def test_no_name_is_defined_twice(options, step, own_names):
    """Each name in each role, whatever the others are called; in one role where texts are long."""
    turned = [own_names[place:] + own_names[:place] for place in range(len(ROLES))]
    own = {name for _, other in texts(called({}), **options) for name in defined(other) if not is_marked(name)}
    for names in list(zip(*turned, strict=True))[::step]:
        for one, other in texts(called(dict(zip(ROLES, names, strict=True))), **options):
            llvmlite.binding.parse_assembly(one).verify()
            for function in other.split("@triton.jit")[1:]:
                found = defined(function)
                marked = list(filter(is_marked, found))
                assert len(set(marked)) == len(marked), names
                assert {*found} - {*marked} <= own | OPERATIONS, names


OPERATIONS = {name for row in ROWS for name in (row.name, *(f"{row.name}_{count}" for count in range(2, 40)))}
"""What a kernel calls values that have no name in the formula."""


def defined(text):
    """List what a text gives values to."""
    return re.findall(r"^    (\w+) =", text, re.MULTILINE)


def is_marked(name):
    """Tell if a name is a user's, or made of one."""
    return name.endswith("_") or "__" in name or name.startswith("new_")


@pytest.mark.parametrize("engine", ["llvm", "triton"])
@pytest.mark.usefixtures("_compiled_only")
@pytest.mark.parametrize(
    "names", [("next", "i", "r", "done"), ("betas_0", "x", "row", "x_at"), ("first", "μ", "at", "length")]
)
def test_steps_are_the_same_by_any_name(engine, names):
    def stepped(cls):
        torch.manual_seed(0)
        param = torch.nn.Parameter(torch.randn(3, 70))
        optimizer = cls([param], engine=engine)
        for _ in range(2):
            param.grad = torch.randn(3, 70)
            optimizer.step()
        return param.detach()

    assert torch.equal(stepped(called(dict(zip(ROLES, names, strict=True)))), stepped(called({})))
