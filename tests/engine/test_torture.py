"""Anything may happen between steps, in any order: kernels and the eager engine go the same way."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from thalweg.optimizer import registry

from .conftest import CATALOGUE, Lockstep, all_params

WHICH = st.integers(0, 1)
INDEX = st.integers(0, 30)
LAYOUTS = [
    torch.clone,
    lambda tensor: tensor.mT.contiguous().mT,
    lambda tensor: torch.stack((tensor, tensor), -1)[..., 0],
]
OPTIONS = {
    "lr": [0.0, 0.01, 0.5, torch.tensor(0.25)],
    "weight_decay": [0, 0.25],
    "momentum": [0, 0.5],
    "maximize": [False, True],
    "amsgrad": [False, True],
    "centered": [False, True],
    "betas": [(0.5, 0.75), [0.25, 0.5]],
}


def at(optimizer, index):
    params = all_params(optimizer)
    return params[index % len(params)]


class Training(RuleBasedStateMachine):
    """Two optimizers, each as a pair in lockstep."""

    @initialize(classes=st.lists(st.sampled_from([cls.__name__ for cls in CATALOGUE]), min_size=2, max_size=2))
    def begin(self, classes):
        self.trainings = [Lockstep(lambda engine, name=name: started(registry[name], engine)) for name in classes]

    @rule(which=WHICH, chosen=st.sets(st.integers(0, 5)), layout=st.sampled_from(LAYOUTS))
    def step(self, which, chosen, layout):
        self.trainings[which].step(chosen=chosen.__contains__, laid_out=layout)

    @rule()
    def step_both_at_once(self):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Lockstep.step_again, self.trainings))

    @rule(which=WHICH, to_none=st.booleans())
    def zero_grad(self, which, to_none):
        self.trainings[which].each(lambda optimizer: optimizer.zero_grad(set_to_none=to_none))
        self.trainings[which].step_again()

    @rule(which=WHICH, copied=st.sampled_from([copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))]))
    def copy(self, which, copied):
        self.trainings[which].pair = [copied(optimizer) for optimizer in self.trainings[which].pair]

    @rule(which=WHICH)
    def load(self, which):
        self.trainings[which].each(lambda optimizer: optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict())))

    @rule(which=WHICH, index=INDEX, layout=st.sampled_from(LAYOUTS))
    def move_a_parameter(self, which, index, layout):
        def move(optimizer):
            param = at(optimizer, index)
            param.data = layout(param.data)

        self.trainings[which].each(move)

    @rule(which=WHICH, index=INDEX, dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    def convert_a_parameter(self, which, index, dtype):
        def convert(optimizer):
            param = at(optimizer, index)
            param.data, param.grad = param.data.to(dtype), None

        self.trainings[which].each(convert)

    @rule(which=WHICH, index=INDEX, layout=st.sampled_from(LAYOUTS))
    def replace_states(self, which, index, layout):
        def replace(optimizer):
            param = at(optimizer, index)
            state = optimizer.state.get(param, {})
            for name in [name for name, value in state.items() if value.shape == param.shape]:
                state[name] = layout(state[name])

        self.trainings[which].each(replace)

    @rule(which=WHICH, index=INDEX)
    def forget_states(self, which, index):
        self.trainings[which].each(lambda optimizer: optimizer.state.pop(at(optimizer, index), None))

    @rule(which=WHICH, index=INDEX)
    def replace_a_parameter(self, which, index):
        def replace(optimizer):
            group = optimizer.param_groups[index % len(optimizer.param_groups)]
            optimizer.state.pop(group["params"][index % len(group["params"])], None)
            group["params"][index % len(group["params"])] = torch.nn.Parameter(torch.randn(2, 3))

        self.trainings[which].each(replace)

    @rule(which=WHICH)
    def add_a_group(self, which):
        if len(self.trainings[which].pair[0].param_groups) < 4:
            self.trainings[which].each(
                lambda it: it.add_param_group({"params": [torch.nn.Parameter(torch.randn(2, 2))]})
            )

    @rule(which=WHICH, group=INDEX, option=st.sampled_from(sorted(OPTIONS)), choice=st.integers(0, 3))
    def change_an_option(self, which, group, option, choice):
        def change(optimizer):
            if option in optimizer.options:
                values = copy.deepcopy(OPTIONS[option])
                optimizer.param_groups[group % len(optimizer.param_groups)][option] = values[choice % len(values)]

        self.trainings[which].each(change)

    @rule(which=WHICH, engine=st.sampled_from(["auto", "eager", "llvm"]))
    def change_the_engine(self, which, engine):
        self.trainings[which].pair[0].engine = engine


def started(cls, engine):
    shapes = [(3, 3), (2, 3), (70, 70), (0, 1), (1, 1)]
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    return cls([{"params": params[:2]}, {"params": params[2:], "weight_decay": 0.25}], lr=0.05, engine=engine)


@pytest.mark.slow
class TestTraining(Training.TestCase):
    settings = settings(max_examples=150, stateful_step_count=40)
