"""Anything may happen between steps, in any order: kernels and the eager engine go the same way."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from thalweg.optimizer import registry

from ...traits import one_of_each
from ..conftest import CATALOGUE, Lockstep, all_params

WHICH, INDEX = range(2), range(31)
LAYOUTS = [
    torch.clone,
    lambda tensor: tensor.mT.contiguous().mT,
    lambda tensor: torch.stack((tensor, tensor), -1)[..., 0],
]
CHOSEN = [lambda index: True, lambda index: index % 2 == 0, lambda index: index % 2 == 1, lambda index: index > 3]
OPTIONS = {
    "lr": [0.0, 0.01, 0.5, torch.tensor(0.25)],
    "weight_decay": [0, 0.25],
    "momentum": [0, 0.5],
    "dampening": [0, 0.25],
    "maximize": [False, True],
    "amsgrad": [False, True],
    "centered": [False, True],
    "betas": [(0.5, 0.75), [0.25, 0.5], (0.25, 0.5, 0.75)],
}


def is_allowed(value, optimizer, option):
    """Tell if a value is in the range of the optimizer's own option."""
    try:
        optimizer.options[option].check(value, "")
    except (TypeError, ValueError):
        return False
    return True


def at(optimizer, index):
    params = all_params(optimizer)
    return params[index % len(params)]


class Training:
    """Two optimizers, each as a pair in lockstep."""

    def begin(self, classes):
        self.trainings = [Lockstep(lambda engine, name=name: started(registry[name], engine)) for name in classes]
        for training in self.trainings:
            training.step()

    def all_go_on(self):
        for training in self.trainings:
            training.step_again()

    def step_both_at_once(self):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Lockstep.step_again, self.trainings))

    def new_gradients(self, which, chosen, layout):
        self.trainings[which].step(chosen, layout)

    def zero_grad(self, which, to_none):
        self.trainings[which].each(lambda optimizer: optimizer.zero_grad(set_to_none=to_none))

    def copy(self, which, copied):
        self.trainings[which].pair = [copied(optimizer) for optimizer in self.trainings[which].pair]

    def load(self, which):
        self.trainings[which].each(lambda optimizer: optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict())))

    def move_a_parameter(self, which, index, layout):
        def move(optimizer):
            param = at(optimizer, index)
            param.data = layout(param.data)

        self.trainings[which].each(move)

    def convert_a_parameter(self, which, index, dtype):
        def convert(optimizer):
            param = at(optimizer, index)
            param.data, param.grad = param.data.to(dtype), None

        self.trainings[which].each(convert)

    def replace_states(self, which, index, layout):
        def replace(optimizer):
            param = at(optimizer, index)
            state = optimizer.state.get(param, {})
            for name in [name for name, value in state.items() if value.shape == param.shape]:
                state[name] = layout(state[name])

        self.trainings[which].each(replace)

    def forget_states(self, which, index):
        self.trainings[which].each(lambda optimizer: optimizer.state.pop(at(optimizer, index), None))

    def replace_a_parameter(self, which, index):
        def replace(optimizer):
            group = optimizer.param_groups[index % len(optimizer.param_groups)]
            optimizer.state.pop(group["params"][index % len(group["params"])], None)
            group["params"][index % len(group["params"])] = torch.nn.Parameter(torch.randn(2, 3))

        self.trainings[which].each(replace)

    def add_a_group(self, which):
        if len(self.trainings[which].pair[0].param_groups) < 4:
            self.trainings[which].each(
                lambda it: it.add_param_group({"params": [torch.nn.Parameter(torch.randn(2, 2))]})
            )

    def change_an_option(self, which, group, option, choice):
        def change(optimizer):
            if option in optimizer.options:
                values = [value for value in copy.deepcopy(OPTIONS[option]) if is_allowed(value, optimizer, option)]
                optimizer.param_groups[group % len(optimizer.param_groups)][option] = values[choice % len(values)]

        self.trainings[which].each(change)

    def change_the_engine(self, which, engine):
        self.trainings[which].pair[0].engine = engine


def started(cls, engine):
    shapes = [(3, 3), (2, 3), (70, 70), (0, 1), (1, 1)]
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    return cls([{"params": params[:2]}, {"params": params[2:], "weight_decay": 0.25}], lr=0.05, engine=engine)


NAMES = sorted(cls.__name__ for cls in CATALOGUE)
FIRST = [cls.__name__ for cls in one_of_each(CATALOGUE)]

ACTIONS = {
    "step_both_at_once": {},
    "new_gradients": {"which": WHICH, "chosen": CHOSEN, "layout": LAYOUTS},
    "zero_grad": {"which": WHICH, "to_none": (False, True)},
    "copy": {"which": WHICH, "copied": (copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer)))},
    "load": {"which": WHICH},
    "move_a_parameter": {"which": WHICH, "index": INDEX, "layout": LAYOUTS},
    "convert_a_parameter": {"which": WHICH, "index": INDEX, "dtype": (torch.float32, torch.float64, torch.bfloat16)},
    "replace_states": {"which": WHICH, "index": INDEX, "layout": LAYOUTS},
    "forget_states": {"which": WHICH, "index": INDEX},
    "replace_a_parameter": {"which": WHICH, "index": INDEX},
    "add_a_group": {"which": WHICH},
    "change_an_option": {"which": WHICH, "group": INDEX, "option": sorted(OPTIONS), "choice": range(4)},
    "change_the_engine": {"which": WHICH, "engine": ("auto", "eager", "llvm")},
}
"""What may happen between two steps, and what each may be done with."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
def test_a_walk(seed):
    """The same on every machine: Python's generator says what happens; one of each set of traits begins a walk."""
    chance, training = random.Random(seed), Training()
    training.begin([FIRST[seed % len(FIRST)], chance.choice(NAMES)])
    for _ in range(40):
        name = chance.choice(list(ACTIONS))
        getattr(training, name)(**{key: chance.choice(list(values)) for key, values in ACTIONS[name].items()})
        training.all_go_on()


class Searching(RuleBasedStateMachine, Training):
    """All of it in any order, as hypothesis pleases."""

    begin = initialize(classes=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2))(Training.begin)
    all_go_on = invariant()(Training.all_go_on)


for action, given in ACTIONS.items():
    choices = {key: st.sampled_from(list(values)) for key, values in given.items()}
    setattr(Searching, action, rule(**choices)(getattr(Training, action)))


@pytest.mark.fuzz
class TestSearch(Searching.TestCase):
    settings = settings(max_examples=1000, stateful_step_count=40)
