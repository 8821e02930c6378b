"""Steps inside of backward: the same numbers, no gradients left, and a refusal of what needs them all."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

import thalweg as optim

OPTIONS = {
    "plain": {},
    "accumulate": {"accumulate": 3},
    "8bit": {"state_dtype": "8bit"},
    "4bit": {"state_dtype": "4bit"},
    "stochastic": {"rounding": "stochastic"},
    "clipped by tensor, averaged": {"max_tensor_norm": 0.1, "ema_decay": 0.9},
}


def net(dtype=torch.float32):
    torch.manual_seed(1)
    layers = nn.Linear(10, 70), nn.ReLU(), nn.Linear(70, 70), nn.ReLU(), nn.Linear(70, 5)
    return nn.Sequential(*layers).to(dtype)


def grouped(model, **options):
    first, *others = model.parameters()
    return optim.AdamW([{"params": [first], "lr": 0.1}, {"params": others}], **options)


class Both:
    """One training with `backward(); step()`, one with the step inside."""

    def __init__(self, options, dtype=torch.float32):
        self.models = [net(dtype), net(dtype)]
        self.optimizers = [grouped(model, **options) for model in self.models]
        self.schedulers = [StepLR(optimizer, 2, 0.5) for optimizer in self.optimizers]
        self.hooks = optim.in_backward(self.models[1], self.optimizers[1])

    def step(self):
        given = torch.randn(4, 10).to(next(self.models[0].parameters()).dtype)
        for model, optimizer, scheduler in zip(self.models, self.optimizers, self.schedulers, strict=True):
            model(given).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()

    def check(self):
        one, other = (list(model.parameters()) for model in self.models)
        assert all(map(torch.equal, one, other))
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        torch.testing.assert_close(states[0]["state"], states[1]["state"], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_same_bits_as_afterwards(options, dtype):
    torch.manual_seed(0)
    both = Both(options, dtype)
    for _ in range(8):
        both.step()
    both.check()


def test_the_gradient_is_gone_once_it_is_used():
    both = Both({})
    both.models[1](torch.randn(4, 10)).sum().backward()
    assert all(param.grad is None for param in both.models[1].parameters())


def test_a_checkpoint_loaded_in_the_middle_goes_on():
    torch.manual_seed(0)
    both = Both({"accumulate": 3})
    for _ in range(4):
        both.step()
    for optimizer in both.optimizers:
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(4):
        both.step()
    both.check()


def test_hooks_and_closures_are_called_once_a_step():
    model = net()
    optimizer = optim.AdamW(model.parameters())
    optim.in_backward(model, optimizer)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))

    def closure():
        loss = model(torch.ones(1, 10)).square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(3)]
    assert losses[2] < losses[0]
    assert len(calls) == 3


def test_taken_off_it_steps_as_before():
    torch.manual_seed(0)
    both = Both({})
    both.step()
    both.hooks.remove()
    both.step()
    both.check()


def test_a_frozen_layer_stays():
    model = net()
    model[0].requires_grad_(False)
    before = copy.deepcopy(model[0].state_dict())
    optimizer = optim.AdamW(model.parameters())
    optim.in_backward(model, optimizer)
    model(torch.ones(1, 10)).sum().backward()
    torch.testing.assert_close(dict(model[0].state_dict()), dict(before), rtol=0, atol=0)
    assert model[2].weight in optimizer.state


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_grad_norm": 1.0}, "the common norm of all gradients is known only when all are there"),
        ({"skip_nonfinite": True}, "whether all gradients are finite is known only when all are there"),
        ({"track": True}, "what is measured of a step is the sum over all parameters"),
    ],
)
def test_what_needs_all_gradients_is_refused(options, sentence):
    model = net()
    with pytest.raises(ValueError, match=f"^AdamW cannot step in backward with {next(iter(options))}=.*{sentence}"):
        optim.in_backward(model, optim.AdamW(model.parameters(), **options))
    assert not model[0].weight._post_accumulate_grad_hooks


def test_another_models_parameters_are_refused():
    with pytest.raises(
        ValueError, match=r"^AdamW has 6 parameters that are not the model's, the first of shape \(70, 10\)"
    ):
        optim.in_backward(net(), optim.AdamW(net().parameters()))


def test_what_is_unfrozen_or_added_is_stepped_like_the_others():
    """In one model by hand after each backward, in the other by its hooks: the same numbers, no gradient left."""

    def trained(in_backward):
        torch.manual_seed(0)
        model, extra = net(), torch.nn.Linear(3, 3)
        model[0].requires_grad_(False)
        whole = torch.nn.ModuleList([model, extra])
        optimizer = optim.AdamW(model.parameters(), lr=0.1)
        if in_backward:
            optim.in_backward(whole, optimizer)
        for step in range(5):
            if step == 1:
                model[0].requires_grad_(True)
            if step == 2:
                optimizer.add_param_group({"params": extra.parameters(), "lr": 0.5})
            (model(torch.ones(1, 10)).sum() + extra(torch.ones(1, 3)).sum()).backward()
            optimizer.step()
            if in_backward and step > 0:
                assert all(param.grad is None for group in optimizer.param_groups for param in group["params"])
            for param in whole.parameters():
                if step < 2 or not in_backward:
                    param.grad = None
        return list(whole.parameters())

    for one, other in zip(trained(True), trained(False), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("how", ["set in the group", "brought by a checkpoint"])
def test_an_option_that_comes_later_is_refused_too(how):
    model = net()
    optimizer = optim.AdamW(model.parameters())
    optim.in_backward(model, optimizer)
    model(torch.ones(1, 10)).sum().backward()
    before = copy.deepcopy(dict(model.state_dict()))
    if how == "set in the group":
        optimizer.param_groups[0]["max_grad_norm"] = 0.01
    else:
        saved = copy.deepcopy(optimizer.state_dict())
        saved["param_groups"][0]["max_grad_norm"] = 0.01
        optimizer.load_state_dict(saved)
    with pytest.raises(ValueError, match=r"^AdamW cannot step in backward with max_grad_norm=0\.01, since the common"):
        model(torch.ones(1, 10)).sum().backward()
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


@pytest.fixture(name="processes")
def _processes():
    """A group of one process: enough for replicas to be made, and to average over."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


REFUSED = "^AdamW cannot step in backward of a model in DistributedDataParallel"


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("passed", ["the replica", "the model in it", "a module around it"])
def test_replicas_are_refused(passed):
    """Their gradients are made common after the hooks, whatever module is passed."""
    model = net()
    replica = nn.parallel.DistributedDataParallel(model)
    optimizer = optim.AdamW(model.parameters())
    module = {"the replica": replica, "the model in it": model, "a module around it": nn.Sequential(replica)}[passed]
    with pytest.raises(ValueError, match=REFUSED):
        optim.in_backward(module, optimizer)
    assert not model[0].weight._post_accumulate_grad_hooks


@pytest.mark.usefixtures("processes")
def test_replicas_that_are_made_afterwards_are_refused_before_anything_changes():
    model = net()
    optim.in_backward(model, optim.AdamW(model.parameters()))
    before = copy.deepcopy(dict(model.state_dict()))
    replica = nn.parallel.DistributedDataParallel(model)
    for _ in range(2):
        with pytest.raises(ValueError, match=REFUSED):
            replica(torch.ones(1, 10)).sum().backward()
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


@pytest.mark.usefixtures("processes")
def test_other_replicas_are_no_reason_to_refuse():
    model, other = net(), nn.parallel.DistributedDataParallel(net())
    optim.in_backward(model, optim.AdamW(model.parameters()))
    model(torch.ones(1, 10)).sum().backward()
    assert model[0].weight.grad is None
    assert other.module[0].weight.grad is None


@pytest.mark.parametrize("limit", [0.05, 1e9])
@pytest.mark.parametrize("kind", [optim.SGD, optim.AdaLOMO], ids=["LOMO", "AdaLOMO"])
def test_a_first_backward_finds_the_norm(kind, limit):
    """Two backwards give what clip_grad_norm_ gives between backward and step."""
    models, steps = [net(torch.float64), net(torch.float64)], []
    optimizers = [kind(model.parameters(), lr=0.1) for model in models]
    hooks = optim.in_backward(models[1], optimizers[1])
    for step in range(3):
        given = torch.randn(4, 10, generator=torch.Generator().manual_seed(step)).double()
        models[0](given).square().mean().backward()
        steps.append(float(nn.utils.clip_grad_norm_(models[0].parameters(), limit)))
        optimizers[0].step()
        optimizers[0].zero_grad()
        loss = models[1](given).square().mean()
        with hooks.measuring(limit):
            loss.backward(retain_graph=True)
        assert all(param.grad is None for param in models[1].parameters())
        loss.backward()
        optimizers[1].step()
    assert (min(steps) > limit) == (limit < 1)
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        # norms are summed in another order
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-14)


def test_measuring_ends_with_the_step_and_needs_a_limit():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    hooks = optim.in_backward(model, optimizer)
    with pytest.raises(ValueError, match="measuring needs max_norm above 0, but got 0"), hooks.measuring(0):
        pass
    before = model[0].weight.detach().clone()
    with hooks.measuring(1e-9):
        model(torch.ones(2, 10)).sum().backward()
    assert torch.equal(model[0].weight, before)
    optimizer.step()
    model(torch.ones(2, 10)).sum().backward()
    assert not torch.allclose(model[0].weight, before)


@pytest.mark.parametrize("rule", [optim.Prodigy, optim.AdaGC])
def test_rules_that_look_at_all_gradients_at_once_are_refused(rule):
    model = nn.Linear(3, 2)
    with pytest.raises(ValueError, match=f"^{rule.__name__} cannot step in backward, since it (learns|looks at the)"):
        optim.in_backward(model, rule(model.parameters()))
