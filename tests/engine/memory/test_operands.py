"""Kernels get addresses of what was checked, and of nothing else: dtype, shape, layout, device and overlap."""

import copy
import threading

import pytest
import torch

from thalweg import SGD, Adam, AdamW
from thalweg.engine.operands import address


def after(change, engine, shape=(8, 8), make=Adam, **options):
    """Take steps before and after a change; return the parameter."""
    torch.manual_seed(0)
    param = torch.nn.Parameter(torch.randn(shape))
    optimizer = make([param], lr=0.1, engine=engine, **options)
    for _ in range(3):
        param.grad = torch.randn(shape)
        optimizer.step()
    change(param, optimizer.state[param])
    for _ in range(2):
        optimizer.step()
    return param.detach().clone()


def to_float16_in_place(param, state):
    moment = state["exp_avg"]
    moment.data = moment.data.bfloat16()
    moment.data = moment.data.half()


@pytest.mark.parametrize(
    ("shape", "change"),
    [
        ((8, 8), to_float16_in_place),
        ((8, 8), lambda param, state: state["exp_avg"].t_()),
        ((2,) * 6, lambda param, state: param.grad.transpose_(0, 5)),
        ((2,) * 6, lambda param, state: state["exp_avg"].transpose_(0, 5)),
        ((2,) * 6, lambda param, state: param.data.transpose_(0, 5)),
        ((64,), lambda param, state: setattr(param, "grad", state["exp_avg"])),
    ],
)
def test_a_change_in_place_is_noticed(shape, change):
    torch.testing.assert_close(after(change, "auto", shape), after(change, "eager", shape), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("ahead", [0, 1, 7])
@pytest.mark.parametrize("size", [16, 1000])
def test_a_gradient_that_overlaps_its_parameter_is_read_before_it_is_written(size, ahead):
    """Whichever vectors the machine has; also where it comes to lie there only later."""

    def trained(engine):
        torch.manual_seed(0)
        memory = torch.randn(size + ahead)
        param = torch.nn.Parameter(memory[:size])
        optimizer = SGD([param], lr=0.5, engine=engine)
        param.grad = torch.randn(size)
        optimizer.step()
        optimizer.step()
        param.grad = memory[ahead:]
        optimizer.step()
        optimizer.step()
        return memory

    assert torch.equal(trained("auto"), trained("eager"))


@pytest.mark.parametrize(
    ("before", "later"), [((64, 1024), (128, 1024)), ((8192, 64), (8194, 64)), ((4, 1024), (2, 4, 1024))]
)
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_parameter_of_another_shape_than_its_states_is_named(before, later, engine):
    param = torch.nn.Parameter(torch.zeros(before))
    optimizer = AdamW([("weight", param)], state_dtype="8bit", engine=engine)
    param.grad = torch.ones(before)
    optimizer.step()
    param.data, param.grad = torch.zeros(later), torch.ones(later)
    sentence = r"^AdamW cannot step parameter 'weight': it has shape .*, but its exp_avg has .*: load a state_dict"
    with pytest.raises(RuntimeError, match=sentence):
        optimizer.step()
    assert param.eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_a_checkpoint_made_smaller_or_larger_is_converted(dtype):
    def trained(loads):
        param = torch.nn.Parameter(torch.linspace(1, 2, 5000))
        optimizer = AdamW([param], state_dtype="8bit")
        param.grad = torch.ones_like(param)
        optimizer.step()
        saved = copy.deepcopy(optimizer.state_dict())
        state = saved["state"][0]
        state.update({name: value.to(dtype) for name, value in state.items() if value.is_floating_point()})
        if loads:
            optimizer.load_state_dict(saved)
        for _ in range(3):
            optimizer.step()
        assert optimizer.state[param]["exp_avg_scale"].dtype is torch.float32
        return param.detach()

    # Scales are powers of two: float16 has all but those of the smallest second moments.
    torch.testing.assert_close(trained(True), trained(False), rtol=1e-2 if dtype is torch.float16 else 0, atol=0)


def test_a_compensation_goes_with_its_parameter_into_another_dtype():
    """0.996 in bfloat16, a step of 0.001 up."""
    param = torch.nn.Parameter(torch.ones(4).bfloat16())
    optimizer = SGD([param], lr=1e-3, rounding="kahan")
    for _ in range(4):
        param.grad = torch.ones_like(param)
        optimizer.step()
    half = torch.nn.Parameter(param.detach().half())
    other = SGD([half], lr=1e-3, rounding="kahan")
    other.load_state_dict(optimizer.state_dict())
    half.grad = -torch.ones_like(half)
    other.step()
    assert half.tolist() == pytest.approx([0.997] * 4, abs=2**-11)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_model_that_becomes_another_dtype_is_held_to_its_options(engine):
    model = torch.nn.Linear(3, 3).bfloat16()
    optimizer = SGD(model.parameters(), lr=1e-3, rounding="master", engine=engine)
    model(torch.ones(2, 3).bfloat16()).sum().backward()
    optimizer.step()
    model.half()
    before = model.weight.detach().clone()
    with pytest.raises(RuntimeError, match=r"rounding='master' needs bfloat16, .*, but it is torch\.float16: choose"):
        optimizer.step()
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("make", [Adam, lambda *args, **more: SGD(*args, momentum=0.9, **more)], ids=["Adam", "SGD"])
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("more", [{}, {"max_grad_norm": 1.0, "track": True}], ids=str)
def test_whatever_device_is_the_default(engine, make, more):
    plain, elsewhere = (torch.nn.Parameter(torch.ones(4)) for _ in range(2))
    first, second = make([plain], lr=0.01, engine=engine, **more), make([elsewhere], lr=0.01, engine=engine, **more)
    for _ in range(2):
        plain.grad, elsewhere.grad = torch.ones(4), torch.ones(4)
        first.step()
        with torch.device("meta"):
            second.step()
    assert torch.equal(plain, elsewhere)


def test_two_threads_on_one_optimizer():
    """Their updates may be lost, and nothing else; gradients come and go, and lie unlike the parameter."""
    torch.set_num_threads(1)
    param = torch.nn.Parameter(torch.zeros(512, 512))
    optimizer = Adam([param], lr=1e-3)
    errors = []

    def train():
        try:
            for index in range(40):
                grad = torch.randn(512, 512)
                param.grad = grad.t() if index % 3 else grad
                optimizer.step()
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=train) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    # No step of Adam is longer than lr by more than its bias corrections allow.
    assert param.abs().max() < 80 * 1e-2


def test_the_door_is_shut_for_what_does_not_fit():
    tensor = torch.zeros(4)
    assert address("x", tensor, torch.float32, 4, tensor.device) == tensor.data_ptr()
    for wrong in [(torch.float32, 5), (torch.float16, 4), (torch.uint4, 4)]:
        with pytest.raises(RuntimeError, match="a kernel takes 'x' for"):
            address("x", tensor, *wrong, tensor.device)
    with pytest.raises(RuntimeError, match="a kernel takes 'x' for"):
        address("x", torch.zeros(8)[::2], torch.float32, 4, tensor.device)
