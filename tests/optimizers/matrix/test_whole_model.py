"""One Muon for a whole model: beside torch.optim's Muon and AdamW, and what goes where, and why."""

import copy
import re

import pytest
import torch
from torch import nn

import thalweg
from thalweg.optimizers.routing.fitness import EMBEDDINGS_AND_HEADS, why_unfit


class Net(nn.Module):
    """A little of everything: an embedding, a norm, a convolution, hidden layers, a head."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.norm = nn.LayerNorm(8)
        self.up = nn.Linear(8, 16)
        self.down = nn.Linear(16, 8)
        self.head = nn.Linear(8, 12)


HIDDEN = {"up.weight", "down.weight"}
RATES = {"lr": 0.02, "adamw_lr": 3e-3, "adamw_betas": (0.8, 0.95), "adamw_weight_decay": 0.2}


def with_gradients(params, step):
    generator = torch.Generator().manual_seed(step)
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator)


def trained(net, optimizers, steps):
    for step in steps:
        with_gradients(net.parameters(), step)
        for optimizer in optimizers:
            optimizer.step()
    return dict(net.named_parameters())


def test_it_is_torchs_muon_and_torchs_adamw():
    net, twin = Net(), Net()
    twin.load_state_dict(net.state_dict())
    ours = trained(net, [thalweg.Muon(net.named_parameters(), **RATES)], range(20))
    parts = [[param for name, param in twin.named_parameters() if (name in HIDDEN) == own] for own in (True, False)]
    muon = torch.optim.Muon(parts[0], lr=0.02)
    adamw = torch.optim.AdamW(parts[1], lr=3e-3, betas=(0.8, 0.95), weight_decay=0.2)
    theirs = trained(twin, [muon, adamw], range(20))
    for name, param in ours.items():
        # Muon's products are in bfloat16, and a difference of a step stays; AdamW's last bits add up
        tolerance = 0.03 * 0.02 * 2 * 20**0.5 if name in HIDDEN else 1e-6
        torch.testing.assert_close(param, theirs[name], rtol=0, atol=tolerance)


def test_rates_of_their_own():
    net = Net()
    muon, adamw = thalweg.Muon(net.named_parameters(), lr=0.02).param_groups
    assert (muon["lr"], muon["weight_decay"]) == (0.02, 0.1)
    assert (adamw["lr"], adamw["weight_decay"]) == (1e-3, 1e-2)
    shared = thalweg.Muon(net.named_parameters(), lr=0.02, adjust_lr_fn="match_rms_adamw")
    assert [group["lr"] for group in shared.param_groups] == [0.02, 0.02]
    schedule = torch.optim.lr_scheduler.LambdaLR(shared, lambda step: 0.5**step)
    with_gradients(net.parameters(), 0)
    shared.step()
    schedule.step()
    assert [group["lr"] for group in shared.param_groups] == [0.01, 0.01]


FIT = [
    ("h.0.attn.c_attn.weight", (24, 8)),
    ("decoder.layers.0.multihead_attn.in_proj_weight", (24, 8)),
    ("encoder.layer.0.attention.output.dense.weight", (8, 8)),
    ("blocks.0.sa.heads.0.key.weight", (4, 8)),
    ("layer1.0.conv1.weight", (8, 4, 3, 3)),
    ("blocks.0.mlp.fc1.weight", (512, 4)),
]
UNFIT = [
    ("h.0.mlp.bias", (8,), "it is no matrix"),
    ("scale", (), "it is no matrix"),
    ("x", (8, 1, 1), "it is no matrix"),
    ("tokens", (1, 16, 8), "one of its first two sizes is 1"),
    ("depthwise.weight", (8, 1, 3, 3), "one of its first two sizes is 1"),
    ("gate.weight", (3, 8), "fewer than 4 rows or columns"),
    ("wide.weight", (4, 520), "more than 128 times as long as wide"),
    ("transformer.wte.weight", (64, 8), "its name matches 'wte'"),
    ("module.model.embed_tokens.weight", (64, 8), "its name matches '*embed*'"),
    ("lm_head.weight", (64, 8), "its name matches '*_head'"),
    ("_orig_mod.output.weight", (64, 8), "its name matches 'output.weight'"),
    ("fc.weight", (10, 8), "its name matches 'fc.weight'"),
    ("attn.relative_attention_bias.weight", (32, 8), "its name matches '*bias*'"),
]
PLAIN = {"batch_dims": 0, "blocks": 1, "adamw_names": EMBEDDINGS_AND_HEADS}


@pytest.mark.parametrize(("name", "shape"), FIT)
def test_what_it_is_for(name, shape):
    assert why_unfit(name, torch.zeros(shape), PLAIN) is None


@pytest.mark.parametrize(("name", "shape", "why"), UNFIT)
def test_what_is_adamws(name, shape, why):
    assert why in why_unfit(name, torch.zeros(shape), PLAIN)


def test_shapes_are_those_of_the_matrices_themselves():
    assert why_unfit("experts", torch.zeros(2, 8, 8), PLAIN | {"batch_dims": 1}) is None
    assert "fewer than 4" in why_unfit("experts", torch.zeros(2, 3, 8), PLAIN | {"batch_dims": 1})
    assert "fewer than 4" in why_unfit("heads.weight", torch.zeros(6, 8), PLAIN | {"blocks": 2})
    assert why_unfit("x", torch.zeros(8, 8, dtype=torch.complex64), PLAIN) == "it is complex"


def test_names_may_be_chosen():
    net = Net()
    optimizer = thalweg.Muon(net.named_parameters(), adamw_names=["up"])
    assert "up.weight" in optimizer.param_groups[1]["param_names"]
    assert {"embed.weight", "head.weight", "down.weight"} == set(optimizer.param_groups[0]["param_names"])


def test_it_says_what_went_where_and_why():
    said = thalweg.Muon(Net().named_parameters()).explain()
    assert "\n  Muon's formula: up.weight, down.weight\n" in said
    assert "\n  AdamW's formula, as its name matches '*embed*': embed.weight\n" in said
    assert "\n  AdamW's formula, as it is no matrix: norm.weight, norm.bias, up.bias and 2 more\n" in said


def test_a_group_may_decide():
    """Groups as in the authors' own code, whose names `betas` and `eps` are meant for AdamW."""
    net = Net()
    rest = {"params": [net.up.weight], "use_muon": False, "lr": 0.5, "betas": (0.5, 0.6), "eps": 0.25}
    groups = [{"params": [net.down.weight], "use_muon": True}, rest, {"params": [("embed", net.embed.weight)]}]
    with pytest.raises(ValueError, match="names"):
        thalweg.Muon(groups)
    optimizer = thalweg.Muon(groups[:2], adamw_lr=0.125)
    used = optimizer.param_groups[1]
    assert (used["lr"], used["adamw_betas"], used["adamw_eps"], used["weight_decay"]) == (0.5, (0.5, 0.6), 0.25, 0.01)
    before = net.up.weight.detach().clone()
    with_gradients([net.up.weight, net.down.weight], 0)
    optimizer.step()
    wanted = before * (1 - 0.5 * 0.01) - 0.5 * net.up.weight.grad / (net.up.weight.grad.abs() + 0.25)
    torch.testing.assert_close(net.up.weight.detach(), wanted)


def test_a_group_that_changes_its_mind_takes_the_other_formula():
    weight = nn.Parameter(torch.ones(4, 4))
    optimizer = thalweg.Muon([weight], lr=0.5, weight_decay=0)
    for use_muon in (None, None, False):
        optimizer.param_groups[0]["use_muon"] = use_muon
        weight.grad = torch.eye(4)
        optimizer.step()
    assert {"momentum_buffer", "exp_avg", "step"} <= set(optimizer.state[weight])


def test_parameters_without_names_are_all_muons():
    weights = [nn.Parameter(torch.randn(shape)) for shape in [(1, 9), (3, 4)]]
    optimizer = thalweg.Muon(weights)
    assert [group["params"] for group in optimizer.param_groups] == [weights]
    sentence = "parameter 1 of group 0 (shape (3,)) is a parameter with size (3,): pass model.named_parameters()"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        thalweg.Muon([weights[0], nn.Parameter(torch.zeros(3))])


def test_groups_take_iterators():
    net = Net()
    groups = [{"params": net.named_parameters()}, {"params": dict(Net().named_parameters()).items()}]
    optimizer = thalweg.Muon(groups)
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 7, 2, 7]


def test_what_cannot_be_added_adds_nothing():
    net = Net()
    optimizer = thalweg.Muon(net.named_parameters())
    whole = [("w", nn.Parameter(torch.zeros(8, 8))), ("b", torch.zeros(3, dtype=torch.int64))]
    with pytest.raises(TypeError, match="floating point"):
        optimizer.add_param_group({"params": whole})
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize("options", [{}, {"state_dtype": "8bit"}, {"accumulate": 2, "cautious": True}], ids=str)
def test_training_goes_on_from_a_checkpoint(options):
    net = Net()
    optimizer = thalweg.Muon(net.named_parameters(), **RATES, **options)
    trained(net, [optimizer], range(4))
    twin = copy.deepcopy(net)
    other = thalweg.Muon(reversed(list(twin.named_parameters())), **options)
    other.load_state_dict(optimizer.state_dict())
    trained(net, [optimizer], range(4, 8))
    trained(twin, [other], range(4, 8))
    assert all(torch.equal(param, same) for param, same in zip(net.parameters(), twin.parameters(), strict=True))


def test_a_checkpoint_of_torchs_stays_muons():
    """Where torch.optim's Muon has trained all, as names do not matter there, so does Muon here."""
    net = nn.Sequential(nn.Linear(8, 8, bias=False))
    head = nn.Linear(8, 4, bias=False)
    named = [*net.named_parameters(), ("head.weight", head.weight)]
    theirs = torch.optim.Muon(named)
    with_gradients([param for _, param in named], 0)
    theirs.step()
    ours = thalweg.Muon(named)
    assert len(ours.param_groups) == 2
    ours.load_state_dict(theirs.state_dict())
    ours.step()
    assert all(set(state) == {"momentum_buffer"} for state in ours.state.values())
    # one that was taken over was never cut in two
    assert len(thalweg.from_torch(theirs).param_groups) == 1


def test_a_checkpoint_of_another_rule_is_refused():
    net = Net()
    optimizer = thalweg.Muon(net.named_parameters())
    trained(net, [optimizer], range(1))
    saved = optimizer.state_dict()
    saved["param_groups"][1]["use_muon"] = True
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=re.escape("Muon only supports 2D parameters, or more dimensions, but")):
        optimizer.load_state_dict(saved)
    assert optimizer.state_dict()["param_groups"] == before["param_groups"]


def test_blocks_are_matrices_of_their_own():
    fused = nn.Parameter(torch.randn(12, 6))
    each = [nn.Parameter(block.clone()) for block in fused.detach().chunk(3)]
    fused.grad = torch.randn(12, 6)
    for block, grad in zip(each, fused.grad.chunk(3), strict=True):
        block.grad = grad.clone()
    thalweg.Muon([fused], lr=0.1, blocks=3).step()
    thalweg.Muon(each, lr=0.1).step()
    assert torch.equal(fused.detach(), torch.cat([block.detach() for block in each]))
    with pytest.raises(ValueError, match=re.escape("blocks=5 of one size, but parameter 0 of group 0 (shape (12, 6))")):
        thalweg.Muon([fused], blocks=5)


@pytest.mark.parametrize("options", [{"adamw_names": "head"}, {"adamw_names": [1]}], ids=str)
def test_names_are_a_list(options):
    with pytest.raises(TypeError, match="needs adamw_names to be a list of names, in which"):
        thalweg.Muon([torch.zeros(4, 4)], **options)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize(("option", "value"), [("blocks", 5), ("blocks", 16), ("batch_dims", 1)])
def test_what_is_edited_must_go_with_each_parameter(engine, steps, option, value):
    """Before the first step, and where there is a plan that has been followed."""
    param = torch.nn.Parameter(torch.eye(8))
    param.grad = torch.ones(8, 8)
    optimizer = thalweg.Muon([param], lr=0.1, engine=engine)
    for _ in range(steps):
        optimizer.step()
    kept, before = param.detach().clone(), optimizer.param_groups[0][option]
    optimizer.param_groups[0][option] = value
    for _ in range(2):
        with pytest.raises(
            RuntimeError, match=r"^Muon cannot step parameter 0 of group 0 \(shape \(8, 8\)\): Muon (cuts|o)"
        ):
            optimizer.step()
        assert torch.equal(param, kept)
    optimizer.param_groups[0][option] = before
    optimizer.step()
    assert not torch.equal(param, kept)
