"""Optimizers that programs write themselves, for torch.optim: each is defined once with torch's, once with ours."""

import copy
import io

import pytest
import torch

import thalweg


def momentum(optim):
    class Momentum(optim.Optimizer):
        def __init__(self, params, lr=0.1, momentum=0.9):
            super().__init__(params, {"lr": lr, "momentum": momentum})
            self.metrics = ["a program's own"]

        @torch.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for param in group["params"]:
                    state = self.state[param]
                    if not state:
                        state["buffer"], state["step"] = torch.zeros_like(param), 0
                    state["step"] += 1
                    state["buffer"].mul_(group["momentum"]).add_(param.grad)
                    param.add_(state["buffer"], alpha=-group["lr"])
            return loss

    return Momentum


def named_as_of_old(optim):
    class OfOld(optim.Optimizer):
        """Calls its parent by name; has a method that is called as our formulas are."""

        def __init__(self, params, lr=0.1):
            optim.Optimizer.__init__(self, params, {"lr": lr})

        def update(self, param, lr):
            param.data.add_(param.grad, alpha=-lr)

        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    self.update(param, group["lr"])

    return OfOld


def grandchild(optim):
    class Scaled(momentum(optim)):
        scale: float = 0.5

        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    param.grad.mul_(self.scale)
            return super().step(closure)

    return Scaled


def without_init(optim):
    class Bare(optim.Optimizer):
        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    param.data.sub_(group["lr"] * param.grad)

    return lambda params, lr=0.1: Bare(params, {"lr": lr, "anything": 7})


def abstract(optim):
    class Abstract(optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    param.data.add_(self.direction(param), alpha=group["lr"])

    class Signs(Abstract):
        def direction(self, param):
            return -param.grad.sign()

    return Signs


def around_another(optim):
    class Around(optim.Optimizer):
        """Shares the groups of the optimizer within, as wrappers do."""

        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr, "radius": 0.05})
            self.within = optim.SGD(self.param_groups, lr=lr, momentum=0.5)
            self.param_groups = self.within.param_groups

        def step(self, closure=None):
            self.within.step()

    return Around


def overriding_a_rule(optim):
    class Warming(optim.SGD):
        def __init__(self, params, lr=0.1, warm=4):
            super().__init__(params, lr=lr, momentum=0.9)
            self.warm, self.taken = warm, 0

        def step(self, closure=None):
            self.taken += 1
            for group in self.param_groups:
                group["lr"] = 0.1 * min(1.0, self.taken / self.warm)
            return super().step(closure)

    return Warming


PROGRAMS = [momentum, named_as_of_old, grandchild, without_init, abstract, around_another, overriding_a_rule]


def trained(optimizer, param, steps=3):
    for step in range(steps):
        param.grad = torch.tensor([1.0, -2.0, 0.5]) * (step + 1)
        optimizer.step()
    return param.detach().clone()


def made(program, library):
    param = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    return program(library)([{"params": [param]}], lr=0.25), param


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_programs_own_optimizer_steps_as_it_does_in_torch(program):
    assert torch.equal(trained(*made(program, thalweg)), trained(*made(program, torch.optim)))


@pytest.mark.parametrize("program", PROGRAMS[:5])
def test_it_is_saved_copied_scheduled_and_shown_as_in_torch(program):
    """All of it is torch's: the same keys, the same groups, the same words."""
    (ours, param), (its, _) = made(program, thalweg), made(program, torch.optim)
    assert isinstance(ours, thalweg.Optimizer)
    assert repr(ours) == repr(its)
    for optimizer in (ours, its):
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        trained(optimizer, optimizer.param_groups[0]["params"][0])
        scheduler.step()
    torch.testing.assert_close(ours.state_dict(), its.state_dict(), rtol=0, atol=0)
    written = io.BytesIO()
    torch.save(ours.state_dict(), written)
    written.seek(0)
    again, other = made(program, thalweg)
    again.load_state_dict(torch.load(written))
    copied = copy.deepcopy(again)
    other.data.copy_(param.data)
    assert torch.equal(trained(again, other), trained(ours, param))
    assert [group["lr"] for group in copied.param_groups] == [0.125]


def test_a_group_may_hold_anything_and_hooks_and_scalers_see_the_step():
    optimizer, param = made(momentum, thalweg)
    optimizer.add_param_group({"params": [torch.ones(1, requires_grad=True)], "whatever": 7})
    assert optimizer.param_groups[1]["whatever"] == 7
    seen, scaler = [], torch.amp.GradScaler("cpu", init_scale=4.0)
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    before = param.detach().clone()
    scaler.scale(
        (param * torch.tensor([1.0, 2.0, 3.0])).sum() + optimizer.param_groups[1]["params"][0].sum()
    ).backward()
    scaler.step(optimizer)
    assert seen == ["after"]
    assert torch.equal(param, before - 0.25 * torch.tensor([1.0, 2.0, 3.0]))
    assert "has a step of its own" in optimizer.explain()
    assert "Momentum" not in thalweg.optimizer.registry


def refused_by_shards(optimizer):
    thalweg.shard_states(optimizer)


def refused_in_backward(optimizer):
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(optimizer.param_groups[0]["params"][0])
    thalweg.in_backward(model, optimizer)


def refused_in_few_directions(optimizer):
    thalweg.GaLore([torch.ones(4, 4)], type(optimizer), rank=2)


NEEDS_A_FORMULA = {
    "needs an optimizer of thalweg with a formula, but got": [refused_by_shards, refused_in_backward],
    "needs the class of a rule of this library": [refused_in_few_directions],
    "has no formula, whose states could be counted": [lambda optimizer: optimizer.memory()],
    "has no formula, around which averages are kept": [lambda optimizer: optimizer.averaged()],
}


@pytest.mark.parametrize("program", [momentum, named_as_of_old])
@pytest.mark.parametrize("sentence", NEEDS_A_FORMULA)
def test_what_needs_a_formula_says_so(program, sentence):
    """Also of a class that has a method called `update`."""
    for call in NEEDS_A_FORMULA[sentence]:
        with pytest.raises((TypeError, RuntimeError), match=sentence):
            call(made(program, thalweg)[0])


def test_torchs_own_optimizers_do_not_step_in_backward():
    with pytest.raises(TypeError, match="in_backward needs an optimizer of thalweg with a formula, but got SGD"):
        refused_in_backward(torch.optim.SGD([torch.ones(1)], lr=0.1))


def test_a_class_without_step_and_formula_is_told_so():
    class Nothing(thalweg.Optimizer):
        pass

    with pytest.raises(TypeError, match="Nothing has no formula: define update"):
        Nothing([torch.ones(1)])
